"""A CuPy for the tests, where there is no GPU: NumPy computes, on two devices that are only names.

What it proves: xnet uses the names that CuPy 14.2 has (names.txt); arrays are made and used on the right device, since
an array that meets another current device is refused, as CuPy does it without peer access; nothing becomes a NumPy
array by accident; nothing is read before its copy has arrived.  It counts what costs time on a GPU (`_counts.py`):
launches, waiting, copies both ways, and what a captured graph forbids.

What it cannot: say anything of a kernel's speed, of its rounding or its compilation, of memory, of streams that really
run side by side, or of the driver; and launch a captured graph.  A kernel of one's own is computed where its line of C
is also a line of Python.
"""

import sys
from functools import partial, wraps
from importlib.resources import files
from types import ModuleType
from typing import Any

import numpy as np

from cupy import _array, cuda
from cupy._array import array, ndarray

__version__ = "14.2.0"


def _known_names() -> dict[str, list[str]]:
    """The public names of CuPy 14.2 by module."""
    sections = files("cupy").joinpath("names.txt").read_text(encoding="utf-8").split("[")[1:]
    return {title: names.split() for title, _, names in (section.partition("]") for section in sections)}


def _take_names(module: ModuleType, title: str, source: Any) -> None:
    """CuPy's names that NumPy has too: its types and constants as they are, its functions on the fake's arrays."""
    for name in _known_names()[title]:
        found = getattr(source, name, None)
        if found is None or name in vars(module):
            continue
        is_function = callable(found) and not isinstance(found, type)
        setattr(module, name, wraps(found)(partial(_array.call, found)) if is_function else found)


asarray = wraps(array)(partial(array, copy=None))


def asnumpy(a: Any, stream: Any = None, order: Any = "C", out: Any = None, *, blocking: bool = True) -> Any:
    return a.get(stream, order, out, blocking) if isinstance(a, ndarray) else np.asarray(a)


def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    a = array(a, dtype, copy=None)
    return a if a.flags.c_contiguous else a.copy()


def from_dlpack(x: Any, **options: Any) -> Any:
    raise BufferError("the fake CuPy's memory is on no device")


def get_default_memory_pool() -> cuda.MemoryPool:
    return cuda.MemoryPool()


class ElementwiseKernel:
    """`y = x + 1`: one line that reads the same in C and in Python."""

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel") -> None:
        self.names = [parameter.rpartition(" ")[2] for parameter in in_params.split(",")]
        out, _, self.expression = operation.partition(" = ")
        if out != out_params.rpartition(" ")[2] or ";" in self.expression:
            raise ValueError(f"the fake CuPy computes one line, out = expression; got {operation!r}")

    def __call__(self, *args: Any) -> Any:
        def compute(*values: Any) -> Any:
            return eval(self.expression, dict(zip(self.names, values, strict=True)))

        return _array.call(compute, *args)


linalg, fft = ModuleType("cupy.linalg"), ModuleType("cupy.fft")
_take_names(sys.modules[__name__], "cupy", np)
for _module in (linalg, fft):
    _take_names(_module, _module.__name__, getattr(np, _module.__name__.rpartition(".")[2]))
    sys.modules[_module.__name__] = _module
