"""Dask: lazy arrays in chunks.  `.compute()` and `to_numpy` compute them."""

from typing import Any

import array_api_compat

from xnet.backends import host
from xnet.backends.backend import Backend, Memory, no_copy
from xnet.types import Array, Namespace, Tree


class Dask(Backend):
    name = "dask"
    package = "dask"
    title = "Dask"

    @classmethod
    def defect(cls) -> str | None:
        try:
            import dask.array  # noqa: F401  (Dask installs without its arrays)
        except Exception as error:
            return f"{cls.title} is installed but its arrays are not ({host.one_line(error)}): {cls.fix()}"
        return None

    @classmethod
    def full_name(cls, device: str) -> str:
        return cls.name

    @classmethod
    def devices(cls) -> list[str]:
        return ["cpu"]

    @classmethod
    def namespace(cls) -> Namespace:
        import array_api_compat.dask.array as xp

        return xp

    @classmethod
    def owns(cls, x: object) -> bool:
        return bool(array_api_compat.is_dask_array(x))

    @classmethod
    def device_of(cls, x: Array) -> str:
        return "cpu"

    def native(self, device: str) -> Any:
        return device

    def has(self, dtype: str) -> bool:
        return dtype != "bfloat16"  # its chunks are NumPy's, which has all the others

    def synchronize(self) -> None:
        """Nothing runs before `.compute()`, so only that can be timed."""

    def memory(self) -> Memory:
        from xnet.backends.machine import memory_total, memory_used

        return Memory(memory_used(), memory_total())

    def to_host(self, x: Array) -> host.HostArray:
        return host.from_array(x.compute())

    def computed(self, tree: Tree) -> Tree:
        import dask

        return dask.persist(tree)[0]

    def scatter_add(self, G: Array, indices: Array, n: int, axis: int) -> Array:
        import dask.array

        from xnet.backends.numpy import scatter_add

        axes = tuple(range(G.ndim))
        new = (*axes[:axis], G.ndim, *axes[axis + 1 :])
        return dask.array.blockwise(
            scatter_add, new, G, axes, indices, (axis,), n, None, axis, None,
            new_axes={G.ndim: n}, concatenate=True, dtype=G.dtype, meta=G._meta,
        )  # fmt: skip

    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        import dask.array

        return dask.array.from_array(x.copy() if copy else x)

    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        if dtype not in (None, x.dtype.name):
            if copy is False:
                raise no_copy(f"dtype={x.dtype.name} to {dtype}")
            return x.astype(dtype)
        return x.copy() if copy else x
