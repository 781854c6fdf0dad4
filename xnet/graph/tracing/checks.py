"""What the chapters of the standard share: how a function without a rule is refused, shapes, and axes.

A function checks the kinds of its arrays, knows the shape and the dtype of its result, and writes a node down.
"""

import operator
from itertools import zip_longest
from typing import Any

from xnet.errors import ShapeError, TraceError
from xnet.graph.dtypes import is_number
from xnet.graph.ir import Node
from xnet.graph.tracing.traced import NoRuleError, Traced, operands, refuse
from xnet.types import Shape

INSTEAD = {
    "erf": "xnet.kernels.erf",
    "nonzero": "xp.where, since the shape of the result would depend on values",
    "sort": "xp.max, or sort before the function is traced",
    "argsort": "xp.argmax, or sort before the function is traced",
    "from_dlpack": "an argument of the function",
}
INSTEAD |= dict.fromkeys(("unique_all", "unique_counts", "unique_inverse", "unique_values"), INSTEAD["nonzero"])
# A library's own names, by which its functions come here when they are called on a stand-in.
ALSO = {
    "absolute": "abs", "arccos": "acos", "arcsin": "asin", "arctan": "atan", "arctan2": "atan2", "arccosh": "acosh",
    "arcsinh": "asinh", "arctanh": "atanh", "power": "pow", "true_divide": "divide", "conjugate": "conj",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
    "concatenate": "concat", "transpose": "permute_dims", "cumsum": "cumulative_sum", "cumprod": "cumulative_prod",
}  # fmt: skip


class Chapter:
    """Some of the standard's functions, for stand-ins."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in ALSO:
            instead = INSTEAD.get(name, "the standard's functions that have one")
            refuse(f"{self.__name__}.{name} has no rule", instead, NoRuleError)
        return getattr(self, ALSO[name])


def require(kept: bool, rule: str, *got: Any) -> None:
    """A rule of shapes, with what was given in the place of its {}."""
    if not kept:
        raise ShapeError(f"trace: {rule.format(*got)}")


def arrays(op: str, kind: Any, *xs: Any) -> tuple[list[Node], str]:
    """The operands of a function that takes no numbers."""
    if any(map(is_number, xs)):
        raise TraceError(f"trace: xp.{op} takes arrays; got {xs!r}; xp.asarray makes one of a number")
    return operands(op, kind, *xs)


def whole(op: str, n: Any) -> int:
    """A size, an axis or a place as Python's integer."""
    if isinstance(n, Traced) or not hasattr(n, "__index__"):
        refuse(f"xp.{op} takes whole numbers, not {n!r}: the shape would depend on values", "sizes read off a shape")
    return operator.index(n)


def shape_of(op: str, shape: Any, least: int = 0) -> Shape:
    """The sizes, none below the least."""
    sizes = tuple(whole(op, n) for n in (shape if isinstance(shape, tuple | list) else (shape,)))
    require(min(sizes, default=least) >= least, "xp.{} takes no size below {}; got {}", op, least, shape)
    return sizes


def axis_of(op: str, axis: Any, ndim: int) -> int:
    """The axis counted from 0."""
    i = whole(op, axis)
    require(-ndim <= i < ndim, "xp.{} needs an axis from {} to {}; got axis={}, ndim={}", op, -ndim, ndim - 1, i, ndim)
    return i % ndim


def only_axis(op: str, axis: Any, shape: Shape) -> int:
    """The axis counted from 0, which a vector need not say."""
    require(axis is not None or len(shape) == 1, "xp.{} needs to be told its axis; got axis=None, shape={}", op, shape)
    return axis_of(op, 0 if axis is None else axis, len(shape))


def axes_of(op: str, axis: Any, ndim: int) -> Shape:
    """The axes counted from 0; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_of(op, one, ndim) for one in (axis if isinstance(axis, tuple | list) else (axis,)))
    require(len(set(axes)) == len(axes), "xp.{} takes each axis once; got axis={}", op, axis)
    return axes


def with_size(shape: Shape, i: int, *sizes: int) -> Shape:
    """The shape with these sizes in the place of axis i."""
    return (*shape[:i], *sizes, *shape[i + 1 :])


def broadcast(*shapes: Shape) -> Shape:
    if len(set(shapes)) == 1:
        return shapes[0]
    axes = [set(sizes) - {1} for sizes in zip_longest(*map(reversed, shapes), fillvalue=1)]
    fit = all(len(sizes) < 2 for sizes in axes)
    require(fit, "shapes must broadcast; got {}; each axis from the last must be equal, or 1", shapes)
    return tuple(sizes.pop() if sizes else 1 for sizes in reversed(axes))
