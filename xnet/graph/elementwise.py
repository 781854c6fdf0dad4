"""The standard's chapters on one element at a time, on types, and on searching by a condition."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from xnet.errors import TraceError
from xnet.graph import dtypes
from xnet.graph.dtypes import is_kind, promoted
from xnet.graph.namespace import broadcast, expect, is_number, known, operands, standard, xp
from xnet.graph.traced import Traced, as_node, write
from xnet.types import Shape

NUMERIC, INTEGRAL, BOOL = "numeric", "integral", "bool"
REAL, FLOATING, REAL_FLOATING = (INTEGRAL, "real floating"), ("real floating", "complex floating"), "real floating"
ANY = (BOOL, NUMERIC)

FUNCTIONS: dict[Any, dict[int, str]] = {  # what arrays they take, how many, which
    NUMERIC: {
        1: "abs negative positive square sign round conj real isfinite isinf isnan",
        2: "add subtract multiply pow",
    },
    FLOATING: {
        1: "acos acosh asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 reciprocal sin sinh sqrt tan tanh",
        2: "divide",
    },
    REAL: {1: "ceil floor trunc", 2: "floor_divide remainder maximum minimum less less_equal greater greater_equal"},
    REAL_FLOATING: {1: "signbit", 2: "atan2 hypot logaddexp copysign nextafter"},
    ANY: {2: "equal not_equal"},
    (BOOL, INTEGRAL): {1: "bitwise_invert", 2: "bitwise_and bitwise_or bitwise_xor"},
    INTEGRAL: {2: "bitwise_left_shift bitwise_right_shift"},
    BOOL: {1: "logical_not", 2: "logical_and logical_or logical_xor"},
    "complex floating": {1: "imag"},
}
ASKS = {"isfinite", "isinf", "isnan", "signbit", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
PARTS = {"abs", "real", "imag"}


def _elementwise(op: str, kind: Any, arguments: int) -> Callable[..., Traced]:
    def f(*xs: Any) -> Traced:
        if len(xs) != arguments:
            raise TraceError(f"trace: xp.{op} takes {arguments} arrays; got {len(xs)}")
        nodes, dtype = operands(op, kind, *xs)
        result = "bool" if op in ASKS else dtypes.real(dtype) if op in PARTS else dtype
        return write(op, nodes, broadcast(*[node.shape for node in nodes]), result)

    f.__name__ = f.__qualname__ = op
    return f


for _kind, _by_number in FUNCTIONS.items():
    for _number, _names in _by_number.items():
        for _op in _names.split():
            standard(_elementwise(_op, _kind, _number))


@standard
def where(condition: Any, x1: Any, x2: Any, /) -> Traced:
    asked = as_node(condition)
    expect("where", asked.dtype, BOOL)
    nodes, dtype = operands("where", ANY, x1, x2)
    return write("where", (asked, *nodes), broadcast(asked.shape, *(node.shape for node in nodes)), dtype)


@standard
def clip(x: Any, /, min: Any = None, max: Any = None) -> Traced:
    """min(max(x, low), high), of x's own type."""
    dtype = as_node(x).dtype
    expect("clip", dtype, REAL)
    for bound, f in ((min, xp.maximum), (max, xp.minimum)):
        x = x if bound is None else f(x, bound)
    if as_node(x).dtype != dtype:
        raise TraceError(f"trace: xp.clip keeps the type of x; got {dtype}, and bounds that make it {as_node(x).dtype}")
    return Traced(as_node(x))


@standard
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Traced:
    node, dtype = as_node(x), known("astype", dtype)
    if is_kind(node.dtype, "complex floating") and not is_kind(dtype, "complex floating"):
        raise TraceError(f"trace: xp.astype makes no complex number real; got {node.dtype} to {dtype}; use xp.real")
    return write("astype", (node,), node.shape, dtype, dtype=dtype)


@standard
def isdtype(dtype: Any, kind: Any) -> bool:
    return is_kind(known("isdtype", dtype), kind)


@standard
def result_type(*xs: Any) -> str:
    dtype = promoted(*(_dtype(x) for x in xs if not is_number(x)))
    for x in xs:
        if is_number(x):
            dtypes.check_scalar(x, dtype)
    return dtype


@standard
def can_cast(from_: Any, to: Any, /) -> bool:
    try:
        return bool(promoted(_dtype(from_), to) == to)
    except TraceError:
        return False


@standard
def finfo(dtype: Any, /) -> SimpleNamespace:
    expect("finfo", _dtype(dtype), FLOATING)
    return dtypes.info(_dtype(dtype))


@standard
def iinfo(dtype: Any, /) -> SimpleNamespace:
    expect("iinfo", _dtype(dtype), INTEGRAL)
    return dtypes.info(_dtype(dtype))


@standard
def broadcast_shapes(*shapes: Shape) -> Shape:
    return broadcast(*shapes)


def _dtype(x: Any) -> str:
    return known("result_type", x) if isinstance(x, str) or not hasattr(x, "dtype") else as_node(x).dtype
