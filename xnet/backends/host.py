"""A user's values as a NumPy array: the part of `asarray` that is the same for every library."""

import contextlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from xnet.errors import DtypeError, ShapeError, UnknownNameError, ValueRangeError
from xnet.names import near

HostArray: TypeAlias = npt.NDArray[Any]

DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip

NARROWER = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}


def one_line(error: BaseException) -> str:
    """The error's type and text on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def short(x: object) -> str:
    """repr(x) on one line, cut to 40 characters, for errors."""
    text = " ".join(repr(x).split())
    return text if len(text) <= 40 else text[:37] + "…"


def quiet() -> contextlib.AbstractContextManager[None]:
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def known_dtype(name: object) -> str:
    """The name itself, if it is a known dtype; otherwise an error."""
    if not isinstance(name, str):
        raise DtypeError(f'asarray: dtype must be a name or None; got dtype={name!r}; write dtype="float32"')
    if name not in DTYPES:
        close = near(name, DTYPES)
        hint = f'did you mean "{close}"?' if close else 'write dtype="float32"'
        raise UnknownNameError(f'asarray: dtype must be one of {", ".join(DTYPES)}; got dtype="{name}"; {hint}')
    return name


def is_python(x: object) -> bool:
    """Whether x is a number, list, tuple or range of Python.  NumPy's scalars count as arrays."""
    return isinstance(x, bool | int | float | complex | list | tuple | range) and not is_numpy(x)


def is_numpy(x: object) -> bool:
    return isinstance(x, np.ndarray | np.generic)


def dtype_name(x: Any) -> str:
    """`torch.float32`, `array_api_strict.float32` and NumPy's float32 are all `float32`."""
    return str(getattr(x, "dtype", "")).rpartition(".")[2]


def from_python(x: Any, dtype: str | None) -> HostArray:
    """Numbers, lists and tuples of Python: floats become float32, integers int64, complex numbers complex64."""
    leaf = x
    while isinstance(leaf, list | tuple) and leaf:
        leaf = leaf[0]
    if hasattr(leaf, "__dlpack__") and not is_numpy(leaf):
        raise DtypeError(
            f"asarray: a list must hold numbers; got a list of {type(leaf).__name__}; "
            "stack them in their own library and give the one array"
        )
    try:
        values = np.asarray(x)
    except ValueError:
        raise ShapeError(
            f"asarray: the rows of a list must have one length; got x={short(x)}; "
            "pad the rows, or give one array for each length"
        ) from None
    values = checked(values)
    if dtype is None and not is_numpy(leaf):
        dtype = {"float64": "float32", "complex128": "complex64"}.get(values.dtype.name)
    return values if dtype is None else cast(values, dtype)


def from_array(x: Any) -> HostArray:
    """A NumPy array, or an object that converts to one (`__array__`, DLPack); the dtype is kept."""
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray and np.ma.is_masked(x):
        raise ValueRangeError(
            "asarray: a masked array must have nothing masked; got masked values; fill them: x.filled(0)"
        )
    shown = hasattr(x, "__array__") or not hasattr(x, "__dlpack__")
    return checked(np.asarray(x) if shown else np.from_dlpack(x))


def checked(values: HostArray) -> HostArray:
    """The values in the processor's byte order; an error if they are not numbers."""
    if values.dtype.name not in DTYPES:
        shown = values.ravel()[:3].tolist() if values.ndim else values.item()
        raise DtypeError(
            f"asarray: the values must be numbers; got dtype={values.dtype.name}, x={short(shown)}; "
            'make them numbers first, for example with numpy.asarray(x, dtype="float32")'
        )
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def cast(values: HostArray, dtype: str) -> HostArray:
    """The values in the dtype; an error if a value does not fit."""
    name = values.dtype.name
    target = np.dtype("float32" if dtype == "bfloat16" else dtype)
    if values.dtype == target or name == dtype:
        return values
    if values.dtype.kind == "c" and target.kind not in "cb":
        raise DtypeError(f"asarray: complex to {dtype} would drop a part; got dtype={name}; give x.real")
    if values.dtype.kind in "iu" and target.kind in "iu" and not fits(values, target.name):
        raise out_of_range(values, dtype)
    try:
        with np.errstate(over="raise", invalid="raise"):
            return values.astype(target)
    except FloatingPointError:
        raise out_of_range(values, dtype) from None


def fits(values: HostArray, dtype: str) -> bool:
    bounds = np.iinfo(dtype)
    return not values.size or (int(values.min()) >= bounds.min and int(values.max()) <= bounds.max)


def out_of_range(values: HostArray, dtype: str) -> ValueRangeError:
    return ValueRangeError(
        f"asarray: the values must fit {dtype}; got min={values.min()}, max={values.max()}; "
        f'scale them, or keep dtype="{values.dtype.name}"'
    )
