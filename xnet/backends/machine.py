"""What this computer is: processor, memory, the library under NumPy's matrix products, and advice."""

import contextlib
import ctypes
import glob
import importlib
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NVIDIA_VERSION = Path("/proc/driver/nvidia/version")
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")

# OpenBLAS kernels by the widest instructions they use; a kernel that is not here is not judged.
KERNELS = {
    **dict.fromkeys(("prescott", "core2", "penryn", "dunnington", "nehalem", "barcelona", "generic"), "SSE"),
    **dict.fromkeys(("sandybridge", "bulldozer", "piledriver", "steamroller"), "AVX"),
    **dict.fromkeys(("haswell", "zen", "excavator"), "AVX2"),
    **dict.fromkeys(("skylakex", "cooperlake", "sapphirerapids"), "AVX-512"),
}
LEVELS = ("SSE", "AVX", "AVX2", "AVX-512")

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Blas:
    """The library behind `@`; None for what it does not tell."""

    name: str
    version: str | None = None
    threads: int | None = None
    kernel: str | None = None


@dataclass(frozen=True)
class Machine:
    """A computer as xnet sees it; bytes for memory, None for what cannot be found out."""

    cpu: str
    cores: int
    memory: int | None
    os: str
    python: str
    features: tuple[str, ...]
    blas: Blas | None
    gpu: str | None
    advice: tuple[str, ...]


def machine() -> Machine:
    """Look at this computer now."""
    features, blas, cores = cpu_features(), find_blas(), usable_cores()
    return Machine(
        cpu=cpu_name(),
        cores=cores,
        memory=memory_total(),
        os=f"{platform.system()} {platform.release()} ({platform.machine()})",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        features=features,
        blas=blas,
        gpu=gpu_line(),
        advice=tuple(advise(os.environ, features, blas, cores)),
    )


def usable_cores() -> int:
    """The processors this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def cores_at_work(seconds: float = 0.25) -> float:
    """How many cores others use while this program sleeps; where the system does not tell, their mean in a minute."""
    try:
        busy, whole = ticks()
        time.sleep(seconds)
        busy, whole = (now - before for now, before in zip(ticks(), (busy, whole), strict=True))
        return (os.cpu_count() or 1) * busy / max(whole, 1)
    except (OSError, ValueError):
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def ticks() -> tuple[int, int]:
    """Of all cores since the system began: those that were at work, and all."""
    line = Path("/proc/stat").read_text(errors="replace").splitlines()[0]
    user, nice, system, idle, waiting, *others = map(int, line.split()[1:9])
    busy = user + nice + system + sum(others)
    return busy, busy + idle + waiting


def cpu_name() -> str:
    if platform.system() == "Darwin":
        with contextlib.suppress(OSError, AttributeError):
            return _sysctl("machdep.cpu.brand_string")
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _sysctl(name: str) -> str:
    size, buffer = ctypes.c_size_t(256), ctypes.create_string_buffer(256)
    if ctypes.CDLL(None).sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, 0):
        raise OSError(f"sysctl has no {name}")
    return buffer.value.decode()


def memory_total() -> int | None:
    """The computer's memory in bytes."""
    if platform.system() == "Windows":
        return _windows_memory()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def memory_used() -> int | None:
    """The memory this process holds, in bytes, where the system tells it without a helper program."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _windows_memory() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            ("total", ctypes.c_uint64),
            ("rest", ctypes.c_uint64 * 6),
        )

    status = Status(length=ctypes.sizeof(Status))
    kernel32 = ctypes.CDLL("kernel32")
    return int(status.total) if kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def cpu_features() -> tuple[str, ...]:
    """The instruction sets NumPy found on this processor."""
    try:
        # Private, so it is asked for by name and may be gone.
        found = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):
        return ()
    return tuple(name for name, has in found.items() if has)


def find_blas() -> Blas | None:
    """The library NumPy multiplies with: what it was built with, and what the loaded library itself says."""
    name, version = _built_with()
    for path in _openblas_files():
        with contextlib.suppress(OSError):
            told = _ask_openblas(ctypes.CDLL(path))
            if told is not None:
                return told
    told = _ask_threadpoolctl()
    return told or (Blas(name, version) if name else None)


def _built_with() -> tuple[str | None, str | None]:
    import numpy as np

    try:
        built: Any = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"]
        return blas.get("name"), blas.get("version")
    except (KeyError, TypeError, AttributeError):
        return None, None


def _openblas_files() -> Iterator[str]:
    """The OpenBLAS inside NumPy's own wheel first, then one that this process has loaded from elsewhere."""
    import numpy as np

    home = Path(np.__file__).parent
    for folder in (home.parent / "numpy.libs", home / ".dylibs"):
        yield from sorted(glob.glob(f"{glob.escape(str(folder))}/*openblas*"))
    with contextlib.suppress(OSError):
        loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
        yield from sorted(path for path in loaded if "openblas" in path and path.startswith("/"))


def _ask_openblas(library: Any) -> Blas | None:
    def ask(question: str, kind: Any) -> Any:
        for spelling in (f"scipy_{question}64_", f"{question}64_", f"scipy_{question}", question):
            with contextlib.suppress(AttributeError):
                function: Callable[[], Any] = library[spelling]
                function.restype = kind  # type: ignore[attr-defined]
                return function()
        return None

    config, kernel = (
        ask("openblas_get_config", ctypes.c_char_p),
        ask("openblas_get_corename", ctypes.c_char_p),
    )
    if config is None and kernel is None:
        return None
    words = (config or b"").decode().split()
    return Blas(
        name="OpenBLAS",
        version=words[1] if len(words) > 1 and words[0] == "OpenBLAS" else None,
        threads=ask("openblas_get_num_threads", ctypes.c_int),
        kernel=kernel.decode() if kernel else None,
    )


def _ask_threadpoolctl() -> Blas | None:
    if importlib.util.find_spec("threadpoolctl") is None:
        return None
    threadpoolctl = importlib.import_module("threadpoolctl")
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool.get("user_api") == "blas"]
    if not pools:
        return None
    pool = pools[0]
    return Blas(pool["internal_api"], pool.get("version"), pool.get("num_threads"), pool.get("architecture"))


def nvidia_driver() -> str | None:
    """The NVIDIA driver's version, read where Linux keeps it."""
    with contextlib.suppress(OSError):
        for word in NVIDIA_VERSION.read_text().split():
            if word[:1].isdigit() and word.count(".") in (1, 2) and word.replace(".", "").isdigit():
                return word
    return None


def gpu_line() -> str | None:
    """The NVIDIA GPUs and their driver, in words; None where there is none to be seen."""
    models = []
    for path in sorted(NVIDIA_GPUS.glob("*/information")):
        with contextlib.suppress(OSError):
            models += [x.partition(":")[2].strip() for x in path.read_text().splitlines() if x.startswith("Model")]
    driver = nvidia_driver()
    if not models and driver is None and not Path("/dev/nvidia0").exists():
        return None
    return ", ".join(models or ["NVIDIA GPU"]) + (f", driver {driver}" if driver else "")


def cuda_extra() -> str:
    """The extra whose CUDA the driver can run: driver 580 is the first of CUDA 13."""
    driver = nvidia_driver()
    return "cuda12" if driver is not None and int(driver.split(".")[0]) < 580 else "cuda13"


def how_to_install(extra: str | None = None) -> str:
    """What to type in a clone: to have an extra, or without one a newer xnet."""
    # By name alone pip would fetch another project: the name is taken in the public index.
    return f'pip install ".[{extra}]" in xnet\'s clone' if extra else "git pull && pip install . in xnet's clone"


def advise(environ: Mapping[str, str], features: tuple[str, ...], blas: Blas | None, cores: int) -> Iterator[str]:
    """What to change on this computer, one sentence each, with what to type."""
    asked = environ.get("OPENBLAS_CORETYPE")
    if asked:
        best = widest(features)
        kernel = blas.kernel if blas is not None and blas.kernel is not None else asked
        level = KERNELS.get(kernel.lower())
        if best is not None and level is not None and LEVELS.index(level) < LEVELS.index(best):
            yield (
                f"OPENBLAS_CORETYPE={asked} holds matrix products to {level} and this processor has {best}; "
                "on some processors that halves their speed: unset OPENBLAS_CORETYPE"
            )
    for name in THREAD_VARIABLES:
        value = environ.get(name, "")
        threads = int(value) if value.isdecimal() else 0
        if threads > cores:
            yield (
                f"{name}={threads} starts more threads than the {cores} cores this process may use, "
                f"and they get in each other's way: export {name}={cores}"
            )
        elif threads == 1 and cores >= 4:
            yield f"{name}=1 leaves {cores - 1} of {cores} cores idle in matrix products: unset {name}"
    if gpu_line() is not None and importlib.util.find_spec("cupy") is None:
        yield f"there is an NVIDIA GPU and no CuPy to use it: {how_to_install(cuda_extra())}"


def widest(features: tuple[str, ...]) -> str | None:
    """The widest of OpenBLAS's levels that the processor can run; None where it is no x86."""
    has = set(features)
    if {"AVX512F", "AVX512BW", "AVX512VL", "AVX512DQ"} <= has:
        return "AVX-512"
    if {"AVX2", "FMA3"} <= has:
        return "AVX2"
    if "AVX" in has:
        return "AVX"
    return "SSE" if "SSE2" in has else None
