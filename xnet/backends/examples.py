"""Batches of examples out of arrays: the part of a backend that `fit` needs for them."""

from collections.abc import Sequence

from xnet.types import Array, Namespace


class Examples:
    """Examples are the last axis of arrays.  A library that has a faster way overrides these methods."""

    xp: Namespace

    def examples_first(self, A: Array) -> Array:
        """A with the examples as its first axis.  Where the library allows it, the numbers of each are contiguous."""
        return self.xp.moveaxis(A, -1, 0)

    def gather(self, rows: Sequence[Array], order: Array, start: int, size: int) -> tuple[Array, ...]:
        """The examples order[start : start + size] of arrays from `examples_first`, as the last axis again."""
        part = order[start : start + size]
        return tuple(self.xp.moveaxis(self.xp.take(A, part, axis=0), 0, -1) for A in rows)

    def cut(self, arrays: Sequence[Array], start: int, size: int) -> tuple[Array, ...]:
        """The examples start … start + size - 1 of the arrays, as views where the library has them."""
        return tuple(A[..., start : start + size] for A in arrays)
