"""xn.scan on the arrays of every backend, against a plain loop."""

from typing import Any

import numpy as np
import pytest
from array_api_compat import device
from backends import selected
from numpy.testing import assert_allclose, assert_array_equal

import xnet as xn
from xnet.errors import DtypeError, ShapeError


def numbers(*shape: int, dtype: str = "float64") -> Any:
    rng = np.random.default_rng(shape)
    return rng.normal(size=shape).astype(dtype) if dtype[0] == "f" else rng.integers(-9, 9, size=shape).astype(dtype)


def cell(xb: Any, dtype: str = "float32") -> Any:
    xp, W = xb.xp, xb.asarray(numbers(3, 3), dtype)

    def step(A: Any, X: Any) -> Any:
        A = xp.tanh(W @ A + X)
        return A, {"A": A, "both": [A * X, None]}

    return step


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_is_a_loop(reverse: bool, xb: Any) -> None:
    X, A = xb.asarray(numbers(3, 7, 2), "float32"), xb.asarray(numbers(3, 2), "float32")
    last, ys = xn.scan(cell(xb), A, X, reverse=reverse)
    rows = []
    for t in range(7)[:: -1 if reverse else 1]:
        A, y = cell(xb)(A, X[:, t, :])
        rows.append((t, y))
    rows.sort(key=lambda row: row[0])
    assert ys["A"].dtype == X.dtype
    assert device(ys["A"]) == device(X)
    assert ys["both"][1] is None
    assert_array_equal(xb.to_numpy(last), xb.to_numpy(A), strict=True)
    for found, expected in ((ys["A"], [y["A"] for _, y in rows]), (ys["both"][0], [y["both"][0] for _, y in rows])):
        assert_array_equal(xb.to_numpy(found), np.stack([xb.to_numpy(y) for y in expected], axis=1), strict=True)


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_time_is_the_axis_that_is_named(axis: int, xb: Any) -> None:
    """A running sum and its square, of integers, from trees."""
    X = numbers(3, 3, dtype="int32")
    last, (sums, none) = xn.scan(
        lambda carry, x: ({"sum": carry["sum"] + x["x"]}, (carry["sum"] + x["x"], None)),
        {"sum": xb.asarray(np.zeros(3, "int32"), None)},
        {"x": xb.asarray(X, None)},
        axis=axis,
    )
    assert none is None
    assert_array_equal(xb.to_numpy(sums), np.cumsum(X, axis=axis, dtype="int32"), strict=True)
    assert_array_equal(xb.to_numpy(last["sum"]), np.sum(X, axis=axis, dtype="int32"), strict=True)


def pair(carry: Any, y: Any) -> Any:
    return lambda *_: (carry, y)


C2 = np.zeros((2, 3), "float32")
X3 = np.ones((2, 4, 3), "float32")


@pytest.mark.parametrize(
    ("f", "carry", "xs", "axis", "error", "text"),
    [
        (pair(C2, C2), C2, [X3, X3[:, 1:]], 1, ShapeError, r"scan: the xs must have one number of steps, at "
         r"least one; got "
         r"xs.0.shape=\(2, 4, 3\), xs.1.shape=\(2, 3, 3\), axis=1; pass the axis of time as axis="),
        (pair(C2, C2), C2, X3[:, :0], 1, ShapeError, r"at least one; got xs.shape=\(2, 0, 3\), axis=1"),
        (pair(C2, C2), C2, (), 1, ShapeError, r"at least one; got no xs, axis=1"),
        (pair(C2, C2), C2, X3, 3, ShapeError, r"scan: each of the xs must have the axis; got axis=3, "
         r"xs.shape=\(2, 4, 3\)"),
        (pair(C2, C2), 0.0, X3, 1, DtypeError, r"scan: carry and xs must be arrays, .*; got carry=0.0; "
         r"xp.asarray makes"),
        (pair(C2, C2), {"h": C2}, {"x": None}, 1, DtypeError, r"got xs.x=None; xp.asarray makes one"),
        (pair(C2[0], C2), C2, X3, 1, ShapeError, r"scan: f must return a carry of the same tree, shapes and "
         r"dtypes that it "
         r"is given; got carry=float32\[3\] where it was float32\[2, 3\]; begin with a carry of the shape"),
        (pair(C2.astype("float64"), C2), C2, X3, 1, ShapeError, r"got carry=float64\[2, 3\] where it was "
         r"float32\[2, 3\]"),
        (pair({}, C2), {"h": C2}, X3, 1, ShapeError, r"got carry.h=nothing where it was float32\[2, 3\]"),
        (lambda *_: C2, C2, X3, 1, ShapeError, r"scan: f must return \(carry, y\); got ndarray; return \(carry, "
         r"None\)"),
        (pair(C2, 1.5), C2, X3, 1, DtypeError, r"scan: y must be an array, a tree of arrays, or None; got "
         r"y=1.5; xp.asarr"),
        (pair(C2, {"J": C2[0, 0, None]}), C2, X3, 2, ShapeError, r"scan: the ys are stacked along the axis, so "
         r"a y must have "
         r"that many axes; got axis=2, y.J.shape=\(1,\); xp.reshape y, or use axis=0"),
    ],
)  # fmt: skip
def test_a_scan_that_cannot_run_is_refused(
    f: Any, carry: Any, xs: Any, axis: int, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        xn.scan(f, carry, xs, axis=axis)


if "jax" in {row.name for row in selected()}:

    def test_jit_makes_one_loop_of_a_scan() -> None:
        import jax

        xb = xn.backend("jax")
        A, X = xb.asarray(numbers(3, 2), "float32"), xb.asarray(numbers(3, 7, 2), "float32")
        run = jax.jit(lambda A, X: xn.scan(cell(xb), A, X, reverse=True))
        assert "while" in run.lower(A, X).as_text()
        results = run(A, X), xn.scan(cell(xb), A, X, reverse=True)
        for one, other in zip(*map(jax.tree.leaves, results), strict=True):
            assert_allclose(one, other, rtol=1e-6)
