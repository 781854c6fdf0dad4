"""What the written text calls."""

from collections.abc import Sequence
from functools import partial
from itertools import chain, cycle
from math import prod
from typing import Any

import numpy as np

from xnet.compile.numpy.operations import fold_into, patches_into, scatter_add_into, steps, take_into
from xnet.compile.numpy.threads import in_one_go, share
from xnet.operations.patches import Window
from xnet.types import Array, Shape

LINE = 64  # bytes of a line of the cache


def memory(size: int) -> Array:
    """So many bytes, from where a line of the cache begins."""
    whole = np.zeros(size + LINE, dtype=np.uint8)
    start = -whole.ctypes.data % LINE
    return whole[start : start + size]


def part(memory: Array, offset: int, shape: Shape, dtype: str) -> Array:
    size = prod(shape) * np.dtype(dtype).itemsize
    return memory[offset : offset + size].view(dtype).reshape(shape)


def number(value: Any, dtype: str) -> Array:
    return np.asarray(value, dtype=dtype)


def cut(rows: int, block: int, columns: Sequence[Array], own: Sequence[Array], threads: int) -> list[list[Any]]:
    """The rows of the columns in blocks, for each thread beside its own memory for intermediate values."""
    return [
        [
            (slice(i, j), *(x[i:j] for x in columns), *(x[t, : j - i] for x in own))
            for i in range(0, rows, block)
            for j in [min(rows, i + block)]
        ]
        for t in range(threads)
    ]


def joined(*groups: list[list[Any]]) -> list[list[Any]]:
    """The blocks of several groups, thread by thread."""
    return [list(chain(*blocks)) for blocks in zip(*groups, strict=True)]


def filled(value: Any, shape: Shape, dtype: str) -> Array:
    """The same block for every thread."""
    return np.broadcast_to(np.full(shape[1:], value, dtype=dtype), shape)


NUMPYS = ("dot", "copyto", "empty", "full", "ones", "broadcast_to", "flip", "real", "imag", "inf", "nan")
NAMES: dict[str, Any] = {
    **{name: f for name, f in vars(np).items() if isinstance(f, np.ufunc)},
    **{name: getattr(np, name) for name in NUMPYS},
    **{f.__name__: f for f in (memory, part, number, cut, joined, filled, in_one_go, share, chain, cycle, partial)},
    **{f.__name__: f for f in (take_into, scatter_add_into, patches_into, fold_into, steps, Window)},
}
