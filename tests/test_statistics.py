"""Statistics of layers: training replaces them; optimizers and transformations of gradients leave them alone."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import Bench, selected
from layer_cases import BatchNorm, Drop, by_name, drawn
from train_cases import corners, distance

import xnet as xn
from xnet import trees
from xnet.errors import ShapeError, StatisticError, ValueRangeError
from xnet.train.transforms import L2, ClipNorm, ClipValue

NET = xn.Network([xn.Dense(6), xn.Network([BatchNorm(0.8), xn.Activation("relu")]), xn.Dense(3)])
COST = xn.Cost("softmax_cross_entropy")
FIX = "optimizer.update(params, grads, state) does both, xn.map_gradients(f, grads, params) maps gradients"


def statistics(params: Any) -> dict[str, Any]:
    return {name: params[1][0][name] for name in ("mean", "variance")}


def pair(xb: Bench, dtype: str = "float32") -> tuple[Any, Any, Any]:
    """Parameters, X and Y."""
    X, Y = corners(12)
    params = trees.map(lambda W: xb.asarray(W, dtype), NET.init((3,), seed=1, backend="numpy"))
    return params, xb.asarray(X, dtype), xb.asarray(Y, None)


def expected_statistics(params: Any, X: Any) -> dict[str, Any]:
    """0.8 of the old value, 0.2 of the batch's."""
    Z = np.asarray(params[0]["W"]) @ np.asarray(X) + np.asarray(params[0]["b"])
    mean, variance = Z.mean(axis=1, keepdims=True), Z.var(axis=1, keepdims=True)
    return {"mean": 0.2 * mean, "variance": 0.8 + 0.2 * variance}


# One step


def test_training_replaces_them_and_prediction_does_not(xb: Bench) -> None:
    params, X, Y = pair(xb)
    step = xn.Step(NET, COST, xn.Adam())
    for training in (True, False):
        Z, caches = NET.forward(params, X, training=training)
        J, cache = COST.forward(Z, Y)
        _, grads = NET.backward(params, COST.backward(xb.xp.ones_like(J), cache), caches)
        moved, _ = step.optimizer.update(params, grads, step.optimizer.init(params))
        host = trees.map(xb.to_numpy, params)
        expected = expected_statistics(host, xb.to_numpy(X)) if training else statistics(host)
        for name, value in statistics(moved).items():
            assert value.dtype == xb.xp.float32
            np.testing.assert_allclose(xb.to_numpy(value), expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "step",
    [
        xn.Step(NET, COST, xn.AdamW(0.01, decay=0.5)),
        xn.Step(NET, COST, xn.SGD(0.1), l2=0.5, clip_value=1e-3),
        xn.Step(NET, COST, xn.Momentum(0.1), clip_norm=1e-3),
    ],
    ids=["AdamW", "l2-clip_value", "clip_norm"],
)
def test_they_are_not_stepped_decayed_or_clipped(step: xn.Step, xb: Bench) -> None:
    params, X, Y = pair(xb)
    moved, state, _ = step(params, step.optimizer.init(params), X, Y)
    expected = expected_statistics(trees.map(xb.to_numpy, params), xb.to_numpy(X))
    for name, value in statistics(moved).items():
        np.testing.assert_allclose(xb.to_numpy(value), expected[name], rtol=1e-5, atol=1e-6)
    assert not any(np.any(xb.to_numpy(kept)) for kept in trees.leaves(statistics(state["memory"])))
    assert [name for name, _ in trees.named_leaves(moved)] == [name for name, _ in trees.named_leaves(params)]


def test_transformations_pass_them_through(xb: Bench) -> None:
    params, X, Y = pair(xb)
    _, grads = xn.Step(NET, COST, xn.SGD()).gradients(params, X, Y)
    for transform in (L2(0.1), ClipValue(1e-6), ClipNorm(1e-6)):
        for roles in (None, NET.roles(params)):
            after = by_name(params, transform(grads, params, roles))
            for name, before in by_name(params, grads).items():
                assert not isinstance(before, xn.Becomes) or after[name] is before


def test_roles_say_what_each_entry_is_for() -> None:
    params = NET.init((3,), backend="numpy")
    assert dict(trees.named_leaves(NET.roles(params))) == {
        "0.W": "decayed",
        "0.b": "learned",
        "1.0.gamma": "learned",
        "1.0.beta": "learned",
        "1.0.mean": "statistic",
        "1.0.variance": "statistic",
        "2.W": "decayed",
        "2.b": "learned",
    }


def test_they_are_shown_but_not_counted() -> None:
    summary = NET.summary((3,))
    assert summary.parameters == (6 * 3 + 6) + (6 + 6) + (3 * 6 + 3)
    assert "variance" in str(summary)


# A whole training


def test_training_learns_and_predicts_with_them(xb: Bench, tmp_path: Path) -> None:
    """And the file has them: one tree is trained, saved, loaded elsewhere and predicted with."""
    X, Y = corners(60)
    net = xn.Network([*NET.layers[:2], Drop(0.1), NET.layers[2]])
    fit = xn.fit(net, X, Y, epochs=20, batch_size=20, optimizer=xn.Adam(0.05), backend=xb.backend, validation=(X, Y))
    assert fit.evaluate(X, Y)["accuracy"] > 0.9
    assert fit.history["validation_accuracy"][-1] == pytest.approx(fit.evaluate(X, Y)["accuracy"])
    Z = xb.to_numpy(xn.Dense(6)(fit.params[0], xb.asarray(X)))
    np.testing.assert_allclose(
        xb.to_numpy(statistics(fit.params)["mean"]), Z.mean(axis=1, keepdims=True), atol=0.3 * float(np.std(Z))
    )
    layers: Any = {"BatchNorm": BatchNorm, "Drop": Drop}
    model = xn.load(xn.save(tmp_path / "net", fit), backend="numpy", layers=layers)
    assert dict(trees.named_leaves(model.params)).keys() == dict(trees.named_leaves(fit.params)).keys()
    np.testing.assert_allclose(model.predict(X), xb.to_numpy(fit.predict(X)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_compiled_training_is_the_same(accumulate: int) -> None:
    """With parameters and state donated."""
    X, Y = corners(50)
    net = xn.Network([*NET.layers[:2], Drop(0.2), NET.layers[2]])
    # Not Adam: the gradient of b before the normalisation is 0 but for rounding, which Adam would divide by itself.
    options: dict[str, Any] = {
        "optimizer": xn.Momentum(0.1),
        "epochs": 5,
        "batch_size": 16,
        "l2": 0.01,
        "clip_norm": 0.5,
        "accumulate": accumulate,
    }
    compiled, plain = (xn.fit(net, X, Y, compile=compile, **options) for compile in (True, False))
    assert compiled.how.startswith("on NumPy")
    assert distance(compiled.params, plain.params) < 1e-4
    np.testing.assert_allclose(compiled.history["cost"], plain.history["cost"], rtol=1e-4)


@pytest.mark.skipif("jax" not in {row.name for row in selected()}, reason="jax was not asked for")
def test_both_halves_compile_with_jax() -> None:
    import jax

    params, X, Y = (
        trees.map(xn.backend("jax").asarray, tree) for tree in (NET.init((3,), backend="numpy"), *corners(9))
    )
    step = xn.Step(NET, COST, xn.Momentum(0.1), l2=0.1, clip_norm=1.0)
    state = step.optimizer.init(params)
    J, grads = jax.jit(step.gradients)(params, X, Y)
    by_halves = (*jax.jit(step.apply)(params, grads, state), J)
    for one in (by_halves, jax.jit(step)(params, state, X, Y)):
        (moved, _), (expected, _, _) = one[:2], step(params, state, X, Y)
        trees.map(lambda A, B: np.testing.assert_allclose(A, B, rtol=1e-5, atol=1e-6), moved, expected)
    doubled: Any = jax.tree.map(lambda dW: 2 * dW, grads)
    assert isinstance(doubled[1][0]["mean"], xn.Becomes)


def test_both_halves_compile_with_xnet() -> None:
    params, (X, Y) = NET.init((3,), backend="numpy"), corners(9)
    step = xn.Step(NET, COST, xn.Momentum(0.1), clip_norm=1.0)
    expected, _, J = step(params, step.optimizer.init(params), X, Y)
    found, grads = xn.compile(step.gradients)(params, X, Y)
    assert isinstance(grads[1][0]["mean"], xn.Becomes)
    moved, _ = xn.compile(step.apply, donate=("params", "state"))(params, grads, step.optimizer.init(params))
    assert float(found) == pytest.approx(float(J), rel=1e-5)
    assert distance(moved, expected) < 1e-5


# Wrong use is an error


@pytest.mark.parametrize("operation", ["add", "sub", "mul", "truediv", "matmul", "pow"])
def test_arithmetic_is_an_error_that_names_the_fix(operation: str, xb: Bench) -> None:
    f = getattr(operator, operation)
    W = xb.asarray(drawn((2, 2)))
    statistic: Any = xn.Becomes(W)
    calls: list[Callable[[], Any]] = [
        lambda: f(statistic, W),
        lambda: f(statistic, 0.1),
        lambda: f(0.1, statistic),
        lambda: -statistic,
    ]
    for call in calls:
        with pytest.raises(StatisticError, match=re.escape(FIX)):
            call()
    with pytest.raises(TypeError):
        f(W, statistic)


def test_a_training_loop_that_steps_everything_is_an_error(xb: Bench) -> None:
    params, X, Y = pair(xb)
    _, grads = xn.Step(NET, COST, xn.SGD()).gradients(params, X, Y)
    with pytest.raises(TypeError):
        trees.map(lambda W, dW: W - 0.1 * dW, params, grads)
    with pytest.raises(StatisticError, match="a statistic is replaced and not stepped; got arithmetic with Becomes"):
        trees.map(lambda W, dW: -dW, params, grads)
    with pytest.raises(ShapeError, match=r"trees must branch alike; got Becomes and \w+ at 1.0.mean"):
        trees.map(lambda dW, W: W - 0.1 * dW, grads, params)


def test_map_gradients_leaves_statistics_alone() -> None:
    params, (X, Y) = NET.init((3,), backend="numpy"), corners(9)
    _, grads = xn.Step(NET, COST, xn.SGD()).gradients(params, X, Y)
    halved = xn.map_gradients(lambda dW, W: 0.5 * dW, grads, params)
    np.testing.assert_array_equal(halved[0]["W"], 0.5 * grads[0]["W"])
    assert halved[1][0]["mean"] is grads[1][0]["mean"]


def test_a_layer_with_statistics_has_a_backward() -> None:
    with pytest.raises(ValueRangeError, match="Bare: a layer with statistics must have a backward beside its forward"):

        @dataclass(frozen=True, repr=False)
        class Bare(xn.Layer):
            statistics = ("mean",)

            def build(self, key: Any, in_shape: Any) -> Any:
                return {"mean": np.zeros((*in_shape, 1), "float32")}, in_shape

            def forward(self, params: Any, X: Any, training: bool = False) -> Any:
                return X - array_namespace(X).mean(X, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (lambda new: new.value, "grads['mean'] of type ndarray"),
        (lambda new: None, "grads['mean'] of type NoneType"),
        (lambda new: xn.Becomes(new.value[:, 0]), "Becomes of shape (2,) and dtype float32"),
        (lambda new: xn.Becomes(new.value.astype("float64")), "Becomes of shape (2, 1) and dtype float64"),
    ],
)
def test_backward_replaces_each_statistic(wrong: Callable[[Any], Any], got: str) -> None:
    @dataclass(frozen=True, repr=False)
    class Wrong(BatchNorm):
        def backward(self, params: Any, dY: Any, cache: Any) -> Any:
            dX, grads = super().backward(params, dY, cache)
            return dX, {**grads, "mean": wrong(grads["mean"])}

    layer, X = Wrong(), np.ones((2, 3), "float32")
    params = layer.init((2,), backend="numpy")
    Y, cache = layer.forward(params, X, training=True)
    rule = "Wrong(): backward must give Becomes(new_value) for each statistic, of its shape and dtype"
    fix = "return grads with 'mean': Becomes(new_value)"
    with pytest.raises(StatisticError) as caught:
        layer.backward(params, Y, cache)
    assert str(caught.value) == f"{rule}; got {got} for params['mean'] of shape (2, 1) and dtype float32; {fix}"


# training=True means training; a key is for random numbers


def test_training_that_draws_needs_a_key() -> None:
    net = xn.Network([xn.Dense(3), xn.Network([Drop()])])
    params, X = net.init(4, backend="numpy"), drawn((4, 5)).astype("float32")
    says = (
        "Drop(): training draws random numbers and needs a key; got training=True, key=None; "
        "forward(params, X, training=True, key=xn.random.key(0))"
    )
    for call in (
        lambda: net.forward(params, X, training=True),
        lambda: net.run(params, X, training=True),
        lambda: Drop().run({}, X, training=True),
    ):
        with pytest.raises(ValueRangeError, match=re.escape(says)):
            call()


def test_a_key_alone_is_not_training() -> None:
    net = xn.Network([Drop(), BatchNorm()])
    params, X, key = net.init(4, backend="numpy"), drawn((4, 5)).astype("float32"), xn.random.key(0)
    np.testing.assert_array_equal(net.forward(params, X, key=key)[0], net(params, X))
    assert not np.array_equal(net.forward(params, X, training=True, key=key)[0], net(params, X))
    assert net.forward_options == {"training", "key"}
    assert xn.Network([BatchNorm()]).forward_options == {"training"}
    assert xn.Dense(3).forward_options == xn.Network([xn.Dense(3)]).forward_options == set()
