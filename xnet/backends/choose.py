"""Choose a backend: the arrays' own, else `use`, else `set_backend`, else XNET_BACKEND, else `auto`."""

import contextlib
import functools
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from xnet.backends.backend import Backend
from xnet.backends.host import one_line, short
from xnet.backends.table import TABLE, backend_class, library_of
from xnet.errors import BackendWarning, DeviceMismatchError, DtypeError, UnknownNameError
from xnet.names import near

P = ParamSpec("P")
R = TypeVar("R")

_used: ContextVar[Backend | None] = ContextVar("xnet_backend", default=None)
# A global, not a ContextVar: the choice holds in other threads and in other notebook cells.
_set: Backend | None = None
# Takes back what `set_backend` did to the current device.
_restore_device: Callable[[], object] | None = None
_auto: Backend | None = None
_auto_lock = threading.Lock()


@dataclass(frozen=True)
class Status:
    """A library of the table, and whether it can be used here."""

    name: str
    version: str | None
    devices: tuple[str, ...]
    usable: bool
    why_not: str | None


def backend(name: str | Backend | None = None) -> Backend:
    """The backend of that name; without a name, the chosen one."""
    if name is None:
        chosen = _used.get() or _set
        if chosen is not None:
            return chosen
        named = os.environ.get("XNET_BACKEND", "")
        return _find(named, "the environment variable XNET_BACKEND") if named else _find("auto", "")
    return _find(name, "")


def set_backend(name: str | Backend | None) -> None:
    """Choose for the whole process and each of its threads; None takes the choice back.

    On CuPy the device becomes the current one of this thread, so that CuPy's own functions make arrays there.
    """
    global _set, _restore_device
    chosen = None if name is None else _find(name, "set_backend")
    if _restore_device is not None:
        _restore_device()
    _set, _restore_device = chosen, None if chosen is None else chosen.make_current()


@contextlib.contextmanager
def use(name: str | Backend) -> Iterator[Backend]:
    """Choose for a `with` block, in this thread only.  Blocks nest."""
    chosen = _find(name, "use")
    token = _used.set(chosen)
    try:
        with chosen.here():
            yield chosen
    finally:
        _used.reset(token)


def backends() -> list[Status]:
    """Each library of the table: its version and devices, or why it cannot be used."""
    return [_status(name) for name in TABLE]


def _status(name: str) -> Status:
    version = None
    try:
        found: type[Backend] = backend_class(name)
        version = found.installed_version() if found.installed() else None
        reason = found.why_not()
        devices = tuple(found.devices()) if reason is None else ()
    except Exception as error:  # one broken library must not hide the others
        reason, devices = one_line(error), ()
    return Status(name, version, devices, reason is None, reason)


def _find(name: str | Backend, origin: str) -> Backend:
    if isinstance(name, Backend):
        return name
    if name == "auto":
        return _best()
    got = f"name={name!r}" + (f", from {origin}" if origin else "")
    kind, _, device = str(name).partition(":")
    if kind not in TABLE:
        names = ["auto", *TABLE]
        close = near(kind, names)
        hint = f'did you mean "{close}"?' if close else 'use "auto" for the best one here'
        raise UnknownNameError(f"backend: the name must be one of {', '.join(names)}; got {got}; {hint}")
    chosen: Backend = backend_class(kind).at(device or None, got)
    return chosen


def _best() -> Backend:
    """CuPy if it works here, else NumPy; decided once."""
    global _auto  # noqa: PLW0603  (decided once for the process)
    reason = None
    with _auto_lock:
        if _auto is None:
            cupy = backend_class("cupy")
            if cupy.installed():
                reason = cupy.why_not()
            usable = cupy.installed() and reason is None
            _auto = (cupy if usable else backend_class("numpy")).at(None)
        best = _auto
    if reason is not None:
        warnings.warn(f'backend: "auto" took NumPy, because {reason}', BackendWarning, stacklevel=4)
    return best


def backend_of(*arrays: Any) -> Backend:
    """The backend that the arrays share."""
    found: Backend | None = None
    first, unsure = 0, False
    for i, x in enumerate(arrays):
        kind = library_of(x)
        if kind is None:
            raise DtypeError(
                f"backend_of: argument {i} must be an array; got {type(x).__name__}={short(x)}; "
                "make it one: xn.backend().asarray(x)"
            )
        device = kind.device_of(x)  # None while x is traced: it agrees with any device
        if found is None or (unsure and isinstance(found, kind)):
            found, first, unsure = kind.of(x), i, device is None
        elif not isinstance(found, kind) or device not in (None, found.device):
            raise DeviceMismatchError(
                f"backend_of: all arrays must be in one library on one device; got argument {first} on {found}, "
                f"argument {i} on {kind.of(x)}; move one: xn.backend({str(found)!r}).asarray(x)"
            )
    if found is None:
        raise DtypeError("backend_of: there must be an array to follow; got no arguments; use xn.backend()")
    return found


def on_device(x: Any) -> contextlib.AbstractContextManager[None]:
    """A block in which the device of x is the current one.   For a stand-in of tracing it does nothing."""
    return contextlib.nullcontext() if library_of(x) is None else backend_of(x).here()


def on_device_of(argument: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate f(…, backend=None): while it runs, the device of `backend`, or else of the argument, is the current one.

    Without a backend and without an array, f runs as it is, and its own checks raise the error.
    """

    def decorate(f: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(f)

        @functools.wraps(f)
        def run(*args: P.args, **options: P.kwargs) -> R:
            given = signature.bind(*args, **options).arguments
            name, x = given.get("backend"), given[argument]
            with on_device(x) if name is None else backend(name).here():
                return f(*args, **options)

        return run

    return decorate
