"""Elementwise operations as expressions of C and of CUDA C, with NumPy's results.

Complex numbers have none.  Operands are repeated, so they must be variables or literals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf, isnan, log
from string import Template
from struct import pack, unpack
from typing import Any

from xnet.graph.dtypes import COMPLEX, FLOATS, SIGNED, UNSIGNED, info, promoted
from xnet.graph.ir import Node

TYPES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int", "uint64": "unsigned long long",
    "float32": "float", "float64": "double",
}  # fmt: skip
INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "equal": "==", "not_equal": "!=",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
    "logical_and": "&&", "logical_or": "||", "logical_xor": "!=",
}  # fmt: skip
MATH = (
    "exp expm1 log log1p log2 log10 sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh ceil floor trunc"
)
# $s ends the name of a function and of a number of float32; fmax and fmin would drop NaN.
FLOAT = {
    **{op: f"$a {sign} $b" for op, sign in INFIX.items()},
    **{op: f"{op}$s($a)" for op in MATH.split()},
    **{op: f"{op}$s($a, $b)" for op in ("pow", "atan2", "hypot", "copysign", "nextafter")},
    **{op: f"{op}_$dtype($a, $b)" for op in ("floor_divide", "remainder")},
    **dict.fromkeys(("positive", "conj", "real"), "$a"),
    "negative": "-$a", "square": "$a * $a", "reciprocal": "1 / $a", "abs": "fabs$s($a)", "round": "rint$s($a)",
    "sign": "$a > 0 ? 1 : $a < 0 ? -1 : $a == 0 ? 0 : $a",
    "isnan": "$a != $a", "isinf": "fabs$s($a) == $inf", "isfinite": "fabs$s($a) < $inf", "signbit": "signbit($a) != 0",
    "maximum": "$a != $a || $a > $b ? $a : $b", "minimum": "$a != $a || $a < $b ? $a : $b",
    "logaddexp": "$a == $b ? $a + $log2 : $a > $b ? $a + log1p$s(exp$s($b - $a)) : "
                 "$a < $b ? $b + log1p$s(exp$s($a - $b)) : $a - $b",
}  # fmt: skip
# Arithmetic is of unsigned numbers ($U), which wrap around: the overflow of signed ones is undefined in C.
UNSIGNED_INTEGER = {
    **{op: f"$a {sign} $b" for op, sign in INFIX.items()},
    **{op: f"($T)(($U)$a {INFIX[op]} ($U)$b)" for op in ("add", "subtract", "multiply")},
    **{f"bitwise_{op}": f"($T)($a {sign} $b)" for op, sign in {"and": "&", "or": "|", "xor": "^"}.items()},
    **dict.fromkeys(("positive", "conj", "real", "round", "ceil", "floor", "trunc", "abs"), "$a"),
    "negative": "($T)(0 - ($U)$a)", "square": "($T)(($U)$a * ($U)$a)", "sign": "$a > 0", "pow": "pow_$dtype($a, $b)",
    "isnan": "false", "isinf": "false", "isfinite": "true", "bitwise_invert": "($T)~$a",
    "maximum": "$a > $b ? $a : $b", "minimum": "$a < $b ? $a : $b",
    "floor_divide": "$b == 0 ? 0 : $a / $b", "remainder": "$b == 0 ? 0 : $a % $b",
    "bitwise_left_shift": "($U)$b < $bits ? ($T)(($U)$a << $b) : 0",
    "bitwise_right_shift": "($U)$b < $bits ? $a >> $b : 0",
}  # fmt: skip
SIGNED_INTEGER = UNSIGNED_INTEGER | {
    "abs": "$a < 0 ? ($T)(0 - ($U)$a) : $a",
    "sign": "($a > 0) - ($a < 0)",
    "floor_divide": "$b == 0 ? 0 : $b == -1 ? ($T)(0 - ($U)$a) : $a / $b - ($a % $b != 0 && ($a < 0) != ($b < 0))",
    "remainder": "$b == 0 || $b == -1 ? 0 : $a % $b + ($a % $b != 0 && ($a < 0) != ($b < 0) ? $b : 0)",
    "bitwise_right_shift": "($U)$b < $bits ? $a >> $b : $a < 0 ? -1 : 0",
}
BOOL = {
    **{op: f"$a {sign} $b" for op, sign in INFIX.items()},
    "bitwise_and": "$a && $b", "bitwise_or": "$a || $b", "bitwise_xor": "$a != $b",
    "bitwise_invert": "!$a", "logical_not": "!$a",
}  # fmt: skip
TABLES = {
    "bool": BOOL,
    **dict.fromkeys(SIGNED, SIGNED_INTEGER),
    **dict.fromkeys(UNSIGNED, UNSIGNED_INTEGER),
    **dict.fromkeys(FLOATS, FLOAT),
}
DIVIDE = """$function $T remainder_$dtype($T a, $T b) {
  $T r = fmod$s(a, b);
  return b == 0 ? r : r == 0 ? copysign$s(0, b) : (b < 0) != (r < 0) ? r + b : r;
}
$function $T floor_divide_$dtype($T a, $T b) {
  if (b == 0) return a / b;
  $T q = (a - fmod$s(a, b)) / b;
  if (fmod$s(a, b) != 0 && (b < 0) != (a < 0)) q -= 1;
  $T whole = floor$s(q);
  return q == 0 ? copysign$s(0, a / b) : q - whole > $half ? whole + 1 : whole;
}
"""
POWER = """$function $T pow_$dtype($T a, $T b) {
  $U x = ($U)a, y = 1;
  for (; b > 0; b >>= 1, x *= x) if (b & 1) y *= x;
  return ($T)y;
}
"""


@dataclass(frozen=True)
class Dialect:
    """What differs between the two: how a file and a function begin, and numbers that are not finite."""

    head: str
    function: str
    inf: dict[str, str]
    nan: dict[str, str]


C = Dialect(
    "#include <math.h>\n#include <stdbool.h>\n",
    "static inline",
    {"float32": "INFINITY", "float64": "(double)INFINITY"},
    {"float32": "NAN", "float64": "(double)NAN"},
)
CUDA = Dialect(  # whose run-time compiler has no headers
    "",
    "static __device__ __forceinline__",
    {"float32": "__int_as_float(0x7f800000)", "float64": "__longlong_as_double(0x7ff0000000000000LL)"},
    {"float32": "__int_as_float(0x7fc00000)", "float64": "__longlong_as_double(0x7ff8000000000000LL)"},
)


def has_expression(node: Node) -> bool:
    """Whether the operation is elementwise and its numbers are real."""
    dtypes = {node.dtype, *(x.dtype for x in node.inputs)}
    return not dtypes & {*COMPLEX} and (
        node.op in {"where", "astype"} or (bool(node.inputs) and node.op in TABLES[_common(node)])
    )


def expression(node: Node, operands: Sequence[str], dialect: Dialect) -> str:
    """The value of the node, of the type TYPES[node.dtype], from these variables or literals."""
    if node.op == "astype":
        return f"({TYPES[node.dtype]}){operands[0]}"
    common = _common(node)
    a, b, *rest = (*(_cast(x, node.inputs[i].dtype, common) for i, x in enumerate(operands)), "")
    if node.op == "where":
        return f"{operands[0]} ? {b} : {rest[0]}"
    return Template(TABLES[common][node.op]).substitute(_words(common, dialect), a=a, b=b)


def functions(dialect: Dialect) -> str:
    """The beginning of a file: the functions that expressions call."""
    texts = [Template(DIVIDE if dtype in FLOATS else POWER).substitute(_words(dtype, dialect))
             for dtype in (*FLOATS, *SIGNED, *UNSIGNED)]  # fmt: skip
    return dialect.head + "".join(texts)


def literal(value: Any, dtype: str, dialect: Dialect) -> str:
    """A number of Python as one of this type."""
    if dtype == "bool":
        return "true" if value else "false"
    if dtype not in FLOATS:
        lowest = (
            dtype in {"int32", "int64"} and value == info(dtype).min
        )  # which is written as a sum: C has no such number
        text = f"{int(value) + lowest}{'u' * (dtype in UNSIGNED)}{'ll' * (info(dtype).bits == 64)}"
        return f"({text} - 1)" if lowest else f"({text})" if value < 0 else text
    value = _rounded(float(value), dtype)
    if isnan(value):
        return dialect.nan[dtype]
    digits = dialect.inf[dtype] if isinf(value) else f"{abs(value):.{9 if dtype == 'float32' else 17}g}"
    if not isinf(value):
        digits += ("" if set(digits) & {".", "e"} else ".0") + ("f" if dtype == "float32" else "")
    return f"(-{digits})" if str(value).startswith("-") else digits


def _common(node: Node) -> str:
    """The type in which the operation is done."""
    inputs = [x.dtype for x in node.inputs]
    return promoted(*inputs[node.op == "where" :])


def _cast(x: str, dtype: str, to: str) -> str:
    return x if dtype == to else f"({TYPES[to]}){x}"


def _words(dtype: str, dialect: Dialect) -> dict[str, Any]:
    """What stands for the words with a dollar."""
    words = {"T": TYPES[dtype], "dtype": dtype, "function": dialect.function}
    if dtype in FLOATS:
        numbers = {
            "inf": dialect.inf[dtype],
            "log2": literal(log(2), dtype, dialect),
            "half": literal(0.5, dtype, dialect),
        }
        return words | numbers | {"s": "f" if dtype == "float32" else ""}
    bits = 8 if dtype == "bool" else info(dtype).bits
    return words | {"bits": bits, "U": f"unsigned {'long long' if bits == 64 else 'int'}"}


def _rounded(value: float, dtype: str) -> float:
    try:
        return float(unpack("f", pack("f", value))[0]) if dtype == "float32" else value
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
