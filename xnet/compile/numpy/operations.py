"""The operations of xnet.operations, and `take`, written into memory that is given."""

from collections.abc import Iterator
from math import prod

import numpy as np

from xnet.backends.numpy import scatter_add
from xnet.operations.patches import Window
from xnet.types import Array


def take_into(x: Array, indices: Array, axis: int, out: Array) -> None:
    n = x.shape[axis]
    if indices.size and not (-n <= indices.min() and indices.max() < n):
        np.take(x, indices, axis)  # which raises NumPy's error
    np.take(x, indices, axis, out, "wrap")  # without the copy that NumPy makes where it may raise


def scatter_add_into(G: Array, indices: Array, n: int, axis: int, out: Array) -> None:
    scatter_add(G, indices, n, axis, out)


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
