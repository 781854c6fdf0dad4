"""A cost as training sees it: which one suits, what it asks of Y, and how Z reads as a prediction."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import Bench
from numpy.typing import NDArray

import xnet as xn
from xnet import names
from xnet.backends import backend_of
from xnet.errors import DtypeError, ShapeError, UnknownNameError, ValueRangeError
from xnet.kernels import cost as kernels
from xnet.train.costs import COSTS, suited

Host = NDArray[Any]

LABELS = np.asarray([[0, 2, 1, 2]])
ONE_HOT = np.eye(3)[:, LABELS[0]]
MANY = np.asarray([[0, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])


def test_every_cost_has_a_row() -> None:
    assert COSTS.keys() == names.public(kernels).keys()


def test_hyper_parameters_by_keyword_and_by_mapping() -> None:
    assert xn.Cost("huber", delta=2) == xn.Cost("huber", {"delta": 2.0}) != xn.Cost("huber")
    assert repr(xn.Cost("huber", delta=2)) == "Cost(name='huber', hyper={'delta': 2.0})"


def test_a_cost_from_predictions_has_the_same_targets() -> None:
    assert xn.Cost("sigmoid_cross_entropy").without_link == "binary_cross_entropy"
    assert xn.Cost("softmax_cross_entropy").without_link is None


def test_training_under_huber_ignores_the_size_of_outliers() -> None:
    X = np.linspace(-1, 1, 40, dtype="float32")[None, :]
    Y = 2 * X + 1
    Y[0, 3] += 1000
    net = xn.Network([xn.Dense(1)])
    fit = xn.fit(net, X, Y, cost="huber", epochs=300, batch_size=None, optimizer=xn.SGD(0.5))
    np.testing.assert_allclose(fit.params[0]["W"], [[2.0]], atol=0.3)
    assert fit.evaluate(X, Y)["cost"] == pytest.approx(1000 / 40, rel=0.01)


# Which suits


ANY = ("int32", "int64", "uint8", "float32", "float64")
WHOLE = ANY[:3]
TARGETS: list[tuple[str, Host, int, tuple[str, ...], str]] = [
    ("classes", LABELS, 3, WHOLE, "softmax_cross_entropy"),
    ("more-units", LABELS, 10, WHOLE, "softmax_cross_entropy"),
    ("two-classes", LABELS % 2, 2, WHOLE, "softmax_cross_entropy"),
    ("binary", LABELS % 2, 1, (*ANY, "bool"), "sigmoid_cross_entropy"),
    ("one-hot", ONE_HOT, 3, (*ANY, "bool"), "softmax_cross_entropy"),
    ("many-labels", MANY, 3, (*ANY, "bool"), "sigmoid_cross_entropy"),
    ("numbers", LABELS, 1, ANY[3:], "mean_squared_error"),
    ("rows-of-numbers", 3 * ONE_HOT, 3, ANY[3:], "mean_squared_error"),
]


@pytest.mark.parametrize(
    ("Y", "units", "name"),
    [
        pytest.param(Y.astype(dtype), units, name, id=f"{kind}-{dtype}")
        for kind, Y, units, dtypes, name in TARGETS
        for dtype in dtypes
    ],
)
def test_suited_to_the_targets(Y: Host, units: int, name: str, xb: Bench) -> None:
    assert suited("fit", xb.asarray(Y, dtype=None), units) == xn.Cost(name)


def test_fractions_are_numbers(xb: Bench) -> None:
    assert suited("fit", xb.asarray([[0.0, 0.5, 1.0]]), 1).name == "mean_squared_error"


# Labels in every form


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64", "bool"])
def test_one_hot_of_any_dtype_is_the_labels(dtype: str, xb: Bench) -> None:
    Z = xb.asarray(np.random.default_rng(0).standard_normal((3, 4)))
    cost = xn.Cost("softmax_cross_entropy")
    Y = xb.asarray(ONE_HOT, dtype=dtype)
    cost.check("fit", Y, 3)
    J, cache = cost.forward(Z, Y)
    dZ = cost.backward(xb.xp.ones_like(J), cache)
    J_labels, cache = cost.forward(Z, xb.asarray(LABELS, dtype="int64"))
    dZ_labels = cost.backward(xb.xp.ones_like(J_labels), cache)
    for A, B in ((J, J_labels), (dZ, dZ_labels)):
        assert A.dtype == xb.xp.float32
        np.testing.assert_allclose(xb.to_numpy(A), xb.to_numpy(B), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float64", "bool"])
@pytest.mark.parametrize("name", ["binary_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"])
def test_targets_of_any_dtype_leave_float32_alone(name: str, dtype: str, xb: Bench) -> None:
    A = xb.asarray(np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)))
    cost = xn.Cost(name)
    Y = xb.asarray(MANY, dtype=dtype)
    cost.check("fit", Y, 3)
    J, cache = cost.forward(A, Y)
    dA = cost.backward(xb.xp.ones_like(J), cache)
    assert J.dtype == dA.dtype == xb.xp.float32
    assert float(J) == pytest.approx(float(cost.forward(A, xb.asarray(MANY))[0]), rel=1e-6)


# Predictions


def test_predictions_are_probabilities_or_the_outputs(xb: Bench) -> None:
    Z = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    sigmoid, softmax = 1 / (1 + np.exp(-Z)), np.exp(Z) / np.sum(np.exp(Z), axis=0)
    for name, expected in {
        "sigmoid_cross_entropy": sigmoid,
        "softmax_cross_entropy": softmax,
        "mean_squared_error": Z,
        "binary_cross_entropy": Z,
    }.items():
        P = xn.Cost(name).predict(xb.asarray(Z))
        assert (backend_of(P), P.dtype) == (xb.backend, xb.xp.float32)
        np.testing.assert_allclose(xb.to_numpy(P), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "P", "Y", "accuracy"),
    [
        ("sigmoid_cross_entropy", [[0.9, 0.2, 0.6, 0.4]], [[1, 0, 0, 0]], 0.75),
        ("sigmoid_cross_entropy", [[0.9, 0.2], [0.1, 0.7]], [[1, 0], [1, 1]], 0.75),  # each label counts by itself
        ("binary_cross_entropy", [[0.5]], [[0]], 1.0),  # one half is not above one half
        ("softmax_cross_entropy", [[0.7, 0.1], [0.2, 0.3], [0.1, 0.6]], [[0, 1]], 0.5),
        ("softmax_cross_entropy", [[0.7, 0.1], [0.2, 0.3], [0.1, 0.6]], [[1, 0], [0, 0], [0, 1]], 1.0),
    ],
)
def test_accuracy(name: str, P: Any, Y: Any, accuracy: float, xb: Bench) -> None:
    cost = xn.Cost(name)
    assert cost.classifies
    for dtype in ("int32", "float32"):
        if name == "softmax_cross_entropy" and len(Y) == 1 and dtype == "float32":
            continue
        figure = cost.figures["accuracy"](xb.asarray(P), xb.asarray(Y, dtype=dtype))
        assert float(figure) == pytest.approx(accuracy)


def test_only_classes_have_an_accuracy() -> None:
    cost = xn.Cost("mean_squared_error")
    assert (cost.classifies, cost.figures) == (False, {})


def test_label_smoothing() -> None:
    """L = -Σ ((1 - ε) y + ε/3) ln a"""
    Z = np.random.default_rng(0).standard_normal((3, 4))
    A = np.exp(Z) / np.sum(np.exp(Z), axis=0)
    J = -np.sum((0.7 * ONE_HOT + 0.1) * np.log(A)) / 4
    for Y in (LABELS, ONE_HOT):
        assert float(xn.Cost("softmax_cross_entropy", {"smoothing": 0.3}).forward(Z, Y)[0]) == pytest.approx(J)


@pytest.mark.parametrize("name", ["sigmoid_cross_entropy", "mean_squared_error"])
def test_weights_count_examples(name: str) -> None:
    """An example of weight 2 is that example twice, and one of weight 0 is absent."""
    Z, Y = np.random.default_rng(0).standard_normal((1, 4)), np.asarray([[0.0, 1.0, 1.0, 0.0]])
    twice = [0, 1, 1, 2]
    cost = xn.Cost(name)
    weighted, cache = cost.forward(Z, Y, np.asarray([[1.0, 2.0, 1.0, 0.0]]))
    assert float(weighted) == pytest.approx(float(cost.forward(Z[:, twice], Y[:, twice])[0]))
    assert cost.backward(np.ones(()), cache)[0, 3] == 0


# Refusals

REFUSALS: dict[str, tuple[Callable[[], Any], type[xn.XnetError], str]] = {
    "name": (
        lambda: xn.Cost("softmax_crossentropy"),
        UnknownNameError,
        f"cost: one of {', '.join(sorted(COSTS))}; "
        "got cost='softmax_crossentropy'; did you mean 'softmax_cross_entropy'?",
    ),
    "delta 0": (lambda: xn.Cost("huber", delta=0.0), ValueRangeError, "huber: delta must be above 0; got delta=0.0"),
    "smoothing 1": (
        lambda: xn.Cost("softmax_cross_entropy", {"smoothing": 1.0}),
        ValueRangeError,
        "softmax_cross_entropy: smoothing must be in [0, 1); got smoothing=1.0",
    ),
    "smoothing below 0": (
        lambda: xn.Cost("softmax_cross_entropy", {"smoothing": -0.1}),
        ValueRangeError,
        "got smoothing=-0.1",
    ),
    "smoothing where there is none": (
        lambda: xn.Cost("mean_squared_error", {"smoothing": 0.1}),
        ValueRangeError,
        "smoothing",
    ),
    "rank-1": (
        lambda: xn.Cost("mean_squared_error").check("fit", np.ones(4), 1),
        ShapeError,
        "fit: Y must have two axes or more, examples last; got Y.shape=(4,); Y[:, None] is a column, Y[None, :] a row",
    ),
    "list": (lambda: xn.Cost("mean_squared_error").check("fit", [[1.0]], 1), DtypeError, "fit: Y must be an array"),
    "labels or numbers": (
        lambda: suited("fit", LABELS, 1),
        ValueRangeError,
        "fit: integers Y may be labels or numbers; got Y.shape=(1, 4), outputs=1; for labels end the network "
        "with a unit a class, as in Dense(10); for numbers name cost='mean_squared_error'",
    ),
    "labels that are no integers": (
        lambda: suited("fit", LABELS.astype("float32"), 3),
        ShapeError,
        "fit: Y must be integer labels (1, m) or numbers (3, m); got Y.shape=(1, 4), Y.dtype=float32",
    ),
    "rank-1, suited": (lambda: suited("fit", np.ones(4), 1), ShapeError, "fit: Y must have two axes"),
    "label too large": (
        lambda: xn.Cost("softmax_cross_entropy").check("fit", LABELS, 2),
        ValueRangeError,
        "fit: labels must be from 0 to 1; got Y[0, 1]=2",
    ),
    "label below 0": (
        lambda: xn.Cost("softmax_cross_entropy").check("fit", LABELS - 1, 3),
        ValueRangeError,
        "fit: labels must be from 0 to 2; got Y[0, 0]=-1",
    ),
    "too few rows": (
        lambda: xn.Cost("softmax_cross_entropy").check("fit", ONE_HOT, 4),
        ShapeError,
        "fit: Y must be (4, m), a row for each output of the network or integer labels (1, m); "
        "got Y.shape=(3, 4), Y.dtype=float64, cost=softmax_cross_entropy",
    ),
    "floating labels": (
        lambda: xn.Cost("softmax_cross_entropy").check("fit", LABELS.astype("float32"), 3),
        ShapeError,
        "fit: Y must be (3, m)",
    ),
    "too many rows": (
        lambda: xn.Cost("sigmoid_cross_entropy").check("fit", MANY, 1),
        ShapeError,
        "fit: Y must be (1, m), a row for each output of the network; got Y.shape=(3, 4), Y.dtype=int64, "
        "cost=sigmoid_cross_entropy",
    ),
    "outside 0 and 1": (
        lambda: xn.Cost("sigmoid_cross_entropy").check("fit", LABELS, 1),
        ValueRangeError,
        "fit: Y must be from 0 to 1; got Y[0, 1]=2.0; for other numbers use cost='mean_squared_error'",
    ),
    "columns that do not add up": (
        lambda: xn.Cost("softmax_cross_entropy").check("fit", MANY, 3),
        ValueRangeError,
        "fit: each column of Y must add up to 1 for softmax_cross_entropy",
    ),
    "NaN": (
        lambda: xn.Cost("mean_squared_error").check("fit", np.asarray([[1.0, np.nan]]), 1),
        ValueRangeError,
        "fit: Y must be finite; got Y[0, 1]=nan",
    ),
    "infinity": (
        lambda: xn.Cost("mean_squared_error").check("fit", np.asarray([[1.0], [-np.inf]]), 2),
        ValueRangeError,
        "fit: Y must be finite; got Y[1, 0]=-inf",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name: str) -> None:
    call, kind, fragment = REFUSALS[name]
    with pytest.raises(kind, match=re.escape(fragment)):
        call()
