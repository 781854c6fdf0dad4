"""The name is the registry: what a module defines in public is what its users may ask for by name."""

from collections.abc import Iterable, Mapping
from inspect import signature
from types import ModuleType
from typing import Any

from xnet.errors import UnknownNameError, ValueRangeError


def public(module: ModuleType) -> dict[str, Any]:
    """The functions and classes that the module itself defines; a backward comes with its forward."""
    return {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        and not name.startswith("_")
        and not name.endswith("_backward")
    }


def find(what: str, name: str, module: ModuleType) -> Any:
    known = public(module)
    if name not in known:
        raise unknown(what, name, known)
    return known[name]


def find_with(what: str, name: str, module: ModuleType, hyper: Mapping[str, Any]) -> Any:
    """The same for a function that is to be called with these hyper-parameters: each must be one that it has."""
    f = find(what, name, module)
    known = [key for key, parameter in signature(f).parameters.items() if isinstance(parameter.default, float)]
    for key in hyper:
        if key not in known:
            raise ValueRangeError(f"{what} {name}: hyper-parameters are {known or 'none'}; got {key}={hyper[key]!r}")
    return f


def unknown(what: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that nothing answers to."""
    close = near(name, known)
    hint = f"; did you mean {close!r}?" if close else ""
    return UnknownNameError(f"{what}: one of {', '.join(sorted(known))}; got {what}={name!r}{hint}")


def near(name: object, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    from difflib import get_close_matches

    name = getattr(name, "__name__", name)
    return next(iter(get_close_matches(str(name).lower(), list(known), n=1, cutoff=0.65)), None)
