"""The functions of xnet/compile/c/mathematics.h: a row each, with the largest error that they may have."""

import ctypes
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, nan, pi
from pathlib import Path
from typing import Any

import numpy as np
from marks import C_COMPILER
from numpy.typing import NDArray

from xnet.compile.c.mathematics import mathematics

Numbers = NDArray[Any]
FLAGS = ("-std=c11", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
SUFFIX = {"float32": "f", "float64": ""}
C_TYPE = {"float32": "float", "float64": "double"}


@dataclass(frozen=True)
class Function:
    """The largest errors are in units in the last place; `limits` are pairs of x and the exact result."""

    name: str
    float32: float
    float64: float
    limits: tuple[tuple[float, float], ...]

    def __str__(self) -> str:
        return self.name

    def largest_error(self, dtype: str) -> float:
        return {"float32": self.float32, "float64": self.float64}[dtype]


ZEROS = ((0.0, 0.0), (-0.0, -0.0))
FUNCTIONS = (
    Function("exp", 1.0, 1.1, ((0.0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (1e5, inf), (-1e5, 0))),
    Function("exp2", 1.1, 1.2, ((0.0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (10, 1024), (-3, 0.125), (-1e5, 0))),
    Function("expm1", 1.0, 1.2, (*ZEROS, (inf, inf), (-inf, -1), (-1e5, -1), (1e5, inf))),
    Function("tanh", 1.4, 1.5, (*ZEROS, (inf, 1), (-inf, -1), (1e5, 1), (-1e5, -1))),
    Function("sinh", 2.3, 2.5, (*ZEROS, (inf, inf), (-inf, -inf), (1e5, inf), (-1e5, -inf))),
    Function("cosh", 1.5, 1.6, ((0.0, 1), (-0.0, 1), (inf, inf), (-inf, inf), (-1e5, inf))),
    Function("sigmoid", 2.5, 2.5, ((0.0, 0.5), (-0.0, 0.5), (inf, 1), (-inf, 0), (1e5, 1), (-1e5, 0))),
    Function("log", 1.0, 1.0, ((1, 0.0), (0.0, -inf), (-0.0, -inf), (inf, inf), (-1, nan), (-inf, nan))),
    Function("log2", 1.6, 1.6, ((1, 0.0), (8, 3), (0.125, -3), (0.0, -inf), (-0.0, -inf), (inf, inf), (-inf, nan))),
    Function("log10", 1.3, 1.3, ((1, 0.0), (0.0, -inf), (-0.0, -inf), (inf, inf), (-1, nan), (-inf, nan))),
    Function("log1p", 1.0, 1.0, (*ZEROS, (-1, -inf), (inf, inf), (-2, nan), (-inf, nan))),
    Function("sin", 1.6, 1.0, (*ZEROS, (inf, nan), (-inf, nan))),
    Function("cos", 1.6, 1.0, ((0.0, 1), (-0.0, 1), (inf, nan), (-inf, nan))),
    Function("tan", 3.3, 2.5, (*ZEROS, (inf, nan), (-inf, nan))),
    Function("atan", 2.0, 2.0, ZEROS),
    Function("erf", 1.3, 1.5, (*ZEROS, (inf, 1), (-inf, -1), (10, 1), (-10, -1))),
)
NAMES = tuple(function.name for function in FUNCTIONS)

LOOP = (
    "void loop_{name}{suffix}(const {type} *restrict x, {type} *restrict y, long m) "
    "{{ for (long i = 0; i < m; ++i) y[i] = xnet_{name}{suffix}(x[i]); }}"
)
LIBRARY = """
void exact_{name}f(const float *x, double *y, long m) {{ for (long i = 0; i < m; ++i) y[i] = {name}(x[i]); }}
void exact_{name}(const double *x, long double *y, long m) {{ for (long i = 0; i < m; ++i) y[i] = {name}l(x[i]); }}
"""
SIGMOID = """#include <math.h>
static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static long double sigmoidl(long double x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
"""


def loops(names: Iterable[str] = NAMES) -> str:
    """C text: the functions, then a line for each loop over one."""
    names = tuple(names)
    lines = [LOOP.format(name=n, suffix=SUFFIX[d], type=C_TYPE[d]) for n in names for d in SUFFIX]
    return "\n".join((mathematics(names), *lines)) + "\n"


def build(text: str, folder: Path, *flags: str) -> tuple[Path, str]:
    """The shared library of a C text, and what the compiler said."""
    source, library = folder / "program.c", folder / "program.so"
    source.write_text(text, "utf-8")
    command = [str(C_COMPILER), *FLAGS, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", str(source)]
    made = subprocess.run([*command, "-o", str(library), *flags], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return library, made.stderr


@dataclass(frozen=True)
class Measure:
    """The functions, beside what the C library says in double (for float) and in long double (for double)."""

    functions: ctypes.CDLL
    said: str  # by the compiler

    def values(self, name: str, x: Numbers) -> Numbers:
        y = np.empty_like(x)
        self.call(f"loop_{name}{SUFFIX[x.dtype.name]}", x, y, x.size)
        return y

    def errors(self, name: str, x: Numbers) -> Numbers:
        exact = np.empty(x.shape, np.float64 if x.dtype == np.float32 else np.longdouble)
        self.call(f"exact_{name}{SUFFIX[x.dtype.name]}", x, exact, x.size)
        return errors(self.values(name, x), exact)

    def worst(self, name: str, x: Numbers) -> tuple[float, float]:
        """The largest error, and where it is."""
        found = self.errors(name, x)
        return float(found.max()), float(x[found.argmax()])

    def call(self, name: str, *arguments: Numbers | int) -> int:
        """The result, where the function has one."""
        call = self.functions[name]
        call.argtypes = [ctypes.c_void_p if isinstance(a, np.ndarray) else ctypes.c_long for a in arguments]
        call.restype = ctypes.c_long
        return int(call(*(a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments)))


def measure(folder: Path, *flags: str, more: str = "") -> Measure:
    """`more` is a template of C text for each function."""
    text = "".join((loops(), SIGMOID, *((LIBRARY + more).format(name=name) for name in NAMES)))
    library, said = build(text, folder, "-lm", *flags)
    return Measure(ctypes.CDLL(str(library)), said)


def errors(y: Numbers, exact: Numbers) -> Numbers:
    """|y - exact| in units in the last place of y's dtype at exact; 0 where y is exact, rounded to that dtype.

    Infinite where one of them is NaN, where the signs differ, and where only the rounded one is infinite; an infinite y
    counts as the number that would follow the largest.
    """
    found = np.zeros(y.shape)
    with np.errstate(all="ignore"):
        rounded = exact.astype(y.dtype)
        bits = f"u{y.itemsize}"
        (where,) = np.nonzero(y.view(bits) != rounded.view(bits))
        y, rounded, exact = y[where], rounded[where], exact[where]
        kind = np.finfo(y.dtype)
        _, exponent = np.frexp(np.clip(abs(exact), kind.smallest_normal, kind.max))
        unit = np.ldexp(exact.dtype.type(1), exponent - kind.nmant - 1)
        beyond = np.copysign(np.ldexp(exact.dtype.type(1), kind.maxexp), y)
        wrong = np.isnan(y) | np.isnan(rounded) | np.isinf(rounded) | (np.signbit(y) != np.signbit(rounded))
        error = np.where(wrong, inf, abs(np.where(np.isinf(y), beyond, y) - exact) / unit)
        found[where] = np.where(np.isnan(y) & np.isnan(rounded), 0, error)
    return found


def every(step: int) -> Numbers:
    """Every `step`-th float32, in the order of their bits."""
    return np.arange(0, 1 << 32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)


def hard_places(dtype: str) -> Numbers:
    """The ends of the numbers, and those next to where a function overflows, is 1, or changes its formula."""
    kind = np.finfo(dtype)
    ends = [0, kind.smallest_subnormal, kind.smallest_normal, kind.max, inf, nan, kind.eps, kind.epsneg, 1e-20, 1e20]
    large, small = np.log(kind.max), np.log(kind.smallest_subnormal)
    thresholds = [large, large + np.log(2), small, small - np.log(2), np.log2(kind.max), np.log2(kind.smallest_normal)]
    formulas = [1, 2, 0.5, 0.625, 3.93, 5.93, 10, 20, 40, 2**0.5, 0.5**0.5, 2**0.5 - 1, 2**0.5 + 1, pi / 4, pi / 2, pi]
    numbers = np.asarray([*ends, *thresholds, *formulas, *range(-1075, 1026)], dtype)
    integers = numbers.view(numbers.dtype.str.replace("f", "u"))
    near = (
        integers[:, None] + np.arange(-40, 41, dtype=integers.dtype.str.replace("u", "i")).view(integers.dtype)
    ).ravel()
    both = near.view(dtype)
    return np.concatenate([both, -both])


def sampled(rng: np.random.Generator, count: int) -> Numbers:
    """float64: any bits, numbers of ordinary size, tiny ones, those around 1, and multiples of pi / 2."""
    ranges = [rng.uniform(-width, width, count) for width in (1, 4, 40, 800, 1e6)]
    return np.concatenate(
        [
            rng.integers(0, 1 << 64, 4 * count, dtype=np.uint64).view(np.float64),
            *ranges,
            np.ldexp(rng.uniform(-1, 1, count), rng.integers(-60, 0, count)),
            1 + rng.uniform(-0.5, 0.5, count) ** 3,
            np.rint(rng.uniform(-1e6, 1e6, count)) * (pi / 2),
        ]
    )
