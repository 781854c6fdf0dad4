"""The description of this computer, and the advice on it."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnet.backends import machine as m

ZEN = ("SSE2", "AVX", "AVX2", "FMA3", "AVX512F", "AVX512BW", "AVX512VL", "AVX512DQ")
HASWELL = ZEN[:4]


def test_this_computer() -> None:
    found = m.machine()
    assert found.cpu.strip()
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.memory is None or found.memory > 2**28
    assert found.python.endswith(f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}")
    assert found.os
    assert all(isinstance(line, str) for line in (*found.features, *found.advice))
    if found.blas is not None:
        assert found.blas.name
        assert found.blas.threads is None or found.blas.threads >= 1


def test_memory_grows() -> None:
    before = m.memory_used()
    held = bytearray(os.urandom(2**24) * 4)
    after = m.memory_used()
    assert len(held) == 2**26
    assert (before is None and after is None) or after - before > 2**25  # type: ignore[operator]


@pytest.mark.parametrize(
    ("features", "level"),
    [(ZEN, "AVX-512"), (HASWELL, "AVX2"), (("SSE2", "AVX"), "AVX"), (("SSE2",), "SSE"), (("NEON",), None), ((), None)],
)
def test_widest(features: tuple[str, ...], level: str | None) -> None:
    assert m.widest(features) == level


@pytest.mark.parametrize(
    ("environ", "features", "kernel", "cores", "says"),
    [
        ({}, ZEN, "SkylakeX", 2, []),
        ({}, ZEN, "Haswell", 2, []),  # not set: the library's own choice
        ({"OPENBLAS_CORETYPE": "Haswell"}, ZEN, "Haswell", 2, ["AVX2", "AVX-512", "unset OPENBLAS_CORETYPE"]),
        ({"OPENBLAS_CORETYPE": "Haswell"}, ZEN, None, 2, ["unset OPENBLAS_CORETYPE"]),
        ({"OPENBLAS_CORETYPE": "nehalem"}, HASWELL, "Nehalem", 2, ["SSE", "AVX2"]),
        ({"OPENBLAS_CORETYPE": "Haswell"}, HASWELL, "Haswell", 2, []),
        ({"OPENBLAS_CORETYPE": "Zen"}, ZEN, "SkylakeX", 2, []),  # the library did not follow
        ({"OPENBLAS_CORETYPE": "NEOVERSEN1"}, ("NEON",), "neoversen1", 2, []),
        ({"OPENBLAS_CORETYPE": "unheard-of"}, ZEN, None, 2, []),
        ({"OMP_NUM_THREADS": "8"}, ZEN, "SkylakeX", 2, ["OMP_NUM_THREADS=8", "2 cores", "export OMP_NUM_THREADS=2"]),
        ({"MKL_NUM_THREADS": "1"}, ZEN, "SkylakeX", 8, ["7 of 8 cores idle", "unset MKL_NUM_THREADS"]),
        ({"OPENBLAS_NUM_THREADS": "1"}, ZEN, "SkylakeX", 2, []),
        ({"OPENBLAS_NUM_THREADS": "4"}, ZEN, "SkylakeX", 4, []),
        ({"OMP_NUM_THREADS": "4,2"}, ZEN, "SkylakeX", 2, []),  # a list for nested threads: not ours to judge
    ],
)
def test_advice(
    environ: dict[str, str],
    features: tuple[str, ...],
    kernel: str | None,
    cores: int,
    says: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(m, "gpu_line", lambda: None)
    advice = list(m.advise(environ, features, m.Blas("OpenBLAS", kernel=kernel), cores))
    assert len(advice) == bool(says)
    assert all(word in advice[0] for word in says)


@pytest.mark.parametrize(
    ("driver", "extra"), [("580.65.06", "cuda13"), ("535.104", "cuda12"), ("610.1", "cuda13"), (None, "cuda13")]
)
def test_a_gpu_without_cupy(driver: str | None, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version, gpus = tmp_path / "version", tmp_path / "gpus"
    (gpus / "0000:01:00.0").mkdir(parents=True)
    (gpus / "0000:01:00.0" / "information").write_text("Model: \t\t NVIDIA H200\nIRQ:   5\n")
    if driver:
        version.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {driver}  Sun Jul 27\nGCC version:\n")
    monkeypatch.setattr(m, "NVIDIA_VERSION", version)
    monkeypatch.setattr(m, "NVIDIA_GPUS", gpus)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cupy" else real(name))
    assert m.gpu_line() == "NVIDIA H200" + (f", driver {driver}" if driver else "")
    (advice,) = m.advise({}, ZEN, None, 2)
    assert advice.endswith(f'pip install ".[{extra}]" in xnet\'s clone')


OWN = Path(np.__file__).parent.with_name("numpy.libs") / "libscipy_openblas64_.so"
LOADED: list[tuple[list[dict[str, Any]], m.Blas | None]] = [
    (
        [{"internal_api": "openblas", "version": "0.3.30", "architecture": "Zen", "filepath": str(OWN)}],
        m.Blas("OpenBLAS", "0.3.30", 3, "Zen"),
    ),
    (  # NumPy's own before one that another package has loaded
        [
            {"internal_api": "mkl", "version": "2025.1", "filepath": "/torch/lib/libmkl_rt.so"},
            {"internal_api": "openblas", "version": None, "architecture": "Zen", "filepath": str(OWN)},
        ],
        m.Blas("OpenBLAS", None, 3, "Zen"),
    ),
    (
        [{"internal_api": "mkl", "version": "2025.1", "filepath": "/conda/lib/libmkl_rt.so"}],
        m.Blas("MKL", "2025.1", 3, None),
    ),
    ([{"user_api": "openmp", "internal_api": "openmp", "filepath": "libgomp.so"}], m.Blas("accelerate")),
    ([], m.Blas("accelerate")),
]


@pytest.mark.parametrize(("loaded", "expected"), LOADED)
def test_the_blas_of_numpy(loaded: list[dict[str, Any]], expected: m.Blas, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is loaded, or, where threadpoolctl does not know it, as NumPy was built."""
    told = [{"user_api": "blas", "num_threads": 3, "version": None, **library} for library in loaded]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: told)
    built = {"Build Dependencies": {"blas": {"name": "accelerate"}}}
    monkeypatch.setattr(np, "show_config", lambda mode: built)
    assert m.find_blas() == expected


def test_a_numpy_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadpoolctl.threadpool_info", list)
    monkeypatch.setattr(np, "show_config", lambda mode: {})
    assert m.find_blas() is None


def test_others_at_work_are_counted_in_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m, "ticks", iter([(100, 1000), (145, 1060), (145, 1060), (145, 1120)]).__next__)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert [m.cores_at_work(0), m.cores_at_work(0)] == [3.0, 0.0]


@pytest.mark.parametrize("reason", [FileNotFoundError(), ValueError("not enough values")])
def test_where_the_system_does_not_tell_its_mean_load_counts(
    reason: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden() -> tuple[int, int]:
        raise reason

    monkeypatch.setattr(m, "ticks", hidden)
    monkeypatch.setattr("os.getloadavg", lambda: (1.5, 0.0, 0.0), raising=False)
    assert m.cores_at_work(0) == 1.5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/stat, which counts the ticks of its cores")
def test_ticks_go_on() -> None:
    busy, whole = m.ticks()
    time.sleep(0.05)
    later, longer = m.ticks()
    assert 0 <= later - busy <= longer - whole
    assert longer > whole


HERE = m.machine()


@pytest.mark.skipif(
    HERE.blas is None or HERE.blas.kernel is None, reason="NumPy here calls no OpenBLAS that names its kernel"
)
@pytest.mark.skipif(
    m.widest(HERE.features) not in ("AVX2", "AVX-512"), reason="Nehalem's is a lesser kernel only on x86 with AVX2"
)
def test_openblas_follows_its_variable() -> None:
    """In a fresh process: the kernel changes with OPENBLAS_CORETYPE, and so does the advice."""
    code = "from xnet.backends.machine import machine; m = machine(); print(m.blas.kernel, *m.advice, sep='|')"
    seen = {}
    for kernel in ("", "Nehalem"):
        environ = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
        environ |= {"OPENBLAS_CORETYPE": kernel} if kernel else {}
        run = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
        seen[kernel] = run.stdout
    assert seen["Nehalem"].startswith("Nehalem|OPENBLAS_CORETYPE=Nehalem holds matrix products to SSE")
    assert "CORETYPE" not in seen[""]
    assert not seen[""].startswith("Nehalem")
