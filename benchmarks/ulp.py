"""The largest errors of the mathematical functions in C: float over all its numbers, double over a large sample.

`nox -s ulp` runs it; names of functions after `--` choose some of them.  Its status is 1 where one is above its bound.
"""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mathematics_cases import FUNCTIONS, NAMES, Function, Measure, errors, hard_places, measure, sampled

CHUNK = 1 << 20
DIFFERING = """
/* Of all floats whose bits are `first` to `first + m - 1`, those where the result is not that in double, rounded. */
long differing_{name}f(uint32_t first, long m, float *x, float *y, double *exact) {{
    float single[1024], value[1024];
    double wide[1024], wider[1024];
    long found = 0;
    for (long start = 0; start < m; start += 1024) {{
        for (uint32_t i = 0; i < 1024; ++i) single[i] = xnet_float_of_bits(first + (uint32_t)start + i);
        for (long i = 0; i < 1024; ++i) wide[i] = single[i];
        loop_{name}f(single, value, 1024);
        loop_{name}(wide, wider, 1024);
        for (long i = 0; i < 1024; ++i) {{
            x[found] = single[i];
            y[found] = value[i];
            found += xnet_bits_of_float(value[i]) != xnet_bits_of_float((float)wider[i]);
        }}
    }}
    for (long i = 0; i < found; ++i) exact[i] = {name}(x[i]);
    return found;
}}
"""


def all_floats(measured: Measure, name: str) -> tuple[float, float]:
    """The largest error and where it is.  The C library is slow, and asked only about numbers that differ."""

    def worst(first: int) -> tuple[float, float]:
        x, y, exact = np.empty(CHUNK + 1, np.float32), np.empty(CHUNK + 1, np.float32), np.empty(CHUNK)
        m = measured.call(f"differing_{name}f", first, CHUNK, x, y, exact)
        found = errors(y[:m], exact[:m])
        return (float(found.max()), float(x[found.argmax()])) if m else (0.0, 0.0)

    with ThreadPoolExecutor(cpu_count()) as pool:  # other threads run while C computes
        return max(pool.map(worst, range(0, 1 << 32, CHUNK)))


def many_doubles(measured: Measure, name: str) -> tuple[float, float]:
    samples = [hard_places("float64"), *(sampled(np.random.default_rng(seed), 20_000) for seed in range(10))]
    return max(measured.worst(name, sample) for sample in samples)


def rows(functions: Iterable[Function]) -> Iterator[bool]:
    """Prints a line for each function; True where it is within its bounds."""
    with TemporaryDirectory() as folder:
        measured = measure(Path(folder), more=DIFFERING)
        for function in functions:
            float32, at = all_floats(measured, function.name)
            float64, there = many_doubles(measured, function.name)
            print(  # noqa: T201
                f"{function.name:8} float {float32:.3f} of {function.float32} at {at.hex()}"
                f"   double {float64:.3f} of {function.float64} at {there.hex()}",
                flush=True,
            )
            yield float32 <= function.float32 and float64 <= function.float64


def chosen(names: list[str]) -> list[Function]:
    if unknown := [name for name in names if name not in NAMES]:
        sys.exit(f"functions: each is one of the table; got {', '.join(unknown)}; type some of {' '.join(NAMES)}")
    return [function for function in FUNCTIONS if not names or function.name in names]


if __name__ == "__main__":
    sys.exit(not all(list(rows(chosen(sys.argv[1:])))))
