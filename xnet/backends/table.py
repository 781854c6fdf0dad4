"""The table of backends: the name of each library, and the class that knows it."""

import functools
import importlib
from typing import Any

TABLE = {
    "numpy": "xnet.backends.numpy:NumPy",
    "cupy": "xnet.backends.cupy:CuPy",
    "torch": "xnet.backends.torch:Torch",
    "jax": "xnet.backends.jax:Jax",
    "dask": "xnet.backends.dask:Dask",
    "strict": "xnet.backends.strict:Strict",
}


@functools.cache
def backend_class(name: str) -> Any:
    """The class for a name of the table.  Its file is imported now; the array library is not."""
    file, _, kind = TABLE[name].partition(":")
    return getattr(importlib.import_module(file), kind)


def library_of(x: object) -> Any:
    """The class of the library that x is an array of; None if no library in the table has such arrays."""
    return next((found for found in map(backend_class, TABLE) if found.owns(x)), None)
