"""Checks that the functions for stand-ins share: kinds of arrays, sizes, axes, and shapes that broadcast."""

import operator
from itertools import zip_longest
from typing import Any

from xnet.errors import ShapeError, TraceError
from xnet.graph.dtypes import is_number
from xnet.graph.ir import Node
from xnet.graph.tracing.traced import Traced, operands, refuse
from xnet.types import Shape


def require(kept: bool, rule: str, *got: Any) -> None:
    """Raise a ShapeError with the rule unless it is kept; each {} in the rule is replaced by what was given."""
    if not kept:
        raise ShapeError(f"trace: {rule.format(*got)}")


def arrays(op: str, kind: Any, *xs: Any) -> tuple[list[Node], str]:
    """The operands of a function that takes no Python numbers, and their common dtype."""
    if any(map(is_number, xs)):
        raise TraceError(f"trace: xp.{op} takes arrays; got {xs!r}; xp.asarray makes one of a number")
    return operands(op, kind, *xs)


def whole(op: str, n: Any) -> int:
    """A size, an axis or an index as a Python integer."""
    if isinstance(n, Traced) or not hasattr(n, "__index__"):
        refuse(f"xp.{op} takes whole numbers, not {n!r}: the shape would depend on values", "sizes read off a shape")
    return operator.index(n)


def shape_of(op: str, shape: Any, least: int = 0) -> Shape:
    """The sizes as a tuple of integers, none below `least`."""
    sizes = tuple(whole(op, n) for n in (shape if isinstance(shape, tuple | list) else (shape,)))
    require(min(sizes, default=least) >= least, "xp.{} takes no size below {}; got {}", op, least, shape)
    return sizes


def axis_of(op: str, axis: Any, ndim: int) -> int:
    """The axis counted from 0."""
    i = whole(op, axis)
    require(-ndim <= i < ndim, "xp.{} needs an axis from {} to {}; got axis={}, ndim={}", op, -ndim, ndim - 1, i, ndim)
    return i % ndim


def only_axis(op: str, axis: Any, shape: Shape) -> int:
    """The axis counted from 0; for a vector it may be None."""
    require(axis is not None or len(shape) == 1, "xp.{} needs to be told its axis; got axis=None, shape={}", op, shape)
    return axis_of(op, 0 if axis is None else axis, len(shape))


def axes_of(op: str, axis: Any, ndim: int) -> Shape:
    """The axes counted from 0; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_of(op, one, ndim) for one in (axis if isinstance(axis, tuple | list) else (axis,)))
    require(len(set(axes)) == len(axes), "xp.{} takes each axis once; got axis={}", op, axis)
    return axes


def with_size(shape: Shape, i: int, *sizes: int) -> Shape:
    """The shape with these sizes in the place of axis i."""
    return (*shape[:i], *sizes, *shape[i + 1 :])


def broadcast_shapes(*shapes: Shape) -> Shape:
    if len(set(shapes)) == 1:
        return shapes[0]
    axes = [set(sizes) - {1} for sizes in zip_longest(*map(reversed, shapes), fillvalue=1)]
    fit = all(len(sizes) < 2 for sizes in axes)
    require(fit, "shapes must broadcast; got {}; each axis from the last must be equal, or 1", shapes)
    return tuple(sizes.pop() if sizes else 1 for sizes in reversed(axes))
