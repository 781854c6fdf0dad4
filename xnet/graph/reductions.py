"""The standard's chapters that bring many numbers to few: statistics, searching, and linear algebra."""

from collections.abc import Callable
from typing import Any

from xnet.errors import ShapeError, TraceError
from xnet.graph.dtypes import is_kind
from xnet.graph.elementwise import ANY, FLOATING, NUMERIC, REAL, REAL_FLOATING
from xnet.graph.namespace import axes_of, axis_of, broadcast, expect, known, linalg, operands, standard
from xnet.graph.traced import Traced, as_node, write
from xnet.types import Shape


def _reduced(op: str, x: Any, axis: Any, keepdims: bool, result: str, /, **attrs: Any) -> Traced:
    """The node, whose `axis` is always a tuple: all the axes that go."""
    node = as_node(x)
    axes = axes_of(op, axis, len(node.shape))
    shape = tuple(1 if i in axes else n for i, n in enumerate(node.shape) if keepdims or i not in axes)
    return write(op, (node,), shape, result, axis=axes, keepdims=bool(keepdims), **attrs)


def _plain(op: str, kind: Any, result: str | None = None) -> Callable[..., Traced]:
    def f(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Traced:
        dtype = as_node(x).dtype
        expect(op, dtype, kind)
        if op in {"max", "min"} and 0 in [as_node(x).shape[i] for i in axes_of(op, axis, len(as_node(x).shape))]:
            raise ShapeError(f"trace: xp.{op} needs numbers along its axes; got axis={axis}, shape={as_node(x).shape}")
        return _reduced(op, x, axis, keepdims, result or dtype)

    f.__name__ = f.__qualname__ = op
    return f


for _op, _kind, _result in (
    ("max", REAL, None), ("min", REAL, None), ("mean", FLOATING, None),
    ("any", ANY, "bool"), ("all", ANY, "bool"), ("count_nonzero", ANY, "int64"),
):  # fmt: skip
    standard(_plain(_op, _kind, _result))


def _total(op: str) -> Callable[..., Traced]:
    def f(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Traced:
        asked, result = _wide(op, as_node(x).dtype, dtype)
        return _reduced(op, x, axis, keepdims, result, **asked)

    f.__name__ = f.__qualname__ = op
    return f


def _wide(op: str, dtype: str, asked: Any) -> tuple[dict[str, str], str]:
    """The type in which numbers are added up or multiplied: the one asked for, else a wide one for integers."""
    expect(op, dtype, NUMERIC)
    if asked is not None:
        return {"dtype": known(op, asked)}, known(op, asked)
    return {}, {"s": "int64", "u": "uint64"}[_sign(dtype)] if is_kind(dtype, "integral") else dtype


def _sign(dtype: str) -> str:
    return "u" if dtype.startswith("u") else "s"


for _op in ("sum", "prod"):
    standard(_total(_op))


def _spread(op: str) -> Callable[..., Traced]:
    def f(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Traced:
        expect(op, as_node(x).dtype, REAL_FLOATING)
        return _reduced(op, x, axis, keepdims, as_node(x).dtype, correction=correction)

    f.__name__ = f.__qualname__ = op
    return f


for _op in ("var", "std"):
    standard(_spread(_op))


def _place(op: str) -> Callable[..., Traced]:
    def f(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Traced:
        node = as_node(x)
        expect(op, node.dtype, REAL)
        axes = axes_of(op, axis, len(node.shape))
        if isinstance(axis, tuple) or 0 in [node.shape[i] for i in axes]:
            raise ShapeError(f"trace: xp.{op} needs one axis, with numbers in it; got axis={axis}, shape={node.shape}")
        shape = tuple(1 if i in axes else n for i, n in enumerate(node.shape) if keepdims or i not in axes)
        return write(op, (node,), shape, "int64", axis=None if axis is None else axes[0], keepdims=bool(keepdims))

    f.__name__ = f.__qualname__ = op
    return f


for _op in ("argmax", "argmin"):
    standard(_place(_op))


def _running(op: str) -> Callable[..., Traced]:
    def f(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Traced:
        node = as_node(x)
        asked, result = _wide(op, node.dtype, dtype)
        if not node.shape or (axis is None and len(node.shape) > 1):
            raise ShapeError(f"trace: xp.{op} needs to be told its axis; got axis=None, shape={node.shape}")
        i = axis_of(op, 0 if axis is None else axis, len(node.shape))
        shape = (*node.shape[:i], node.shape[i] + bool(include_initial), *node.shape[i + 1 :])
        return write(op, (node,), shape, result, axis=i, include_initial=bool(include_initial), **asked)

    f.__name__ = f.__qualname__ = op
    return f


for _op in ("cumulative_sum", "cumulative_prod"):
    standard(_running(_op))


# Linear algebra


@standard
def matmul(x1: Any, x2: Any, /) -> Traced:
    nodes, dtype = _arrays("matmul", x1, x2)
    a, b = (node.shape for node in nodes)
    if not a or not b or a[-1] != b[-2 if len(b) > 1 else 0]:
        raise ShapeError(
            f"trace: xp.matmul needs the columns of one to be the rows of the other; got shapes {a} and {b}"
        )
    rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()
    return write("matmul", nodes, (*broadcast(a[:-2], b[:-2]), *rows, *columns), dtype)


@standard
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Traced:
    nodes, dtype = _arrays("vecdot", x1, x2)
    a, b = (node.shape for node in nodes)
    if not -min(len(a), len(b)) <= axis < 0 or a[axis] != b[axis]:
        raise ShapeError(f"trace: xp.vecdot needs an axis below 0 of one size; got axis={axis}, shapes {a} and {b}")
    rest = broadcast(_without(a, axis), _without(b, axis))
    return write("vecdot", nodes, rest, dtype, axis=axis)


@standard
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Traced:
    nodes, dtype = _arrays("tensordot", x1, x2)
    a, b = (node.shape for node in nodes)
    if isinstance(axes, int):
        if not 0 <= axes <= min(len(a), len(b)):
            raise ShapeError(f"trace: xp.tensordot needs as many axes in both; got axes={axes}, shapes {a} and {b}")
        axes = (tuple(range(len(a) - axes, len(a))), tuple(range(axes)))
    left, right = axes_of("tensordot", tuple(axes[0]), len(a)), axes_of("tensordot", tuple(axes[1]), len(b))
    if [a[i] for i in left] != [b[i] for i in right]:
        raise ShapeError(f"trace: xp.tensordot needs axes of equal sizes; got axes={axes}, shapes {a} and {b}")
    shape = (*(n for i, n in enumerate(a) if i not in left), *(n for i, n in enumerate(b) if i not in right))
    return write("tensordot", nodes, shape, dtype, axes=(left, right))


@standard
def matrix_transpose(x: Any, /) -> Traced:
    node = as_node(x)
    if len(node.shape) < 2:
        raise ShapeError(f"trace: xp.matrix_transpose needs two axes or more; got shape={node.shape}")
    *rest, rows, columns = node.shape
    return write("matrix_transpose", (node,), (*rest, columns, rows), node.dtype)


def outer(x1: Any, x2: Any, /) -> Traced:
    """Each number of one by each of the other."""
    for x in (x1, x2):
        if len(as_node(x).shape) != 1:
            raise ShapeError(f"trace: xp.linalg.outer is for two vectors; got shape={as_node(x).shape}")
    return tensordot(x1, x2, axes=0)


def _arrays(op: str, *xs: Any) -> tuple[list[Any], str]:
    if not all(hasattr(x, "shape") for x in xs):
        raise TraceError(
            f"trace: xp.{op} is for two arrays; got {', '.join(map(repr, xs))}; use xp.multiply for numbers"
        )
    return operands(op, NUMERIC, *xs)


def _without(shape: Shape, axis: int) -> Shape:
    return tuple(n for i, n in enumerate(shape) if i != axis % len(shape))


for _f in (matmul, vecdot, tensordot, matrix_transpose, outer):
    setattr(linalg, _f.__name__, _f)
