"""pullback: a forward and its backward from a forward alone."""

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from array_api_compat import array_namespace
from laws import close
from numpy.testing import assert_array_equal

from xnet.graph import check_gradients, trace
from xnet.graph.derive.gradients import pullback


def dense(params: Any, A: Any, power: int) -> Any:
    xp = array_namespace(A)
    return xp.tanh(params["W"] @ A + params["b"]) ** power


def test_pullback(xb: Any) -> None:
    rng = np.random.default_rng(0)
    W, b, A, dY = (rng.normal(size=shape) for shape in ((3, 4), (3, 1), (4, 5), (3, 5)))
    Z = np.tanh(W @ A + b)
    dZ = dY * 3 * Z**2 * (1 - Z**2)
    forward, backward = pullback(dense)
    for _ in range(2):
        params = {"W": xb.asarray(W, "float64"), "b": xb.asarray(b, "float64")}
        Y, cache = forward(params, xb.asarray(A, "float64"), 3)
        grads, dA, none = backward(xb.asarray(dY, "float64"), cache)
        got = [xb.to_numpy(x) for x in (Y, grads["W"], grads["b"], dA)]
        close(got, [Z**3, dZ @ A.T, np.sum(dZ, axis=1, keepdims=True), W.T @ dZ], 1e-12)
        assert none is None


def test_pullback_is_traced_too() -> None:
    forward, backward = pullback(lambda x: x * x * x)

    def f(x: Any) -> Any:
        Y, cache = forward(x)
        return backward(Y, cache)[0]

    x = np.asarray([1.0, 2.0])
    assert_array_equal(trace(f, x)(x), 3 * x**5)
    check_gradients(f, x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: 2 * x,
        lambda x: array_namespace(x).zeros_like(x),
        lambda x: x[None, ...] + np.ones((2, 1)),
    ],
)
def test_pullback_of_little(f: Any) -> None:
    forward, backward = pullback(f)
    x = np.asarray([1.0, 2.0])
    Y, _ = forward(x)
    assert_array_equal(Y, trace(f, x)(x))
    check_gradients(forward, x, backward=backward)


def test_nothing_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    x, tanh = np.ones(2), Mock(wraps=np.tanh)
    monkeypatch.setattr(array_namespace(x), "tanh", tanh)
    forward, backward = pullback(lambda x: array_namespace(x).tanh(x))
    Y, cache = forward(x)
    assert tanh.call_count == len(cache[1]) == 1
    backward(np.ones_like(Y), cache)
    assert tanh.call_count == 1
