"""Expressions of C and CUDA C give what NumPy gives, for every elementwise operation and dtype."""

import ctypes
import re
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
from marks import needs_c_compilers

from xnet.compile.expression import CUDA, TYPES, C, Dialect, expression, functions, has_expression, literal
from xnet.graph.dtypes import COMPLEX, FLOATS, is_kind, result
from xnet.graph.evaluate import apply
from xnet.graph.ir import Node
from xnet.graph.tracing.elementwise import FUNCTIONS

# The names of CUDA for a compiler of C++: what NVRTC knows without a header.
AS_CUDA = """#include <cmath>
#include <cstring>
#define __device__
#define __forceinline__ inline
using std::signbit;
static inline float __int_as_float(int i) { float x; std::memcpy(&x, &i, 4); return x; }
static inline double __longlong_as_double(long long i) { double x; std::memcpy(&x, &i, 8); return x; }
"""
DIALECTS = {"C": (C, ["cc"], "", ".c"), "CUDA": (CUDA, ["c++"], AS_CUDA, ".cpp")}
FLAGS = ["-O1", "-ffp-contract=off", "-w", "-shared", "-fPIC"]


def node(op: str, dtype: str, *inputs: str) -> Node:
    """An operation on arrays of these types."""
    return Node(op, tuple(Node("input", (), {}, (9,), x) for x in inputs), {}, (9,), dtype)


CASES = [
    *(
        node(op, result(rule, dtype), *[dtype] * arguments)
        for kind, arguments, rule, ops in FUNCTIONS
        for op in ops.split()
        for dtype in TYPES
        if is_kind(dtype, kind)
    ),
    *(node("astype", to, dtype) for dtype, to in product(TYPES, TYPES)),
    *(node("where", dtype, "bool", dtype, dtype) for dtype in TYPES),
    node("where", "float64", "bool", "float32", "float64"),
    *(node("less", "bool", a, b) for a, b in [("uint32", "int32"), ("int8", "uint8"), ("float32", "float64")]),
    *(node("multiply", c, a, b) for a, b, c in [("uint8", "int8", "int16"), ("float32", "float64", "float64")]),
]


def name_of(case: Node) -> str:
    return "-".join([case.op, *(x.dtype for x in case.inputs), case.dtype])


def numbers(dtype: str) -> Any:
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return np.asarray([False, True])
    if dtype in FLOATS:
        tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
        special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.5, 1e-6, 100.5, tiny, -tiny, huge, -huge]
        return np.concatenate([special, rng.normal(size=20) * 3, rng.uniform(-1, 1, size=12)]).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    special = [
        low,
        low + 1,
        high,
        high - 1,
        0,
        1,
        2,
        3,
        5,
        7,
        8,
        9,
        31,
        32,
        33,
        63,
        64,
        65,
        *([-1, -2, -3, -64] if low else []),
    ]
    return np.concatenate([np.asarray(special, dtype), rng.integers(low, high, size=12, dtype=dtype, endpoint=True)])


def arguments(case: Node) -> list[Any]:
    """All numbers beside all, without those for which NumPy defines no result."""
    xs = [grid.reshape(-1) for grid in np.meshgrid(*(numbers(x.dtype) for x in case.inputs), indexing="ij")]
    if case.op == "astype" and xs[0].dtype.kind == "f" and case.dtype not in {"bool", *FLOATS}:
        bounds = np.iinfo(case.dtype)
        xs = [xs[0][(xs[0] >= bounds.min) & (xs[0] < float(bounds.max)) & (np.trunc(xs[0]) >= bounds.min)]]
    if case.op == "pow" and xs[1].dtype.kind == "i":
        xs = [x[xs[1] >= 0] for x in xs]
    return [np.ascontiguousarray(x) for x in xs]


def function(number: int, case: Node, dialect: Dialect) -> str:
    names = "abc"[: len(case.inputs)]
    parameters = ", ".join(f"const {TYPES[x.dtype]}* {name}_" for name, x in zip(names, case.inputs, strict=True))
    reads = " ".join(f"const {TYPES[x.dtype]} {name} = {name}_[i];" for name, x in zip(names, case.inputs, strict=True))
    loop = f"for (long i = 0; i < n; i++) {{ {reads} out[i] = {expression(case, list(names), dialect)}; }}"
    return f"void f{number}(long n, {TYPES[case.dtype]}* out, {parameters}) {{ {loop} }}\n"


@pytest.fixture(scope="module", params=DIALECTS)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    dialect, compiler, head, ending = DIALECTS[request.param]
    cases = "".join(function(i, case, dialect) for i, case in enumerate(CASES))
    cases = f'extern "C" {{\n{cases}}}\n' if ending == ".cpp" else cases
    folder = tmp_path_factory.mktemp("expressions")
    (folder / f"all{ending}").write_text(head + functions(dialect) + cases)
    subprocess.run([*compiler, *FLAGS, "-o", folder / "all.so", folder / f"all{ending}", "-lm"], check=True)
    return ctypes.CDLL(str(folder / "all.so"))


@needs_c_compilers
@pytest.mark.parametrize("op", sorted({case.op for case in CASES}))
def test_every_operation_gives_what_numpy_gives(op: str, library: ctypes.CDLL) -> None:
    for number, case in enumerate(CASES):
        if case.op == op:
            compare(case, getattr(library, f"f{number}"))


def compare(case: Node, compiled: Callable[..., None]) -> None:
    xs = arguments(case)
    out = np.empty(xs[0].shape, case.dtype)
    compiled(ctypes.c_long(out.size), *(ctypes.c_void_p(x.ctypes.data) for x in (out, *xs)))
    with np.errstate(all="ignore"):
        expected = apply(case, xs, xp, None)
    assert expected.dtype == out.dtype
    if case.dtype not in FLOATS:
        np.testing.assert_array_equal(out, expected, name_of(case))
        return
    rtol = 3e-6 if case.dtype == "float32" else 1e-13
    np.testing.assert_allclose(out, expected, rtol=rtol, atol=0, err_msg=name_of(case))
    if case.op not in {"maximum", "minimum"}:  # of 0.0 and -0.0 either is the larger
        some = ~np.isnan(out)
        np.testing.assert_array_equal(np.signbit(out[some]), np.signbit(expected[some]), name_of(case))


@pytest.mark.parametrize("dialect", [C, CUDA], ids=["C", "CUDA"])
def test_float32_stays_float32(dialect: Dialect) -> None:
    """No function or number of double; and none that drops NaN, as fmax and fmaxf do."""
    for case in CASES:
        text = expression(case, ["a", "b", "c"][: len(case.inputs)], dialect)
        assert not re.search(r"\bfmax|\bfmin", text)
        if {case.dtype, *(x.dtype for x in case.inputs)} <= {"float32", "bool"}:
            calls = set(re.findall(r"\b(\w+)\(", text)) - {"signbit", "__int_as_float"}
            assert all(name.endswith(("f", "_float32")) for name in calls), text
            assert not re.search(r"double|\d\.\d+(?![\df])", text), text


def test_what_has_an_expression() -> None:
    assert all(map(has_expression, CASES))
    for case in (
        node("matmul", "float32", "float32", "float32"),
        node("input", "float32"),
        node("sum", "int32", "int32"),
    ):
        assert not has_expression(case)
    for dtype in COMPLEX:
        assert not has_expression(node("add", dtype, dtype, dtype))
        assert not has_expression(node("abs", result("real", dtype), dtype))


@needs_c_compilers
@pytest.mark.parametrize("name", DIALECTS)
def test_literals_are_the_same_numbers(name: str, tmp_path: Path) -> None:
    dialect, compiler, head, ending = DIALECTS[name]
    cases = [(dtype, value) for dtype in TYPES for value in numbers(dtype)]
    cases += [("float32", 0.1), ("float32", 1e39), ("float64", 0.1), ("float32", -1e-46)]
    begin, end = ('extern "C" {', "}") if ending == ".cpp" else ("", "")
    texts = [f"{TYPES[dtype]} v{i} = {literal(value, dtype, dialect)};" for i, (dtype, value) in enumerate(cases)]
    (tmp_path / f"all{ending}").write_text("\n".join([head + functions(dialect), begin, *texts, end]))
    subprocess.run([*compiler, *FLAGS, "-o", tmp_path / "all.so", tmp_path / f"all{ending}"], check=True)
    found = ctypes.CDLL(str(tmp_path / "all.so"))
    for i, (dtype, value) in enumerate(cases):
        with np.errstate(over="ignore", under="ignore"):
            expected = np.asarray(value).astype(dtype).tobytes()
        size = np.dtype(dtype).itemsize
        actual = bytes((ctypes.c_char * size).in_dll(found, f"v{i}"))
        assert actual == expected or (np.isnan(value) and np.isnan(np.frombuffer(actual, dtype)[0]))
