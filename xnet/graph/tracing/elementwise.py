"""Functions for stand-ins: one element at a time, and questions about dtypes."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from xnet.errors import TraceError
from xnet.graph import dtypes
from xnet.graph.dtypes import ANY, FLOATING, INTEGRAL, NUMERIC, REAL, REAL_FLOATING, expect, is_kind, named
from xnet.graph.tracing.checks import broadcast_shapes
from xnet.graph.tracing.traced import Traced, as_node, operands, record

# The kinds of arrays they take, how many, the dtype they give, and their names.
FUNCTIONS: tuple[tuple[Any, int, str, str], ...] = (
    (NUMERIC, 1, "same", "negative positive square sign round conj"),
    (NUMERIC, 1, "real", "abs real"),
    (NUMERIC, 1, "bool", "isfinite isinf isnan"),
    (NUMERIC, 2, "same", "add subtract multiply pow"),
    (FLOATING, 1, "same", "exp expm1 log log1p log2 log10 sqrt reciprocal sin cos tan asin acos atan"),
    (FLOATING, 1, "same", "sinh cosh tanh asinh acosh atanh"),
    (FLOATING, 2, "same", "divide"),
    ("complex floating", 1, "real", "imag"),
    (REAL, 1, "same", "ceil floor trunc"),
    (REAL, 2, "same", "floor_divide remainder maximum minimum"),
    (REAL, 2, "bool", "less less_equal greater greater_equal"),
    (REAL_FLOATING, 1, "bool", "signbit"),
    (REAL_FLOATING, 2, "same", "atan2 hypot logaddexp copysign nextafter"),
    (ANY, 2, "bool", "equal not_equal"),
    (("bool", INTEGRAL), 1, "same", "bitwise_invert"),
    (("bool", INTEGRAL), 2, "same", "bitwise_and bitwise_or bitwise_xor"),
    (INTEGRAL, 2, "same", "bitwise_left_shift bitwise_right_shift"),
    ("bool", 1, "same", "logical_not"),
    ("bool", 2, "same", "logical_and logical_or logical_xor"),
)


def _function(op: str, kind: Any, arguments: int, result: str) -> Callable[..., Traced]:
    def f(*xs: Any) -> Traced:
        if len(xs) != arguments:
            raise TraceError(f"trace: xp.{op} takes {arguments} arrays; got {len(xs)}")
        nodes, dtype = operands(op, kind, *xs)
        return record(op, nodes, broadcast_shapes(*[node.shape for node in nodes]), dtypes.result(result, dtype))

    return f


GENERATED = {op: _function(op, *row) for *row, names in FUNCTIONS for op in names.split()}


def where(condition: Any, x1: Any, x2: Any, /) -> Traced:
    (asked,), _ = operands("where", "bool", condition)
    nodes, dtype = operands("where", ANY, x1, x2)
    return record("where", (asked, *nodes), broadcast_shapes(asked.shape, *(node.shape for node in nodes)), dtype)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Traced:
    """min(max(x, low), high), of x's own dtype."""
    dtype = as_node(x).dtype
    expect("clip", dtype, REAL)
    for bound, op in ((min, "maximum"), (max, "minimum")):
        x = x if bound is None else GENERATED[op](x, bound)
    node = as_node(x)
    if node.dtype != dtype:
        raise TraceError(f"trace: xp.clip keeps the type of x; got {dtype}, and bounds that make it {node.dtype}")
    return Traced(node)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Traced:
    node, dtype = as_node(x), named(dtype)
    if is_kind(node.dtype, "complex floating") and not is_kind(dtype, "complex floating"):
        raise TraceError(f"trace: xp.astype makes no complex number real; got {node.dtype} to {dtype}; use xp.real")
    return record("astype", (node,), node.shape, dtype, dtype=dtype)


def isdtype(dtype: Any, kind: Any) -> bool:
    return is_kind(named(dtype), kind)


def result_type(*xs: Any) -> str:
    return dtypes.together("result_type", *(x if dtypes.is_number(x) else _dtype_of(x) for x in xs))


def can_cast(from_: Any, to: Any, /) -> bool:
    return _dtype_of(to) in dtypes.WIDER[_dtype_of(from_)]


def finfo(dtype: Any, /) -> SimpleNamespace:
    expect("finfo", _dtype_of(dtype), FLOATING)
    return dtypes.info(_dtype_of(dtype))


def iinfo(dtype: Any, /) -> SimpleNamespace:
    expect("iinfo", _dtype_of(dtype), INTEGRAL)
    return dtypes.info(_dtype_of(dtype))


def _dtype_of(x: Any) -> str:
    return named(getattr(x, "dtype", x))
