"""The BLAS that NumPy itself has loaded: the addresses of its functions, for native code to call."""

import ctypes
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FUNCTIONS = tuple(f"cblas_{letter}{name}" for name in ("gemm", "gemv", "ger", "dot") for letter in "sd")
# How a BLAS spells `cblas_sgemm`, and the bytes of its integers; None where the name does not tell.
SPELLINGS: tuple[tuple[str, int | None], ...] = (
    ("scipy_{}64_", 8),  # OpenBLAS in NumPy's wheels
    ("{}64_", 8),  # OpenBLAS with a suffix, in Julia and Fedora
    ("{}$NEWLAPACK$ILP64", 8),  # Accelerate of macOS 13.3 and later
    ("{}$NEWLAPACK", 4),
    ("scipy_{}", 4),  # OpenBLAS in NumPy's wheels for 32 bits
    ("{}", None),  # OpenBLAS of Debian and conda, MKL, BLIS
)
THREADS = ("openblas_get_num_threads", "MKL_Get_Max_Threads", "bli_thread_get_num_threads")
ROW_MAJOR, NO_TRANSPOSE = 101, 111


@dataclass(frozen=True)
class Blas:
    """A BLAS in this process, proved right by one product."""

    name: str
    path: str | None
    integer: int  # bytes of its integers: 4 (LP64) or 8 (ILP64)
    functions: Mapping[str, int]  # addresses by the standard's names: cblas_sgemm, …
    ask_threads: Callable[[], int] | None

    def threads(self) -> int | None:
        """How many threads a product may use now; None if the library does not tell."""
        return self.ask_threads() if self.ask_threads else None

    def __str__(self) -> str:
        return f"{self.name}, {8 * self.integer}-bit integers"


@dataclass(frozen=True)
class NoBlas:
    """Why no BLAS can be called."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@cache
def find() -> Blas | NoBlas:
    """The BLAS that NumPy multiplies with, or the reason why it cannot be called.  Searched once a process."""
    reasons = []
    for library in _numpy_libraries():
        found = find_in(library)
        if isinstance(found, Blas):
            return found
        reasons.append(found.reason)
    return NoBlas("; ".join(dict.fromkeys(reasons)) or "NumPy's own library cannot be opened")


def _numpy_libraries() -> Iterator[ctypes.CDLL]:
    """NumPy's compiled module: a name is looked up in it and then in the libraries that it loaded, in their order.

    Windows looks into one file alone, so there the libraries of NumPy's wheel come first.
    """
    if os.name == "nt":
        for path in sorted(Path(np.__file__).parent.parent.joinpath("numpy.libs").glob("*openblas*.dll")):
            with suppress(OSError):
                yield ctypes.CDLL(str(path))
    with suppress(ImportError, AttributeError, OSError):
        yield ctypes.CDLL(str(importlib.import_module("numpy._core._multiarray_umath").__file__))


def find_in(library: ctypes.CDLL) -> Blas | NoBlas:
    """The BLAS in a library or in those that it loaded."""
    for spelling, integer in SPELLINGS:
        functions = {name: found for name in FUNCTIONS if (found := _function(library, spelling.format(name)))}
        if not {"cblas_sgemm", "cblas_dgemm"} <= functions.keys():
            continue
        blas = Blas(
            _name(library, spelling),
            _path(_address(functions["cblas_sgemm"])),
            integer or _bytes_of_integers(library),
            {name: _address(function) for name, function in functions.items()},
            _threads(library),
        )
        wrong = [name for name in ("cblas_sgemm", "cblas_dgemm") if not multiplies_right(blas, name)]
        return NoBlas(f"{wrong[0]} of {blas} gives a wrong product") if wrong else blas
    return NoBlas("NumPy has loaded no library with cblas_sgemm and cblas_dgemm")


def multiplies_right(blas: Blas, name: str) -> bool:
    """One product of 2×3 by 3×2 in whole numbers, which every order of adding gives exactly."""
    dtype, number = (np.float32, ctypes.c_float) if name == "cblas_sgemm" else (np.float64, ctypes.c_double)
    A, B = np.arange(1, 7, dtype=dtype).reshape(2, 3), np.arange(7, 13, dtype=dtype).reshape(3, 2)
    C = np.full((2, 2), np.nan, dtype)
    integer = ctypes.c_int64 if blas.integer == 8 else ctypes.c_int32
    choice, pointer = ctypes.c_int, ctypes.c_void_p
    sizes, matrix = [integer] * 3, [pointer, integer]
    function = ctypes.CFUNCTYPE(None, *[choice] * 3, *sizes, number, *matrix, *matrix, number, *matrix)
    gemm = function(blas.functions[name])
    gemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, 2, 2, 3, 1, A.ctypes.data, 3, B.ctypes.data, 2, 0, C.ctypes.data, 2)
    return C.tolist() == [[58, 64], [139, 154]]


def _function(library: ctypes.CDLL, name: str) -> Any:
    with suppress(AttributeError):
        return library[name]
    return None


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _spelled(library: ctypes.CDLL, name: str) -> Any:
    """A function of the library itself, which has the same spelling as its products."""
    return next((f for spelling, _ in SPELLINGS if (f := _function(library, spelling.format(name)))), None)


def _config(library: ctypes.CDLL) -> str:
    """What OpenBLAS tells of itself: `OpenBLAS 0.3.31 USE64BITINT DYNAMIC_ARCH …`."""
    ask = _spelled(library, "openblas_get_config")
    if ask is None:
        return ""
    ask.restype = ctypes.c_char_p
    return (ask() or b"").decode(errors="replace")


def _bytes_of_integers(library: ctypes.CDLL) -> int:
    """Of a library whose names do not tell: OpenBLAS says it, and MKL takes it from the environment."""
    wide = "USE64BITINT" in _config(library).split()
    mkl = "ILP64" in os.environ.get("MKL_INTERFACE_LAYER", "").upper().split(",")
    return 8 if wide or (mkl and _function(library, "MKL_Get_Max_Threads")) else 4


def _name(library: ctypes.CDLL, spelling: str) -> str:
    words = _config(library).split()
    if words[:1] == ["OpenBLAS"]:
        return " ".join(words[:2])
    if "NEWLAPACK" in spelling:
        return "Accelerate"
    return "MKL" if _function(library, "MKL_Get_Max_Threads") else "BLAS"


def _threads(library: ctypes.CDLL) -> Callable[[], int] | None:
    ask = next((f for name in THREADS if (f := _spelled(library, name))), None)
    if ask is not None:
        ask.restype = ctypes.c_int
    return ask


def _path(address: int) -> str | None:
    """The file that an address of code belongs to, where the system tells it."""

    class Place(ctypes.Structure):
        _fields_ = (
            ("path", ctypes.c_char_p),
            ("base", ctypes.c_void_p),
            ("name", ctypes.c_char_p),
            ("address", ctypes.c_void_p),
        )

    place = Place()
    with suppress(AttributeError, OSError, TypeError):  # Windows has no dladdr
        if ctypes.CDLL(None).dladdr(ctypes.c_void_p(address), ctypes.byref(place)) and place.path:
            return os.fsdecode(place.path)
    return None
