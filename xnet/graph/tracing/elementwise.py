"""The standard's chapters on one element at a time, and on types."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from xnet.errors import TraceError
from xnet.graph import dtypes
from xnet.graph.dtypes import ANY, FLOATING, INTEGRAL, NUMERIC, REAL, REAL_FLOATING, expect, is_kind, named
from xnet.graph.tracing.checks import Chapter, broadcast
from xnet.graph.tracing.traced import Traced, as_node, operands, write

# What arrays they take, how many, the type that they give, and which they are.
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


class Elementwise(Chapter):
    def where(self, condition: Any, x1: Any, x2: Any, /) -> Traced:
        (asked,), _ = operands("where", "bool", condition)
        nodes, dtype = operands("where", ANY, x1, x2)
        return write("where", (asked, *nodes), broadcast(asked.shape, *(node.shape for node in nodes)), dtype)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Traced:
        """min(max(x, low), high), of x's own type."""
        dtype = as_node(x).dtype
        expect("clip", dtype, REAL)
        for bound, f in ((min, self.maximum), (max, self.minimum)):
            x = x if bound is None else f(x, bound)
        node = as_node(x)
        if node.dtype != dtype:
            raise TraceError(f"trace: xp.clip keeps the type of x; got {dtype}, and bounds that make it {node.dtype}")
        return Traced(node)

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Traced:
        node, dtype = as_node(x), named(dtype)
        if is_kind(node.dtype, "complex floating") and not is_kind(dtype, "complex floating"):
            raise TraceError(f"trace: xp.astype makes no complex number real; got {node.dtype} to {dtype}; use xp.real")
        return write("astype", (node,), node.shape, dtype, dtype=dtype)

    def isdtype(self, dtype: Any, kind: Any) -> bool:
        return is_kind(named(dtype), kind)

    def result_type(self, *xs: Any) -> str:
        return dtypes.together("result_type", *(x if dtypes.is_number(x) else _type_of(x) for x in xs))

    def can_cast(self, from_: Any, to: Any, /) -> bool:
        return _type_of(to) in dtypes.WIDER[_type_of(from_)]

    def finfo(self, dtype: Any, /) -> SimpleNamespace:
        expect("finfo", _type_of(dtype), FLOATING)
        return dtypes.info(_type_of(dtype))

    def iinfo(self, dtype: Any, /) -> SimpleNamespace:
        expect("iinfo", _type_of(dtype), INTEGRAL)
        return dtypes.info(_type_of(dtype))

    broadcast_shapes = staticmethod(broadcast)


def _type_of(x: Any) -> str:
    return named(getattr(x, "dtype", x))


def _function(op: str, kind: Any, arguments: int, result: str) -> Callable[..., Traced]:
    def f(self: Chapter, *xs: Any) -> Traced:
        if len(xs) != arguments:
            raise TraceError(f"trace: xp.{op} takes {arguments} arrays; got {len(xs)}")
        nodes, dtype = operands(op, kind, *xs)
        return write(op, nodes, broadcast(*[node.shape for node in nodes]), dtypes.result(result, dtype))

    return f


for _kind, _arguments, _result, _names in FUNCTIONS:
    for _op in _names.split():
        setattr(Elementwise, _op, _function(_op, _kind, _arguments, _result))
