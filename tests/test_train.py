"""Training: what is learned, what is added to the cost, and that it is the same everywhere."""

import math
from typing import Any

import numpy as np
import pytest
from backends import Bench, selected
from train_cases import CLASSES, LINE, NET, Host, corners, distance, same, xor

import xnet as xn
from xnet import kernels, loops, trees
from xnet.backends import backend, backend_of
from xnet.errors import DeviceMismatchError, ShapeError

# The same everywhere


def test_the_same_seed_gives_the_same_bits() -> None:
    X, Y = xor()
    runs = [xn.fit(NET, X, Y, epochs=3, batch_size=7, validation=0.2, seed=seed) for seed in (5, 5, 6)]
    same(runs[0].params, runs[1].params)
    without_time = [{name: values for name, values in run.history.items() if name != "seconds"} for run in runs]
    assert without_time[0] == without_time[1] != without_time[2]
    assert distance(runs[0].params, runs[2].params) > 1e-3


def test_the_same_cost_on_every_backend(xb: Bench) -> None:
    """One script, the backend's name apart."""
    X, Y = xor(32)
    fit = xn.fit(NET, X, Y, epochs=10, batch_size=16, optimizer=xn.Adam(0.05), backend=xb.backend)
    assert fit.backend == xb.backend
    assert {(str(backend_of(W)), str(W.dtype)) for W in trees.leaves(fit.params)} == {
        (str(xb.backend), str(xb.asarray(X).dtype))
    }
    expected = xn.fit(NET, X, Y, epochs=10, batch_size=16, optimizer=xn.Adam(0.05), backend="numpy")
    np.testing.assert_allclose(fit.history["cost"], expected.history["cost"], rtol=1e-5)
    assert fit.evaluate(X, Y) == pytest.approx(expected.evaluate(X, Y), rel=1e-5)
    np.testing.assert_allclose(xb.to_numpy(fit.predict(X)), expected.predict(X), rtol=1e-4)


def test_the_arrays_decide_where(xb: Bench) -> None:
    X, Y = corners(8)
    X_here, Y_here = xb.asarray(X), xb.asarray(Y, dtype="int32")
    fit = xn.fit(CLASSES, X_here, Y_here, epochs=1, batch_size=None, validation=(X_here, Y_here))
    assert fit.backend == xb.backend
    for X_given in (X, X_here):  # NumPy's arrays are taken to where the network lives
        P = fit.predict(X_given)
        assert (backend_of(P), P.dtype, P.shape) == (xb.backend, xb.xp.float32, (3, 8))
        np.testing.assert_allclose(np.sum(xb.to_numpy(P), axis=0), np.ones(8), rtol=1e-5)
    assert fit.evaluate(X, Y) == fit.evaluate(X_here, Y_here)
    assert fit.evaluate(X, Y)["cost"] == pytest.approx(fit.history["validation_cost"][0], rel=1e-6)
    np.testing.assert_array_equal(xb.to_numpy(X_here), X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_dtype_out(dtype: str) -> None:
    X, Y = corners(12)
    for target in (Y, np.eye(3)[:, Y[0]], np.eye(3, dtype="int64")[:, Y[0]], np.eye(3, dtype=bool)[:, Y[0]]):
        fit = xn.fit(CLASSES, X.astype(dtype), target, epochs=2, batch_size=5, l2=0.1, clip_norm=1.0)
        assert {W.dtype.name for W in trees.leaves([fit.params, fit.state["memory"]])} == {dtype}


def test_labels_in_every_form_train_alike() -> None:
    X, Y = corners(12)
    expected = xn.fit(CLASSES, X, Y, epochs=2, batch_size=5)
    for dtype in ("float32", "float64", "int32", "bool"):
        fit = xn.fit(CLASSES, X, np.eye(3)[:, Y[0]].astype(dtype), epochs=2, batch_size=5)
        assert fit.cost == expected.cost == xn.Cost("softmax_cross_entropy")
        assert distance(fit.params, expected.params) < 1e-6
        assert fit.evaluate(X, Y) == pytest.approx(expected.evaluate(X, Y))


@pytest.mark.parametrize("dtype", ["bool", "float32", "uint8"])
def test_yes_and_no_in_every_form_train_alike(dtype: str, xb: Bench) -> None:
    X, Y = xor(8)
    fit = xn.fit(LINE, xb.asarray(X), xb.asarray(Y, dtype=dtype), epochs=1, batch_size=None)
    assert fit.cost.name == "sigmoid_cross_entropy"
    expected = xn.fit(LINE, X, Y, epochs=1, batch_size=None)
    assert fit.history["cost"] == pytest.approx(expected.history["cost"], rel=1e-6)


@pytest.mark.skipif("jax" not in {row.name for row in selected()}, reason="jax was not asked for")
def test_a_step_compiles_with_jax() -> None:
    import jax

    to_jax = backend("jax").asarray
    X, Y = (to_jax(A) for A in corners(8))
    params = CLASSES.init((3,), backend="jax")
    step = xn.Step(CLASSES, xn.Cost("softmax_cross_entropy"), xn.Adam(0.1), l2=0.1, clip_value=1.0, clip_norm=1.0)
    state = step.optimizer.init(params)
    eager, compiled = step(params, state, X, Y), jax.jit(step)(params, state, X, Y)
    trees.map(lambda A, B: np.testing.assert_allclose(A, B, rtol=1e-5, atol=1e-6), compiled, eager)


# What is learned


def test_logistic_regression_is_the_course_s() -> None:
    """C9: one step is w - α dw, b - α db; and C7, the loops, give the same."""
    X, Y = xor(6, "float64")
    start = LINE.init((3,), dtype="float64", backend="numpy")
    fit = xn.fit(LINE, X, Y, params=start, optimizer=xn.SGD(0.5), epochs=1, batch_size=None)
    w, b = start[0]["W"].T, start[0]["b"]
    J, cache = kernels.logistic(w, b, X, Y)
    dw, db = kernels.logistic_backward(np.ones_like(J), cache)
    J_loops, dw_loops, db_loops = loops.logistic_two_loops(w, b, X, Y)
    assert fit.history["cost"][0] == pytest.approx(float(J)) == pytest.approx(float(J_loops))
    for slope_w, slope_b in ((dw, db), (dw_loops, db_loops)):
        np.testing.assert_allclose(fit.params[0]["W"], (w - 0.5 * slope_w).T, rtol=1e-12)
        np.testing.assert_allclose(fit.params[0]["b"], b - 0.5 * slope_b, rtol=1e-12)


def test_the_start_does_not_matter_to_logistic_regression() -> None:
    """C4: J is convex."""
    X, _ = xor(60, "float64")
    Y = (X[:1] + 0.5 * np.random.default_rng(1).standard_normal((1, 60)) > 0).astype("int32")
    costs, starts = [], []
    for seed in range(3):
        start = trees.map(lambda W: 5 * W + 1, LINE.init((3,), seed=seed, dtype="float64", backend="numpy"))
        starts.append(start)
        options: dict[str, Any] = {"optimizer": xn.SGD(4.0), "epochs": 600, "batch_size": None}
        costs.append(xn.fit(LINE, X, Y, params=start, **options).history["cost"][-1])
    assert distance(starts[0], starts[1]) > 1
    assert max(costs) - min(costs) < 1e-6
    assert 0.1 < costs[0] < 0.5


def test_cross_entropy_is_convex_and_squared_error_is_not() -> None:
    """C2: J over one weight, its second differences."""
    X, Y = np.asarray([[-2.0, 0.5, 1.0, 3.0]]), np.asarray([[0, 1, 0, 1]])
    costs: dict[str, list[float]] = {"sigmoid_cross_entropy": [], "mean_squared_error": []}
    for w in np.linspace(-10, 10, 81):
        for name, values in costs.items():
            activation = None if name == "sigmoid_cross_entropy" else "sigmoid"
            Z, _ = xn.Dense(1, activation).forward({"W": np.asarray([[w]]), "b": np.zeros((1, 1))}, X)
            values.append(float(xn.Cost(name).forward(Z, Y)[0]))
    assert np.min(np.diff(costs["sigmoid_cross_entropy"], 2)) > -1e-12
    assert np.min(np.diff(costs["mean_squared_error"], 2)) < -1e-4


def test_learns_a_tiny_set_by_heart() -> None:
    X = np.random.default_rng(0).standard_normal((4, 8)).astype("float32")
    Y = np.asarray([[0, 1, 2, 0, 1, 2, 0, 1]])
    net = xn.Network([xn.Dense(32, "relu"), xn.Dense(3)])
    fit = xn.fit(net, X, Y, epochs=100, batch_size=4, optimizer=xn.Adam(0.02))
    figures = fit.evaluate(X, Y)
    assert figures["accuracy"] == 1.0
    assert figures["cost"] < 0.02
    np.testing.assert_array_equal(np.argmax(fit.predict(X), axis=0), Y[0])


def test_regression_finds_the_line() -> None:
    X, _ = xor(50)
    Y = np.asarray([[2.0, -1.0, 0.0]], "float32") @ X + 0.5
    fit = xn.fit(LINE, X, Y, epochs=100, batch_size=10, optimizer=xn.SGD(0.1))
    assert fit.cost.name == "mean_squared_error"
    np.testing.assert_allclose(fit.params[0]["W"], [[2.0, -1.0, 0.0]], atol=1e-3)
    np.testing.assert_allclose(fit.params[0]["b"], [[0.5]], atol=1e-3)
    np.testing.assert_allclose(fit.predict(X), Y, atol=0.01)
    assert set(fit.evaluate(X, Y)) == {"cost"}


def test_many_labels_an_example() -> None:
    X, _ = xor(60)
    Y = (X > 0).astype("int32")
    fit = xn.fit(xn.Network([xn.Dense(3)]), X, Y, epochs=60, batch_size=20, optimizer=xn.Adam(0.1))
    assert fit.cost.name == "sigmoid_cross_entropy"
    P = fit.predict(X)
    assert fit.evaluate(X, Y)["accuracy"] == pytest.approx(np.mean((P > 0.5) == (Y == 1)))
    assert fit.evaluate(X, Y)["accuracy"] > 0.95


def test_a_layer_alone_trains_too() -> None:
    X, Y = xor(12)
    same(xn.fit(xn.Dense(1), X, Y, epochs=2, params=LINE.init((3,), backend="numpy")[0]).params, _line(X, Y)[0])


def _line(X: Host, Y: Host) -> Any:
    return xn.fit(LINE, X, Y, epochs=2, params=LINE.init((3,), backend="numpy")).params


def test_images_train_through_flatten() -> None:
    X, Y = xor(12)
    net = xn.Network([xn.Flatten(), *NET.layers])
    fit = xn.fit(net, np.reshape(X, (3, 1, 1, 12)), Y, epochs=1, batch_size=5)
    assert fit.predict(np.reshape(X, (3, 1, 1, 12))).shape == (1, 12)


# What is added to the cost


def test_l2_is_in_the_cost_and_shrinks_the_weights() -> None:
    """J + (λ/2) Σ W², W := W - α (dW + λ W), and b without."""
    X, Y = xor(12, "float64")
    start = trees.map(lambda W: W + 0.5, NET.init((3,), dtype="float64", backend="numpy"))
    options: dict[str, Any] = {"params": start, "optimizer": xn.SGD(0.1), "epochs": 1, "batch_size": None}
    plain = xn.fit(NET, X, Y, **options)
    decayed = xn.fit(NET, X, Y, l2=0.3, validation=(X, Y), **options)
    squares = sum(np.sum(p["W"] ** 2) for p in start)
    assert decayed.history["cost"][0] == pytest.approx(plain.history["cost"][0] + 0.15 * squares)
    for first, without, with_l2 in zip(start, plain.params, decayed.params, strict=True):
        np.testing.assert_allclose(with_l2["W"], without["W"] - 0.1 * 0.3 * first["W"], rtol=1e-12)
        np.testing.assert_array_equal(with_l2["b"], without["b"])
    alone = decayed.evaluate(X, Y)["cost"]
    assert decayed.history["validation_cost"][0] == pytest.approx(alone)


def test_clipping_bounds_the_step() -> None:
    X, Y = xor(12, "float64")
    start = NET.init((3,), dtype="float64", backend="numpy")
    options: dict[str, Any] = {"params": start, "optimizer": xn.SGD(1.0), "epochs": 1, "batch_size": None}
    steps = {
        name: [first - last for first, last in zip(trees.leaves(start), trees.leaves(fit.params), strict=True)]
        for name, fit in {
            "plain": xn.fit(NET, X, Y, **options),
            "value": xn.fit(NET, X, Y, clip_value=0.01, **options),
            "norm": xn.fit(NET, X, Y, clip_norm=0.05, **options),
        }.items()
    }
    norm = math.sqrt(sum(np.sum(dW**2) for dW in steps["plain"]))
    assert norm > 0.05
    for plain, by_value, by_norm in zip(*steps.values(), strict=True):
        np.testing.assert_allclose(by_value, np.clip(plain, -0.01, 0.01), rtol=1e-6, atol=1e-15)
        np.testing.assert_allclose(by_norm, 0.05 / norm * plain, rtol=1e-6, atol=1e-15)


def test_example_weights_count_examples() -> None:
    """Weight 2 is the example twice, weight 0 is the example left out."""
    X, Y = xor(4, "float64")
    options: dict[str, Any] = {"epochs": 3, "batch_size": None, "optimizer": xn.SGD(0.5)}
    weighted = xn.fit(NET, X, Y, sample_weight=np.asarray([[1.0, 2.0, 0.0, 1.0]]), **options)
    repeated = xn.fit(NET, X[:, [0, 1, 1, 3]], Y[:, [0, 1, 1, 3]], **options)
    assert distance(weighted.params, repeated.params) < 1e-12
    assert weighted.history["cost"] == pytest.approx(repeated.history["cost"])


def test_a_batch_of_weights_0_teaches_nothing() -> None:
    X, Y = xor(8)
    weights = np.asarray([[1.0] * 4 + [0.0] * 4], "float32")
    fit = xn.fit(NET, X, Y, sample_weight=weights, batch_size=4, epochs=2, shuffle=False)
    assert all(math.isfinite(J) for J in fit.history["cost"])


def test_label_smoothing_by_the_cost() -> None:
    X, Y = corners(12)
    start = CLASSES.init((3,), backend="numpy")
    smooth = xn.Cost("softmax_cross_entropy", {"smoothing": 0.3})
    fit = xn.fit(CLASSES, X, Y, cost=smooth, params=start, epochs=1, batch_size=None)
    P = np.asarray(xn.Cost("softmax_cross_entropy").predict(CLASSES.forward(start, X)[0]))
    by_hand = -np.mean(np.sum((0.7 * np.eye(3)[:, Y[0]] + 0.1) * np.log(P), axis=0))
    assert fit.history["cost"][0] == pytest.approx(by_hand, rel=1e-5)
    assert fit.cost is smooth


# Validation


def test_validation_by_a_pair() -> None:
    X, Y = corners(40)
    fit = xn.fit(CLASSES, X[:, :30], Y[:, :30], epochs=4, validation=(X[:, 30:], Y[:, 30:]))
    assert {name: len(values) for name, values in fit.history.items()} == {
        "cost": 4,
        "seconds": 4,
        "validation_cost": 4,
        "validation_accuracy": 4,
    }
    figures = fit.evaluate(X[:, 30:], Y[:, 30:])
    assert fit.history["validation_cost"][-1] == pytest.approx(figures["cost"])
    assert fit.history["validation_accuracy"][-1] == pytest.approx(figures["accuracy"])
    assert fit.seconds == sum(fit.history["seconds"]) > 0
    assert fit.stopped is None


def test_validation_does_not_change_training() -> None:
    X, Y = corners(40)
    same(xn.fit(CLASSES, X, Y, epochs=2).params, xn.fit(CLASSES, X, Y, epochs=2, validation=(X, Y)).params)


# Going on


def test_going_on_equals_never_having_stopped() -> None:
    X, Y = xor(20)
    rate = xn.schedules.WarmUp(xn.schedules.Cosine(0.1, 20), 5)
    options: dict[str, Any] = {"optimizer": xn.Adam(rate), "batch_size": 6, "shuffle": False}
    whole = xn.fit(NET, X, Y, epochs=5, **options)
    first = xn.fit(NET, X, Y, epochs=2, **options)
    before = trees.map(np.array, [first.params, first.state])
    second = xn.fit(NET, X, Y, epochs=3, params=first.params, state=first.state, **options)
    same([second.params, second.state], [whole.params, whole.state])
    assert first.history["cost"] + second.history["cost"] == whole.history["cost"]
    same([first.params, first.state], before)


# After training


def test_predicting_in_pieces_is_predicting_at_once(monkeypatch: pytest.MonkeyPatch, xb: Bench) -> None:
    X, Y = corners(10)
    fit = xn.fit(CLASSES, X, Y, epochs=1, batch_size=None, backend=xb.backend)
    at_once, figures = xb.to_numpy(fit.predict(X)), fit.evaluate(X, Y)
    monkeypatch.setattr("xnet.train.evaluate.CHUNK", 4)
    P = fit.predict(X)
    assert backend_of(P) == xb.backend
    np.testing.assert_allclose(xb.to_numpy(P), at_once, rtol=1e-6)
    assert fit.evaluate(X, Y) == pytest.approx(figures, rel=1e-6)


def test_a_fit_takes_its_own_arrays_and_those_of_numpy() -> None:
    X, Y = corners(6)
    fit = xn.fit(CLASSES, X, Y, epochs=1, backend="strict:device1")
    near = backend("strict")
    for call in (
        lambda: fit.predict(near.asarray(X)),
        lambda: fit.evaluate(near.asarray(X), near.asarray(Y)),
        lambda: fit.evaluate(X, near.asarray(Y)),
    ):
        with pytest.raises(DeviceMismatchError):
            call()


def test_no_examples_to_predict_and_to_evaluate() -> None:
    X, Y = corners(6)
    fit = xn.fit(CLASSES, X, Y, epochs=1)
    assert fit.predict(X[:, :0]).shape == (3, 0)
    with pytest.raises(ShapeError, match="evaluate: X must hold at least one example"):
        fit.evaluate(X[:, :0], Y[:, :0])


def test_a_fit_says_what_it_is() -> None:
    X, Y = xor(6)
    fit = xn.fit(LINE, X, Y, epochs=1, optimizer=xn.SGD(0.5))
    said = f"1 epoch, 1 step on numpy, sigmoid_cross_entropy, J = {fit.history['cost'][0]:.4g}"
    assert repr(fit) == f"<Fit of Network(layers=(Dense(units=1),)): {said}>"
