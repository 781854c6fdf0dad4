"""Every text with which `fit` refuses, and that a refused call has changed nothing."""

import copy
import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import xnet as xn
from xnet import trees
from xnet.backends import backend
from xnet.errors import (
    BackendUnavailable,
    DeviceMismatchError,
    DtypeError,
    ShapeError,
    UnknownNameError,
    ValueRangeError,
    XnetError,
)

NET = xn.Network([xn.Dense(4, "relu"), xn.Dense(3)])
ONE = xn.Network([xn.Dense(1)])
X = np.random.default_rng(0).standard_normal((2, 8)).astype("float32")
Y = np.asarray([[0, 1, 2, 0, 1, 2, 0, 1]])
NUMBERS = X[:1]
W = np.ones((1, 8), "float32")


def with_value(A: Any, index: tuple[int, ...], value: float) -> Any:
    changed = A.copy()
    changed[index] = value
    return changed


@dataclass(frozen=True)
class Counting(xn.SGD):
    updates: list[int] = field(default_factory=list, compare=False)

    def update(self, params: Any, grads: Any, state: Any, roles: Any = None) -> tuple[Any, Any]:
        self.updates.append(1)
        return super().update(params, grads, state, roles)


Row = tuple[dict[str, Any], type[XnetError], str]
SHAPES: dict[str, Row] = {
    "X of rank-1": (
        {"X": X[0]},
        ShapeError,
        "fit: X must have two axes or more, examples last; got X.shape=(8,); X[:, None] is a column, X[None, :] a row",
    ),
    "Y of rank-1": (
        {"Y": Y[0]},
        ShapeError,
        "fit: Y must have two axes or more, examples last; got Y.shape=(8,); Y[:, None] is a column, Y[None, :] a row",
    ),
    "X in rows": (
        {"X": X.T},
        ShapeError,
        "fit: X and Y must have as many examples (the last axis); got X.shape=(8, 2), Y.shape=(1, 8); "
        "X = X.T if its examples are rows",
    ),
    "Y in rows": ({"Y": Y.T}, ShapeError, "got X.shape=(2, 8), Y.shape=(8, 1); Y = Y.T if its examples are rows"),
    "fewer Y": ({"Y": Y[:, :5]}, ShapeError, "got X.shape=(2, 8), Y.shape=(1, 5)"),
    "nothing": (
        {"X": X[:, :0], "Y": Y[:, :0]},
        ShapeError,
        "fit: X must hold at least one example; got X.shape=(2, 0); was everything filtered out?",
    ),
    "one-hot of other classes": (
        {"Y": np.eye(4)[:, Y[0]], "cost": "softmax_cross_entropy"},
        ShapeError,
        "fit: Y must be (3, m), a row for each output of the network or integer labels (1, m); got Y.shape=(4, 8)",
    ),
    "numbers for three outputs": (
        {"Y": NUMBERS},
        ShapeError,
        "fit: Y must be integer labels (1, m) or numbers (3, m); got Y.shape=(1, 8), Y.dtype=float32; "
        "xp.astype(Y, xp.int32), if these are labels",
    ),
    "images without Flatten": (
        {"X": np.ones((2, 2, 8), "float32")},
        ShapeError,
        "layer 1, Dense(units=4, activation='relu'): inputs must be columns (n, m); got in_shape=(2, 2); "
        "put Flatten() before it",
    ),
    "outputs that are images": (
        {"net": xn.Network([xn.Activation("relu")]), "X": np.ones((2, 2, 8), "float32")},
        ShapeError,
        "fit: the outputs must be columns; got out_shape=(2, 2); end the network with Flatten()",
    ),
    "nothing to learn": (
        {"net": xn.Network([xn.Activation("relu")]), "Y": X},
        ValueRangeError,
        "needs at least one parameter; got params=[{}]",
    ),
    "parameters for other features": (
        {"params": NET.init((5,), backend="numpy")},
        ShapeError,
        "layer 1, Dense(units=4, activation='relu'): X must be (5, m); got X.shape=(2, 8); init(in_shape=(2,))",
    ),
    "parameters of another network": (
        {"params": ONE.init((2,), backend="numpy")},
        ShapeError,
        "Network: params must have an entry a layer; got len(params)=1, len(layers)=2",
    ),
    "validation of other features": (
        {"validation": (np.ones((5, 4), "float32"), Y[:, :4])},
        ShapeError,
        "validation",
    ),
    "validation in rows": (
        {"validation": (X.T, Y)},
        ShapeError,
        "fit, validation: X and Y must have as many examples (the last axis); got X.shape=(8, 2), Y.shape=(1, 8)",
    ),
    "validation of nothing": (
        {"validation": (X[:, :0], Y[:, :0])},
        ShapeError,
        "fit, validation: X must hold at least one example",
    ),
    "validation alone": ({"validation": (X,)}, ValueRangeError, "fit: validation must be a pair (X, Y) or a share"),
    "validation of one example": (
        {"X": X[:, :1], "Y": Y[:, :1], "validation": 0.5},
        ShapeError,
        "split: two parts need two examples",
    ),
    "weights in a column": (
        {"sample_weight": W.T},
        ShapeError,
        "fit: sample_weight must be (1, m); got sample_weight.shape=(8, 1), m=8",
    ),
    "weights of rank-1": ({"sample_weight": W[0]}, ShapeError, "fit: sample_weight must have two axes or more"),
}
KINDS: dict[str, Row] = {
    "X a list": (
        {"X": X.tolist()},
        DtypeError,
        "fit: X must be an array; got X of type list; make it one with xn.backend().asarray(X)",
    ),
    "Y a list": ({"Y": Y.tolist()}, DtypeError, "fit: Y must be an array; got Y of type list"),
    "integer X": (
        {"X": np.ones((2, 8), "int64")},
        DtypeError,
        "fit: X must hold floating-point numbers; got X.dtype=int64; xp.astype(X, xp.float32)",
    ),
    "pixels": (
        {"X": np.ones((2, 8), "uint8")},
        DtypeError,
        "got X.dtype=uint8; xp.astype(X, xp.float32) / 255 if these are pixels",
    ),
    "yes and no as X": ({"X": X > 0}, DtypeError, "fit: X must hold floating-point numbers; got X.dtype=bool"),
    "complex X": ({"X": X.astype("complex64")}, DtypeError, "fit: X must hold floating-point numbers"),
    "text as Y": ({"Y": Y.astype("str")}, DtypeError, "the values must be numbers"),
    "float64 validation": (
        {"validation": (X.astype("float64"), Y)},
        DtypeError,
        "validation",
    ),
    "integer validation": (
        {"validation": (np.ones((2, 8), "int64"), Y)},
        DtypeError,
        "fit, validation: X must hold floating-point numbers; got X.dtype=int64",
    ),
    "float64 weights": (
        {"sample_weight": W.astype("float64")},
        DtypeError,
        "fit: sample_weight and X must have one dtype; got sample_weight.dtype=float64, X.dtype=float32",
    ),
    "float64 parameters": (
        {"params": NET.init((2,), dtype="float64", backend="numpy")},
        DtypeError,
        "X and W must have one dtype; got X.dtype=float32, W.dtype=float64",
    ),
    "two libraries": (
        {"Y": backend("strict").asarray(Y)},
        DeviceMismatchError,
        "fit: X and Y must be on one device of one library; got X on numpy, Y on strict:cpu",
    ),
    "two devices": (
        {"X": backend("strict").asarray(X), "Y": backend("strict:device1").asarray(Y)},
        DeviceMismatchError,
        "fit: X and Y must be on one device of one library; got X on strict:cpu, Y on strict:device1",
    ),
    "parameters elsewhere": (
        {"params": NET.init((2,), backend="strict")},
        DeviceMismatchError,
        "got X on numpy, W on strict:cpu",
    ),
    "cost": ({"cost": "crossentropy"}, UnknownNameError, "cost: one of binary_cross_entropy, "),
    "softmax twice": (
        {"net": xn.Network([xn.Network([xn.Dense(3, "softmax")])])},
        ValueRangeError,
        "fit: the last layer must give Z, since softmax_cross_entropy applies softmax itself; "
        "got Dense(units=3, activation='softmax'); leave the softmax out",
    ),
    "sigmoid twice": (
        {"net": xn.Network([xn.Dense(1), xn.Activation("sigmoid")]), "Y": Y % 2},
        ValueRangeError,
        "leave the sigmoid out; or give cost='binary_cross_entropy'",
    ),
    "infinite clip_norm": (
        {"clip_norm": float("inf")},
        ValueRangeError,
        "clip_norm must be a finite number above 0; got clip_norm=inf",
    ),
    "callback that is none": (
        {"callbacks": [3]},
        ValueRangeError,
        "callbacks must be functions of a Fit; got callbacks[0]=3",
    ),
    "all in rows": (
        {"X": X.T, "Y": Y.T},
        ShapeError,
        "; X, Y = X.T, Y.T if examples are rows",
    ),
    "state of other shapes": (
        {"state": xn.Adam().init(NET.init((5,), backend="numpy")), "optimizer": xn.Adam()},
        ValueRangeError,
        "Adam: state must be its own for these parameters; got memory of 0.W.v (",
    ),
    "optimizer by name": ({"optimizer": "adam"}, XnetError, "optimizer must be"),
    "optimizer's class": ({"optimizer": xn.Adam}, XnetError, "optimizer must be"),
    "cost's kernel": ({"cost": xn.kernels.mean_squared_error}, XnetError, "cost must be"),
    "list of layers": ({"net": [xn.Dense(3)]}, XnetError, "net must be"),
    "one callback": ({"callbacks": print}, XnetError, "callbacks must be"),
    "backend": ({"backend": "pytorch"}, UnknownNameError, 'did you mean "torch"?'),
    "device": ({"backend": "strict:device9"}, BackendUnavailable, "strict:device9"),
    "state of another optimizer": (
        {"state": xn.SGD().init(NET.init((3,), backend="numpy")), "optimizer": xn.Adam()},
        ValueRangeError,
        "Adam: state must be its own for these parameters; got memory of nothing; Adam().init(params) begins anew",
    ),
}
VALUES: dict[str, Row] = {
    "NaN in X": (
        {"X": with_value(X, (1, 3), math.nan)},
        ValueRangeError,
        "fit: X must be finite; got X[1, 3]=nan; remove the example or fill the gap, "
        "as in xp.where(xp.isfinite(X), X, 0.0)",
    ),
    "infinity in X": (
        {"X": with_value(X, (0, 7), -math.inf)},
        ValueRangeError,
        "fit: X must be finite; got X[0, 7]=-inf",
    ),
    "NaN in Y": (
        {"net": ONE, "Y": with_value(NUMBERS, (0, 2), math.nan)},
        ValueRangeError,
        "fit: Y must be finite; got Y[0, 2]=nan",
    ),
    "label too large": (
        {"Y": with_value(Y, (0, 5), 3)},
        ValueRangeError,
        "fit: labels must be from 0 to 2; got Y[0, 5]=3; the network's last layer needs as many units as there are "
        "classes",
    ),
    "label below 0": ({"Y": Y - 1}, ValueRangeError, "fit: labels must be from 0 to 2; got Y[0, 0]=-1"),
    "no probability": (
        {"net": ONE, "cost": "sigmoid_cross_entropy"},
        ValueRangeError,
        "fit: Y must be from 0 to 1; got Y[0, 2]=2.0; for other numbers use cost='mean_squared_error'",
    ),
    "columns that do not add up": (
        {"Y": np.ones((3, 8), "float32"), "cost": "softmax_cross_entropy"},
        ValueRangeError,
        "fit: each column of Y must add up to 1 for softmax_cross_entropy",
    ),
    "NaN in validation": (
        {"validation": (with_value(X, (0, 0), math.nan), Y)},
        ValueRangeError,
        "fit, validation: X must be finite; got X[0, 0]=nan",
    ),
    "label in validation": ({"validation": (X, Y + 1)}, ValueRangeError, "fit, validation: labels must be from 0 to 2"),
    "weights below 0": (
        {"sample_weight": -W},
        ValueRangeError,
        "fit: sample_weight must be at least 0 and not all 0; got min=-1.0",
    ),
    "weights all 0": (
        {"sample_weight": 0 * W},
        ValueRangeError,
        "fit: sample_weight must be at least 0 and not all 0; got min=0.0",
    ),
    "weights of NaN": (
        {"sample_weight": W * math.nan},
        ValueRangeError,
        "fit: sample_weight must be finite; got sample_weight[0, 0]=nan",
    ),
    "weights by their former name": (
        {"weights": W},
        UnknownNameError,
        "fit: weights is now called sample_weight; got weights; sample_weight= replaces it",
    ),
    "weights and a share": (
        {"sample_weight": W, "validation": 0.2},
        ValueRangeError,
        "fit: sample_weight needs validation=(X, Y), a pair; got a share to hold out",
    ),
    "no epochs": ({"epochs": 0}, ValueRangeError, "fit: epochs must be an integer of at least 1; got epochs=0"),
    "part of an epoch": ({"epochs": 2.5}, ValueRangeError, "must be an integer of at least 1; got epochs=2.5"),
    "epochs in words": ({"epochs": "ten"}, ValueRangeError, "got epochs='ten'"),
    "batches of none": (
        {"batch_size": 0},
        ValueRangeError,
        "fit: batch_size must be an integer of at least 1; got batch_size=0",
    ),
    "batches of a share": ({"batch_size": 0.5}, ValueRangeError, "got batch_size=0.5"),
    "no patience": (
        {"patience": 0, "validation": 0.5},
        ValueRangeError,
        "fit: patience must be an integer of at least 1; got patience=0",
    ),
    "patience without validation": (
        {"patience": 3},
        ValueRangeError,
        "fit: patience needs a validation set to watch; got validation=None; try validation=0.1",
    ),
    "all for validation": ({"validation": 1.0}, ValueRangeError, "a share between 0 and 1"),
    "none for validation": ({"validation": 0.0}, ValueRangeError, "a share between 0 and 1"),
    "l2 below 0": ({"l2": -0.1}, ValueRangeError, "fit: l2 must be at least 0; got l2=-0.1"),
    "l2 of NaN": ({"l2": math.nan}, ValueRangeError, "fit: l2 must be a finite number at least 0; got l2=nan"),
    "clip_value": (
        {"clip_value": 0},
        ValueRangeError,
        "fit: clip_value must be above 0; got clip_value=0",
    ),
    "clip_norm": (
        {"clip_norm": -1.0},
        ValueRangeError,
        "fit: clip_norm must be above 0; got clip_norm=-1.0",
    ),
    "seed": ({"seed": -1}, ValueRangeError, "seed: an integer from 0 to 2**64 - 1; got seed=-1; try seed=0"),
    "seed in words": ({"seed": "lucky"}, ValueRangeError, "seed: an integer from 0 to 2**64 - 1; got seed='lucky'"),
}
ROWS = {**SHAPES, **KINDS, **VALUES}


def test_no_row_hides_another() -> None:
    assert len(ROWS) == len(SHAPES) + len(KINDS) + len(VALUES)


@pytest.mark.parametrize("name", ROWS)
def test_refuses_and_changes_nothing(name: str) -> None:
    given, kind, fragment = ROWS[name]
    optimizer = Counting(0.1)
    options = {"net": NET, "X": X, "Y": Y, "optimizer": optimizer, "epochs": 1, "progress": False, **given}
    kept = {key: value for key, value in options.items() if key in {"X", "Y", "params", "sample_weight"}}
    before = copy.deepcopy(kept)
    with pytest.raises(kind, match=re.escape(fragment)):
        xn.fit(options.pop("net"), options.pop("X"), options.pop("Y"), **options)
    assert not optimizer.updates
    to_numpy = backend("numpy").to_numpy
    trees.map(lambda A, B: np.testing.assert_array_equal(to_numpy(A), to_numpy(B)), before, kept)


@pytest.mark.parametrize("what", ["epochs", "batch_size", "seed", "patience"])
def test_counts_may_be_integers_of_numpy(what: str) -> None:
    options: dict[str, Any] = {"epochs": 1, "validation": 0.5}
    one = xn.fit(NET, X, Y, **{**options, what: 2}).history["cost"]
    assert xn.fit(NET, X, Y, **{**options, what: np.int64(2)}).history["cost"] == one


def test_numbers_of_numpy_do_not_widen_float32() -> None:
    """np.float64 is what np.linspace, a sweep's tool, gives."""
    fit = xn.fit(
        NET,
        X,
        Y,
        epochs=1,
        l2=np.float64(0.1),
        clip_norm=np.float64(1.0),
        clip_value=np.float64(1.0),
        optimizer=xn.Adam(np.float64(0.1), beta1=np.float64(0.8)),
    )
    assert {p.dtype.name for p in trees.leaves([fit.params, fit.state["memory"]])} == {"float32"}
