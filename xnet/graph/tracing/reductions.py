"""Functions for stand-ins that reduce axes or accumulate along one: sums, extremes, statistics."""

from collections.abc import Callable
from typing import Any

from xnet.graph import dtypes
from xnet.graph.dtypes import ANY, FLOATING, NUMERIC, REAL, REAL_FLOATING
from xnet.graph.tracing.checks import arrays, axes_of, axis_of, only_axis, require, with_size
from xnet.graph.tracing.traced import Traced, record

Options = Callable[..., dict[str, Any]]


def _no_options() -> dict[str, Any]:
    return {}


def _in_dtype(dtype: Any = None) -> dict[str, Any]:
    return {} if dtype is None else {"dtype": dtypes.named(dtype)}


# The kinds of arrays they take, the dtype they give, the options beside the axes, and their names.
FUNCTIONS: tuple[tuple[Any, str, Options, str], ...] = (
    (NUMERIC, "wide", _in_dtype, "sum prod"),
    (FLOATING, "same", _no_options, "mean"),
    (REAL_FLOATING, "same", lambda correction=0.0: {"correction": correction}, "var std"),
    (REAL, "same", _no_options, "max min"),
    (REAL, "int64", _no_options, "argmax argmin"),
    (ANY, "bool", _no_options, "any all"),
    (ANY, "int64", _no_options, "count_nonzero"),
)
INDEX = {"argmax", "argmin"}


def _reduction(op: str, kind: Any, result: str, options: Options) -> Callable[..., Traced]:
    """In the node, `axis` is the tuple of all reduced axes; for argmax and argmin it is one axis, or None."""

    def f(x: Any, /, *, axis: Any = None, keepdims: bool = False, **given: Any) -> Traced:
        (node,), dtype = arrays(op, kind, x)
        attrs = options(**given)
        axes: Any = axes_of(op, axis, len(node.shape))
        some = op not in {"max", "min", *INDEX} or 0 not in [node.shape[i] for i in axes]
        require(some, "xp.{} needs numbers along its axes; got axis={}, shape={}", op, axis, node.shape)
        shape = tuple(1 if i in axes else n for i, n in enumerate(node.shape) if keepdims or i not in axes)
        if op in INDEX:
            axes = None if axis is None else axis_of(op, axis, len(node.shape))
        dtype = attrs.get("dtype") or dtypes.result(result, dtype)
        return record(op, (node,), shape, dtype, axis=axes, keepdims=bool(keepdims), **attrs)

    return f


def _running(op: str) -> Callable[..., Traced]:
    def f(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Traced:
        (node,), given = arrays(op, NUMERIC, x)
        attrs, i = _in_dtype(dtype), only_axis(op, axis, node.shape)
        shape = with_size(node.shape, i, node.shape[i] + bool(include_initial))
        result = attrs.get("dtype") or dtypes.result("wide", given)
        return record(op, (node,), shape, result, axis=i, include_initial=bool(include_initial), **attrs)

    return f


GENERATED = {
    **{op: _reduction(op, *row) for *row, names in FUNCTIONS for op in names.split()},
    **{op: _running(op) for op in ("cumulative_sum", "cumulative_prod")},
}
