"""Names as the registry: what a module or a package defines in public is found by its name.

Where no name fits, the error suggests the nearest one.
"""

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from types import ModuleType
from typing import Any

from xnet.errors import UnknownNameError, ValueRangeError


def public(module: ModuleType) -> dict[str, Any]:
    """The functions and classes that a module defines, or that a package imports from its own files.

    Names that begin with _ and names that end with _backward are left out.
    """
    within = f"{module.__name__}."
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not name.endswith("_backward")
        and isinstance(origin := getattr(value, "__module__", None), str)
        and (origin == module.__name__ or (hasattr(module, "__path__") and origin.startswith(within)))
    }


def subclasses(module: ModuleType, kind: type) -> dict[str, Any]:
    """The public classes of a module or package that derive from `kind`, without `kind` itself."""
    found = public(module)
    return {name: value for name, value in found.items() if isinstance(value, type) and kind in value.__mro__[1:]}


def find(what: str, name: str, module: ModuleType) -> Any:
    known = public(module)
    if name not in known:
        raise unknown(what, name, known)
    return known[name]


def hyper_parameters(what: str, f: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given hyper-parameters of f, each of the type of its default: a float, an integer, a bool or a text.

    The hyper-parameters of f are its parameters with a default of such a type.
    """
    defaults = {name: parameter.default for name, parameter in signature(f).parameters.items()}
    known = {name: default for name, default in defaults.items() if isinstance(default, bool | int | float | str)}
    for name, value in given.items():
        if name not in known:
            rule = f"hyper-parameters are {list(known) or 'none'}"
            raise ValueRangeError(f"{what} {f.__name__}: {rule}; got {name}={value!r}")
    return {name: _as_type_of(known[name], f"{what} {f.__name__}", name, value) for name, value in given.items()}


def _as_type_of(default: Any, what: str, name: str, value: Any) -> Any:
    """The value as a Python object of the default's type; a whole number may stand for a float."""
    plain = value.item() if hasattr(value, "item") and getattr(value, "shape", ()) == () else value
    kind = type(default)
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if type(plain) is not kind:
        raise ValueRangeError(f"{what}: {name} must be of type {kind.__name__}; got {name}={value!r}")
    return plain


def unknown(what: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that is not among the known ones."""
    close = near(name, known)
    hint = f"; did you mean {close!r}?" if close else ""
    return UnknownNameError(f"{what}: one of {', '.join(sorted(known))}; got {what}={name!r}{hint}")


def near(name: object, known: Iterable[str]) -> str | None:
    """The known name nearest to this one, or None."""
    from difflib import get_close_matches

    name = getattr(name, "__name__", name)
    return next(iter(get_close_matches(str(name).lower(), list(known), n=1, cutoff=0.65)), None)
