"""PyTorch, on the processor or an accelerator."""

from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat

from xnet.backends import host
from xnet.backends.backend import Backend, Memory, no_copy, share_by_dlpack
from xnet.backends.timer import EventTimer, Timer
from xnet.types import Array, Namespace


class Torch(Backend):
    name = "torch"
    package = "torch"
    title = "PyTorch"
    targets = ("numpy",)  # on the processor
    compiling = (1e-4, 2e-9, 0.05)

    @classmethod
    def devices(cls) -> list[str]:
        import torch

        if not torch.accelerator.is_available():
            return ["cpu"]
        kind = torch.accelerator.current_accelerator().type
        return ["cpu", *(f"{kind}:{i}" for i in range(torch.accelerator.device_count()))]

    @classmethod
    def default_device(cls) -> str:
        import torch

        return cls.device_name(str(torch.get_default_device()))

    @classmethod
    def device_name(cls, device: str) -> str:
        return device if device == "cpu" or ":" in device else f"{device}:0"

    @classmethod
    def namespace(cls) -> Namespace:
        import array_api_compat.torch as xp

        return xp

    @classmethod
    def owns(cls, x: object) -> bool:
        return bool(array_api_compat.is_torch_array(x))

    @classmethod
    def device_of(cls, x: Array) -> str:
        return cls.device_name(str(x.device))

    def native(self, device: str) -> Any:
        import torch

        return torch.device(device)

    def has(self, dtype: str) -> bool:
        return hasattr(self.xp, dtype) and not (self.device.startswith("mps") and dtype in ("float64", "complex128"))

    def synchronize(self) -> None:
        import torch

        if self.device != "cpu":
            torch.accelerator.synchronize(self.native_device)

    def timer(self) -> Timer:
        if not self.device.startswith("cuda"):
            return Timer(self.synchronize)
        import torch

        def record() -> Any:
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self.native_device))
            return event

        return EventTimer(self.synchronize, record, lambda first, last: float(first.elapsed_time(last)) / 1000)

    def compiled(self, f: Callable[..., Any], donate: tuple[int, ...], asked: bool) -> tuple[str, Callable[..., Any]]:
        import torch

        if asked:
            return "torch.compile", torch.compile(f)
        return 'as written; xn.compile(f, backend="torch") asks for torch.compile', f

    def memory(self) -> Memory:
        import torch

        if self.device.startswith("cuda"):
            free, total = torch.cuda.mem_get_info(self.native_device)
            return Memory(total - free, total)
        if self.device.startswith("mps"):
            return Memory(torch.mps.driver_allocated_memory(), torch.mps.recommended_max_memory())
        if self.device != "cpu":
            return Memory(None, None)
        from xnet.backends.machine import memory_total, memory_used

        return Memory(memory_used(), memory_total())

    def examples_first(self, A: Array) -> Array:
        return self.xp.moveaxis(A, -1, 0).contiguous()

    def gather(self, rows: Sequence[Array], order: Array, start: int, size: int) -> tuple[Array, ...]:
        """On the processor by NumPy: PyTorch's threads would wait actively beside those of NumPy's products."""
        index, *views = (self.host_view(A) for A in (order[start : start + size], *rows))
        if index is None or any(view is None for view in views):
            return super().gather(rows, order, start, size)
        taken = (self.from_host(view.take(index, axis=0), None) for view in views if view is not None)
        return tuple(A.permute(*range(1, A.ndim), 0) for A in taken)

    def scatter_add(self, G: Array, indices: Array, n: int, axis: int) -> Array:
        import torch

        Y = torch.zeros((*G.shape[:axis], n, *G.shape[axis + 1 :]), dtype=G.dtype, device=G.device)
        indices = torch.where(indices < 0, indices + n, indices)
        if G.device.type == "cpu":
            return Y.index_add(axis, indices, G)
        # On a GPU index_add adds in no fixed order; index_put sorts the indices first.
        return Y.index_put((*(slice(None),) * axis, indices), G, accumulate=True)

    def to_host(self, x: Array) -> host.HostArray:
        import torch

        # NumPy has no bfloat16, and float32 holds each of its values.
        values: host.HostArray = (x.float() if x.dtype == torch.bfloat16 else x).numpy(force=True)
        return values

    def host_view(self, x: Array) -> host.HostArray | None:
        if x.requires_grad or not x.is_cpu:
            return None
        try:
            view: host.HostArray = x.numpy()
        except (RuntimeError, TypeError):  # sparse, lazily negated, or inside a function of torch.func; no such dtype
            return None
        return view

    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        import torch

        # PyTorch warns about read-only memory and has no negative strides.
        unfit = not x.flags.writeable or any(stride < 0 for stride in x.strides)
        if copy is False and (unfit or self.device != "cpu"):
            raise no_copy(f"a {'read-only or reversed ' if unfit else ''}NumPy array into {self}")
        if x.dtype.name == "bfloat16":
            return self.move(torch.from_numpy(x.astype("float32")), "bfloat16", None)
        fresh = unfit or bool(copy)
        return torch.from_numpy(x.copy() if fresh else x).to(self.native_device)

    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        import torch

        target = x.dtype if dtype is None else getattr(torch, dtype)
        if copy is False and (x.dtype != target or self.device_of(x) != self.device):
            raise no_copy(f"{x.dtype} on {x.device} to {target} on {self.device}")
        return x.to(device=self.native_device, dtype=target, copy=bool(copy))

    def share(self, x: Any) -> Array | None:
        import torch

        kind, _, index = self.device.partition(":")
        number = {"cpu": 1, "cuda": 2}.get(kind)
        return None if number is None else share_by_dlpack(x, (number, int(index or 0)), torch.from_dlpack)
