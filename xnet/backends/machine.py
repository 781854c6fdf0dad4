"""The computer: its processor, memory, GPU and BLAS, and advice on its settings."""

import contextlib
import ctypes
import importlib
import importlib.util
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NVIDIA_VERSION = Path("/proc/driver/nvidia/version")
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")

# The widest instructions that each kernel of OpenBLAS uses.  There is no advice on a kernel that is not listed.
KERNELS = {
    **dict.fromkeys(("prescott", "core2", "penryn", "dunnington", "nehalem", "barcelona", "generic"), "SSE"),
    **dict.fromkeys(("sandybridge", "bulldozer", "piledriver", "steamroller"), "AVX"),
    **dict.fromkeys(("haswell", "zen", "excavator"), "AVX2"),
    **dict.fromkeys(("skylakex", "cooperlake", "sapphirerapids"), "AVX-512"),
}
LEVELS = ("SSE", "AVX", "AVX2", "AVX-512")

# The names of BLAS libraries, by threadpoolctl's.
NAMES = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS", "flexiblas": "FlexiBLAS"}

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Blas:
    """The library that computes matrix products; None for what it does not tell."""

    name: str
    version: str | None = None
    threads: int | None = None
    kernel: str | None = None


@dataclass(frozen=True)
class Machine:
    """A description of a computer; memory in bytes, None for what is unknown."""

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
    """The description of this computer."""
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
    """The number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def cores_at_work(seconds: float = 0.25) -> float:
    """How many cores other programs use during a sleep; the mean load of a minute, if the system does not tell."""
    try:
        busy, whole = ticks()
        time.sleep(seconds)
        busy, whole = (now - before for now, before in zip(ticks(), (busy, whole), strict=True))
        return (os.cpu_count() or 1) * busy / max(whole, 1)
    except (OSError, ValueError):
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def ticks() -> tuple[int, int]:
    """The busy ticks and all ticks of all cores since the system started."""
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
    """The memory of this process in bytes; None if the system does not tell."""
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
    """The instruction sets that NumPy found on this processor."""
    try:
        # A private module, which may be missing in another version.
        found = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):
        return ()
    return tuple(name for name, has in found.items() if has)


def find_blas() -> Blas | None:
    """The library that NumPy multiplies with, as it is loaded; what NumPy was built with, if that cannot be asked."""
    import numpy as np
    from threadpoolctl import threadpool_info

    folder = Path(np.__file__).parent
    # Other packages load a BLAS of their own.  NumPy's wheels have theirs in numpy.libs, or in numpy/.dylibs.
    ours = (folder.with_name("numpy.libs"), folder / ".dylibs")
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    library = min(loaded, key=lambda library: Path(library["filepath"]).parent not in ours, default=None)
    if library is None:
        return _built_with()
    name = NAMES.get(library["internal_api"], library["internal_api"])
    return Blas(name, library["version"], library["num_threads"], library.get("architecture"))


def _built_with() -> Blas | None:
    import numpy as np

    try:
        built: Any = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"]
        return Blas(blas["name"], blas.get("version"))
    except (KeyError, TypeError, AttributeError):
        return None


def nvidia_driver() -> str | None:
    """The version of the NVIDIA driver, from /proc of Linux."""
    with contextlib.suppress(OSError):
        for word in NVIDIA_VERSION.read_text().split():
            if word[:1].isdigit() and word.count(".") in (1, 2) and word.replace(".", "").isdigit():
                return word
    return None


def gpu_line() -> str | None:
    """The NVIDIA GPUs and their driver, in words; None if none is found."""
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
    """What to type in a clone of xnet: to install an extra, or without one a newer xnet."""
    # `pip install xnet` would install another project, which has this name in the public index.
    return f'pip install ".[{extra}]" in xnet\'s clone' if extra else "git pull && pip install . in xnet's clone"


def advise(environ: Mapping[str, str], features: tuple[str, ...], blas: Blas | None, cores: int) -> Iterator[str]:
    """What to change on this computer and what to type, one sentence each."""
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
    """The widest instructions of LEVELS that the processor has; None if it is no x86."""
    has = set(features)
    if {"AVX512F", "AVX512BW", "AVX512VL", "AVX512DQ"} <= has:
        return "AVX-512"
    if {"AVX2", "FMA3"} <= has:
        return "AVX2"
    if "AVX" in has:
        return "AVX"
    return "SSE" if "SSE2" in has else None
