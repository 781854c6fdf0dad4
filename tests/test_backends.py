"""Backends: which one is chosen, what the errors say, how arrays come and go, what the clock measures."""

import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from backends import Bench, choose

from xnet.backends import Backend, Status, backend, backends, set_backend, use
from xnet.backends import choose as choosing
from xnet.errors import (
    BackendUnavailable,
    BackendWarning,
    UnknownNameError,
    XnetError,
)

# `xnet.backends.backend` is the function; its file is had by name.
contract: Any = importlib.import_module("xnet.backends.backend")
cupy_file: Any = importlib.import_module("xnet.backends.cupy")

NAMES = ["numpy", "cupy", "torch", "jax", "dask", "strict"]


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is chosen when a test begins, and nothing is left when it ends."""
    monkeypatch.delenv("XNET_BACKEND", raising=False)
    for name in ("_set", "_auto"):
        monkeypatch.setattr(choosing, name, None)
    monkeypatch.setattr(cupy_file, "_proof", {})
    yield
    contract.made.cache_clear()


@pytest.fixture
def lack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a library look not installed."""
    real = importlib.util.find_spec

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.delitem(sys.modules, name, raising=False)
        hidden = lambda name, package=None: None if name in names else real(name, package)  # noqa: E731
        monkeypatch.setattr(importlib.util, "find_spec", hidden)

    return hide


class FakeArray(np.ndarray):
    """What the fake CuPy makes."""


def fake_cupy(ones: Any = np.ones, devices: int = 2) -> ModuleType:
    """A module that answers like CuPy and computes with NumPy."""
    clock = iter(range(100))
    stream = SimpleNamespace(synchronize=lambda: None)

    class Device:
        def __init__(self, id: int) -> None:
            self.id = id

        def __enter__(self) -> None: ...

        def __exit__(self, *exception: object) -> None: ...

    class Event:
        def record(self) -> None:
            self.at = next(clock)

    fake = ModuleType("cupy")
    fake.__dict__.update(
        __version__="14.2.0",
        ndarray=FakeArray,
        float32=np.float32,
        ones=ones,
        asarray=np.asarray,
        ElementwiseKernel=lambda *words: lambda x: x + 1,
        cuda=SimpleNamespace(
            get_current_stream=lambda: stream,
            get_elapsed_time=lambda first, last: 1000.0 * (last.at - first.at),
            Device=Device,
            Event=Event,
            runtime=SimpleNamespace(getDeviceCount=lambda: devices, getDevice=lambda: 0, memGetInfo=lambda: (3, 10)),
        ),
    )
    return fake


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a fake CuPy in the place of the real one."""

    def put(fake: ModuleType) -> None:
        monkeypatch.setitem(sys.modules, "cupy", fake)
        monkeypatch.setattr(cupy_file.CuPy, "namespace", classmethod(lambda cls: np))

    return put


# Which one.


def test_order(monkeypatch: pytest.MonkeyPatch, lack: Any) -> None:
    lack("cupy")
    assert str(backend()) == "numpy"
    monkeypatch.setenv("XNET_BACKEND", "strict:device1")
    assert str(backend()) == "strict:device1"
    set_backend("strict:device2")
    assert str(backend()) == "strict:device2"
    with use("numpy") as inner:
        assert inner is backend()
        assert str(backend()) == "numpy"
        with use(backend("strict")):
            assert str(backend()) == "strict:cpu"
            assert str(backend("numpy")) == "numpy"
        assert str(backend()) == "numpy"
    assert str(backend()) == "strict:device2"
    set_backend(None)
    assert str(backend()) == "strict:device1"


def test_use_ends_with_an_error() -> None:
    with pytest.raises(ZeroDivisionError), use("strict"):
        raise ZeroDivisionError
    assert backend() != backend("strict")


def test_threads() -> None:
    """`set_backend` holds in every thread; `use` holds in its own."""
    seen = []
    set_backend("strict:device1")
    with use("strict:device2"):
        thread = threading.Thread(target=lambda: seen.append(str(backend())))
        thread.start()
        thread.join()
    assert seen == ["strict:device1"]


def test_a_backend_passes_through(xb: Bench) -> None:
    assert backend(xb.backend) is xb.backend
    set_backend(xb.backend)
    assert backend() is xb.backend


def test_a_backend_is_its_name(xb: Bench) -> None:
    b = xb.backend
    assert backend(str(b)) == b
    assert pickle.loads(pickle.dumps(b)) == b
    assert {b: 1}[backend(str(b))] == 1
    assert b.name in repr(b)
    assert b.version in repr(b)
    assert backend(f"{b.name}:{b.device}") == b
    assert b.device in b.devices()
    assert b != object()


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("numpi", UnknownNameError, ["auto, numpy, cupy, torch", "name='numpi'", 'did you mean "numpy"?']),
        ("pytorch", UnknownNameError, ['did you mean "torch"?']),
        ("xyzzy", UnknownNameError, ['use "auto"']),
        ("strict:device9", BackendUnavailable, ["name='strict:device9'", "strict:cpu, strict:device1"]),
        ("numpy:cuda", BackendUnavailable, ["the device must exist", "choose from: numpy"]),
        ("torch", BackendUnavailable, ["PyTorch is not installed", """pip install ".[torch]" in xnet's clone"""]),
        ("jax:cpu:0", BackendUnavailable, ["JAX is not installed", """pip install ".[jax]" in xnet's clone"""]),
        ("dask", BackendUnavailable, ["""pip install ".[dask]" in xnet's clone"""]),
        ("cupy:1", BackendUnavailable, ["CuPy is not installed", 'pip install ".[cuda1']),
    ],
)
def test_a_name_that_cannot_be(
    name: str, error: type[XnetError], words: list[str], lack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lack("torch", "jax", "dask", "cupy")
    set_backend("strict")
    monkeypatch.setenv("XNET_BACKEND", name)
    for ask, origin in (
        (lambda: backend(name), ""),
        (lambda: set_backend(name), "from set_backend"),
        (lambda: use(name).__enter__(), "from use"),
    ):
        with pytest.raises(error) as caught:
            ask()
        assert str(caught.value).startswith("backend: ")
        for word in (*words, origin):
            assert word in str(caught.value)
    assert str(backend()) == "strict:cpu", "a choice that fails leaves the old one"
    set_backend(None)
    with pytest.raises(error, match="from the environment variable XNET_BACKEND"):
        backend()


# Found, or why not.


def test_the_list_names_everything(lack: Any) -> None:
    lack("torch", "cupy")
    found = {status.name: status for status in backends()}
    assert list(found) == NAMES
    assert found["numpy"] == Status("numpy", np.__version__, ("cpu",), usable=True, why_not=None)
    assert not found["torch"].usable
    assert found["torch"].version is None
    assert found["torch"].why_not == """PyTorch is not installed: pip install ".[torch]" in xnet's clone"""
    assert "torch" not in sys.modules


def test_the_list_survives_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    from xnet.backends.strict import Strict

    def burst(cls: type) -> list[str]:
        raise OSError("libstrict.so: no such file")

    monkeypatch.setattr(Strict, "devices", classmethod(burst))
    status = backends()[-1]
    assert not status.usable
    assert status.why_not == "OSError: libstrict.so: no such file"


def test_a_broken_library_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    from xnet.backends.strict import Strict

    def broken(name: str) -> ModuleType:
        raise ImportError(f"{name} was built for another Python")

    monkeypatch.setattr(importlib, "import_module", broken)
    why = Strict.why_not()
    assert why is not None
    assert "installed but cannot be imported (ImportError: array_api_strict was built for another" in why
    assert why.endswith("""pip install ".[strict]" in xnet's clone""")


def test_auto_without_cupy(lack: Any) -> None:
    lack("cupy")
    assert backend("auto") == backend("numpy")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "install an NVIDIA driver"),
        ("cudaErrorNoDevice: no CUDA-capable device is detected", "unset CUDA_VISIBLE_DEVICES"),
        ("libnvrtc.so.13: cannot open shared object file", 'pip install ".[cuda1'),
        ("out of memory allocating 512 bytes", "free memory on the GPU"),
    ],
)
def test_a_probe_that_fails(text: str, fix: str, install: Any) -> None:
    """`auto` says so once and takes NumPy; asking by name is an error with the same reason."""
    calls = []

    def ones(*shape: Any, **options: Any) -> Any:
        calls.append(shape)
        raise RuntimeError(text)

    install(fake_cupy(ones))
    with pytest.warns(BackendWarning, match="auto.*took NumPy, because CuPy 14.2.0 is installed") as caught:
        assert backend() == backend("numpy")
    assert len(caught) == 1
    assert text in str(caught[0].message)
    assert fix in str(caught[0].message)
    assert backend() == backend("numpy"), "and not a second time: warnings are errors here"
    with pytest.raises(BackendUnavailable) as error:
        backend("cupy")
    assert text in str(error.value)
    assert fix in str(error.value)
    status = backends()[1]
    assert (status.usable, status.version) == (False, "14.2.0")
    assert len(calls) == 1, "the probe runs once in a process"


def test_a_probe_that_multiplies_wrongly(install: Any) -> None:
    install(fake_cupy(np.zeros))
    why = cupy_file.CuPy.why_not()
    assert why is not None
    assert "came out wrong" in why


def test_a_cupy_that_has_proved_itself(install: Any) -> None:
    install(fake_cupy())
    b = backend("auto")
    assert (b.name, b.device, str(b), str(backend("cupy:1"))) == ("cupy", "cuda:0", "cupy:0", "cupy:1")
    assert backend("cupy:cuda:1").native_device.id == 1
    assert b.memory() == (7, 10)
    with b.timer() as t:
        pass
    assert t.seconds == 1.0
    with pytest.raises(BackendUnavailable, match="choose from: cupy:0, cupy:1"):
        backend("cupy:2")


def test_threads_probe_once(install: Any) -> None:
    calls = []

    def slow(*shape: Any, **options: Any) -> Any:
        calls.append(shape)
        time.sleep(0.02)
        return np.ones(*shape, **options)

    install(fake_cupy(slow))
    threads = [threading.Thread(target=backend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


HEAVY = ("cupy", "torch", "jax", "dask", "array_api_strict", "matplotlib", "sklearn", "pandas")


@pytest.mark.parametrize(
    "code",
    [
        "import xnet.backends",
        "from xnet.backends import backend, backend_of; b = backend('numpy'); backend_of(b.asarray([1.0]))",
        "import xnet.backends.machine",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    show = f"; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code + show], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_rows_of_the_tests() -> None:
    assert [row.name for row in choose(" numpy, torch")] == ["numpy", "torch"]
    assert "cupy" not in [row.name for row in choose("all")]
    for wrong in ("nympy", ","):
        with pytest.raises(ValueError, match="XNET_TEST_BACKENDS"):
            choose(wrong)


def test_a_row_that_is_missing_is_an_error() -> None:
    """Not a skip: a run that asks for a backend and does not get it must not look like a success."""
    code = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda n, p=None: None if n in ('torch', 'cupy') else real(n, p)\n"
        "import pytest; sys.exit(pytest.main(['-q', '--co', '-p', 'no:cacheprovider', sys.argv[1]]))"
    )
    for asked, said in (("torch", """pip install ".[torch]" in xnet's clone"""), ("nympy", "nympy")):
        run = subprocess.run(
            [sys.executable, "-c", code, __file__],
            env=_environment(XNET_TEST_BACKENDS=asked),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == pytest.ExitCode.USAGE_ERROR
        assert said in run.stdout + run.stderr


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def test_the_classes_are_complete() -> None:
    assert list(choosing.TABLE) == NAMES
    for name in NAMES:
        found = choosing.backend_class(name)
        assert issubclass(found, Backend)
        assert found.name == name
        assert not found.__abstractmethods__
