"""Where an array lies: bytes after the start of a memory, and strides.  All of it is known before the program runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod
from operator import mul

from xnet.compile.plan import itemsize
from xnet.graph.ir import Node
from xnet.types import Shape


@dataclass(frozen=True)
class Place:
    """`offset` counts bytes, `strides` count numbers of this type."""

    memory: str
    offset: int
    shape: Shape
    strides: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_contiguous(self) -> bool:
        wanted = row_major(self.shape)
        return all(n == 1 or s == w for n, s, w in zip(self.shape, self.strides, wanted, strict=True)) or not self.size

    def moved(self, numbers: int) -> "Place":
        return replace(self, offset=self.offset + numbers * itemsize(self.dtype))


def row_major(shape: Shape) -> tuple[int, ...]:
    """The strides of a contiguous array."""
    return tuple(accumulate(reversed(shape[1:]), mul, initial=1))[::-1] if shape else ()


def contiguous(memory: str, offset: int, node: Node) -> Place:
    return Place(memory, offset, node.shape, row_major(node.shape), node.dtype)


def broadcast(strides: Sequence[int], shape: Shape, to: Shape) -> tuple[int, ...]:
    """The strides with which an array of this shape is read as one of the other shape."""
    kept = (0 if n == 1 and m != 1 else s for s, n, m in zip(strides, shape, to[len(to) - len(shape) :], strict=True))
    return (*(0 for _ in range(len(to) - len(shape))), *kept)


def reshaped(shape: Shape, strides: Sequence[int], to: Shape) -> tuple[int, ...] | None:
    """The strides of the reshaped array if it can look at the same memory."""
    if 0 in shape:
        return row_major(to)
    sizes, (steps,) = collapsed(shape, [strides])
    old = list(zip(sizes, steps, strict=True))
    new: list[int] = []
    for n in reversed(to):  # from the last axis on, each new axis takes its numbers from the last old one
        if n == 1:
            new.append(1)
            continue
        size, stride = old.pop()
        if size % n:
            return None
        new.append(stride)
        if size > n:
            old.append((size // n, stride * n))
    return tuple(reversed(new))


def view(node: Node, x: Place) -> Place | None:
    """The place of a view of x; None where reshaping needs a copy."""
    strides, shape = x.strides, node.shape
    match node.op:
        case "index":
            return _indexed(node, x)
        case "flip":
            axes = node.attrs["axis"]
            axes = range(len(shape)) if axes is None else (axes,) if isinstance(axes, int) else axes
            turned = {axis % len(shape) for axis in axes if shape}
            start = sum((x.shape[i] - 1) * strides[i] for i in turned if x.size)
            signs = tuple(-s if i in turned else s for i, s in enumerate(strides))
            return replace(x.moved(start), strides=signs)
        case "matrix_transpose":
            return replace(x, shape=shape, strides=(*strides[:-2], strides[-1], strides[-2]))
        case "permute_dims":
            return replace(x, shape=shape, strides=tuple(strides[i] for i in node.attrs["axes"]))
        case "broadcast_to":
            return replace(x, shape=shape, strides=broadcast(strides, x.shape, shape))
    found = reshaped(x.shape, strides, shape)
    return None if found is None else replace(x, shape=shape, strides=found)


def _indexed(node: Node, x: Place) -> Place:
    start, axis = 0, 0
    strides: list[int] = []
    for key in node.attrs["key"]:
        if key is None:
            strides.append(0)
            continue
        n, stride = x.shape[axis], x.strides[axis]
        axis += 1
        if isinstance(key, slice):
            first, _, step = key.indices(n)
            start += first * stride if range(*key.indices(n)) else 0
            strides.append(step * stride)
        else:
            start += (int(key) % n) * stride
    return replace(x.moved(start), shape=node.shape, strides=tuple(strides))


def collapsed(shape: Shape, strides: Sequence[Sequence[int]]) -> tuple[Shape, list[tuple[int, ...]]]:
    """The same loop over as few axes as the strides of all arrays allow."""
    axes = [(n, tuple(s[i] for s in strides)) for i, n in enumerate(shape) if n != 1]
    found: list[tuple[int, tuple[int, ...]]] = []
    for n, some in axes:
        if found and all(before == s * n for before, s in zip(found[-1][1], some, strict=True)):
            found[-1] = (found[-1][0] * n, some)
        else:
            found.append((n, some))
    return tuple(n for n, _ in found), [tuple(some[i] for _, some in found) for i in range(len(strides))]
