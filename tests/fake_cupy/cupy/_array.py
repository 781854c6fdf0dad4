"""The array, and the way that every function of NumPy becomes one of CuPy's."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import numpy as np

from cupy._counts import count
from cupy.cuda.device import Device, check_current, count_copy, get_device_id
from cupy.cuda.stream import Stream, get_current_stream, refuse_while_capturing

# Arrays of the host that `cupyx.empty_pinned` made.
PINNED: WeakValueDictionary[int, Any] = WeakValueDictionary()

# What cuBLAS computes, which a capture forbids.
PRODUCTS = {"matmul", "dot", "tensordot", "vecdot", "vdot", "inner", "outer"}
# Kernels of the functions that launch more than one.
LAUNCHES = {"mean": 2, "std": 4, "var": 4, "sort": 2, "argsort": 3, "concatenate": 2, "stack": 2}
# Functions that wait, since the shape of the result hangs on values.
WAITS = {
    "argwhere", "flatnonzero", "nonzero", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
}  # fmt: skip

BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "matmul": "matmul", "lshift": "left_shift", "rshift": "right_shift",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip
COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}  # fmt: skip
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}
METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "clip", "cumsum", "cumprod", "dot", "max", "mean", "min", "nonzero",
    "prod", "ravel", "repeat", "round", "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
)  # fmt: skip
CONVERSIONS = ("bool", "complex", "float", "index", "int")


class Flags(dict[str, bool]):
    __getattr__ = dict.__getitem__


class ndarray:  # noqa: N801
    """NumPy's values on one of the two devices."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, shape: Any = (), dtype: Any = float, order: Any = "C") -> None:
        self._values, self._device = np.empty(shape, dtype, order), get_device_id()

    @classmethod
    def _of(cls, values: Any, device_id: int) -> "ndarray":
        made = cls.__new__(cls)
        made._values, made._device = np.asarray(values), device_id
        return made

    shape = property(lambda self: self._values.shape)
    dtype = property(lambda self: self._values.dtype)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    nbytes = property(lambda self: self._values.nbytes)
    itemsize = property(lambda self: self._values.itemsize)
    strides = property(lambda self: self._values.strides)
    device = property(lambda self: Device(self._device))
    T = property(lambda self: self.transpose())
    mT = property(lambda self: call(np.matrix_transpose, self))  # noqa: N815
    real = property(lambda self: call(np.real, self))
    imag = property(lambda self: call(np.imag, self))

    @property
    def flags(self) -> Flags:
        """CuPy's flags know nothing of writing."""
        seen = self._values.flags
        return Flags(c_contiguous=seen.c_contiguous, f_contiguous=seen.f_contiguous, owndata=seen.owndata)

    # To the host, always by a call.

    def get(self, stream: Stream | None = None, order: Any = "C", out: Any = None, blocking: bool = True) -> Any:
        count("to host")
        stream = stream or get_current_stream(self._device)
        if out is None:
            refuse_while_capturing("a copy that waits")
            count("synchronize")
            return np.array(self._values, order=order)
        if not isinstance(out, np.ndarray) or (out.shape, out.dtype) != (self.shape, self.dtype):
            raise ValueError(f"Shape or type mismatch. Expected: {self.shape}, {self.dtype}, got: {out!r}")
        if blocking or PINNED.get(id(out)) is not out:  # memory that can be paged out makes CUDA wait
            stream.synchronize()
            np.copyto(out, self._values)
        else:
            stream.copy_later(self._values.copy(), out)
        return out

    def item(self, *index: Any) -> Any:
        return self.get().item(*index)

    def tolist(self) -> Any:
        return self.get().tolist()

    def __array__(self, *options: Any, **more: Any) -> NoReturn:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __reduce__(self) -> Any:
        """What is unpickled lies on the current device."""
        return array, (self.get(),)

    def __repr__(self) -> str:
        return repr(self.get())

    def __format__(self, how: str) -> str:
        return format(self.get() if self.ndim else self.item(), how)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __deepcopy__(self, memo: Any) -> "ndarray":
        with self.device:
            return self.copy()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._device

    def __dlpack__(self, **options: Any) -> NoReturn:
        raise BufferError("the fake CuPy's memory is on no device")

    # Calls of NumPy's own functions come here: numpy.exp(x) is cupy.exp(x).

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        strange = any(_is_strange(x) for x in args)
        return NotImplemented if strange or method != "__call__" else call(ufunc, *args, **kwargs)

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(f, *args, **kwargs)

    # Parts and copies.

    def __getitem__(self, key: Any) -> Any:
        index, kinds = _index(key)
        if "mask" in kinds:
            refuse_while_capturing("indexing by a mask")
            count("synchronize")
        if kinds:
            check_current(self._device)
            count("kernel")
        return ndarray._of(self._values[index], self._device)

    def __setitem__(self, key: Any, value: Any) -> None:
        check_current(self._device)
        if isinstance(value, ndarray):
            check_current(value._device)
        if isinstance(value, np.ndarray):
            count("to device")
        count("kernel")
        self._values[_index(key)[0]] = _values(value)

    def astype(self, dtype: Any, order: Any = "K", casting: Any = None, subok: Any = None, copy: bool = True) -> Any:
        if not copy and self.dtype == np.dtype(dtype):
            return self
        return call(lambda x: x.astype(dtype, order=order), self)

    def copy(self, order: Any = "C") -> "ndarray":
        """A copy on the current device, from whichever this is on."""
        count_copy(self._device)
        return ndarray._of(self._values.copy(order), get_device_id())

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        return call(lambda x: x.reshape(*shape, order=order), self)

    def transpose(self, *axes: Any) -> Any:
        return call(lambda x: x.transpose(*axes), self)

    def view(self, *dtype: Any) -> "ndarray":
        return ndarray._of(self._values.view(*dtype), self._device)

    def fill(self, value: Any) -> None:
        self[...] = value

    def set(self, values: Any, stream: Any = None) -> None:
        count("to device")
        self._values[...] = values


def array(obj: Any, dtype: Any = None, copy: bool | None = True, order: Any = "K", **more: Any) -> Any:
    """On the current device; `copy=None` copies what is elsewhere, or of another type."""
    if not isinstance(obj, ndarray):
        leaves = list(_leaves(obj))
        if any(isinstance(x, ndarray) for x in leaves):
            return call(np.stack, obj).astype(dtype or leaves[0].dtype, copy=False)
        values = np.array(obj, dtype=dtype)
        if values.dtype.kind not in "biufc":
            raise ValueError(f"Unsupported dtype {values.dtype}")
        count("to device")
        return ndarray._of(values, get_device_id())
    if obj._device == get_device_id():
        return obj.astype(dtype or obj.dtype, copy=bool(copy))
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested")
    return obj.copy().astype(dtype or obj.dtype, copy=False)


def call(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """f on the values; the launch is counted where anything was computed, and the devices are checked as CuPy does."""
    name = getattr(f, "__name__", "")
    given = list(_leaves((args, kwargs)))
    arrays = [x for x in given if isinstance(x, ndarray)]
    for x in given:
        number = isinstance(x, ndarray | np.generic | bool | int | float | complex)
        if not number and (isinstance(f, np.ufunc) or not _is_setting(x)):
            raise TypeError(f"Unsupported type {type(x)}")
    with np.errstate(all="ignore"):
        result = f(*map(_values, args), **{key: _values(x) for key, x in kwargs.items()})
    results = result if isinstance(result, tuple | list) else [result]
    if not all(isinstance(x, np.ndarray | np.generic) for x in results):
        return result  # a shape or a type: nothing was computed
    out = kwargs.get("out")
    sources: Any = [next((x for x in arrays if _is_view(y, x._values)), None) for y in results]
    if out is None and not any(x is None for x in sources):
        return _rewrapped(result, [ndarray._of(y, x._device) for x, y in zip(sources, results, strict=True)])
    for x in arrays:
        check_current(x._device)
    if any(y.size for y in results):  # nothing is launched for arrays without elements
        _launch(name)
    return out if out is not None else _rewrapped(result, [ndarray._of(y, get_device_id()) for y in results])


def _launch(name: str) -> None:
    if name in PRODUCTS and get_current_stream().is_capturing():
        count("capture violation")
        # The class and the text of CuPy's own error.
        raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
    if name in WAITS:
        refuse_while_capturing(name)
        count("synchronize")
    if name not in ("empty", "empty_like"):
        count("product" if name in PRODUCTS else "kernel", LAUNCHES.get(name, 1))


def _rewrapped(like: Any, arrays: list[ndarray]) -> Any:
    """The arrays alone, or in the tuple or named tuple that NumPy gives."""
    if isinstance(like, list):
        return arrays
    if isinstance(like, tuple):
        return type(like)(*arrays) if hasattr(like, "_fields") else tuple(arrays)
    return arrays[0]


def _is_view(y: Any, x: Any) -> bool:
    owner = x if x.base is None else x.base
    return isinstance(y, np.ndarray) and (y.base is owner or np.may_share_memory(x, y))


def _values(x: Any) -> Any:
    if isinstance(x, ndarray):
        return x._values
    return type(x)(map(_values, x)) if type(x) in (list, tuple) else x


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, list | tuple | dict):
        for part in x.values() if isinstance(x, dict) else x:
            yield from _leaves(part)
    else:
        yield x


def _is_strange(x: Any) -> bool:
    """Whether x is another library's array, which says itself what a ufunc of NumPy does with it."""
    return hasattr(x, "__array_ufunc__") and not isinstance(x, ndarray | np.ndarray | np.generic)


def _is_setting(x: Any) -> bool:
    """Whether x is an argument that chooses how: a word, a type, a range of axes."""
    return x is None or isinstance(x, str | type | np.dtype | range | Device)


def _index(key: Any) -> tuple[Any, set[str]]:
    """The key for NumPy, and whether a mask or an array of indices is in it."""
    kinds = set()
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, ndarray):
            check_current(part._device)
            kinds.add("mask" if part.dtype == np.bool_ else "indices")
        elif isinstance(part, np.ndarray | list):
            count("to device")
            kinds.add("indices")
    return _values(key), kinds


def _add_operators() -> None:
    """The methods that are one call of NumPy's function of that name."""

    def binary(f: Any, swapped: bool) -> Any:
        def method(self: ndarray, other: Any) -> Any:
            if getattr(other, "__array_ufunc__", f) is None:
                return NotImplemented
            run = f if _is_strange(other) else partial(call, f)  # NumPy's ufunc asks the other one
            return run(other, self) if swapped else run(self, other)

        return method

    def in_place(f: Any) -> Any:
        return lambda self, other: call(f, self, other, out=self)

    def plain(f: Any) -> Any:
        return lambda self, *args, **kwargs: call(f, self, *args, **kwargs)

    def conversion(name: str) -> Any:
        return lambda self: getattr(self.get(), f"__{name}__")()

    for name, ufunc in {**BINARY, **COMPARISONS}.items():
        setattr(ndarray, f"__{name}__", binary(getattr(np, ufunc), swapped=False))
    for name, ufunc in BINARY.items():
        setattr(ndarray, f"__r{name}__", binary(getattr(np, ufunc), swapped=True))
        setattr(ndarray, f"__i{name}__", in_place(getattr(np, ufunc)))
    for name, ufunc in UNARY.items():
        setattr(ndarray, f"__{name}__", plain(getattr(np, ufunc)))
    for name in METHODS:
        setattr(ndarray, name, plain(getattr(np, name)))
    for name in CONVERSIONS:
        setattr(ndarray, f"__{name}__", conversion(name))


_add_operators()
