"""A step in two halves: gradients of parts of a batch add up to those of the batch; then one update."""

import re
from typing import Any, ClassVar

import numpy as np
import pytest
from backends import Bench
from layer_cases import BatchNorm, Drop
from train_cases import CLASSES, corners, distance

import xnet as xn
from xnet import trees
from xnet.errors import ValueRangeError
from xnet.train.step import add_up, share_of

COST = xn.Cost("softmax_cross_entropy")
PARTS = [slice(0, 5), slice(5, 7), slice(7, 11)]
EXTRAS: dict[str, dict[str, Any]] = {
    "plain": {},
    "l2": {"l2": 0.3},
    "clip": {"clip_value": 0.05, "clip_norm": 0.02},
    "all": {"l2": 0.3, "clip_norm": 0.05, "transforms": (xn.transforms.ClipValue(0.01),)},
}


def placed(xb: Bench, m: int = 11) -> tuple[Any, Any, Any, Any]:
    """Parameters, X, Y and weights of the examples, two of them 0."""
    X, Y = corners(m)
    weights = np.linspace(0.0, 2.0, m)[None, :]
    weights[0, -1] = 0.0
    params = trees.map(xb.asarray, CLASSES.init((3,), backend="numpy"))
    return params, xb.asarray(X), xb.asarray(Y, None), xb.asarray(weights)


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_halves_are_the_step(extra: str, xb: Bench) -> None:
    params, X, Y, weights = placed(xb)
    step = xn.Step(CLASSES, COST, xn.Adam(0.01), **EXTRAS[extra])
    state = step.optimizer.init(params)
    whole, _, J = step(params, state, X, Y, weights)
    J_alone, grads = step.gradients(params, X, Y, weights)
    halves, _ = step.apply(params, grads, state)
    trees.map(lambda A, B: np.testing.assert_array_equal(xb.to_numpy(A), xb.to_numpy(B)), halves, whole)
    penalty = sum(0.15 * float(xb.xp.sum(p["W"] ** 2)) for p in params) if "l2" in EXTRAS[extra] else 0.0
    assert float(J) == pytest.approx(float(J_alone) + penalty, rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_parts_with_their_shares_add_up_to_the_batch(weighted: bool, xb: Bench) -> None:
    """As ranks or micro-batches compute them, of 5, 2 and 4 examples."""
    params, X, Y, weights = placed(xb)
    step = xn.Step(CLASSES, COST, xn.SGD(0.1))
    J, grads = step.gradients(params, X, Y, weights if weighted else None)
    found = []
    for part in PARTS:
        w = weights[:, part] if weighted else None
        share = share_of(w, weights) if weighted else (part.stop - part.start) / 11
        found.append(step.gradients(params, X[:, part], Y[:, part], w, share=share))
    J_sum, grads_sum = add_up(found)
    assert float(J_sum) == pytest.approx(float(J), rel=1e-5)
    trees.map(
        lambda A, B: np.testing.assert_allclose(xb.to_numpy(A), xb.to_numpy(B), rtol=1e-5, atol=1e-6), grads_sum, grads
    )
    assert all(dW.dtype == xb.xp.float32 for dW in trees.leaves(grads_sum))


def test_a_share_of_numpy_keeps_the_dtype() -> None:
    X, Y = corners(6)
    net = xn.Network([xn.Dense(4), BatchNorm(), xn.Dense(3)])
    step = xn.Step(net, COST, xn.SGD())
    J, grads = step.gradients(net.init((3,), backend="numpy"), X, Y, share=np.float64(0.5))
    assert {A.dtype.name for A in trees.leaves((J, grads))} == {"float32"}


def test_a_part_without_weight_counts_for_nothing(xb: Bench) -> None:
    params, X, Y, weights = placed(xb)
    step = xn.Step(CLASSES, COST, xn.SGD(0.1))
    w = 0 * weights[:, :4]
    J, grads = step.gradients(params, X[:, :4], Y[:, :4], w, share=share_of(w, weights))
    assert float(J) == 0
    assert not any(np.any(xb.to_numpy(dW)) for dW in trees.leaves(grads))


@pytest.mark.parametrize("accumulate", [2, 4, 11, 99])
@pytest.mark.parametrize("extra", EXTRAS)
def test_accumulated_gradients_are_those_of_the_batch(accumulate: int, extra: str, xb: Bench) -> None:
    """l2 and clipping come after the sum; the last part is shorter."""
    params, X, Y, weights = placed(xb)
    whole = xn.Step(CLASSES, COST, xn.Momentum(0.5), **EXTRAS[extra])
    parted = xn.Step(CLASSES, COST, xn.Momentum(0.5), accumulate=accumulate, **EXTRAS[extra])
    state = whole.optimizer.init(params)
    for w in (None, weights):
        expected, _, J = whole(params, state, X, Y, w)
        found, _, J_found = parted(params, state, X, Y, w)
        assert float(J_found) == pytest.approx(float(J), rel=1e-5)
        trees.map(
            lambda A, B: np.testing.assert_allclose(xb.to_numpy(A), xb.to_numpy(B), rtol=1e-5, atol=1e-6),
            found,
            expected,
        )


@pytest.mark.parametrize("compile", [False, True])
def test_fit_accumulates(compile: bool) -> None:
    """With weights and an odd last batch: 40 examples in batches of 16, each in four parts."""
    X, Y = corners(40)
    weights = np.linspace(0.0, 2.0, 40, dtype="float32")[None, :]
    options: dict[str, Any] = {"epochs": 4, "batch_size": 16, "sample_weight": weights, "l2": 0.01, "clip_norm": 0.5}
    whole = xn.fit(CLASSES, X, Y, compile=False, **options)
    parted = xn.fit(CLASSES, X, Y, compile=compile, accumulate=4, **options)
    assert parted.steps == whole.steps == 12
    np.testing.assert_allclose(parted.history["cost"], whole.history["cost"], rtol=1e-5)
    assert distance(parted.params, whole.params) < 1e-4
    assert parted.how.startswith("on NumPy" if compile else "as written")


class Noted(Drop):
    """Writes down the keys that it is given."""

    keys: ClassVar[list[bytes]] = []

    def forward(self, params: Any, X: Any, training: bool = False, key: Any = None) -> Any:
        self.keys.append(np.asarray(key).tobytes())
        return X, None

    def backward(self, params: Any, dY: Any, cache: Any) -> Any:
        return dY, {}


def test_each_part_has_a_key_of_its_own() -> None:
    X, Y = corners(10)
    Noted.keys.clear()
    xn.fit(xn.Network([Noted(), xn.Dense(3)]), X, Y, epochs=1, batch_size=None, accumulate=4, compile=False)
    assert len(Noted.keys) == len(set(Noted.keys)) == 4


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"accumulate": 0}, "fit: accumulate must be an integer of at least 1; got accumulate=0"),
    (
        {"transforms": xn.transforms.ClipNorm(1.0)},
        "fit: transforms must be like [ClipNorm(1.0)]; got transforms=ClipNorm",
    ),
    ({"transforms": [1.0]}, "fit: transforms must be like [ClipNorm(1.0)]; got transforms[0]=1.0"),
]


@pytest.mark.parametrize(("given", "says"), MISTAKES)
def test_fit_refuses(given: dict[str, Any], says: str) -> None:
    X, Y = corners(10)
    with pytest.raises(ValueRangeError, match=re.escape(says)):
        xn.fit(CLASSES, X, Y, **given)


@pytest.mark.parametrize("accumulate", [0, 2.5, True])
def test_step_refuses_a_number_of_parts_that_is_not_whole(accumulate: Any) -> None:
    with pytest.raises(ValueRangeError, match=re.escape("Step: accumulate must be an integer of at least 1; got accu")):
        xn.Step(CLASSES, COST, xn.SGD(), accumulate=accumulate)
