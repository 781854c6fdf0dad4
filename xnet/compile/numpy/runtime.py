"""What the written text calls."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, cycle
from math import prod
from typing import Any

import numpy as np

from xnet.backends.numpy import scatter_add
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


# Operations written into memory that is given


def take_into(x: Array, indices: Array, axis: int, out: Array) -> None:
    n = x.shape[axis]
    if indices.size and not (-n <= indices.min() and indices.max() < n):
        np.take(x, indices, axis)  # which raises NumPy's error
    np.take(x, indices, axis, out, "wrap")  # without the copy that NumPy makes where it may raise


def patches_into(X: Array, window: Window, out: Array) -> None:
    for patch, slices, positions in _places(X, window, out):
        for axis, inside in enumerate(positions, 1):  # what lies in the padding
            before = (slice(None), *positions[: axis - 1])
            patch[(*before, slice(inside.start))] = 0
            patch[(*before, slice(inside.stop, None))] = 0
        patch[(slice(None), *positions)] = X[(slice(None), *slices)]


def fold_into(P: Array, window: Window, out: Array) -> None:
    out[...] = 0
    for patch, slices, positions in _places(out, window, P):
        out[(slice(None), *slices)] += patch[(slice(None), *positions)]


def _places(X: Array, window: Window, P: Array) -> Iterator[tuple[Array, tuple[slice, ...], tuple[slice, ...]]]:
    """For each place in the window: its patches in P, the numbers of X there, and the positions that have them."""
    spatial = X.shape[1:-1]
    counts = window.counts(spatial)
    pieces = P.reshape(X.shape[0], prod(window.size), *counts, X.shape[-1])
    for k, place in enumerate(np.ndindex(*window.size)):
        axes = zip(spatial, counts, place, window.dilation, window.stride, window.padding, strict=True)
        pairs = [_inside(n, count, i * d - low, s) for n, count, i, d, s, (low, _) in axes]
        yield pieces[:, k], tuple(numbers for numbers, _ in pairs), tuple(positions for _, positions in pairs)


def _inside(n: int, count: int, first: int, stride: int) -> tuple[slice, slice]:
    """Of the numbers first + stride · p, those from 0 to n - 1, and their positions p < count."""
    start = min(count, max(0, -(first // stride)))
    stop = max(start, min(count, (n - 1 - first) // stride + 1))
    begin = first + stride * start
    return slice(begin, begin + stride * (stop - start), stride), slice(start, stop)


def steps(x: Array, axis: int, reverse: bool) -> list[Array]:
    """The steps of a sequence as views, also where a step is one number."""
    before: tuple[slice, ...] = (slice(None),) * axis
    order = range(x.shape[axis])
    return [x[(*before, t, ...)] for t in (reversed(order) if reverse else order)]


NUMPYS = ("dot", "copyto", "empty", "full", "ones", "broadcast_to", "flip", "real", "imag", "inf", "nan")
NAMES: dict[str, Any] = {
    **{name: f for name, f in vars(np).items() if isinstance(f, np.ufunc)},
    **{name: getattr(np, name) for name in NUMPYS},
    **{f.__name__: f for f in (memory, part, number, cut, joined, filled, in_one_go, share, chain, cycle, partial)},
    **{f.__name__: f for f in (take_into, scatter_add, patches_into, fold_into, steps, Window)},
}
