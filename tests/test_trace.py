"""Tracing knows the shape and the dtype of every result as the standard has them, and refuses what it refuses."""

import warnings
from collections.abc import Callable
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import selected
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet.errors import XnetError
from xnet.graph import spec, trace
from xnet.graph.dtypes import ALL
from xnet.graph.tracing import elementwise

Shape = tuple[int, ...]
DTYPES = st.sampled_from(ALL)
COMMON = st.sampled_from(["float32", "float64", "int32", "int64", "uint8", "bool", "complex64"])
SIDES = st.sampled_from([1, 2, 3, 3, 0])
SHAPES = st.lists(SIDES, max_size=3).map(tuple)
AXED = st.lists(SIDES, min_size=1, max_size=3).map(tuple)
SCALARS = st.sampled_from([True, False, 0, 1, 3, 300, 2.5, 1.0, 2j])
AXES = st.none() | st.integers(-3, 3) | st.lists(st.integers(-3, 2), max_size=3).map(tuple)

ELEMENTWISE = [(name, number) for _, number, _, names in elementwise.FUNCTIONS for name in names.split()]
REFUSALS = (TypeError, ValueError, IndexError, OverflowError, AttributeError)


def by_strict(f: Callable[..., Any], arrays: list[Any]) -> Any:
    """Shape and dtype of each result of f, from arrays of ones; None where it is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return said(f(strict, *(strict.ones(shape, dtype=getattr(strict, dtype)) for shape, dtype in arrays)))
    except REFUSALS:
        return None


def by_trace(f: Callable[..., Any], arrays: list[Any]) -> Any:
    try:
        graph = trace(lambda *xs: f(array_namespace(*xs), *xs), *(spec(*array) for array in arrays))
    except XnetError:
        return None
    return [(node.shape, node.dtype) for node in graph.outputs]


def said(result: Any) -> list[tuple[Shape, str]]:
    results = result if isinstance(result, tuple | list) else (result,)
    return [(tuple(x.shape), str(x.dtype).rpartition(".")[2]) for x in results]


def agree(f: Callable[..., Any], *arrays: tuple[Shape, str]) -> None:
    assert by_trace(f, list(arrays)) == by_strict(f, list(arrays))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(("op", "number"), ELEMENTWISE)
def test_elementwise_functions_take_and_give_the_standards_types(op: str, number: int, dtype: str) -> None:
    agree(lambda xp, *xs: getattr(xp, op)(*xs), *[((2, 1), dtype)] * number)


@given(st.sampled_from([name for name, number in ELEMENTWISE if number == 2]), SHAPES, SHAPES, DTYPES, DTYPES)
@settings(deadline=None, max_examples=300)
def test_two_arrays_broadcast_and_promote(op: str, a: Shape, b: Shape, da: str, db: str) -> None:
    agree(lambda xp, x, y: getattr(xp, op)(x, y), (a, da), (b, db))


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "@": lambda x, y: x @ y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "^": lambda x, y: x ^ y,
    "<<": lambda x, y: x << y,
    ">>": lambda x, y: x >> y,
    "<": lambda x, y: x < y,
    ">=": lambda x, y: x >= y,
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
}


@given(st.sampled_from(sorted(OPERATORS)), SHAPES, DTYPES, SCALARS, st.booleans())
@settings(deadline=None, max_examples=300)
def test_a_python_number_takes_the_arrays_type(op: str, shape: Shape, dtype: str, number: Any, turned: bool) -> None:
    f = OPERATORS[op]
    if isinstance(number, complex) and op in {"<", ">=", "//", "%"}:
        number = 2.5  # complex numbers have no order, which strict forgets here
    agree(lambda _, x: f(number, x) if turned else f(x, number), (shape, dtype))


@given(st.sampled_from(sorted(OPERATORS)), SHAPES, SHAPES, DTYPES, DTYPES)
@settings(deadline=None, max_examples=300)
def test_operators_are_their_functions(op: str, a: Shape, b: Shape, da: str, db: str) -> None:
    agree(lambda _, x, y: OPERATORS[op](x, y), (a, da), (b, db))


@given(SHAPES, SHAPES, SHAPES, COMMON, COMMON, SCALARS, st.booleans())
@settings(deadline=None)
def test_where_and_clip(c: Shape, a: Shape, b: Shape, da: str, db: str, number: Any, scalar: bool) -> None:
    if scalar:
        agree(lambda xp, mask, x: xp.where(mask, x, number), (c, "bool"), (a, da))
        agree(lambda xp, mask, x: xp.where(mask, number, x), (c, "bool"), (a, da))
        agree(lambda xp, mask: xp.where(mask, number, number), (c, "bool"))
    else:
        agree(lambda xp, mask, x, y: xp.where(mask, x, y), (c, da if da == "bool" else "bool"), (a, da), (b, db))
        agree(lambda xp, mask, x, y: xp.where(mask, x, y), (c, da), (a, "float32"), (b, "float32"))


RUNNING = ["cumulative_sum", "cumulative_prod"]
REDUCTIONS = ["sum", "prod", "mean", "var", "std", "max", "min", "any", "all", "argmax", "argmin", "count_nonzero"]


@given(st.sampled_from([*REDUCTIONS, *RUNNING]), AXED, DTYPES, AXES, st.booleans())
@settings(deadline=None, max_examples=400)
def test_reductions(op: str, shape: Shape, dtype: str, axis: Any, flag: bool) -> None:
    if op in {*RUNNING, "argmax", "argmin"} and isinstance(axis, tuple):
        axis = None
    option = "include_initial" if op in RUNNING else "keepdims"
    agree(lambda xp, x: getattr(xp, op)(x, axis=axis, **{option: flag}), (shape, dtype))


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "bool"])
def test_reductions_of_one_number(op: str, dtype: str) -> None:
    agree(lambda xp, x: getattr(xp, op)(x), ((), dtype))


@given(st.sampled_from(["sum", "prod"]), SHAPES, DTYPES, DTYPES)
@settings(deadline=None)
def test_sums_in_a_type_asked_for(op: str, shape: Shape, dtype: str, asked: str) -> None:
    if asked == "bool" or ("complex" in dtype and "complex" not in asked):
        return
    agree(lambda xp, x: getattr(xp, op)(x, dtype=getattr(xp, asked)), (shape, dtype))


@given(SHAPES, SHAPES, COMMON, COMMON)
@settings(deadline=None, max_examples=300)
def test_matmul(a: Shape, b: Shape, da: str, db: str) -> None:
    db = da if {da, db} & {"float32", "float64", "complex64"} and {da, db} & {"int32", "int64", "uint8"} else db
    agree(lambda xp, x, y: xp.matmul(x, y), (a, da), (b, db))
    n = a[-1] if a else 3
    agree(lambda xp, x, y: xp.matmul(x, y), (a, da), ((*b[:-1], n, 2), da))
    agree(lambda _, x, y: x @ y, (a, da), ((n,), db))


@given(AXED, AXED, COMMON, st.integers(-3, 1), st.integers(0, 3))
@settings(deadline=None, max_examples=200)
def test_other_products(a: Shape, b: Shape, dtype: str, axis: int, axes: int) -> None:
    axis = max(axis, -min(len(a), len(b)))
    agree(lambda xp, x, y: xp.vecdot(x, y, axis=axis), (a, dtype), (b, dtype))
    agree(lambda xp, x, y: xp.vecdot(x, y, axis=axis), (a, dtype), (a, dtype))
    agree(lambda xp, x, y: xp.tensordot(x, y, axes=axes), (a, dtype), (b, dtype))
    agree(lambda xp, x, y: xp.tensordot(x, y, axes=((0,), (-1,))), (a, dtype), (b, dtype))
    agree(lambda xp, x: xp.matrix_transpose(x), (a, dtype))
    agree(lambda xp, x: xp.linalg.outer(x, x), (a, dtype))


SOLVERS: dict[str, Callable[..., Any]] = {
    "inv": lambda xp, a, b: xp.linalg.inv(a),
    "det": lambda xp, a, b: xp.linalg.det(a),
    "slogdet": lambda xp, a, b: xp.linalg.slogdet(a),
    "cholesky": lambda xp, a, b: xp.linalg.cholesky(a),
    "eigh": lambda xp, a, b: xp.linalg.eigh(a),
    "svd": lambda xp, a, b: xp.linalg.svd(b),
    "svd-small": lambda xp, a, b: xp.linalg.svd(b, full_matrices=False),
    "qr": lambda xp, a, b: xp.linalg.qr(b),
    "qr-complete": lambda xp, a, b: xp.linalg.qr(b, mode="complete"),
    "solve": lambda xp, a, b: xp.linalg.solve(a, b),
    "solve-vector": lambda xp, a, b: xp.linalg.solve(a, b[(0,) * (b.ndim - 2) + (slice(None), 0)]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64"])
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
@pytest.mark.parametrize("name", SOLVERS)
def test_linear_algebra(name: str, batch: Shape, dtype: str) -> None:
    def definite(xp: Any, a: Any) -> Any:
        return a + 2 * xp.eye(a.shape[-1], dtype=a.dtype)

    def f(xp: Any, a: Any, b: Any) -> Any:
        return SOLVERS[name](xp, definite(xp, a), b)

    agree(f, ((*batch, 3, 3), dtype), ((*batch, 3, 2), dtype))


SLICES = st.builds(slice, st.none() | st.integers(-1, 1), st.none() | st.integers(-1, 1), st.sampled_from([None, 1, 2]))


@st.composite
def keys(draw: Any) -> tuple[Shape, Any]:
    """A shape and an index of it, which names every axis or has `...`: the rest the standard leaves open."""
    shape = draw(st.lists(st.sampled_from([1, 2, 3]), max_size=3).map(tuple))
    key = [draw(SLICES | st.integers(-2, 2) | st.just(slice(None))) for _ in shape]
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(key)))
        key = [*key[:cut], ..., *key[draw(st.integers(cut, len(key))) :]]
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), None)
    return shape, tuple(key)


@given(keys(), COMMON)
@settings(deadline=None, max_examples=300)
def test_indexing(shape_and_key: tuple[Shape, Any], dtype: str) -> None:
    shape, key = shape_and_key
    agree(lambda _, x: x[key], (shape, dtype))


def test_indexing_fewer_axes_than_there_are_gives_the_rest_whole() -> None:
    assert by_trace(lambda _, x: x[1], [((2, 3), "int8")]) == [((3,), "int8")]
    assert by_trace(lambda _, x: [*x], [((2, 3), "int8")]) == [((3,), "int8")] * 2
    assert by_trace(lambda _, x: x[0, 0, 0], [((2, 3), "int8")]) is None
    assert trace(lambda x: x[np.int64(-1)], spec((2, 3))).outputs[0].attrs == {"key": (1, slice(None))}


@given(SHAPES, st.integers(0, 2), st.lists(st.integers(0, 3), max_size=2).map(tuple), COMMON, st.booleans())
@settings(deadline=None)
def test_an_array_of_integers_picks_along_one_axis(
    shape: Shape, axis: int, picked: Shape, dtype: str, closed_over: bool
) -> None:
    """As NumPy has it, for the standard asks for as many arrays as there are axes."""
    shape = (*shape, *[2] * (axis + 1 - len(shape)))
    i = np.zeros(picked, "int64")
    if shape[axis]:
        arrays = [(shape, dtype)] if closed_over else [(shape, dtype), (picked, "int64")]
        before: Any = [slice(None)] * axis
        assert by_trace(lambda _, x, j=i: x[(*before, j)], arrays) == [(np.zeros(shape)[(*before, i)].shape, dtype)]


def flat(xp: Any, x: Any) -> Any:
    return xp.reshape(x, (-1,))


ONE_ARRAY: dict[str, Callable[..., Any]] = {
    "reshape": lambda xp, x, i, j: xp.reshape(x, (-1, max(j, -1))),
    "reshape to a shape": lambda xp, x, i, j: xp.reshape(x, (max(j, -1), 3)),
    "flatten": lambda xp, x, i, j: xp.reshape(x, (-1,)),
    "broadcast_to": lambda xp, x, i, j: xp.broadcast_to(x, (2, 3, j)),
    "expand_dims": lambda xp, x, i, j: xp.expand_dims(x, axis=i),
    "squeeze": lambda xp, x, i, j: xp.squeeze(x, axis=i),
    "squeeze two": lambda xp, x, i, j: xp.squeeze(x, axis=(i, j)),
    "permute_dims": lambda xp, x, i, j: xp.permute_dims(x, (i, j)),
    "permute_dims of three": lambda xp, x, i, j: xp.permute_dims(x, (i, 0, j)),
    "moveaxis": lambda xp, x, i, j: xp.moveaxis(x, i, j),
    "moveaxis of two": lambda xp, x, i, j: xp.moveaxis(x, (i, j), (0, -1)),
    "flip": lambda xp, x, i, j: xp.flip(x, axis=i),
    "flip all": lambda xp, x, i, j: xp.flip(x),
    "roll": lambda xp, x, i, j: xp.roll(x, j, axis=i),
    "roll all": lambda xp, x, i, j: xp.roll(x, j),
    "roll two": lambda xp, x, i, j: xp.roll(x, (1, j), axis=(0, i)),
    "repeat": lambda xp, x, i, j: xp.repeat(x, abs(j), axis=i),
    "repeat all": lambda xp, x, i, j: xp.repeat(x, abs(j)),
    "tile": lambda xp, x, i, j: xp.tile(x, (2, abs(j))),
    "concat": lambda xp, x, i, j: xp.concat([x, x, x], axis=i),
    "concat of all": lambda xp, x, i, j: xp.concat([x, x], axis=None),
    "stack": lambda xp, x, i, j: xp.stack([x, x], axis=i),
    "unstack": lambda xp, x, i, j: xp.unstack(x, axis=i),
    "tril": lambda xp, x, i, j: xp.tril(x, k=j),
    "triu": lambda xp, x, i, j: xp.triu(x),
    "diff": lambda xp, x, i, j: xp.diff(x, axis=i, n=max(j, 1)),
    "diff of more": lambda xp, x, i, j: xp.diff(x, axis=i, prepend=x, append=x),
    "searchsorted": lambda xp, x, i, j: xp.searchsorted(x[(*[0] * (x.ndim - 1), slice(None))], x),
    "searchsorted not in a row": lambda xp, x, i, j: xp.searchsorted(x[..., None], x),
    "vector_norm": lambda xp, x, i, j: xp.linalg.vector_norm(x, axis=i, ord=1, keepdims=j > 0),
    "vector_norm of all": lambda xp, x, i, j: xp.linalg.vector_norm(x),
    "sort": lambda xp, x, i, j: xp.sort(x, axis=i, descending=j > 0),
    "argsort": lambda xp, x, i, j: xp.argsort(x, axis=i),
    "diagonal": lambda xp, x, i, j: xp.linalg.diagonal(x, offset=j),
    "trace": lambda xp, x, i, j: xp.linalg.trace(x, offset=j),
    "take": lambda xp, x, i, j: xp.take(x, xp.zeros((2 * (0 not in x.shape),), dtype=xp.int64), axis=i),
    "zeros_like": lambda xp, x, i, j: xp.zeros_like(x),
    "ones_like": lambda xp, x, i, j: xp.ones_like(x, dtype=xp.int16),
    "full_like": lambda xp, x, i, j: xp.full_like(x, xp.isdtype(x.dtype, "bool") or 2),
    "empty_like": lambda xp, x, i, j: xp.empty_like(x),
    "zeros": lambda xp, x, i, j: xp.zeros(x.shape),
    "arange": lambda xp, x, i, j: xp.arange(i, j, 2),
    "arange of fractions": lambda xp, x, i, j: xp.arange(abs(i) + 0.5, dtype=xp.float32),
    "linspace": lambda xp, x, i, j: xp.linspace(0, 1, abs(i)),
    "eye": lambda xp, x, i, j: xp.eye(abs(i), abs(j), k=1),
    "full": lambda xp, x, i, j: xp.full((abs(i), 2), float(j)),
    "meshgrid": lambda xp, x, i, j: xp.meshgrid(flat(xp, x), xp.zeros((abs(j),), dtype=x.dtype), indexing="xy"),
    "meshgrid ij": lambda xp, x, i, j: xp.meshgrid(
        flat(xp, x), xp.zeros((abs(j),), dtype=x.dtype), flat(xp, x), indexing="ij"
    ),
}


@pytest.mark.parametrize("name", ONE_ARRAY)
@given(AXED, COMMON, st.integers(-3, 3), st.integers(-3, 3))
@settings(deadline=None, max_examples=25)
def test_arrangements(name: str, shape: Shape, dtype: str, i: int, j: int) -> None:
    agree(lambda xp, x: ONE_ARRAY[name](xp, x, i, j), (shape, dtype))


@given(SHAPES, SHAPES, COMMON, COMMON, st.integers(-3, 2))
@settings(deadline=None, max_examples=200)
def test_arrays_together(a: Shape, b: Shape, da: str, db: str, axis: int) -> None:
    agree(lambda xp, x, y: xp.concat([x, y], axis=axis), (a, da), (b, db))
    agree(lambda xp, x, y: xp.stack([x, y], axis=axis), (a, da), (a, db))
    agree(lambda xp, x, y: xp.broadcast_arrays(x, y), (a, da), (b, db))
    agree(lambda xp, x, y: xp.astype(x, y.dtype), (a, da), (b, db))


@given(DTYPES, DTYPES)
@settings(deadline=None)
def test_what_is_said_of_types(a: str, b: str) -> None:
    told: list[Any] = []

    def ask(xp: Any, x: Any, y: Any) -> Any:
        kinds = ["bool", "integral", "real floating", "numeric", ("signed integer", "complex floating")]
        answers = [xp.isdtype(x.dtype, kind) for kind in kinds]
        if xp.isdtype(x.dtype, ("real floating", "complex floating")):
            info = xp.finfo(x.dtype)
            answers += [info.bits, info.eps, info.max, info.min, info.smallest_normal]
        if xp.isdtype(x.dtype, "integral"):
            answers += [xp.iinfo(x).bits, xp.iinfo(x).max, xp.iinfo(x.dtype).min]
        told.append([*answers, xp.can_cast(x.dtype, y.dtype)])
        return xp.zeros((), dtype=xp.result_type(x, y, y.dtype))

    agree(ask, ((2,), a), ((3,), b))
    assert told[0] == told[1]


@given(DTYPES, SCALARS)
@settings(deadline=None)
def test_the_type_of_an_array_beside_a_number(dtype: str, number: Any) -> None:
    agree(lambda xp, x: xp.zeros((), dtype=xp.result_type(x, number)), ((2,), dtype))


@pytest.mark.parametrize("option", ["correction", "dtype", "include_initial"])
def test_a_reduction_takes_its_own_options_and_no_others(option: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        trace(lambda x: array_namespace(x).max(x, **{option: 1}), spec((3,)))


def test_numbers_become_arrays_of_the_type_asked_for() -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.asarray(2, dtype=xp.int8), xp.asarray(0.5), xp.full((2,), xp.sum(x))

    two, half, sums = trace(f, spec((3,)))(np.ones(3, "float32"))
    assert (two.dtype, half.dtype, sums.tolist()) == ("int8", "float64", [3, 3])


@pytest.mark.parametrize("name", ["float32", "float64", "int64", "bool", "complex64"])
def test_a_traced_dtype_is_equal_to_that_of_every_library(name: str) -> None:
    same = [np.dtype(name), np.dtype(name).type, getattr(strict, name), name]
    if name != "complex64":
        same += [getattr(row.open().xp, name) for row in selected()]

    def f(x: Any) -> Any:
        assert x.dtype == getattr(array_namespace(x), name)
        for dtype in same:
            assert x.dtype == dtype
            assert (x.dtype != dtype) is False
            assert dtype == x.dtype or dtype is getattr(strict, name), "strict knows no dtype but its own"
        assert x.dtype not in {np.dtype("int8"), np.int16, strict.uint8, "half", None, 3}
        assert x.dtype in (None, np.dtype(name))
        assert {x.dtype: 1}[name] == 1
        assert f"{x.dtype}" == name
        return x

    trace(f, spec((2,), name))
