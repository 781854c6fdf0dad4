"""The standard's chapters that bring many numbers to few: statistics, searching, and linear algebra."""

from collections.abc import Callable
from math import inf
from typing import Any

from xnet.graph import dtypes
from xnet.graph.dtypes import ANY, FLOATING, NUMERIC, REAL, REAL_FLOATING
from xnet.graph.tracing.checks import Chapter, arrays, axes_of, axis_of, broadcast, only_axis, require, with_size
from xnet.graph.tracing.traced import Traced, as_node, write

Options = Callable[..., dict[str, Any]]


def no_options() -> dict[str, Any]:
    return {}


def in_type(dtype: Any = None) -> dict[str, Any]:
    return {} if dtype is None else {"dtype": dtypes.named(dtype)}


# What arrays they take, the type that they give, what they may be told beside their axes, and which they are.
FUNCTIONS: tuple[tuple[Any, str, Options, str], ...] = (
    (NUMERIC, "wide", in_type, "sum prod"),
    (FLOATING, "same", no_options, "mean"),
    (REAL_FLOATING, "same", lambda correction=0.0: {"correction": correction}, "var std"),
    (REAL, "same", no_options, "max min"),
    (REAL, "int64", no_options, "argmax argmin"),
    (ANY, "bool", no_options, "any all"),
    (ANY, "int64", no_options, "count_nonzero"),
)
PLACES = {"argmax", "argmin"}


class Products(Chapter):
    def matmul(self, x1: Any, x2: Any, /) -> Traced:
        nodes, dtype = arrays("matmul", NUMERIC, x1, x2)
        a, b = (node.shape for node in nodes)
        fit = bool(a and b) and a[-1] == b[-2:][0]
        require(fit, "xp.matmul needs the columns of one to be the rows of the other; got shapes {} and {}", a, b)
        return write("matmul", nodes, (*broadcast(a[:-2], b[:-2]), *a[-2:-1], *b[-2:][1:]), dtype)

    def vecdot(self, x1: Any, x2: Any, /, *, axis: int = -1) -> Traced:
        nodes, dtype = arrays("vecdot", NUMERIC, x1, x2)
        a, b = (node.shape for node in nodes)
        fit = -min(len(a), len(b)) <= axis < 0 and a[axis] == b[axis]
        require(fit, "xp.vecdot needs an axis below 0 of one size; got axis={}, shapes {} and {}", axis, a, b)
        rest = (with_size(shape, len(shape) + axis) for shape in (a, b))
        return write("vecdot", nodes, broadcast(*rest), dtype, axis=axis)

    def tensordot(self, x1: Any, x2: Any, /, *, axes: Any = 2) -> Traced:
        nodes, dtype = arrays("tensordot", NUMERIC, x1, x2)
        a, b = (node.shape for node in nodes)
        if isinstance(axes, int):
            fit = 0 <= axes <= min(len(a), len(b))
            require(fit, "xp.tensordot needs as many axes in both; got axes={}, shapes {} and {}", axes, a, b)
            axes = range(len(a) - axes, len(a)), range(axes)
        left, right = axes_of("tensordot", tuple(axes[0]), len(a)), axes_of("tensordot", tuple(axes[1]), len(b))
        fit = [a[i] for i in left] == [b[i] for i in right]
        require(fit, "xp.tensordot needs axes of equal sizes; got axes={}, shapes {} and {}", (left, right), a, b)
        free = (*(n for i, n in enumerate(a) if i not in left), *(n for i, n in enumerate(b) if i not in right))
        return write("tensordot", nodes, free, dtype, axes=(left, right))

    def matrix_transpose(self, x: Any, /) -> Traced:
        node = as_node(x)
        require(len(node.shape) > 1, "xp.matrix_transpose needs two axes or more; got shape={}", node.shape)
        *rest, rows, columns = node.shape
        return write("matrix_transpose", (node,), (*rest, columns, rows), node.dtype)


class LinearAlgebra(Products):
    """The standard's `xp.linalg`."""

    def outer(self, x1: Any, x2: Any, /) -> Traced:
        """Each number of one by each of the other."""
        a, b = as_node(x1).shape, as_node(x2).shape
        require(len(a) == len(b) == 1, "xp.linalg.outer is for two vectors; got shapes {} and {}", a, b)
        return self.tensordot(x1, x2, axes=0)

    def vector_norm(self, x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Traced:
        """(Σ |x|ᵖ)¹ᐟᵖ for p = ord, with its limits."""
        arrays("linalg.vector_norm", FLOATING, x)
        xp, size = Traced.xp, Traced.xp.abs(x)
        if ord in {inf, -inf}:
            return (xp.max if ord > 0 else xp.min)(size, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
        powers = size**ord if ord else xp.astype(size != 0, size.dtype)
        total = xp.sum(powers, axis=axis, keepdims=keepdims)
        return total ** (1 / ord) if ord else total  # type: ignore[no-any-return]


class Reductions(Products):
    def searchsorted(self, x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Traced:
        nodes, _ = arrays("searchsorted", REAL, x1 if sorter is None else self.take(x1, sorter), x2)
        row, sought = (node.shape for node in nodes)
        require(len(row) == 1, "xp.searchsorted looks into one row of numbers; got shape={}; xp.reshape it", row)
        require(side in {"left", "right"}, "xp.searchsorted goes to the left or the right; got side={!r}", side)
        return write("searchsorted", nodes, sought, "int64", side=side)


def _reduction(op: str, kind: Any, result: str, options: Options) -> Callable[..., Traced]:
    """In the node, `axis` is a tuple of all the axes that go; but one number, or None, where a place is the result."""

    def f(self: Chapter, x: Any, /, *, axis: Any = None, keepdims: bool = False, **told: Any) -> Traced:
        (node,), dtype = arrays(op, kind, x)
        attrs = options(**told)
        axes: Any = axes_of(op, axis, len(node.shape))
        some = op not in {"max", "min", *PLACES} or 0 not in [node.shape[i] for i in axes]
        require(some, "xp.{} needs numbers along its axes; got axis={}, shape={}", op, axis, node.shape)
        shape = tuple(1 if i in axes else n for i, n in enumerate(node.shape) if keepdims or i not in axes)
        if op in PLACES:
            axes = None if axis is None else axis_of(op, axis, len(node.shape))
        given = attrs.get("dtype") or dtypes.result(result, dtype)
        return write(op, (node,), shape, given, axis=axes, keepdims=bool(keepdims), **attrs)

    return f


def _running(op: str) -> Callable[..., Traced]:
    def f(
        self: Chapter, x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
    ) -> Traced:
        (node,), given = arrays(op, NUMERIC, x)
        attrs = in_type(dtype)
        i = only_axis(op, axis, node.shape)
        shape = with_size(node.shape, i, node.shape[i] + bool(include_initial))
        result = attrs.get("dtype") or dtypes.result("wide", given)
        return write(op, (node,), shape, result, axis=i, include_initial=bool(include_initial), **attrs)

    return f


for _kind, _result, _options, _names in FUNCTIONS:
    for _op in _names.split():
        setattr(Reductions, _op, _reduction(_op, _kind, _result, _options))
for _op in ("cumulative_sum", "cumulative_prod"):
    setattr(Reductions, _op, _running(_op))
