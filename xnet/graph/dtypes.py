"""The standard's dtypes by name, and their promotion."""

from functools import cache
from types import SimpleNamespace
from typing import Any

from xnet.errors import TraceError

SIGNED, UNSIGNED = ("int8", "int16", "int32", "int64"), ("uint8", "uint16", "uint32", "uint64")
FLOATS, COMPLEX = ("float32", "float64"), ("complex64", "complex128")
KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": (*SIGNED, *UNSIGNED),
    "real floating": FLOATS,
    "complex floating": COMPLEX,
    "numeric": (*SIGNED, *UNSIGNED, *FLOATS, *COMPLEX),
}
NUMERIC, INTEGRAL, REAL_FLOATING = "numeric", "integral", "real floating"
REAL, FLOATING, ANY = (INTEGRAL, REAL_FLOATING), (REAL_FLOATING, "complex floating"), ("bool", NUMERIC)
ALL = ("bool", *KINDS[NUMERIC])
# The dtypes to which each may be promoted, the narrowest first.
WIDER: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    **{name: SIGNED[i:] for i, name in enumerate(SIGNED)},
    **{name: (*UNSIGNED[i:], *SIGNED[i + 1 :]) for i, name in enumerate(UNSIGNED)},
    "float32": (*FLOATS, *COMPLEX),
    "float64": ("float64", "complex128"),
    "complex64": COMPLEX,
    "complex128": ("complex128",),
}
# For Python's numbers: the dtype of an array of them, and the arrays with which they may be combined.
NUMBERS = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}
BESIDE = {bool: "bool", int: NUMERIC, float: FLOATING, complex: "complex floating"}


class Dtype(str):
    """The name of a dtype, equal to the dtype of that name of any library."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other if isinstance(other, str) else _name(other))

    def __ne__(self, other: object) -> bool:
        return not self == other


DTYPES = {name: Dtype(name) for name in ALL}


def _name(dtype: Any) -> str:
    return getattr(dtype, "__name__", str(dtype)).rpartition(".")[2]


@cache
def is_kind(dtype: str, kind: Any) -> bool:
    """The standard's isdtype."""
    if isinstance(kind, tuple):
        return any(is_kind(dtype, one) for one in kind)
    return dtype in KINDS.get(kind, (kind,))


def is_number(x: Any) -> bool:
    return type(x) in NUMBERS


@cache
def promoted(first: str, *others: str) -> str:
    """The narrowest dtype that holds all of these."""
    for dtype in WIDER[first]:
        if all(dtype in WIDER[other] for other in others):
            return dtype
    got = " and ".join((first, *others))
    raise TraceError(f"trace: two types must have one that holds both; got {got}; xp.astype one of them")


def together(op: str, *xs: Any) -> str:
    """The common dtype of arrays and of the Python numbers beside them, which take the arrays' dtype."""
    known = [x for x in xs if isinstance(x, str)]
    if not known:
        raise TraceError(f"trace: xp.{op} must be given an array; got {', '.join(map(repr, xs))}; math is for numbers")
    dtype = promoted(*known)
    if complex in map(type, xs) and dtype in FLOATS:
        dtype = promoted(dtype, "complex64")
    for x in xs:
        if is_number(x):
            check_scalar(x, dtype)
    return dtype


def check_scalar(value: bool | float | complex, dtype: str) -> None:
    fits = is_kind(dtype, BESIDE[type(value)])
    if not fits or (is_kind(dtype, INTEGRAL) and not info(dtype).min <= value <= info(dtype).max):
        raise TraceError(
            f"trace: a Python number must be of the array's kind or a narrower one, and within its range; "
            f"got {value!r} beside {dtype}; xp.astype the array first"
        )


def expect(op: str, dtype: str, kind: Any) -> None:
    if not is_kind(dtype, kind):
        wanted = " or ".join(kind) if isinstance(kind, tuple) else kind
        raise TraceError(f"trace: xp.{op} is for {wanted} arrays; got dtype={dtype}; xp.astype the argument first")


def named(dtype: Any, what: str = "dtype") -> str:
    """The standard's name of a dtype, which may be an object of a library."""
    name = _name(dtype)
    if name not in ALL:
        swapped = not getattr(dtype, "isnative", True)
        fix = 'x.astype(x.dtype.newbyteorder("="))' if swapped else "xp.astype(x, xp.float32), for instance"
        raise TraceError(
            f"trace: a dtype must be one of {', '.join(ALL)}, in this machine's byte order; got {what}={dtype!r}; {fix}"
        )
    return name


def result(rule: str, dtype: str) -> str:
    """The dtype of a function's result: a name, or `same`, `real` or `wide` for one that depends on the arrays."""
    if rule == "real":
        return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    if rule == "wide":  # in which integers are summed
        return {"i": "int64", "u": "uint64"}.get(dtype[0], dtype)
    return dtype if rule == "same" else rule


def info(dtype: str) -> SimpleNamespace:
    """The standard's finfo and iinfo."""
    if is_kind(dtype, INTEGRAL):
        bits, signed = int(dtype.lstrip("uint")), dtype in SIGNED
        return SimpleNamespace(bits=bits, min=-(2 ** (bits - 1)) * signed, max=2 ** (bits - signed) - 1, dtype=dtype)
    bits, digits, exponent = (32, 23, 127) if result("real", dtype) == "float32" else (64, 52, 1023)
    top, eps, smallest = (2 - 2.0**-digits) * 2.0**exponent, 2.0**-digits, 2.0 ** (1 - exponent)
    return SimpleNamespace(bits=bits, eps=eps, max=top, min=-top, smallest_normal=smallest, dtype=result("real", dtype))
