"""Which backend: the arrays' own, else `use`, else `set_backend`, else XNET_BACKEND, else `auto`."""

import contextlib
import functools
import importlib
import os
import threading
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from xnet.backends.backend import Backend
from xnet.backends.host import one_line, short
from xnet.errors import BackendWarning, DeviceMismatchError, DtypeError, UnknownNameError
from xnet.names import near

TABLE = {
    "numpy": "xnet.backends.numpy:NumPy",
    "cupy": "xnet.backends.cupy:CuPy",
    "torch": "xnet.backends.torch:Torch",
    "jax": "xnet.backends.jax:Jax",
    "dask": "xnet.backends.dask:Dask",
    "strict": "xnet.backends.strict:Strict",
}

_used: ContextVar[Backend | None] = ContextVar("xnet_backend", default=None)
# A plain global, not a ContextVar: the choice must hold in other threads and other notebook cells.
_set: Backend | None = None
_auto: Backend | None = None
_auto_lock = threading.Lock()


@dataclass(frozen=True)
class Status:
    """One line of `backends()`."""

    name: str
    version: str | None
    devices: tuple[str, ...]
    usable: bool
    why_not: str | None


@functools.cache
def backend_class(name: str) -> type[Backend]:
    """The class behind a name of the table; its file is loaded now, the array library is not."""
    file, _, kind = TABLE[name].partition(":")
    found: type[Backend] = getattr(importlib.import_module(file), kind)
    return found


def backend(name: str | Backend | None = None) -> Backend:
    """The backend of that name; without one, the backend in force here."""
    if name is None:
        chosen = _used.get() or _set
        if chosen is not None:
            return chosen
        named = os.environ.get("XNET_BACKEND", "")
        return _find(named, "the environment variable XNET_BACKEND") if named else _find("auto", "")
    return _find(name, "")


def set_backend(name: str | Backend | None) -> None:
    """Choose for the whole process, every thread; None takes the choice back."""
    global _set  # noqa: PLW0603  (one choice for the process is what it is)
    _set = None if name is None else _find(name, "set_backend")


@contextlib.contextmanager
def use(name: str | Backend) -> Iterator[Backend]:
    """Choose for a `with` block, in this thread only; blocks nest."""
    chosen = _find(name, "use")
    token = _used.set(chosen)
    try:
        with chosen.here():
            yield chosen
    finally:
        _used.reset(token)


def backends() -> list[Status]:
    """Every backend of the table: usable, or why not."""
    return [_status(name) for name in TABLE]


def _status(name: str) -> Status:
    version = None
    try:
        found = backend_class(name)
        version = found.installed_version() if found.installed() else None
        reason = found.why_not()
        devices = tuple(found.devices()) if reason is None else ()
    except Exception as error:  # the list must come out whatever one library does
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
    return backend_class(kind).at(device or None, got)


def _best() -> Backend:
    """CuPy if it has proved itself, else NumPy; decided once."""
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


def owner(x: object) -> type[Backend] | None:
    """The library whose array x is; None if x is no array of a library in the table."""
    return next((found for found in map(backend_class, TABLE) if found.owns(x)), None)


def backend_of(*arrays: Any) -> Backend:
    """The backend that the arrays share."""
    found: Backend | None = None
    first, unsure = 0, False
    for i, x in enumerate(arrays):
        kind = owner(x)
        if kind is None:
            raise DtypeError(
                f"backend_of: argument {i} must be an array; got {type(x).__name__}={short(x)}; "
                "make it one: xn.backend().asarray(x)"
            )
        device = kind.device_of(x)  # a tracer does not know it, and goes with any
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
