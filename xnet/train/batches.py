"""Batches of the examples: gathered in a random order, or cut in their own.   (C27)"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from xnet import random
from xnet.backends import Backend
from xnet.types import Array

Batch: TypeAlias = tuple[Array, ...]
Epoch: TypeAlias = Callable[[Array | None], Iterator[Batch]]  # a key to the batches of an epoch


def parts(m: int, size: int) -> list[slice]:
    """0 … m-1 in slices of `size`; the last one is shorter if `size` does not divide m."""
    return [slice(start, min(start + size, m)) for start in range(0, m, size)]


def batches(arrays: Sequence[Array], size: int, backend: Backend, shuffle: bool) -> Epoch:
    """A function that gives the batches of an epoch: shuffled by its key, or with None in the order of the arrays.

    To shuffle takes arrays with the numbers of each example contiguous in memory, which are made once, here.  Arrays
    that are so already are not copied.
    """
    m = arrays[0].shape[-1]
    rows = [backend.examples_first(A) for A in arrays] if shuffle and size < m else []

    def epoch(key: Array | None) -> Iterator[Batch]:
        if key is None or not rows:
            return cut(arrays, size, backend)
        order = backend.asarray(random.permutation(key, m))
        return (backend.gather(rows, order, part.start, part.stop - part.start) for part in parts(m, size))

    return epoch


def cut(arrays: Sequence[Array], size: int, backend: Backend) -> Iterator[Batch]:
    """Batches in the order of the arrays: views where the library has them."""
    m = arrays[0].shape[-1]
    if size >= m:
        return iter([tuple(arrays)] if m else [])
    return (backend.cut(arrays, part.start, part.stop - part.start) for part in parts(m, size))
