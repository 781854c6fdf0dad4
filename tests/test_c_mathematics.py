"""The mathematical functions in C: their limits, their errors, and that loops over them are vector instructions."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from marks import C_COMPILER, needs_c_compiler, needs_gnu_linker, needs_long_double, needs_vectors_on_the_stack
from mathematics_cases import (
    FLAGS,
    FUNCTIONS,
    NAMES,
    SUFFIX,
    Function,
    Measure,
    Numbers,
    build,
    errors,
    every,
    hard_places,
    loops,
    measure,
    sampled,
)

from xnet.compile.c import mathematics as module

PAGE = Path(__file__).parents[1] / "docs" / "mathematics.md"
DTYPES = tuple(SUFFIX)

pytestmark = [needs_c_compiler, needs_vectors_on_the_stack]


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    return measure(tmp_path_factory.mktemp("fused"), report_of_loops()[0], "-Wno-error")


@pytest.fixture(scope="module", params=["fused", "separate"])
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """With a product and a sum fused into one instruction, in vectors; and without either."""
    if request.param == "separate":
        return measure(tmp_path_factory.mktemp("separate"), "-O1", "-ffp-contract=off")
    made: Measure = request.getfixturevalue("fused")
    return made


def report_of_loops() -> tuple[str, str]:
    """The compiler's option to report vectorised loops, and its words for one."""
    version = subprocess.run([str(C_COMPILER), "--version"], capture_output=True, text=True, check=True).stdout
    if "clang" in version:
        return "-Rpass=loop-vectorize", "vectorized loop"
    return "-fopt-info-vec-optimized", "optimized: loop vectorized"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_limits(measured: Measure, function: Function, dtype: str) -> None:
    x, expected = np.asarray([*function.limits, (np.nan, np.nan), (-np.nan, np.nan)], dtype).T
    y = measured.values(function.name, np.ascontiguousarray(x))
    np.testing.assert_array_equal(y, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_errors_in_float32(measured: Measure, function: Function) -> None:
    x = np.concatenate([every(step=4099), hard_places("float32")])
    assert_within(function, x, measured)


@needs_long_double
@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_errors_in_float64(measured: Measure, function: Function) -> None:
    x = np.concatenate([sampled(np.random.default_rng(0), 2000), hard_places("float64")])
    assert_within(function, x, measured)


def assert_within(function: Function, x: Numbers, measured: Measure) -> None:
    worst, where = measured.worst(function.name, x)
    assert worst <= function.largest_error(x.dtype.name), f"at x = {where.hex()}"


def test_errors_are_counted_in_units_in_the_last_place() -> None:
    exact = np.asarray([1 + 2**-25, 1 - 2**-25, 2**-149, 2.0**128, np.inf, np.nan, 0.0, 1.0, 3e-46])
    near = np.asarray([1, 1 - 2**-23, 2**-148, np.inf, 1, 1, -0.0, -1, 2**-149], np.float32)
    np.testing.assert_allclose(errors(near, exact), [0, 1.5, 1, 0, np.inf, np.inf, np.inf, np.inf, 0.786], rtol=1e-3)


def test_loops_are_vector_instructions(fused: Measure) -> None:
    """By what the compiler reports about the line of each loop."""
    vectorised = {int(n) for n in re.findall(rf"program\.c:(\d+):\d+: .*{report_of_loops()[1]}", fused.said)}
    scalar = {
        name
        for n, line in enumerate(loops().splitlines(), 1)
        for name in re.findall(r"^void loop_(\w+)\(", line)
        if n not in vectorised
    }
    assert scalar <= unvectorised_here()


def unvectorised_here() -> set[str]:
    """sin, cos and tan get rounding errors by a fused multiply-add, and in double read a table by a gather."""
    command = [str(C_COMPILER), *FLAGS, "-dM", "-E", "-x", "c", "-"]
    macros = subprocess.run(command, input="", capture_output=True, text=True, check=True).stdout
    able = all(f"#define {name} 1" in macros for name in ("__AVX2__", "__FMA__"))
    return set() if able else {name + suffix for name in ("sin", "cos", "tan") for suffix in SUFFIX.values()}


@needs_gnu_linker
def test_no_library_is_called(tmp_path: Path) -> None:
    build(loops(set(NAMES) - unvectorised_here()), tmp_path, "-O1", "-nostdlib", "-Wl,-z,defs")


@pytest.mark.parametrize("header", module.HEADERS)
def test_the_text_of_one_header_stands_alone(header: str, tmp_path: Path) -> None:
    build(loops(module.HEADERS[header]), tmp_path, "-O1")


def test_every_header_is_of_the_table_and_in_the_one_that_includes_all() -> None:
    assert set(module.FUNCTIONS) == set(NAMES)
    all_of_them = module.FOLDER.with_suffix(".h").read_text("utf-8")
    for header in module.HEADERS:
        assert f'#include "mathematics/{header}"' in all_of_them


def test_the_page_has_the_same_errors() -> None:
    rows = re.findall(r"(?m)^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE.read_text("utf-8"))
    assert rows == [(f.name, str(f.float32), str(f.float64)) for f in FUNCTIONS]
