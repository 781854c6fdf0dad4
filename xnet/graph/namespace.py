"""The standard's functions for stand-ins: what all of them share.  The chapters are files of their own beside this one.

Each function checks the kinds of its arrays, knows the shape and the dtype of its result, and writes a node down.
"""

from collections.abc import Callable
from math import e, inf, nan, pi
from typing import Any, TypeVar

from xnet.errors import ShapeError, TraceError
from xnet.graph import dtypes
from xnet.graph.dtypes import is_kind, promoted
from xnet.graph.ir import Node
from xnet.graph.traced import Traced, as_node, refuse
from xnet.types import Shape

F = TypeVar("F", bound=Callable[..., Any])

INSTEAD = {
    "erf": "xnet.kernels.erf",
    "nonzero": "xp.where, since the shape of the result would depend on values",
    "unique_all": "a number of values known beforehand, since the shape of the result would depend on values",
    "sort": "xp.max, or sort before the function is traced",
    "argsort": "xp.argmax, or sort before the function is traced",
    "searchsorted": "comparisons and xp.sum",
    "from_dlpack": "an argument of the function",
}
INSTEAD |= dict.fromkeys(("unique_values", "unique_counts", "unique_inverse"), INSTEAD["unique_all"])
# A library's own names, by which its functions come here when they are called on a stand-in.
ALSO = {
    "absolute": "abs", "arccos": "acos", "arcsin": "asin", "arctan": "atan", "arctan2": "atan2", "arccosh": "acosh",
    "arcsinh": "asinh", "arctanh": "atanh", "power": "pow", "true_divide": "divide", "conjugate": "conj",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
    "concatenate": "concat", "transpose": "permute_dims", "cumsum": "cumulative_sum", "cumprod": "cumulative_prod",
}  # fmt: skip


class NoRuleError(TraceError, AttributeError):
    """So that hasattr(xp, name) is False, and a call says why."""


class Namespace:
    """`xp` for stand-ins."""

    __array_api_version__ = "2024.12"
    pi, e, inf, nan, newaxis = pi, e, inf, nan, None
    linalg: Any
    empty: Any
    empty_like: Any

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in ALSO:
            instead = INSTEAD.get(name, "the standard's functions that have one")
            refuse(f"{self.__name__}.{name} has no rule", instead, NoRuleError)
        return getattr(self, ALSO[name])

    def __repr__(self) -> str:
        return f"<the standard's functions for traced arrays: {self.__name__}>"


xp = Namespace("xp")
linalg = xp.linalg = Namespace("xp.linalg")
vars(xp).update({name: name for name in dtypes.ALL})
Traced.xp = xp


def standard(f: F) -> F:
    """f becomes a function of the namespace; Python's own words end in an underscore here: `sum_`."""
    setattr(xp, f.__name__.rstrip("_"), f)
    return f


def is_number(x: Any) -> bool:
    return type(x) in dtypes.NUMBERS


def scalar(value: bool | float | complex, dtype: str) -> Node:
    return Node("scalar", (), {"value": value}, (), dtype)


def operands(op: str, kind: Any, *xs: Any) -> tuple[list[Node], str]:
    """The nodes of arrays and of Python numbers beside them, and the type that they make together."""
    nodes = [None if is_number(x) else as_node(x) for x in xs]
    known = [node.dtype for node in nodes if node is not None]
    if not known:
        raise TraceError(f"trace: xp.{op} must be given an array; got {', '.join(map(repr, xs))}; math is for numbers")
    dtype = promoted(*known)
    if complex in map(type, xs) and dtype in dtypes.FLOATS:
        dtype = dtypes.FROM_PARTS[dtype]
    expect(op, dtype, kind)
    result = []
    for x, node in zip(xs, nodes, strict=True):
        if node is None:
            dtypes.check_scalar(x, dtype)
        result.append(scalar(x, dtype) if node is None else node)
    return result, dtype


def expect(op: str, dtype: str, kind: Any) -> None:
    if not is_kind(dtype, kind):
        wanted = " or ".join(kind) if isinstance(kind, tuple) else kind
        raise TraceError(f"trace: xp.{op} is for {wanted} arrays; got dtype={dtype}; xp.astype the argument first")


def known(op: str, dtype: Any) -> str:
    """A type of the standard, by its name."""
    name = dtype if isinstance(dtype, str) else str(dtype).rpartition(".")[2]
    if name not in dtypes.ALL:
        raise TraceError(f"trace: xp.{op} takes a dtype of the standard; got dtype={dtype!r}; xp.float32, for instance")
    return name


def broadcast(*shapes: Shape) -> Shape:
    if len(set(shapes)) == 1:
        return shapes[0]
    ndim = max(map(len, shapes))
    result = []
    for sizes in zip(*((1,) * (ndim - len(shape)) + shape for shape in shapes), strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            text = " and ".join(map(str, shapes))
            raise ShapeError(f"trace: shapes must broadcast; got {text}; each axis from the last must be equal, or 1")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def axis_of(op: str, axis: Any, ndim: int) -> int:
    """The axis counted from 0."""
    if isinstance(axis, Traced) or not hasattr(axis, "__index__"):
        raise TraceError(f"trace: xp.{op} takes an axis as an integer; got axis={axis!r}")
    if not -ndim <= axis < ndim:
        raise ShapeError(f"trace: xp.{op} needs an axis from {-ndim} to {ndim - 1}; got axis={axis}, ndim={ndim}")
    return int(axis) % ndim


def axes_of(op: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes counted from 0; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_of(op, one, ndim) for one in (axis if isinstance(axis, tuple | list) else (axis,)))
    if len(set(axes)) < len(axes):
        raise ShapeError(f"trace: xp.{op} takes each axis once; got axis={axis}")
    return axes


def shape_of(op: str, shape: Any, least: int = 0) -> Shape:
    """The sizes as Python's integers, none below the least."""
    sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if any(isinstance(n, Traced) or not hasattr(n, "__index__") for n in sizes):
        refuse(f"xp.{op} with shape={shape!r}: the shape would depend on values", "sizes read off another shape")
    if any(n < least for n in sizes):
        raise ShapeError(f"trace: xp.{op} takes no size below {least}; got {shape}")
    return tuple(map(int, sizes))
