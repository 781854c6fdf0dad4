"""Layers with a forward alone: the graph has the backward."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import Bench
from layer_cases import EXAMPLES, Forward, cube, drawn

import xnet as xn
from xnet import kernels, trees
from xnet.errors import DtypeError


def relu(X: Any) -> Any:
    return array_namespace(X).maximum(X, 0.0)


PAIRS: list[tuple[xn.Layer, xn.Layer]] = [
    (xn.Lambda(relu), xn.Activation("relu")),
    (xn.Lambda(lambda X: kernels.gelu(X)[0]), xn.Activation("gelu")),
    (xn.Lambda(lambda X: array_namespace(X).reshape(X, (-1, X.shape[-1]))), xn.Flatten()),
    (Forward(3), xn.Dense(3, "tanh")),
    (xn.Network([Forward(3), xn.Lambda(relu)]), xn.Network([xn.Dense(3, "tanh"), xn.Activation("relu")])),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=str)
def test_the_graph_has_the_backward_that_is_written_by_hand(ours: xn.Layer, theirs: xn.Layer, xb: Bench) -> None:
    params = trees.map(xb.backend.asarray, theirs.init((4,), dtype="float64", backend="numpy"))
    X, dY = xb.asarray(drawn((4, EXAMPLES)), "float64"), None
    results = []
    for layer in (ours, theirs):
        Y, cache = layer.forward(params, X)
        dY = xb.asarray(drawn(tuple(Y.shape), 2), "float64")
        results.append([xb.to_numpy(A) for A in trees.leaves((Y, layer.backward(params, dY, cache)))])
    assert len(results[0]) == len(results[1])
    for A, B in zip(*results, strict=True):
        np.testing.assert_allclose(A, B, rtol=1e-12, atol=1e-14, strict=True)


def test_where_a_forward_alone_has_a_kink() -> None:
    """A tie under maximum is shared; the kernel takes 0."""
    X = np.zeros((1, 1))
    for layer, slope in ((xn.Lambda(relu), 0.5), (xn.Activation("relu"), 0.0)):
        _, cache = layer.forward({}, X)
        assert layer.backward({}, np.ones((1, 1)), cache)[0] == slope


def test_a_network_with_forwards_alone_trains_as_one_with_backwards() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 60)).astype("float32")
    Y = (np.argmax(X, axis=0) % 3)[None, :]
    settings: Any = {"epochs": 15, "batch_size": 16, "optimizer": xn.Adam(0.02), "backend": "numpy"}
    ours = xn.fit(xn.Network([Forward(8), xn.Lambda(relu), xn.Dense(3)]), X, Y, **settings)
    theirs = xn.fit(xn.Network([xn.Dense(8, "tanh"), xn.Activation("relu"), xn.Dense(3)]), X, Y, **settings)
    assert ours.history["cost"][-1] < 0.7 * ours.history["cost"][0]
    np.testing.assert_allclose(ours.history["cost"], theirs.history["cost"], rtol=1e-4)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-3)


def test_a_forward_alone_may_use_the_key() -> None:
    @dataclass(frozen=True, repr=False)
    class Half(xn.Layer):
        def build(self, key: Any, in_shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
            return {}, in_shape

        def forward(self, params: Any, X: Any, key: Any = None) -> Any:
            return X if key is None else array_namespace(X).where(xn.random.uniform(key, X.shape) < 0.5, 2 * X, 0.0)

    X = np.ones((3, 40), "float32")
    Y, cache = Half().forward({}, X, key=xn.random.key(0))
    dX, _ = Half().backward({}, X, cache)
    np.testing.assert_array_equal(Y, dX)
    assert set(np.unique(Y)) == {0, 2}
    assert not np.array_equal(Y, Half().forward({}, X, key=xn.random.key(1))[0])
    np.testing.assert_array_equal(Half().forward({}, X)[0], X)


def test_a_subclass_with_another_forward_has_its_own_backward() -> None:
    class Doubled(xn.Dense):
        def forward(self, params: Any, X: Any) -> Any:
            return 2 * super().forward(params, X)[0]

    params, X = xn.Dense(3).init(4, backend="numpy"), drawn((4, EXAMPLES)).astype("float32")
    (_, once), (_, twice) = (layer.forward(params, X) for layer in (xn.Dense(3), Doubled(3)))
    dY = drawn((3, EXAMPLES)).astype("float32")
    expected = trees.map(lambda dW: 2 * dW, xn.Dense(3).backward(params, dY, once))
    trees.map(
        lambda A, B: np.testing.assert_allclose(A, B, rtol=1e-5), Doubled(3).backward(params, dY, twice), expected
    )


def test_a_forward_alone_is_traced_with_its_cache() -> None:
    """So that a whole step can be one graph, and a forward another one from its backward."""
    net = xn.Network([Forward(3), xn.Lambda(cube)])
    params, X = net.init(4, dtype="float64", backend="numpy"), drawn((4, EXAMPLES))
    expected, cache = net.forward(params, X)
    Y, cache_of_graph = xn.trace(net.forward, params, X)(params, X)
    np.testing.assert_array_equal(Y, expected)
    trees.map(np.testing.assert_array_equal, net.backward(params, Y, cache_of_graph), net.backward(params, Y, cache))


def test_a_lambda_is_not_saved_but_says_how(tmp_path: Path) -> None:
    X, Y = drawn((4, EXAMPLES)).astype("float32"), np.asarray([[0, 1, 2, 0, 1]])
    fit = xn.fit(xn.Network([xn.Lambda(cube), xn.Dense(3)]), X, Y, epochs=1, backend="numpy")
    with pytest.raises(DtypeError, match=r"save: .* got Lambda.f of type function; make it the forward of a Layer"):
        xn.save(tmp_path / "net", fit)
    assert list(tmp_path.iterdir()) == []
