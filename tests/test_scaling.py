"""Inputs and outputs scaled for training, and the weights that need no scaling afterwards."""

import numpy as np

import xnet as xn
from xnet.train.scaling import Scaling, into_first, into_last


def test_scaling_goes_into_the_weights() -> None:
    rng = np.random.default_rng(0)
    X = (np.array([[1e6], [1e-6], [2000]]) + np.array([[1e5], [1e-7], [10]]) * rng.normal(size=(3, 50))).astype(
        "float32"
    )
    Y = (1e5 + 1e4 * rng.normal(size=(2, 50))).astype("float32")
    net = xn.Network([xn.Dense(4, "tanh"), xn.Dense(2)])
    params = net.init((3,), backend="numpy")
    x, y = Scaling.of(X), Scaling.of(Y)
    np.testing.assert_allclose(x(X).mean(axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(x(X).std(axis=1), 1, rtol=1e-3)
    direct, _ = net.forward(into_last(into_first(params, x), y), X)
    np.testing.assert_allclose(direct, y.scale * net.forward(params, x(X))[0] + y.mean, rtol=1e-4)
    flat = Scaling.of(np.ones((2, 5), "float32"))
    np.testing.assert_array_equal(flat(np.ones((2, 5), "float32")), 0)
