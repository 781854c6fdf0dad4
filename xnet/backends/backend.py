"""The interface of a backend: one array library on one device."""

import contextlib
import functools
import importlib
import importlib.util
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, final

import array_api_compat

from xnet.backends import host
from xnet.backends.examples import Examples
from xnet.backends.table import library_of
from xnet.backends.timer import Timer
from xnet.errors import BackendUnavailable, DtypeError, ValueRangeError
from xnet.types import Array, Namespace, Tree


@functools.cache
def instance(library: "type[Backend]", device: str) -> "Backend":
    """The one Backend object of a library and a device."""
    return library(device)


class Memory(NamedTuple):
    """Bytes that are used, and all bytes of the device; None where the library cannot say."""

    used: int | None
    total: int | None


class Scan(NamedTuple):
    """A loop: (carries, y) = step(carries, x) for each x along the axes of the xs; the ys are stacked along theirs."""

    step: Callable[[list[Array], list[Array]], tuple[list[Array], list[Array]]]
    carries: list[Array]
    xs: list[Array]
    x_axes: Sequence[int]
    y_axes: Iterable[int]
    length: int
    reverse: bool


class Backend(Examples, ABC):
    """An array library on one device.  `xn.backend(str(b))` is b again."""

    name: ClassVar[str]
    package: ClassVar[str]
    title: ClassVar[str]

    # Roughly, in seconds: what compiling saves per training step, what it saves per parameter and step, what it costs.
    compiling: ClassVar[tuple[float, float, float] | None] = None
    # The targets of xnet.compile for these arrays, by name; the first is used unless another is asked for.
    targets: ClassVar[tuple[str, ...]] = ()
    # Whether the library compiles each operation at its first use, which is slow.
    compiles_each: ClassVar[bool] = False

    device: str
    native_device: Any
    xp: Namespace

    @final
    def __init__(self, device: str | None = None) -> None:
        name = self.name if device is None else self.full_name(device)
        self.device = self.usable_device(device, f"name={name!r}")
        self.xp = self.namespace()
        self.native_device = self.native(self.device)

    def __repr__(self) -> str:
        return f"<xnet backend {self}: {self.title} {self.version}, device {self.device!r}>"

    def __str__(self) -> str:
        return self.full_name(self.device)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Backend) and (self.name, self.device) == (other.name, other.device)

    def __hash__(self) -> int:
        return hash((self.name, self.device))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.device,)

    # About the library: class methods, which need no device.

    @classmethod
    @final
    def installed(cls) -> bool:
        """Whether Python finds the library.  Nothing is imported."""
        if cls.package in sys.modules:
            return sys.modules[cls.package] is not None
        return importlib.util.find_spec(cls.package) is not None

    @classmethod
    @final
    def why_not(cls) -> str | None:
        """None if the library works here, else the reason and what to type."""
        return cls.defect() if cls.installed() else f"{cls.title} is not installed: {cls.fix()}"

    @classmethod
    @final
    def usable_device(cls, device: str | None, got: str) -> str:
        """The full name of the device, or of the default device; an error if it cannot be used."""
        reason = cls.why_not()
        if reason is not None:
            raise BackendUnavailable(f"backend: the library must be usable here; got {got}; {reason}")
        found = cls.default_device() if device is None else cls.device_name(device)
        if found not in (names := cls.devices()):
            listed = ", ".join(cls.full_name(name) for name in names)
            raise BackendUnavailable(f"backend: the device must exist here; got {got}; choose from: {listed}")
        return found

    @classmethod
    @final
    def installed_version(cls) -> str | None:
        """The installed version; None if the library cannot be imported."""
        try:
            return str(importlib.import_module(cls.package).__version__)
        except Exception:  # importing a broken library may raise any error
            return None

    @property
    def version(self) -> str:
        return self.installed_version() or "unknown"

    @classmethod
    def fix(cls) -> str:
        """What to type to install the library."""
        from xnet.backends.machine import how_to_install

        return how_to_install(cls.name)

    @classmethod
    def defect(cls) -> str | None:
        """Why the installed library does not work; None if it works."""
        try:
            importlib.import_module(cls.package)
        except Exception as error:
            return f"{cls.title} is installed but cannot be imported ({host.one_line(error)}): {cls.fix()}"
        return None

    @classmethod
    def device_name(cls, device: str) -> str:
        """The full name of a device: `cuda` is `cuda:0`."""
        return device

    @classmethod
    def full_name(cls, device: str) -> str:
        """The backend's name: the library's and the device's."""
        return f"{cls.name}:{device}"

    @classmethod
    def default_device(cls) -> str:
        return cls.devices()[0]

    @classmethod
    @abstractmethod
    def devices(cls) -> list[str]:
        """The full names of the devices that can be used here."""

    @classmethod
    @abstractmethod
    def namespace(cls) -> Namespace:
        """The library's Array API namespace, which `array_namespace` gives for its arrays."""

    @classmethod
    @abstractmethod
    def owns(cls, x: object) -> bool:
        """Whether x is an array of this library, on any device.  Nothing is imported."""

    @classmethod
    @final
    def of(cls, x: Array) -> "Backend":
        """The backend of an array of this library."""
        device = cls.device_of(x)
        return cls.at(None) if device is None else instance(cls, device)

    @classmethod
    @final
    def at(cls, device: str | None, got: str = "") -> "Backend":
        """The backend of this device, or of the default device."""
        return instance(cls, cls.usable_device(device, got or f"name={cls.name!r}"))

    @classmethod
    @abstractmethod
    def device_of(cls, x: Array) -> str | None:
        """The full name of the device that holds x; None if x is traced and has no device yet."""

    # About this device.

    @abstractmethod
    def native(self, device: str) -> Any:
        """The library's own device object, for its `device=` arguments."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""

    @abstractmethod
    def memory(self) -> Memory:
        """Bytes used and bytes in all: of a GPU; on the processor, of this process and of the computer."""

    @abstractmethod
    def to_host(self, x: Array) -> host.HostArray:
        """An array of this library as a NumPy array, which shares its memory if the library allows it."""

    def host_view(self, x: Array) -> host.HostArray | None:
        """x as a NumPy array in the same memory, which a program may read and write; None where there is none."""
        return None

    @abstractmethod
    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        """A NumPy array as an array of this library on this device, which has the dtype."""

    @abstractmethod
    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        """An array of this library on this device with this dtype: x itself, if it is so already."""

    def has(self, dtype: str) -> bool:
        """Whether the device has the dtype."""
        return hasattr(self.xp, dtype)

    def dtype_fix(self, dtype: str) -> str:
        """What to type if the device lacks the dtype."""
        return f'use dtype="{host.NARROWER.get(dtype, "float32")}"'

    def here(self) -> contextlib.AbstractContextManager[None]:
        """A block in which this device is the current one of the thread, for libraries that have a current device."""
        return contextlib.nullcontext()

    def make_current(self) -> Callable[[], object]:
        """Make this device the current one of the thread.  The function that is returned takes that back."""
        return lambda: None

    def later(self, x: Array) -> Callable[[], float]:
        """Start to copy a number to the host.  The function that is returned waits for the copy and gives it."""
        return functools.partial(float, x)

    def timer(self) -> Timer:
        """A context manager that measures its block: `.seconds`."""
        return Timer(self.synchronize)

    def computed(self, tree: Tree) -> Tree:
        """The same arrays with their values computed, for lazy libraries."""
        return tree

    def compiled(self, f: Callable[..., Any], donate: tuple[int, ...], asked: bool) -> tuple[str, Callable[..., Any]]:
        """How f runs, in words, and f compiled by this library's compiler; `asked` if the user named the library."""
        return f"as written, since there is no compiler for {self.name}", f

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        """A block in which NumPy does not warn of overflow.  The caller checks the results."""
        return host.quiet()

    # Operations that the standard lacks.  xnet.operations checks the arguments.

    def scatter_add(self, G: Array, indices: Array, n: int, axis: int) -> Array:
        """Zeros of size n along the axis, with the entries of G added at their indices, in a fixed order.

        No two writes meet: entries are sorted by their index, those of one index are added up in log₂ k rounds, and
        each place reads the last of its entries.
        """
        xp, where = self.xp, array_api_compat.device(G)
        rows, zero = xp.moveaxis(G, axis, 0), xp.zeros((), dtype=G.dtype, device=where)
        k, ones = rows.shape[0], (1,) * (len(G.shape) - 1)
        if not k or not n:
            return xp.zeros((*G.shape[:axis], n, *G.shape[axis + 1 :]), dtype=G.dtype, device=where)
        indices = xp.where(indices < 0, indices + n, indices)
        order = xp.argsort(indices, stable=True)
        indices, rows = xp.take(indices, order), xp.take(rows, order, axis=0)
        before = 1
        while before < k:
            same = xp.reshape(indices[before:] == indices[:-before], (k - before, *ones))
            sums = rows[before:, ...] + xp.where(same, rows[:-before, ...], zero)
            rows, before = xp.concat([rows[:before, ...], sums]), 2 * before
        places = xp.arange(n, dtype=indices.dtype, device=where)
        last = xp.searchsorted(indices, places, side="right") - 1
        last = xp.where(last < 0, xp.zeros_like(last), last)
        found = xp.reshape(xp.take(indices, last) == places, (n, *ones))
        return xp.moveaxis(xp.where(found, xp.take(rows, last, axis=0), zero), 0, axis)

    def scan(self, loop: Scan) -> tuple[list[Array], list[Array]]:
        """The carries after the last step, and the stacked ys."""
        carries, rows = loop.carries, []
        keys = [(slice(None),) * (axis % len(x.shape)) for x, axis in zip(loop.xs, loop.x_axes, strict=True)]
        for t in reversed(range(loop.length)) if loop.reverse else range(loop.length):
            carries, y = loop.step(carries, [x[(*key, t, ...)] for x, key in zip(loop.xs, keys, strict=True)])
            rows.append(y)
        columns = zip(*(reversed(rows) if loop.reverse else rows), strict=True)
        return carries, [self.xp.stack(y, axis=axis) for y, axis in zip(columns, loop.y_axes, strict=False)]

    @final
    def to_numpy(self, x: Any) -> host.HostArray:
        """x as a NumPy array.  It may share x's memory, and may then be read-only."""
        if self.owns(x):
            return self.to_host(x)
        return host.from_python(x, None) if host.is_python(x) else self._from_any_library(x)

    @final
    def asarray(self, x: Any, dtype: str | None = None, copy: bool | None = None) -> Array:
        """x as an array of this library on this device.  Arrays keep their dtype; Python's floats become float32.

        `copy=None` copies if needed, `True` always, `False` raises an error if a copy is needed.
        """
        if dtype is not None and not self.has(host.known_dtype(dtype)):
            raise self._lacks_dtype(dtype)
        if self.owns(x):
            return self.move(x, dtype, copy)
        if host.is_python(x):
            source, values = None, host.from_python(x, dtype)
        else:
            may_share = copy is not True and dtype is None and self.has(host.dtype_name(x))
            if may_share and (shared := self.share(x)) is not None:
                return shared
            source = self._from_any_library(x)
            values = source if dtype is None else host.cast(source, dtype)
        values = values if dtype else self._narrowed(values)
        if values is not source:
            if copy is False:
                raise no_copy(f"{type(x).__name__} into {self}")
            copy = None  # the values are already new
        array = self.from_host(values, copy)
        return array if dtype is None else self.move(array, dtype, None)

    def share(self, x: Any) -> Array | None:
        """An array of this library over the memory of another library's array on this device; None if impossible."""
        return None

    def _from_any_library(self, x: Any) -> host.HostArray:
        """An array of any library as a NumPy array."""
        library = None if host.is_numpy(x) else library_of(x)
        values: host.HostArray = host.from_array(x) if library is None else library.of(x).to_host(x)
        return values

    def _narrowed(self, values: host.HostArray) -> host.HostArray:
        """64-bit integers as 32-bit ones, if the device has no 64-bit integers and every value fits."""
        name = values.dtype.name
        if self.has(name):
            return values
        if name in ("int64", "uint64") and host.fits(values, host.NARROWER[name]):
            return values.astype(host.NARROWER[name])
        raise self._lacks_dtype(name)

    def _lacks_dtype(self, dtype: str) -> DtypeError:
        return DtypeError(f"asarray: {self} must have the type; got dtype={dtype}; {self.dtype_fix(dtype)}")


def share_by_dlpack(x: Any, device: tuple[int, int], from_dlpack: Callable[[Any], Array]) -> Array | None:
    """from_dlpack(x), if x is on that DLPack device and can be shared."""
    if host.is_numpy(x) or not hasattr(x, "__dlpack_device__"):
        return None
    try:
        return from_dlpack(x) if tuple(x.__dlpack_device__()) == device else None
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        return None  # x has a gradient, or this library lacks the dtype: it is copied through the host


def no_copy(what: str) -> ValueRangeError:
    return ValueRangeError(f"asarray: copy=False allows no copy and one is needed; got {what}; use copy=None")
