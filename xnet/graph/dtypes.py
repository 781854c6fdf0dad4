"""The standard's types by name, and what two of them make together."""

from types import SimpleNamespace
from typing import Any

from xnet.errors import TraceError

BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
SIGNED = tuple(name for name in BITS if name.startswith("i"))
UNSIGNED = tuple(name for name in BITS if name.startswith("u"))
KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": (*SIGNED, *UNSIGNED),
    "real floating": FLOATS,
    "complex floating": COMPLEX,
    "numeric": (*SIGNED, *UNSIGNED, *FLOATS, *COMPLEX),
}
ALL = ("bool", *KINDS["numeric"])
FROM_PARTS = dict(zip(FLOATS, COMPLEX, strict=True))
NUMBERS = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}  # an array made of Python's alone


def is_kind(dtype: str, kind: Any) -> bool:
    """The standard's isdtype."""
    if isinstance(kind, tuple):
        return any(is_kind(dtype, one) for one in kind)
    return dtype in KINDS.get(kind, (kind,))


def promoted(*dtypes: str) -> str:
    """The standard's result_type."""
    result = dtypes[0]
    for other in dtypes[1:]:
        result = _pair(result, other)
    return result


def _pair(a: str, b: str) -> str:
    if a == b:
        return a
    if a in BITS and b in BITS:
        if a[0] == b[0]:
            return max(a, b, key=BITS.__getitem__)
        signed, unsigned = (a, b) if a in SIGNED else (b, a)
        bits = max(BITS[signed], 2 * BITS[unsigned])
        if bits <= 64:
            return f"int{bits}"
    if {a, b} <= {*FLOATS, *COMPLEX}:
        double = {"float64", "complex128"} & {a, b}
        if {a, b} & {*COMPLEX}:
            return "complex128" if double else "complex64"
        return "float64"
    raise TraceError(f"trace: two types must have one that holds both; got {a} and {b}; xp.astype one of them")


def check_scalar(value: bool | float | complex, dtype: str) -> None:
    """A Python number takes the type of the array beside it, which must be of its kind or a wider one."""
    allowed = {bool: ("bool",), int: KINDS["numeric"], float: (*FLOATS, *COMPLEX), complex: COMPLEX}[type(value)]
    if dtype not in allowed:
        raise TraceError(
            f"trace: a Python {type(value).__name__} needs an array of its kind or a wider one; got {value!r} beside "
            f"{dtype}; xp.astype the array first"
        )
    if dtype in BITS and isinstance(value, int) and not info(dtype).min <= value <= info(dtype).max:
        raise TraceError(
            f"trace: a number must fit the array's type; got {value!r} beside {dtype}; xp.astype the array"
        )


def real(dtype: str) -> str:
    """What the parts of a complex number are."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def info(dtype: str) -> SimpleNamespace:
    """The standard's finfo and iinfo."""
    if dtype in BITS:
        bits, signed = BITS[dtype], dtype in SIGNED
        return SimpleNamespace(bits=bits, min=-(2 ** (bits - 1)) * signed, max=2 ** (bits - signed) - 1, dtype=dtype)
    bits, digits, exponent = (32, 23, 127) if real(dtype) == "float32" else (64, 52, 1023)
    top, eps, smallest = (2 - 2.0**-digits) * 2.0**exponent, 2.0**-digits, 2.0 ** (1 - exponent)
    return SimpleNamespace(bits=bits, eps=eps, max=top, min=-top, smallest_normal=smallest, dtype=real(dtype))
