"""JAX: arrays that never change, compiled by XLA."""

import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import array_api_compat

from xnet.backends import host
from xnet.backends.backend import Backend, Memory, Scan, no_copy, share_by_dlpack
from xnet.types import Array, Namespace


class Jax(Backend):
    name = "jax"
    package = "jax"
    compiling = (2e-2, 0.0, 1.0)
    compiles_each = True
    title = "JAX"

    @classmethod
    def _all(cls) -> dict[str, Any]:
        import jax

        found = list(jax.devices())
        with contextlib.suppress(RuntimeError):  # JAX_PLATFORMS=cuda leaves the processor out
            found += jax.devices("cpu")
        return {str(device): device for device in found}

    @classmethod
    def devices(cls) -> list[str]:
        return list(cls._all())

    @classmethod
    def device_name(cls, device: str) -> str:
        return device if ":" in device else f"{device}:0"

    @classmethod
    def default_device(cls) -> str:
        import jax

        default = jax.config.jax_default_device
        return cls.device_name(str(jax.devices()[0] if default is None else default))

    @classmethod
    def namespace(cls) -> Namespace:
        import jax.numpy as xp

        return xp

    @classmethod
    def owns(cls, x: object) -> bool:
        return bool(array_api_compat.is_jax_array(x))

    @classmethod
    def device_of(cls, x: Array) -> str | None:
        device = getattr(x, "device", None)
        return None if device is None else str(device)

    def native(self, device: str) -> Any:
        return self._all()[device]

    def has(self, dtype: str) -> bool:
        import jax

        wide = dtype in host.NARROWER
        return hasattr(self.xp, dtype) and not (wide and not jax.config.jax_enable_x64)

    def dtype_fix(self, dtype: str) -> str:
        narrow = host.NARROWER.get(dtype, "float32")
        return f'use dtype="{narrow}", or turn 64 bits on: jax.config.update("jax_enable_x64", True)'

    def synchronize(self) -> None:
        import jax

        # JAX cannot wait for a device: this waits for a new computation and for every array that exists.
        jax.block_until_ready(jax.device_put(0.0, self.native_device) + 1)
        jax.block_until_ready(jax.live_arrays(self.native_device.platform))

    def compiled(self, f: Callable[..., Any], donate: tuple[int, ...], asked: bool) -> tuple[str, Callable[..., Any]]:
        import jax

        return "jax.jit", jax.jit(f, donate_argnums=donate)

    # A slice of JAX's own compiles a program for each place where it begins; these have the place as an argument.

    def gather(self, rows: Sequence[Array], order: Array, start: int, size: int) -> tuple[Array, ...]:
        return self._gather(rows, order, start, size)  # type: ignore[no-any-return]

    def cut(self, arrays: Sequence[Array], start: int, size: int) -> tuple[Array, ...]:
        return self._cut(tuple(arrays), start, size)  # type: ignore[no-any-return]

    @cached_property
    def _gather(self) -> Callable[..., Any]:
        import jax

        def gathered(rows: Sequence[Array], order: Array, start: Array, size: int) -> tuple[Array, ...]:
            part = jax.lax.dynamic_slice_in_dim(order, start, size)
            return tuple(self.xp.moveaxis(self.xp.take(A, part, axis=0, mode="clip"), 0, -1) for A in rows)

        return jax.jit(gathered, static_argnums=3)  # type: ignore[no-any-return]

    @cached_property
    def _cut(self) -> Callable[..., Any]:
        import jax

        def cut(arrays: Sequence[Array], start: Array, size: int) -> tuple[Array, ...]:
            return tuple(jax.lax.dynamic_slice_in_dim(A, start, size, axis=-1) for A in arrays)

        return jax.jit(cut, static_argnums=2)  # type: ignore[no-any-return]

    def scatter_add(self, G: Array, indices: Array, n: int, axis: int) -> Array:
        if self.native_device.platform == "gpu":  # which would add in no fixed order
            return super().scatter_add(G, indices, n, axis)
        Y = self.xp.zeros((*G.shape[:axis], n, *G.shape[axis + 1 :]), dtype=G.dtype)
        return Y.at[(*(slice(None),) * axis, indices)].add(G)

    def scan(self, loop: Scan) -> tuple[list[Array], list[Array]]:
        """While JAX traces, its own loop.  Elsewhere Python's, because JAX would compile its own at each call."""
        import jax

        if not any(isinstance(x, jax.core.Tracer) for x in (*loop.carries, *loop.xs)):
            return super().scan(loop)
        rows = [self.xp.moveaxis(x, axis, 0) for x, axis in zip(loop.xs, loop.x_axes, strict=True)]
        last, ys = jax.lax.scan(loop.step, loop.carries, rows, loop.length, loop.reverse)
        return last, [self.xp.moveaxis(y, 0, axis) for y, axis in zip(ys, loop.y_axes, strict=False)]

    def memory(self) -> Memory:
        stats = self.native_device.memory_stats()
        if stats:
            return Memory(stats.get("bytes_in_use"), stats.get("bytes_limit"))
        from xnet.backends.machine import memory_total, memory_used

        return Memory(memory_used(), memory_total())

    def to_host(self, x: Array) -> host.HostArray:
        # NumPy has no bfloat16, and float32 holds each of its values.
        return host.from_array(x.astype("float32") if x.dtype.name == "bfloat16" else x)

    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        if copy is False:
            raise no_copy("NumPy's memory, which may change, into an array of JAX, which may not")
        return self.xp.array(x, device=self.native_device, copy=True)

    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        import jax

        here = self.device_of(x) in (None, self.device)
        if copy is False and not (here and dtype in (None, x.dtype.name)):
            raise no_copy(f"{x.dtype.name} on {self.device_of(x)} to {dtype or x.dtype.name} on {self.device}")
        moved = x if here else jax.device_put(x, self.native_device)
        if dtype not in (None, x.dtype.name):
            return moved.astype(dtype)
        return self.xp.array(moved, copy=True) if copy and moved is x else moved

    def share(self, x: Any) -> Array | None:
        kind, _, index = self.device.partition(":")
        number = {"cpu": 1, "cuda": 2}.get(kind)
        return None if number is None else share_by_dlpack(x, (number, int(index)), self.xp.from_dlpack)
