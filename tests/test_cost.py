"""The costs are the course's, and their options mean what they say."""

import math
from typing import Any

import numpy as np
import pytest
from cases import CASES, CLASSES, EXAMPLES, Case, soft_columns
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import dtypes
from numpy.typing import NDArray

from xnet import kernels, names
from xnet.backends import backend
from xnet.kernels import cost

few = settings(max_examples=40, deadline=None)
Host = NDArray[Any]

HOST = backend("numpy")
rng = np.random.default_rng(0)
Z = rng.normal(size=(CLASSES, EXAMPLES), scale=2)
BITS = rng.integers(0, 2, size=(CLASSES, EXAMPLES))
LABELS = np.asarray([[2, 0, 1, 1, 0]])
ONE_HOT = np.asarray([[0, 1, 0, 0, 1], [0, 0, 1, 1, 0], [1, 0, 0, 0, 0]])
SOFT = soft_columns(rng, EXAMPLES)
WEIGHTS = np.asarray([[0.5, 2, 1, 0.25, 3]])
COSTS = [  # name, what it judges, targets
    ("binary_cross_entropy", 1 / (1 + np.exp(-Z)), BITS),
    ("sigmoid_cross_entropy", Z, BITS),
    ("softmax_cross_entropy", Z, LABELS),
    ("softmax_cross_entropy", Z, SOFT),
    ("mean_squared_error", Z, SOFT),
    ("huber", Z, SOFT),
]
each = pytest.mark.parametrize(("name", "X", "Y"), COSTS)


def judged(
    name: str,
    X: Any,
    Y: Any,
    weights: Any = None,
    xb: Any = HOST,
    dtype: str = "float64",
    **hyper: float,
) -> tuple[float, Host]:
    """J, and its derivative at dJ = 1, on the host; integers stay integers."""
    given = [np.asarray(V) for V in (X, Y, weights) if V is not None]
    J, cache = getattr(kernels, name)(*(xb.asarray(V, None if V.dtype.kind == "i" else dtype) for V in given), **hyper)
    assert J.shape == ()
    dX = getattr(kernels, name + "_backward")(xb.asarray(np.ones(()), dtype), cache)
    return float(xb.to_numpy(J)), xb.to_numpy(dX)


def equal(one: tuple[float, Host], other: tuple[float, Host], rtol: float = 1e-13) -> None:
    assert one[0] == pytest.approx(other[0], rel=rtol)
    np.testing.assert_allclose(one[1], other[1], rtol=rtol, atol=rtol)


# The course's cost (C2, C3) and its derivatives (C22)


def likelihood(name: str, X: Host, Y: Host) -> Any:
    """P(y | x) of each example, straight from its definition."""
    if name == "softmax_cross_entropy":
        return np.sum(np.exp(X) / np.exp(X).sum(axis=0) * (np.arange(CLASSES)[:, None] == Y), axis=0)
    A = X if name == "binary_cross_entropy" else 1 / (1 + np.exp(-X))
    return np.prod(np.where(Y == 1, A, 1 - A), axis=0)


@pytest.mark.parametrize(("name", "X", "Y"), COSTS[:3])
def test_j_is_the_mean_negative_log_likelihood(name: str, X: Host, Y: Host) -> None:
    """C3"""
    direct = -np.mean(np.log(likelihood(name, X, Y)))
    assert judged(name, X, Y)[0] == pytest.approx(direct, rel=1e-13)


@pytest.mark.parametrize("y", [0, 1])
def test_the_loss_is_the_courses_formula(y: int) -> None:
    """C2"""
    a = 0.3
    found, _ = judged("binary_cross_entropy", [[a]], [[y]])
    assert found == pytest.approx(-(y * math.log(a) + (1 - y) * math.log(1 - a)), rel=1e-14)


def test_the_mean_squared_error_by_hand() -> None:
    """Errors 1, 2 and 0, 4: (1 + 4)/2 and (0 + 16)/2, their mean 5.25; dA = (2/n)(a - y)/m = (a - y)/2."""
    A, Y = np.asarray([[2.0, 5.0], [3.0, 1.0]]), np.asarray([[1.0, 5.0], [1.0, 5.0]])
    J, cache = kernels.mean_squared_error(A, Y)
    assert J == 5.25
    np.testing.assert_array_equal(kernels.mean_squared_error_backward(1.0, cache), (A - Y) / 2)


@pytest.mark.parametrize(
    ("name", "activation", "Y"),
    [
        ("sigmoid_cross_entropy", "sigmoid", BITS),
        ("softmax_cross_entropy", "softmax", ONE_HOT.astype(float)),
    ],
)
def test_dz_is_a_minus_y_over_m_and_linear_backward_the_courses(name: str, activation: str, Y: Host) -> None:
    m = EXAMPLES
    A = getattr(kernels, activation)(Z)[0]
    _, dZ = judged(name, Z, Y)
    np.testing.assert_allclose(dZ, (A - Y) / m, rtol=0, atol=1e-16)

    courses = A - Y  # the course's dZ, and its (1/m) outside
    A1, W2, b2 = rng.normal(size=(4, m)), rng.normal(size=(CLASSES, 4)), np.zeros((CLASSES, 1))
    _, cache = kernels.linear(A1, W2, b2)
    dA1, dW2, db2 = kernels.linear_backward((A - Y) / m, cache)
    np.testing.assert_allclose(dW2, (1 / m) * courses @ A1.T, rtol=1e-13)
    np.testing.assert_allclose(db2, (1 / m) * np.sum(courses, axis=1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(m * dA1, W2.T @ courses, rtol=1e-13)


@pytest.mark.parametrize("case", [case for case in CASES if case.kernel in names.public(cost)], ids=str)
def test_the_derivative_at_dj_1_entry_by_entry(case: Case) -> None:
    inputs, h = case.inputs(3), 1e-6
    (name,) = case.wrt
    X = inputs[name]
    J, cache = case.forward(*inputs.values())
    (dX,) = case.backward(np.ones_like(J), cache)
    for i in np.ndindex(X.shape):
        step = np.zeros_like(X)
        step[i] = h
        above, below = (case.forward(*(inputs | {name: X + sign * step}).values())[0] for sign in (1, -1))
        assert dX[i] == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-9)


# Targets


@pytest.mark.parametrize("kind", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_labels_of_any_integer_type_are_one_hot_columns(smoothing: float, kind: str, xb: Any) -> None:
    J, cache = kernels.softmax_cross_entropy(xb.asarray(Z), xb.asarray(LABELS, kind), smoothing=smoothing)
    dZ = kernels.softmax_cross_entropy_backward(xb.asarray(np.ones(())), cache)
    one_hot = judged("softmax_cross_entropy", Z, ONE_HOT.astype(float), smoothing=smoothing)
    equal((float(xb.to_numpy(J)), xb.to_numpy(dZ)), one_hot, rtol=1e-6)


def test_classes_may_be_more_than_the_type_of_the_labels_can_count() -> None:
    found, _ = kernels.softmax_cross_entropy(np.zeros((300, 2)), np.asarray([[0, 200]], dtype="uint8"))
    assert found == pytest.approx(math.log(300), rel=1e-13)


def test_whole_one_hot_columns_are_one_hot_columns(xb: Any) -> None:
    one_hot = judged("softmax_cross_entropy", Z, ONE_HOT.astype(float))
    equal(judged("softmax_cross_entropy", Z, ONE_HOT), one_hot)


@pytest.mark.parametrize(("targets", "weights"), [("bool", "int64"), ("int8", "bool"), ("float64", "float64")])
@pytest.mark.parametrize(("name", "X"), [(name, X) for name, X, Y in COSTS if Y is not SOFT])
def test_targets_and_weights_of_any_type_leave_the_dtype_alone(
    name: str, X: Host, targets: str, weights: str, xb: Any
) -> None:
    ones = xb.asarray(np.ones((1, EXAMPLES)), weights)
    J, cache = getattr(kernels, name)(xb.asarray(X), xb.asarray(ONE_HOT, targets), ones)
    dX = getattr(kernels, name + "_backward")(xb.asarray(np.ones(())), cache)
    assert all(x.dtype == xb.xp.float32 for x in (J, dX, *cache))
    exact = judged(name, X, ONE_HOT.astype(float))
    equal((float(xb.to_numpy(J)), xb.to_numpy(dX)), exact, rtol=1e-5)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.9])
def test_smoothing_mixes_the_target_with_the_uniform_one(epsilon: float) -> None:
    smooth = judged("softmax_cross_entropy", Z, LABELS, smoothing=epsilon)
    mixed = (1 - epsilon) * ONE_HOT + epsilon / CLASSES
    equal(smooth, judged("softmax_cross_entropy", Z, mixed))


def test_losses_of_several_units_are_added(xb: Any) -> None:
    """Yes-or-no questions asked together cost what they cost one by one; dZ has a row for each."""
    for name, X, Y in COSTS[:2]:
        rows = [judged(name, X[i : i + 1], Y[i : i + 1]) for i in range(CLASSES)]
        together = sum(J for J, _ in rows), np.concatenate([dX for _, dX in rows])
        equal(judged(name, X, Y), together)


# Weights


@each
def test_a_weight_of_two_is_the_example_twice(name: str, X: Host, Y: Host) -> None:
    weights, twice = np.asarray([[1, 2, 1, 2, 1]]), [0, 1, 1, 2, 3, 3, 4]
    J, dX = judged(name, X[:, twice], Y[:, twice])
    both = np.stack([dX[:, np.asarray(twice) == i].sum(axis=1) for i in range(EXAMPLES)], axis=1)
    equal(judged(name, X, Y, weights), (J, both))


@each
def test_a_weight_of_zero_takes_the_example_away(name: str, X: Host, Y: Host) -> None:
    J, dX = judged(name, X[:, 1:4], Y[:, 1:4])
    gone = np.pad(dX, ((0, 0), (1, 1)))
    equal(judged(name, X, Y, [[0, 1, 1, 1, 0]]), (J, gone))


@each
@pytest.mark.parametrize("w", [1, 0.1, 1e3])
def test_equal_weights_are_none(name: str, X: Host, Y: Host, w: float) -> None:
    equal(judged(name, X, Y, np.full((1, EXAMPLES), w)), judged(name, X, Y))


@each
def test_only_the_proportion_of_weights_counts(name: str, X: Host, Y: Host) -> None:
    equal(judged(name, X, Y, WEIGHTS), judged(name, X, Y, 7 * WEIGHTS))


# One cost is another


def test_from_z_is_from_probabilities_where_those_hold() -> None:
    A, sigmoid_cache = kernels.sigmoid(Z)
    one = np.ones(())
    J, cache = kernels.binary_cross_entropy(A, BITS, WEIGHTS)
    dZ = kernels.sigmoid_backward(kernels.binary_cross_entropy_backward(one, cache), sigmoid_cache)
    J_z, cache_z = kernels.sigmoid_cross_entropy(Z, BITS, WEIGHTS)
    np.testing.assert_allclose(J_z, J, rtol=1e-13)
    np.testing.assert_allclose(kernels.sigmoid_cross_entropy_backward(one, cache_z), dZ, rtol=1e-12)


def test_softmax_of_two_classes_is_sigmoid() -> None:
    pair, labels = Z[:2], BITS[:1]
    J, cache = kernels.softmax_cross_entropy(pair, labels)
    J_1, cache_1 = kernels.sigmoid_cross_entropy(pair[1:] - pair[:1], labels)
    np.testing.assert_allclose(J, J_1, rtol=1e-13)
    dZ = kernels.softmax_cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(dZ[1:], kernels.sigmoid_cross_entropy_backward(1.0, cache_1), rtol=1e-12)


def test_logistic_is_its_parts() -> None:
    """C9: Z = wᵀX + b, A = σ(Z), dZ = (A - Y)/m, dw = X dZᵀ, db = Σ dZ"""
    w, b, X, Y = rng.normal(size=(4, 1)), np.asarray([[0.5]]), rng.normal(size=(4, 7)), BITS[:1, [0, 1, 2] * 2 + [3]]
    J, cache = kernels.logistic(w, b, X, Y)
    dw, db = kernels.logistic_backward(np.ones(()), cache)
    assert (J.shape, dw.shape, db.shape) == ((), (4, 1), (1, 1))

    z, linear_cache = kernels.linear(X, w.T, b)
    J_parts, _ = kernels.binary_cross_entropy(kernels.sigmoid(z)[0], Y)
    np.testing.assert_allclose(J, J_parts, rtol=1e-13)
    dZ = (kernels.sigmoid(z)[0] - Y) / 7
    np.testing.assert_allclose(dw, X @ dZ.T, rtol=1e-13)
    np.testing.assert_allclose(db, [[dZ.sum()]], rtol=1e-13)
    _, dW, db_parts = kernels.linear_backward(dZ, linear_cache)
    np.testing.assert_allclose(dw, dW.T, rtol=1e-13)
    np.testing.assert_allclose(db, db_parts, rtol=1e-13)


@given(st.integers(0, 2**32 - 1), st.floats(-1e3, 1e3), st.sampled_from([1, 100, 1e4]))
@few
def test_a_shift_of_z_leaves_the_softmax_cost_alone(seed: int, shift: float, size: float) -> None:
    # Whole numbers, so that the shift itself rounds nothing.
    draw = np.random.default_rng(seed)
    X, c = np.round(draw.normal(size=(CLASSES, 4), scale=size)), round(shift)
    Y = draw.integers(0, CLASSES, size=(1, 4))
    J, cache = kernels.softmax_cross_entropy(X, Y)
    J_moved, cache_moved = kernels.softmax_cross_entropy(X + c, Y)
    np.testing.assert_array_equal(J, J_moved)
    np.testing.assert_array_equal(
        kernels.softmax_cross_entropy_backward(1.0, cache),
        kernels.softmax_cross_entropy_backward(1.0, cache_moved),
    )


# Extremes: right and wrong with certainty, in both dtypes, without a warning

BIG = 1e4
EXTREMES = [  # name, one example, its target, J, dX
    ("sigmoid_cross_entropy", [BIG, -BIG, 0], [1, 0, 1], math.log(2), [0, 0, -1 / 2]),
    ("sigmoid_cross_entropy", [BIG, -BIG, BIG], [0, 1, 1], 2 * BIG, [1, -1, 0]),
    ("softmax_cross_entropy", [BIG, -BIG, 0], [0], 0, [0, 0, 0]),
    ("softmax_cross_entropy", [BIG, -BIG, 0], [1], 2 * BIG, [1, -1, 0]),
    ("softmax_cross_entropy", [BIG, BIG, -BIG], [0], math.log(2), [-1 / 2, 1 / 2, 0]),
    ("softmax_cross_entropy", [-BIG, -BIG, -BIG], [2], math.log(3), [1 / 3, 1 / 3, -2 / 3]),
    ("mean_squared_error", [BIG, 0, 0], [-BIG, 0, 0], 4 * BIG**2 / 3, [4 * BIG / 3, 0, 0]),
    ("huber", [BIG, 0.5, 0], [-BIG, 0, 0], (2 * BIG - 0.5 + 0.125) / 3, [1 / 3, 0.5 / 3, 0]),
    ("binary_cross_entropy", [1, 0, 0.5], [1, 0, 1], math.log(2), [-1, 1, -2]),
]


@pytest.mark.parametrize(("name", "x", "y", "J", "slope"), EXTREMES)
def test_extremes(name: str, x: list[float], y: list[int], J: float, slope: list[float], xb: Any) -> None:
    """Five examples alike."""
    X, Y, slopes = (np.tile(np.asarray(v)[:, None], EXAMPLES) for v in (np.asarray(x, float), y, slope))
    for dtype in dtypes(xb):
        rounding = 4 * float(np.finfo(dtype).eps)
        found, dX = judged(name, X, Y, xb=xb, dtype=dtype)
        assert found == pytest.approx(J, rel=rounding, abs=rounding)
        np.testing.assert_allclose(dX, slopes / EXAMPLES, rtol=rounding, atol=0)


def test_a_certain_and_wrong_probability_costs_much_and_not_infinitely(xb: Any) -> None:
    A = np.tile([[0.0], [1.0], [1.0]], EXAMPLES)
    for dtype in dtypes(xb):
        eps = float(np.finfo(dtype).eps)
        found, dA = judged("binary_cross_entropy", A, 1 - A, xb=xb, dtype=dtype)
        assert found == pytest.approx(-3 * math.log(eps), rel=1e-6)
        np.testing.assert_allclose(dA, (2 * A - 1) / eps / EXAMPLES, rtol=1e-6)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_derivatives_of_logistic_regression_from_right_to_left(y: float) -> None:
    """C6: da = -y/a + (1-y)/(1-a), dz = a - y, dwᵢ = xᵢ dz, db = dz, on one example."""
    x, w, b = np.asarray([[0.5], [-2.0]]), np.asarray([[1.5], [0.25]]), np.asarray([[0.1]])
    Y = np.asarray([[y]])
    z, linear_cache = kernels.linear(x, w.T, b)
    a, sigmoid_cache = kernels.sigmoid(z)
    _, cost_cache = kernels.binary_cross_entropy(a, Y)
    da = kernels.binary_cross_entropy_backward(1.0, cost_cache)
    dz = kernels.sigmoid_backward(da, sigmoid_cache)
    _, dw, db = kernels.linear_backward(dz, linear_cache)
    np.testing.assert_allclose(da, -y / a + (1 - y) / (1 - a), rtol=1e-14)
    np.testing.assert_allclose(dz, a - y, rtol=1e-14)
    np.testing.assert_allclose(dw.T, x * (a - y), rtol=1e-14)
    np.testing.assert_allclose(db, a - y, rtol=1e-14)
