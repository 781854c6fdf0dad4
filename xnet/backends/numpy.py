"""NumPy, on any processor."""

from collections.abc import Sequence
from math import prod
from typing import Any

import array_api_compat
import numpy as np

from xnet.backends import host
from xnet.backends.backend import Backend, Memory, no_copy
from xnet.errors import ValueRangeError
from xnet.types import Array, Namespace


def scatter_add(G: Array, indices: Array, n: int, axis: int, out: Array | None = None) -> Array:
    """One after the other, by `np.add.at` of single numbers: for them alone it has a fast path."""
    if indices.size and not (-n <= indices.min() and indices.max() < n):
        raise ValueRangeError(
            f"scatter_add: indices must be from -n to n - 1; got indices.min()={indices.min()}, "
            f"indices.max()={indices.max()}, n={n}; use the size of the axis that take reads"
        )
    before, after = G.shape[:axis], G.shape[axis + 1 :]
    first = np.arange(prod(before)).reshape(-1, 1, 1) * n
    places = (first + np.where(indices < 0, indices + n, indices)[:, None]) * prod(after) + np.arange(prod(after))
    Y = np.empty((*before, n, *after), dtype=G.dtype) if out is None else out
    Y[...] = 0
    np.add.at(Y.reshape(-1), places.reshape(-1), G.reshape(-1))
    return Y


BLOCK = 256  # examples that are transposed at a time, which then fit the cache


class NumPy(Backend):
    name = "numpy"
    package = "numpy"
    targets = ("numpy", "c")
    compiling = (1e-4, 2e-9, 0.05)
    title = "NumPy"

    @classmethod
    def fix(cls) -> str:
        return "pip install numpy"

    @classmethod
    def full_name(cls, device: str) -> str:
        return cls.name

    @classmethod
    def devices(cls) -> list[str]:
        return ["cpu"]

    @classmethod
    def namespace(cls) -> Namespace:
        import array_api_compat.numpy as xp

        return xp

    @classmethod
    def owns(cls, x: object) -> bool:
        return bool(array_api_compat.is_numpy_array(x))

    @classmethod
    def device_of(cls, x: Array) -> str:
        return "cpu"

    def native(self, device: str) -> Any:
        return device

    def has(self, dtype: str) -> bool:
        return hasattr(np, dtype)

    def scatter_add(self, G: Array, indices: Array, n: int, axis: int) -> Array:
        return scatter_add(G, indices, n, axis)

    def examples_first(self, A: Array) -> Array:
        rows = np.moveaxis(A, -1, 0)
        if rows.flags.c_contiguous:
            return rows
        copy = np.empty(rows.shape, rows.dtype)
        for start in range(0, len(rows), BLOCK):
            copy[start : start + BLOCK] = rows[start : start + BLOCK]
        return copy

    def gather(self, rows: Sequence[Array], order: Array, start: int, size: int) -> tuple[Array, ...]:
        part = order[start : start + size]
        return tuple(A.take(part, axis=0).transpose(*range(1, A.ndim), 0) for A in rows)

    def synchronize(self) -> None:
        """NumPy has finished when it returns."""

    def memory(self) -> Memory:
        from xnet.backends.machine import memory_total, memory_used

        return Memory(memory_used(), memory_total())

    def to_host(self, x: Array) -> host.HostArray:
        return np.asarray(x)

    def host_view(self, x: Array) -> host.HostArray | None:
        return np.asarray(x)

    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        return x.copy() if copy else x

    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        if type(x) is np.ndarray and (dtype is None or x.dtype.name == dtype) and x.dtype.isnative:
            values = host.checked(x)
        else:
            values = host.from_array(x)
            values = values if dtype is None else host.cast(values, dtype)
        changed = not np.may_share_memory(values, x)
        if changed and copy is False:
            raise no_copy(f"dtype={x.dtype} to {values.dtype}")
        return values.copy() if copy and not changed else values
