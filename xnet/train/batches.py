"""Batches of the examples: shuffled once an epoch, then cut as views.   (C27)"""

from collections.abc import Iterator, Sequence

from array_api_compat import array_namespace

from xnet import random
from xnet.backends import Backend
from xnet.types import Array


def parts(m: int, size: int) -> list[slice]:
    """0 … m-1 in slices of `size`; the last one is shorter if `size` does not divide m."""
    return [slice(start, min(start + size, m)) for start in range(0, m, size)]


def batches(arrays: Sequence[Array], size: int, key: Array | None, backend: Backend) -> Iterator[tuple[Array, ...]]:
    """Batches of the arrays, cut along the examples; with a key, in a random order."""
    m = arrays[0].shape[-1]
    if key is not None and size < m:
        order = backend.asarray(random.permutation(key, m))
        arrays = [_reordered(A, order) for A in arrays]
    for part in parts(m, size):
        yield tuple(A[..., part] for A in arrays)


def _reordered(A: Array, order: Array) -> Array:
    """The examples in another order, with the numbers of each side by side, so that a batch is one piece of memory."""
    xp = array_namespace(A)
    return xp.moveaxis(xp.take(xp.moveaxis(A, -1, 0), order, axis=0), 0, -1)
