"""CuPy, on an NVIDIA GPU on which it works."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import array_api_compat

from xnet.backends import host
from xnet.backends.backend import Backend, Memory, no_copy, share_by_dlpack
from xnet.backends.timer import EventTimer, Timer
from xnet.types import Array, Namespace

_lock = threading.Lock()
_results: dict[str, str | None] = {}


def probe() -> str | None:
    """None if CuPy can allocate, compile a kernel and multiply matrices here, else the error.  It runs once.

    CuPy imports without a driver and fails at the first allocation, so only a computation shows that it works.
    """
    with _lock:
        if "cupy" not in _results:
            try:
                _results["cupy"] = _compute()
            except Exception as error:  # a driver, a compiler or a library may be missing
                _results["cupy"] = host.one_line(error)
        return _results["cupy"]


def _compute() -> str | None:
    import cupy

    ones = cupy.ones((2, 2), dtype=cupy.float32)
    add = cupy.ElementwiseKernel("float32 x", "float32 y", "y = x + 1", "xnet_probe")
    product = add(ones) @ ones
    cupy.cuda.get_current_stream().synchronize()
    total = float(product.sum())
    return None if total == 16 else f"a product of matrices came out wrong: {total} where 16 is right"


def remedy(reason: str) -> str | None:
    """What to do about a probe that failed with this text; None if installing the extra is the remedy."""
    text = reason.lower()
    if "nodevice" in text or "no cuda-capable device" in text:
        return "the NVIDIA GPU must not be hidden: unset CUDA_VISIBLE_DEVICES"
    if "driver" in text or "libcuda.so" in text:
        return "install an NVIDIA driver, or use the processor: export XNET_BACKEND=numpy"
    if "illegal" in text:
        return "an earlier kernel used a wrong address, and CUDA refuses all that follows: start Python again"
    if "out of memory" in text or "memoryallocation" in text or "outofmemory" in text:
        return "free memory on the GPU, or use the processor: export XNET_BACKEND=numpy"
    return None


class CuPy(Backend):
    name = "cupy"
    package = "cupy"
    title = "CuPy"

    @classmethod
    def fix(cls) -> str:
        from xnet.backends.machine import cuda_extra, how_to_install

        return how_to_install(cuda_extra())

    @classmethod
    def defect(cls) -> str | None:
        reason = probe()
        if reason is None:
            return None
        version = cls.installed_version()
        what = f"CuPy {version}" if version else "CuPy"
        return f"{what} is installed but cannot compute here ({reason}): {remedy(reason) or cls.fix()}"

    @classmethod
    def full_name(cls, device: str) -> str:
        return f"{cls.name}:{device.removeprefix('cuda:')}"

    @classmethod
    def device_name(cls, device: str) -> str:
        return f"cuda:{device}" if device.isdigit() else "cuda:0" if device == "cuda" else device

    @classmethod
    def devices(cls) -> list[str]:
        import cupy

        return [f"cuda:{i}" for i in range(cupy.cuda.runtime.getDeviceCount())]

    @classmethod
    def default_device(cls) -> str:
        import cupy

        return f"cuda:{cupy.cuda.runtime.getDevice()}"

    @classmethod
    def namespace(cls) -> Namespace:
        import array_api_compat.cupy as xp

        return xp

    @classmethod
    def owns(cls, x: object) -> bool:
        return bool(array_api_compat.is_cupy_array(x))

    @classmethod
    def device_of(cls, x: Array) -> str:
        return f"cuda:{x.device.id}"

    def native(self, device: str) -> Any:
        import cupy

        return cupy.cuda.Device(int(device.removeprefix("cuda:")))

    @contextmanager
    def here(self) -> Iterator[None]:
        """CuPy allocates on the current device and ignores `device=`."""
        with self.native_device:
            yield

    def make_current(self) -> Callable[[], object]:
        import cupy

        before = cupy.cuda.Device()
        self.native_device.use()
        return before.use  # type: ignore[no-any-return]

    def later(self, x: Array) -> Callable[[], float]:
        """`float(x)` would wait for all that was launched before; an event waits only for what x needs."""
        import cupy
        import cupyx

        with self.here():
            number = cupyx.empty_pinned(x.shape, x.dtype)  # a copy into other memory would wait
            x.get(out=number, blocking=False)
            copied = cupy.cuda.Event(disable_timing=True)
            copied.record()

        def read() -> float:
            copied.synchronize()
            return float(number)

        return read

    def synchronize(self) -> None:
        import cupy

        with self.here():
            cupy.cuda.get_current_stream().synchronize()

    def timer(self) -> Timer:
        import cupy

        def record() -> Any:
            with self.here():
                event = cupy.cuda.Event()
                event.record()
            return event

        return EventTimer(
            self.synchronize, record, lambda first, last: float(cupy.cuda.get_elapsed_time(first, last)) / 1000
        )

    def memory(self) -> Memory:
        import cupy

        with self.here():
            free, total = cupy.cuda.runtime.memGetInfo()
            unused = cupy.get_default_memory_pool().free_bytes()  # CuPy keeps it for its next arrays
        return Memory(total - free - unused, total)

    def to_host(self, x: Array) -> host.HostArray:
        values: host.HostArray = x.get()
        return values

    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        import cupy

        if copy is False:
            raise no_copy(f"a NumPy array into {self}")
        with self.here():
            return cupy.asarray(x)

    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        import cupy

        there = self.device_of(x)
        target = dtype or x.dtype.name
        if copy is False and (there != self.device or target != x.dtype.name):
            raise no_copy(f"{x.dtype.name} on {there} to {target} on {self.device}")
        with self.here():
            moved = x if there == self.device else cupy.asarray(x)
            return moved.astype(target, copy=bool(copy) and moved is x)

    def share(self, x: Any) -> Array | None:
        import cupy

        with self.here():
            return share_by_dlpack(x, (2, int(self.native_device.id)), cupy.from_dlpack)
