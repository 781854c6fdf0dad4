"""Transformations of gradients: clipping, l2, what they touch, and the ends of float32."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import Bench

import xnet as xn
from xnet import names, trees
from xnet.backends import backend_of
from xnet.errors import ValueRangeError
from xnet.train import transforms
from xnet.train.schedules import Step
from xnet.train.transforms import L2, ClipNorm, ClipValue, Transform, norm

CASES: dict[str, Transform] = {"L2": L2(0.1), "ClipValue": ClipValue(0.5), "ClipNorm": ClipNorm(0.5)}


def tree(dtype: str = "float32", seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return [{"W": rng.standard_normal((3, 2)).astype(dtype), "b": rng.standard_normal((3, 1)).astype(dtype)}, {}]


def test_every_transformation_has_a_row() -> None:
    assert CASES.keys() == names.subclasses(transforms, Transform).keys()


@pytest.mark.parametrize("name", CASES)
def test_follows_its_arrays_and_leaves_them_alone(name: str, xb: Bench) -> None:
    host, host_grads = tree(), tree(seed=1)
    params, grads = trees.map(xb.asarray, (host, host_grads))
    found, expected = CASES[name](grads, params), CASES[name](host_grads, host)
    for dW in trees.leaves(found):
        assert (backend_of(dW), dW.dtype) == (xb.backend, xb.xp.float32)
    trees.map(lambda A, B: np.testing.assert_allclose(xb.to_numpy(A), B, rtol=1e-5, atol=1e-7), found, expected)
    trees.map(lambda A, B: np.testing.assert_array_equal(xb.to_numpy(A), B), (params, grads), (host, host_grads))


# Clipping


def test_clip_by_value(xb: Bench) -> None:
    grads = [{"W": xb.asarray([[-3.0, -0.5], [0.25, 7.0]])}, {"b": xb.asarray([[0.0]])}]
    clipped = ClipValue(0.5)(grads, grads)
    assert xb.to_numpy(clipped[0]["W"]).tolist() == [[-0.5, -0.5], [0.25, 0.5]]
    assert xb.to_numpy(clipped[1]["b"]).tolist() == [[0.0]]
    assert all(dW.dtype == xb.xp.float32 for dW in trees.leaves(clipped))


@pytest.mark.parametrize(
    ("W", "b", "limit", "scale"),
    [
        (3.0, 4.0, 1.0, 0.2),  # ‖g‖ = 5, over both arrays together
        (3.0, 4.0, 5.0, 1.0),
        (3.0, 4.0, 100.0, 1.0),
        (0.0, 0.0, 1.0, 1.0),
        (-6.0, 8.0, 5.0, 0.5),
    ],
)
def test_clip_by_norm(W: float, b: float, limit: float, scale: float, xb: Bench) -> None:
    grads = [{"W": xb.asarray([[W, 0.0]]), "b": xb.asarray([[b]])}]
    clipped = ClipNorm(limit)(grads, grads)[0]
    np.testing.assert_allclose(xb.to_numpy(clipped["W"]), [[scale * W, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(xb.to_numpy(clipped["b"]), [[scale * b]], rtol=1e-6)
    for dW in clipped.values():
        assert (backend_of(dW), dW.dtype) == (xb.backend, xb.xp.float32)


def test_below_the_limit_nothing_changes() -> None:
    grads = tree()
    trees.map(np.testing.assert_array_equal, ClipNorm(1e6)(grads, grads), grads)
    trees.map(np.testing.assert_array_equal, ClipValue(1e6)(grads, grads), grads)


def test_clip_by_norm_has_that_norm() -> None:
    clipped = ClipNorm(0.125)(tree("float64"), tree("float64"))
    assert math.sqrt(sum(np.sum(dW**2) for dW in trees.leaves(clipped))) == pytest.approx(0.125)


@pytest.mark.parametrize("size", [1e30, 1.0, 1e-30])
def test_clip_by_norm_at_the_ends_of_float32(size: float, xb: Bench) -> None:
    """The squares of such gradients are infinite or 0, their norm is not."""
    grads = [xb.asarray([[3.0 * size, 0.0]]), xb.asarray([[-4.0 * size]])]
    found = xb.to_numpy(norm(grads))
    assert found == pytest.approx(5 * size, rel=1e-6)
    clipped = ClipNorm(0.1 * size)(grads, grads)
    np.testing.assert_allclose(xb.to_numpy(clipped[0]), [[0.06 * size, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(xb.to_numpy(clipped[1]), [[-0.08 * size]], rtol=1e-6)


@pytest.mark.parametrize(
    ("W", "b", "size", "clipped"),
    [
        (0.0, 0.0, 0.0, (0.0, 0.0)),
        (math.inf, 1.0, math.inf, (math.nan, 0.0)),
        (-math.inf, math.inf, math.inf, (math.nan, math.nan)),
        (math.nan, 1.0, math.nan, (math.nan, math.nan)),
        (math.nan, math.inf, math.nan, (math.nan, math.nan)),
    ],
)
def test_clip_by_norm_of_no_number(W: float, b: float, size: float, clipped: tuple[float, float], xb: Bench) -> None:
    """An infinite norm scales the finite gradients to 0, and ∞ · 0 is NaN, which the next cost shows."""
    grads = [xb.asarray([[W]]), xb.asarray([[b]])]
    with xb.backend.quiet():
        assert float(norm(grads)) == pytest.approx(size, nan_ok=True)
        found = [float(dW[0, 0]) for dW in ClipNorm(1.0)(grads, grads)]
    np.testing.assert_array_equal(found, clipped)


def test_the_numbers_of_transformations_may_be_schedules(xb: Bench) -> None:
    grads, params = [xb.asarray([[3.0]])], [xb.asarray([[2.0]])]
    halved = Step(1.0, every=10, factor=0.5)
    for t, limit in ((0.0, 1.0), (10.0, 0.5)):
        for transform, expected in (
            (ClipValue(halved), limit),
            (ClipNorm(halved), limit),
            (L2(halved), 3.0 + 2.0 * limit),
        ):
            (dW,) = transform(grads, params, t=xb.asarray(t))
            assert float(dW[0, 0]) == pytest.approx(expected)
            assert dW.dtype == xb.xp.float32


# What weight decay and l2 touch


def test_adamw_and_l2_agree_on_what_they_touch() -> None:
    """The weights that layers declare, and all parameters where no network says otherwise."""
    net = xn.Network([xn.Dense(3, "tanh"), xn.Dense(2)])
    params = trees.map(lambda W: W + 1.0, net.init((4,), dtype="float64", backend="numpy"))
    zeros = trees.map(np.zeros_like, params)
    roles = net.roles(params)
    for given, touched in ((roles, {"0.W", "1.W"}), (None, {"0.W", "0.b", "1.W", "1.b"})):
        adamw = xn.AdamW(0.1, decay=0.5)
        decayed, _ = adamw.update(params, zeros, adamw.init(params), given)
        shrunk = L2(0.5)(zeros, params, given)
        for tree, before in ((decayed, params), (shrunk, zeros)):
            moved = {
                name
                for (name, A), B in zip(trees.named_leaves(tree), trees.leaves(before), strict=True)
                if np.any(A != B)
            }
            assert moved == touched
        squares = sum(np.sum(W * W) for name, W in trees.named_leaves(params) if name in touched)
        assert L2(0.5).penalty(params, given) == pytest.approx(0.25 * squares)


def test_a_step_decays_the_weights_of_its_layers_alone() -> None:
    net = xn.Network([xn.Dense(2)])
    params = trees.map(lambda W: W + 1.0, net.init((3,), dtype="float64", backend="numpy"))
    X, Y = np.zeros((3, 4)), net(params, np.zeros((3, 4)))  # no error, so no gradient
    step = xn.Step(net, xn.Cost("mean_squared_error"), xn.AdamW(0.1, decay=0.5))
    moved, _, _ = step(params, step.optimizer.init(params), X, Y)
    np.testing.assert_allclose(moved[0]["W"], 0.95 * params[0]["W"])
    np.testing.assert_array_equal(moved[0]["b"], params[0]["b"])


# Refusals

REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "l2": (lambda: L2(-0.1), "L2: l2 must be at least 0; got l2=-0.1"),
    "clip_value": (lambda: ClipValue(0.0), "ClipValue: limit must be above 0; got limit=0.0"),
    "clip_norm": (lambda: ClipNorm(math.inf), "ClipNorm: limit must be a finite number above 0; got limit=inf"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name: str) -> None:
    call, fragment = REFUSALS[name]
    with pytest.raises(ValueRangeError, match=re.escape(fragment)):
        call()
