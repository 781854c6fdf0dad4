"""Inputs and outputs scaled for training, and the weights that need no scaling afterwards."""

import re
from typing import Any

import numpy as np
import pytest
from layer_cases import Squares

import xnet as xn
from xnet.errors import ValueRangeError
from xnet.train.scaling import Scaling, into_inputs, into_outputs

RNG = np.random.default_rng(0)
X = (np.array([[1e6], [1e-6], [2000]]) + np.array([[1e5], [1e-7], [10]]) * RNG.normal(size=(3, 50))).astype("float32")
Y = (1e5 + 1e4 * RNG.normal(size=(2, 50))).astype("float32")
NETS: list[xn.Layer] = [
    xn.Network([xn.Dense(4, "tanh"), xn.Dense(2)]),
    xn.Network([xn.Network([xn.Dense(4, "tanh"), xn.Activation("relu")]), xn.Network([xn.Dense(2)])]),
    xn.Dense(2),
]


@pytest.mark.parametrize("net", NETS, ids=str)
def test_scaling_goes_into_the_weights(net: xn.Layer) -> None:
    params = net.init((3,), backend="numpy")
    x, y = Scaling.of(X), Scaling.of(Y)
    np.testing.assert_allclose(x(X).mean(axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(x(X).std(axis=1), 1, rtol=1e-3)
    direct = net(into_outputs(net, into_inputs(net, params, x), y), X)
    np.testing.assert_allclose(direct, y.scale * net(params, x(X)) + y.mean, rtol=1e-4)
    assert direct.dtype == np.float32


def test_a_row_that_does_not_vary_is_only_shifted() -> None:
    flat = Scaling.of(np.ones((2, 5), "float32"))
    np.testing.assert_array_equal(flat(np.ones((2, 5), "float32")), 0)


RULE = "scaling: the layer at the {} must be linear there, to take {} into its parameters; got {}; Dense is linear"
IN, OUT = ("inputs", "(X - mean) / scale"), ("outputs", "scale · Y + mean")
REFUSALS: list[tuple[Any, xn.Layer, str]] = [
    (into_inputs, xn.Network([xn.Flatten(), xn.Dense(2)]), RULE.format(*IN, "Flatten()")),
    (into_inputs, xn.Network([]), RULE.format(*IN, "Network(layers=())")),
    (into_outputs, xn.Network([]), RULE.format(*OUT, "Network(layers=())")),
    (into_outputs, xn.Network([xn.Dense(2, "tanh")]), RULE.format(*OUT, "Dense(units=2, activation='tanh')")),
    (into_inputs, Squares(2), RULE.format(*IN, "Squares(units=2)")),
    (into_outputs, Squares(2), RULE.format(*OUT, "Squares(units=2)")),
]


@pytest.mark.parametrize(("into", "net", "says"), REFUSALS)
def test_a_layer_that_cannot_is_named(into: Any, net: xn.Layer, says: str) -> None:
    with pytest.raises(ValueRangeError, match=re.escape(says)):
        into(net, net.init((3,), backend="numpy"), Scaling.of(X if into is into_inputs else Y))
