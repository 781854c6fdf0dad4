"""What every backend answers to: one array library on one device."""

import contextlib
import functools
import importlib
import importlib.util
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, Self, final

import array_api_compat

from xnet.backends import host
from xnet.errors import BackendUnavailable, DtypeError, ValueRangeError
from xnet.types import Array, Namespace, Tree


@functools.cache
def made(library: "type[Backend]", device: str) -> "Backend":
    """One object for each library and device."""
    return library(device)


class Memory(NamedTuple):
    """Bytes in use and bytes in all, on the device; None where the library cannot say."""

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


class Timer:
    """`with backend.timer() as t: …`, then `t.seconds`: the device has finished before each reading.

    Keep the results until the block ends: not every library can wait for an array that was thrown away.
    """

    seconds: float

    def __init__(self, backend: "Backend") -> None:
        self.backend = backend

    def __enter__(self) -> Self:
        self.backend.synchronize()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.backend.synchronize()
        self.seconds = time.perf_counter() - self._start


class EventTimer(Timer):
    """The same by the device's own clock: an event before and one after, in the current stream."""

    def __init__(self, backend: "Backend", record: Callable[[], Any], elapsed: Callable[[Any, Any], float]):
        super().__init__(backend)
        self.record, self.elapsed = record, elapsed

    def __enter__(self) -> Self:
        self.backend.synchronize()
        self._first = self.record()
        return self

    def __exit__(self, *exception: object) -> None:
        last = self.record()
        self.backend.synchronize()
        self.seconds = self.elapsed(self._first, last)


class Backend(ABC):
    """An array library on one device.  `str(backend)` is the name that finds it again."""

    name: ClassVar[str]
    package: ClassVar[str]
    title: ClassVar[str]

    # Seconds that compiling saves of a training step and for each parameter in it, and that it takes, roughly.
    compiling: ClassVar[tuple[float, float, float] | None] = None
    # Whether each operation is compiled alone when it is first met, which takes long.
    compiles_each: ClassVar[bool] = False

    device: str
    native_device: Any
    xp: Namespace

    @final
    def __init__(self, device: str | None = None) -> None:
        wanted = self.wanted(device, f"name={self.name if device is None else self.full_name(device)!r}")
        self.device = wanted
        self.xp = self.namespace()
        self.native_device = self.native(wanted)

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

    # What the library is, asked of the class.

    @classmethod
    @final
    def installed(cls) -> bool:
        """Whether Python would find the library; nothing is imported."""
        if cls.package in sys.modules:
            return sys.modules[cls.package] is not None
        return importlib.util.find_spec(cls.package) is not None

    @classmethod
    @final
    def why_not(cls) -> str | None:
        """None when the library works here, else the reason and the exact fix."""
        return cls.trouble() if cls.installed() else f"{cls.title} is not installed: {cls.fix()}"

    @classmethod
    @final
    def wanted(cls, device: str | None, got: str) -> str:
        """The device in its own spelling, the default one for None; an error if it cannot be used."""
        reason = cls.why_not()
        if reason is not None:
            raise BackendUnavailable(f"backend: the library must be usable here; got {got}; {reason}")
        found = cls.default_device() if device is None else cls.spell(device)
        if found not in (names := cls.devices()):
            listed = ", ".join(cls.full_name(name) for name in names)
            raise BackendUnavailable(f"backend: the device must exist here; got {got}; choose from: {listed}")
        return found

    @classmethod
    @final
    def installed_version(cls) -> str | None:
        """The installed version; None when the library cannot even be imported."""
        try:
            return str(importlib.import_module(cls.package).__version__)
        except Exception:  # a broken library may raise anything at all while it is imported
            return None

    @property
    def version(self) -> str:
        return self.installed_version() or "unknown"

    @classmethod
    def fix(cls) -> str:
        """What to type to have the library."""
        from xnet.backends.machine import how_to_install

        return how_to_install(cls.name)

    @classmethod
    def trouble(cls) -> str | None:
        """Why an installed library does not work, or None."""
        try:
            importlib.import_module(cls.package)
        except Exception as error:
            return f"{cls.title} is installed but cannot be imported ({host.one_line(error)}): {cls.fix()}"
        return None

    @classmethod
    def spell(cls, device: str) -> str:
        """The device's own spelling: `cuda` is `cuda:0`."""
        return device

    @classmethod
    def full_name(cls, device: str) -> str:
        return f"{cls.name}:{device}"

    @classmethod
    def default_device(cls) -> str:
        return cls.devices()[0]

    @classmethod
    @abstractmethod
    def devices(cls) -> list[str]:
        """The devices that can be used here."""

    @classmethod
    @abstractmethod
    def namespace(cls) -> Namespace:
        """The library's Array API namespace: the one `array_namespace` gives for its arrays."""

    @classmethod
    @abstractmethod
    def owns(cls, x: object) -> bool:
        """Whether x is this library's array, on any device; nothing is imported."""

    @classmethod
    @final
    def of(cls, x: Array) -> "Backend":
        """The backend of one of this library's arrays."""
        device = cls.device_of(x)
        return cls.at(None) if device is None else made(cls, device)

    @classmethod
    @final
    def at(cls, device: str | None, got: str = "") -> "Backend":
        """The one backend for this device of the library, None for the default device."""
        return made(cls, cls.wanted(device, got or f"name={cls.name!r}"))

    @classmethod
    @abstractmethod
    def device_of(cls, x: Array) -> str | None:
        """The device that holds x; None while a tracer does not know it."""

    # What the library does on this device.

    @abstractmethod
    def native(self, device: str) -> Any:
        """What the library takes as `device=`."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until the device has finished all it was given."""

    @abstractmethod
    def memory(self) -> Memory:
        """Bytes used and in all on the device; on the processor, this process's and the computer's."""

    @abstractmethod
    def to_host(self, x: Array) -> host.HostArray:
        """One of this library's arrays as NumPy's, sharing memory where it can."""

    @abstractmethod
    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        """A NumPy array of a type this device has, as this library's, on this device."""

    @abstractmethod
    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        """One of this library's arrays on this device and in this type; x itself when it is both."""

    def has(self, dtype: str) -> bool:
        """Whether the device has the type."""
        return hasattr(self.xp, dtype)

    def dtype_fix(self, dtype: str) -> str:
        """What to type where the device lacks the type."""
        return f'use dtype="{host.NARROWER.get(dtype, "float32")}"'

    def here(self) -> contextlib.AbstractContextManager[None]:
        """A block in which the library makes its arrays on this device; for those with a current device."""
        return contextlib.nullcontext()

    def timer(self) -> Timer:
        """A context manager whose `.seconds` is right after the block."""
        return Timer(self)

    def computed(self, tree: Tree) -> Tree:
        """The same arrays with their values worked out; only a lazy library has anything to do."""
        return tree

    def compiled(self, f: Callable[..., Any], donate: tuple[int, ...], asked: bool) -> tuple[str, Callable[..., Any]]:
        """f as this library's own compiler has it, and in words how it runs; `asked` when somebody named it."""
        return f"as written, since there is no compiler for {self.name}", f

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        """A block in which NumPy does not warn of overflow: whoever opens it looks at the results."""
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
        """x as a NumPy array, sharing memory where the library allows (then perhaps read-only)."""
        if self.owns(x):
            return self.to_host(x)
        return host.from_python(x, None) if host.is_python(x) else self._bring(x)

    @final
    def asarray(self, x: Any, dtype: str | None = None, copy: bool | None = None) -> Array:
        """x as an array of this library, on this device; arrays keep their type, Python floats are float32.

        `copy=None` copies when it must, `True` always, `False` raises where a copy would be needed.
        """
        if dtype is not None and not self.has(host.known_dtype(dtype)):
            raise self._lacks(dtype)
        if self.owns(x):
            return self.move(x, dtype, copy)
        if host.is_python(x):
            source, values = None, host.from_python(x, dtype)
        else:
            adoptable = copy is not True and dtype is None and self.has(host.dtype_name(x))
            if adoptable and (adopted := self.adopt(x)) is not None:
                return adopted
            source = self._bring(x)
            values = source if dtype is None else host.cast(source, dtype)
        values = values if dtype else self._fitted(values)
        if values is not source:
            if copy is False:
                raise no_copy(f"{type(x).__name__} into {self}")
            copy = None  # the values are already new
        array = self.from_host(values, copy)
        return array if dtype is None else self.move(array, dtype, None)

    def adopt(self, x: Any) -> Array | None:
        """Another library's array that lies on this device, in place through DLPack; None if it cannot be."""
        return None

    def _bring(self, x: Any) -> host.HostArray:
        """Any library's array as NumPy's."""
        from xnet.backends.choose import owner

        library = None if host.is_numpy(x) else owner(x)
        return host.from_array(x) if library is None else library.of(x).to_host(x)

    def _fitted(self, values: host.HostArray) -> host.HostArray:
        """Integers of 64 bits become 32 where the device has no more and every value fits."""
        name = values.dtype.name
        if self.has(name):
            return values
        if name in ("int64", "uint64") and host.fits(values, host.NARROWER[name]):
            return values.astype(host.NARROWER[name])
        raise self._lacks(name)

    def _lacks(self, dtype: str) -> DtypeError:
        return DtypeError(f"asarray: {self} must have the type; got dtype={dtype}; {self.dtype_fix(dtype)}")


def shared(x: Any, device: tuple[int, int], from_dlpack: Callable[[Any], Array]) -> Array | None:
    """from_dlpack(x) when x says that it lies on that DLPack device and lets itself be shared."""
    if host.is_numpy(x) or not hasattr(x, "__dlpack_device__"):
        return None
    try:
        return from_dlpack(x) if tuple(x.__dlpack_device__()) == device else None
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        return None  # a gradient hangs on it, or the other lacks the type: it goes through the host


def no_copy(what: str) -> ValueRangeError:
    return ValueRangeError(f"asarray: copy=False allows no copy and one is needed; got {what}; use copy=None")
