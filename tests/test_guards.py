"""The checks of arrays on every backend, and the texts of their errors."""

import re
from typing import Any

import numpy as np
import pytest
from backends import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet import guards
from xnet.backends import backend, backend_of
from xnet.errors import DeviceMismatchError, DtypeError, ShapeError, ValueRangeError, XnetError
from xnet.graph import spec, trace

X = np.ones((3, 4), "float32")
ROW = X[:1]
INFINITE = np.where(np.arange(12).reshape(3, 4) == 6, np.inf, X).astype("float32")
LABELS = np.asarray([[0, 2, 5, 7]])
WEIGHTS = np.asarray([[0.5, 1.0, -2.0, 0.0]], "float32")

RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("array", {"X": X, "Y": ROW}),
    ("array", {"images": np.ones((2, 2, 3, 0), "float32")}),
    ("floating", {"X": X, "Y": ROW}),
    ("trainable", {"X": X}),
    ("together", {"X": X, "Y": ROW}),
    ("one_device", {"X": X, "Y": LABELS}),
    ("features", {"X": X, "expected": (3,)}),
    ("features", {"X": np.ones((2, 2, 4), "float32"), "expected": (2, 2)}),
    ("same_examples", {"X": X, "Y": LABELS}),
    ("some_examples", {"X": X[:, :1]}),
    ("finite", {"X": X, "Y": 3e38 * ROW}),
    ("finite", {"X": X[:, :0]}),
    ("labels", {"Y": LABELS, "classes": 8}),
    ("example_weights", {"X": X, "weights": abs(WEIGHTS)}),
    ("whole", {"name": "units", "count": 1}),
    ("whole", {"name": "units", "count": np.int64(7)}),
    ("number", {"name": "lr", "value": 0.1, "rule": "above 0"}),
    ("number", {"name": "l2", "value": 0, "rule": "at least 0"}),
    ("share", {"value": 0.2}),
    ("parameters", {"params": {"b": ROW, "W": X}, "expected": ("W", "b")}),
    ("probabilities", {"Y": LABELS / 7}),
    ("probabilities", {"Y": LABELS == 2}),
]
WRONG: dict[str, tuple[str, dict[str, Any], type[XnetError], str]] = {
    "rank-1": (
        "array",
        {"X": X, "Y": X[0]},
        ShapeError,
        "fit: Y must have two axes or more, examples last; got Y.shape=(4,); Y[:, None] is a column, Y[None, :] a row",
    ),
    "rank 0": ("array", {"X": X[0, 0]}, ShapeError, "got X.shape=(); xp.reshape(X, (1, 1))"),
    "no array": (
        "array",
        {"X": [[1.0]]},
        DtypeError,
        "fit: X must be an array; got X of type list; make it one with xn.backend().asarray(X)",
    ),
    "a number in words": (
        "number",
        {"name": "lr", "value": "0.1", "rule": "above 0"},
        ValueRangeError,
        "fit: lr must be a finite number above 0; got lr='0.1'",
    ),
    "a number out of bounds": (
        "number",
        {"name": "beta", "value": 1.0, "rule": "in [0, 1)"},
        ValueRangeError,
        "fit: beta must be in [0, 1); got beta=1.0",
    ),
    "no share": (
        "share",
        {"value": 2},
        ValueRangeError,
        "fit: must be a pair (X, Y), or a share between 0 and 1; got 2",
    ),
    "neither float32 nor float64": (
        "trainable",
        {"X": X.astype("int32")},
        DtypeError,
        "fit: X must be float32 or float64; got X.dtype=int32; xp.astype(X, xp.float32)",
    ),
    "integers": (
        "floating",
        {"X": X.astype("int32")},
        DtypeError,
        "fit: X must hold floating-point numbers; got X.dtype=int32; xp.astype(X, xp.float32)",
    ),
    "pixels": (
        "floating",
        {"X": X.astype("uint8")},
        DtypeError,
        "got X.dtype=uint8; xp.astype(X, xp.float32) / 255 if these are pixels",
    ),
    "dtypes": (
        "together",
        {"X": X, "W": X.astype("int32")},
        DtypeError,
        "fit: X and W must have one dtype; got X.dtype=float32, W.dtype=int32; xp.astype(X, xp.int32)",
    ),
    "features": (
        "features",
        {"X": X, "expected": (5,)},
        ShapeError,
        "fit: X must be (5, m); got X.shape=(3, 4); init(in_shape=(3,))",
    ),
    "features of images": (
        "features",
        {"X": X, "expected": (1, 28, 28)},
        ShapeError,
        "fit: X must be (1, 28, 28, m); got X.shape=(3, 4); init(in_shape=(3,))",
    ),
    "features of rows": (
        "features",
        {"X": X, "expected": (4,)},
        ShapeError,
        "fit: X must be (4, m); got X.shape=(3, 4); X = X.T if examples are rows",
    ),
    "features of rank-1": ("features", {"X": X[0], "expected": (4,)}, ShapeError, "X must have two axes or more"),
    "examples": (
        "same_examples",
        {"X": X, "Y": ROW[:, :3]},
        ShapeError,
        "fit: X and Y must have as many examples (the last axis); got X.shape=(3, 4), Y.shape=(1, 3)",
    ),
    "examples, Y in rows": (
        "same_examples",
        {"X": X, "Y": np.ones((4, 1), "float32")},
        ShapeError,
        "got X.shape=(3, 4), Y.shape=(4, 1); Y = Y.T if its examples are rows",
    ),
    "examples, X in rows": (
        "same_examples",
        {"X": X.T, "Y": ROW},
        ShapeError,
        "got X.shape=(4, 3), Y.shape=(1, 4); X = X.T if its examples are rows",
    ),
    "no examples": (
        "some_examples",
        {"X": X[:, :0]},
        ShapeError,
        "fit: X must hold at least one example; got X.shape=(3, 0); was everything filtered out?",
    ),
    "infinity": (
        "finite",
        {"Y": X, "X": INFINITE},
        ValueRangeError,
        "fit: X must be finite; got X[1, 2]=inf; remove the example or fill the gap, "
        "as in xp.where(xp.isfinite(X), X, 0.0)",
    ),
    "label too large": (
        "labels",
        {"Y": LABELS, "classes": 5},
        ValueRangeError,
        "fit: labels must be from 0 to 4; got Y[0, 2]=5; the network's last layer needs as many units as there are "
        "classes",
    ),
    "label below 0": (
        "labels",
        {"Y": LABELS - 1, "classes": 8},
        ValueRangeError,
        "fit: labels must be from 0 to 7; got Y[0, 0]=-1",
    ),
    "labels in a column": (
        "labels",
        {"Y": LABELS.T, "classes": 8},
        ShapeError,
        "fit: integer labels Y must be (1, m); got Y.shape=(4, 1); Y = xp.reshape(Y, (1, -1))",
    ),
    "weights in a column": (
        "example_weights",
        {"X": X, "weights": abs(WEIGHTS.T)},
        ShapeError,
        "fit: sample_weight must be (1, m); got sample_weight.shape=(4, 1), m=4",
    ),
    "weights below 0": (
        "example_weights",
        {"X": X, "weights": WEIGHTS},
        ValueRangeError,
        "fit: sample_weight must be at least 0 and not all 0; got min=-2.0",
    ),
    "weights all 0": (
        "example_weights",
        {"X": X, "weights": 0 * abs(WEIGHTS)},
        ValueRangeError,
        "fit: sample_weight must be at least 0 and not all 0; got min=0.0",
    ),
    "weights of NaN": (
        "example_weights",
        {"X": X, "weights": np.nan * WEIGHTS},
        ValueRangeError,
        "fit: sample_weight must be finite; got sample_weight[0, 0]=nan",
    ),
    "integer weights": (
        "example_weights",
        {"X": X, "weights": np.ones((1, 4), "int32")},
        DtypeError,
        "fit: sample_weight and X must have one dtype; got sample_weight.dtype=int32, X.dtype=float32",
    ),
    "none": (
        "whole",
        {"name": "units", "count": 0},
        ValueRangeError,
        "fit: units must be an integer of at least 1; got units=0",
    ),
    "a fraction": (
        "whole",
        {"name": "units", "count": 2.5},
        ValueRangeError,
        "fit: units must be an integer of at least 1; got units=2.5",
    ),
    "True": (
        "whole",
        {"name": "units", "count": True},
        ValueRangeError,
        "fit: units must be an integer of at least 1; got units=True",
    ),
    "a name": (
        "whole",
        {"name": "units", "count": "3"},
        ValueRangeError,
        "fit: units must be an integer of at least 1; got units='3'",
    ),
    "parameters of another layer": (
        "parameters",
        {"params": {"W": X, "U": X}, "expected": ("W", "b")},
        ShapeError,
        "fit: params must hold W and b; got ['U', 'W']; net.init(in_shape) makes them",
    ),
    "parameters of a network": (
        "parameters",
        {"params": [{"W": X, "b": X}], "expected": ("W", "b")},
        ShapeError,
        "fit: params must hold W and b; got list; net.init(in_shape) makes them",
    ),
    "no probabilities": (
        "probabilities",
        {"Y": LABELS},
        ValueRangeError,
        "fit: Y must be from 0 to 1; got Y[0, 1]=2.0; for other numbers use cost='mean_squared_error'",
    ),
    "weights of rank-1": (
        "example_weights",
        {"X": X, "weights": ROW[0]},
        ShapeError,
        "sample_weight must have two axes",
    ),
}


def ask(guard: str, arguments: dict[str, Any], xb: Bench) -> None:
    placed = {
        name: xb.asarray(value, dtype=None) if isinstance(value, np.ndarray | np.generic) else value
        for name, value in arguments.items()
    }
    getattr(guards, guard)("fit", **placed)


@pytest.mark.parametrize(("guard", "arguments"), RIGHT, ids=[guard for guard, _ in RIGHT])
def test_what_is_right_passes(guard: str, arguments: dict[str, Any], xb: Bench) -> None:
    ask(guard, arguments, xb)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(name: str, xb: Bench) -> None:
    guard, arguments, kind, fragment = WRONG[name]
    with pytest.raises(kind, match=re.escape(fragment)):
        ask(guard, arguments, xb)


def test_every_guard_has_both_rows() -> None:
    public = {
        name
        for name, value in vars(guards).items()
        if getattr(value, "__module__", "") == guards.__name__ and not name.startswith("_")
    } - {"dtype_name", "one_device"}
    assert {guard for guard, _ in RIGHT} - {"one_device"} == {guard for guard, *_ in WRONG.values()} == public


@pytest.mark.parametrize(
    ("first", "second"),
    [("numpy", "strict"), ("strict", "numpy"), ("strict", "strict:device1"), ("strict:device1", "strict:device2")],
)
def test_arrays_apart_are_refused(first: str, second: str) -> None:
    A, B = backend(first).asarray(X), backend(second).asarray(ROW)
    for guard in (guards.one_device, guards.together):
        with pytest.raises(DeviceMismatchError) as refused:
            guard("fit", X=A, Y=B)
        assert str(refused.value) == (
            f"fit: X and Y must be on one device of one library; got X on {backend_of(A)}, Y on {backend_of(B)}; "
            f"move one, for instance xn.backend('{backend_of(B)}').asarray(X)"
        )


def test_what_is_traced_goes_with_any_array(xb: Bench) -> None:
    def f(W: Any) -> Any:
        guards.together("fit", X=xb.asarray(X), W=W, Y=xb.asarray(ROW))
        guards.together("fit", W=W, X=xb.asarray(X))
        return W

    trace(f, spec((3, 4)))
    with pytest.raises(DtypeError, match=r"X and W must have one dtype; got X.dtype=float32, W.dtype=float64"):
        trace(f, spec((3, 4), "float64"))
    A, B = backend("numpy").asarray(X), backend("strict").asarray(ROW)
    with pytest.raises(DeviceMismatchError, match="X and Y must be on one device"):
        trace(lambda W: guards.one_device("fit", X=A, W=W, Y=B), spec((3, 4)))


def test_dtype_names(xb: Bench) -> None:
    assert [guards.dtype_name(xb.asarray(X, dtype=name)) for name in ("float32", "int64", "bool")] == [
        "float32",
        "int64",
        "bool",
    ]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
@settings(max_examples=50, deadline=None)
def test_the_first_bad_number_is_named(shape: list[int], data: st.DataObject) -> None:
    A = np.zeros((2, *shape))
    bad = data.draw(st.lists(st.integers(0, A.size - 1), min_size=1))
    A.reshape(-1)[bad] = np.nan
    index = ", ".join(str(i) for i in np.unravel_index(min(bad), A.shape))
    with pytest.raises(ValueRangeError) as refused:
        guards.finite("fit", X=A)
    assert f"fit: X must be finite; got X[{index}]=nan;" in str(refused.value)
