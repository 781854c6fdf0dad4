"""Networks against the course's formulas, written out by hand in NumPy."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import Bench, selected
from numpy.typing import NDArray

import xnet as xn
from xnet import loops, trees
from xnet.backends import backend_of

Host = NDArray[Any]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def close(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-14)


def moved_params(net: xn.Network, in_shape: tuple[int, ...], dtype: str = "float64") -> Any:
    """First parameters with the b away from 0."""
    params = net.init(in_shape, dtype=dtype, backend="numpy")
    return trees.map(lambda W: W + np.asarray(0.3 * rng(1).standard_normal(W.shape), dtype=dtype), params)


def gradients(net: xn.Layer, params: Any, X: Host, Y: Host, cost: str = "sigmoid_cross_entropy") -> tuple[Any, Any]:
    chosen = xn.Cost(cost)
    Z, caches = net.forward(params, X)
    J, cache = chosen.forward(Z, Y)
    return J, net.backward(params, chosen.backward(np.ones_like(J), cache), caches)[1]


# The course's formulas

SHALLOW = xn.Network([xn.Dense(4, "tanh"), xn.Dense(1)])


def planar(m: int = 7) -> tuple[Host, Host]:
    X = rng(2).standard_normal((3, m))
    return X, (X[:1] * X[1:2] > 0).astype("float64")


def test_shallow_network_by_hand() -> None:
    """C21, C24"""
    X, Y = planar()
    m = X.shape[1]
    params = moved_params(SHALLOW, (3,))
    (W1, b1), (W2, b2) = ((p["W"], p["b"]) for p in params)

    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = 1 / (1 + np.exp(-Z2))
    J = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T @ dZ2 * (1 - A1**2)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m

    cost = xn.Cost("sigmoid_cross_entropy")
    Z, _ = SHALLOW.forward(params, X)
    close(SHALLOW.layers[0].forward(params[0], X)[0], A1)
    close(Z, Z2)
    close(cost.predict(Z), A2)
    J_here, grads = gradients(SHALLOW, params, X, Y)
    close(J_here, J)
    for given, expected in zip(trees.leaves(grads), [dW1, db1, dW2, db2], strict=True):
        close(given, expected)

    step = xn.Step(SHALLOW, cost, xn.SGD(0.5))
    updated, _, _ = step(params, xn.SGD(0.5).init(params), X, Y)
    for given, expected in zip(
        trees.leaves(updated), [W1 - 0.5 * dW1, b1 - 0.5 * db1, W2 - 0.5 * dW2, b2 - 0.5 * db2], strict=True
    ):
        close(given, expected)


def test_deep_network_by_hand() -> None:
    """C24: forward for l = 1 … L, backward for l = L … 1, softmax at the end."""
    sizes, m = [5, 7, 6, 3], 8
    net = xn.Network([xn.Dense(7, "relu"), xn.Dense(6, "relu"), xn.Dense(3)])
    X = rng(3).standard_normal((5, m))
    labels = rng(4).integers(0, 3, (1, m))
    params = moved_params(net, (5,))
    W, b = ([None, *(p[name] for p in params)] for name in ("W", "b"))
    L = len(sizes) - 1

    A: dict[int, Any] = {0: X}
    Z: dict[int, Any] = {}
    for i in range(1, L + 1):
        Z[i] = W[i] @ A[i - 1] + b[i]
        A[i] = np.maximum(Z[i], 0) if i < L else np.exp(Z[i]) / np.sum(np.exp(Z[i]), axis=0)
        assert Z[i].shape == A[i].shape == (sizes[i], m)
    Y = np.eye(3)[:, labels[0]]
    J = -np.sum(Y * np.log(A[L])) / m
    dZ = A[L] - Y
    expected: list[Any] = []
    for i in range(L, 0, -1):
        dW, db = dZ @ A[i - 1].T / m, np.sum(dZ, axis=1, keepdims=True) / m
        assert dW.shape == W[i].shape
        assert db.shape == b[i].shape
        expected = [dW, db, *expected]
        if i > 1:
            dZ = W[i].T @ dZ * (Z[i - 1] > 0)

    J_here, grads = gradients(net, params, X, labels, "softmax_cross_entropy")
    close(J_here, J)
    for given, by_hand in zip(trees.leaves(grads), expected, strict=True):
        close(given, by_hand)


def test_examples_one_by_one_equal_all_at_once() -> None:
    """C18, C22"""
    X, Y = planar()
    params = moved_params(SHALLOW, (3,))
    weights = trees.leaves(params)
    A2 = loops.network_per_example(X, *weights)
    close(xn.Cost("sigmoid_cross_entropy").predict(SHALLOW.forward(params, X)[0]), A2)

    J, grads = gradients(SHALLOW, params, X, Y)
    J_loops, *grads_loops = loops.backprop_per_example(X, Y, *weights)
    close(J, J_loops)
    for given, by_loops in zip(trees.leaves(grads), grads_loops, strict=True):
        close(given, by_loops)

    columns = [slice(i, i + 1) for i in range(X.shape[1])]
    one_by_one = [gradients(SHALLOW, params, X[:, i], Y[:, i]) for i in columns]
    close(J, np.mean([J_i for J_i, _ in one_by_one]))
    mean = trees.map(lambda *dW: np.mean(dW, axis=0), *(grads_i for _, grads_i in one_by_one))
    trees.map(close, grads, mean)


def test_deep_linear_network_is_one_matrix() -> None:
    """C20"""
    net = xn.Network([xn.Dense(6), xn.Dense(5), xn.Dense(4), xn.Dense(2)])
    X = rng().standard_normal((3, 9))
    params = net.init((3,), dtype="float64", backend="numpy")
    W1, W2, W3, W4 = (p["W"] for p in params)
    close(net.forward(params, X)[0], W4 @ W3 @ W2 @ W1 @ X, rtol=1e-10)

    params = moved_params(net, (3,))
    W, b = np.eye(3), np.zeros((3, 1))
    for p in params:
        W, b = p["W"] @ W, p["W"] @ b + p["b"]
    close(net.forward(params, X)[0], W @ X + b, rtol=1e-10)
    bent = xn.Network([xn.Dense(6, "relu"), *net.layers[1:]])
    assert not np.allclose(bent.forward(params, X)[0], W @ X + b)


# First weights


def trained(init: Any, steps: int = 200, hidden: str = "tanh") -> tuple[Host, float, float]:
    """W1 after some steps on XOR, how far it moved, and the cost."""
    net = xn.Network([xn.Dense(4, hidden, kernel_init=init), xn.Dense(1, kernel_init=init)])
    X, Y = planar(40)
    X, Y = X.astype("float32"), Y.astype("float32")
    start = net.init((3,), seed=3, backend="numpy")
    fit = xn.fit(net, X, Y, epochs=steps, batch_size=None, optimizer=xn.SGD(1.0), params=start)
    W = fit.params[0]["W"]
    return W, float(np.max(np.abs(W - start[0]["W"]))), fit.history["cost"][-1]


def spread(W: Host) -> float:
    """How unlike the units are: the largest distance of a row of W from the first."""
    return float(np.max(np.abs(W - W[:1])))


def alike(key: Any, shape: tuple[int, ...]) -> Any:
    return xn.initializers.zeros(key, shape) + np.float32(0.3)


def large(key: Any, shape: tuple[int, ...]) -> Any:
    return xn.initializers.normal(key, shape, scale=30.0)


@pytest.mark.parametrize(
    ("init", "hidden"), [("zeros", "tanh"), ("zeros", "sigmoid"), (alike, "tanh"), (alike, "relu")]
)
def test_units_that_start_alike_stay_alike(init: Any, hidden: str) -> None:
    """C23: all of them learn, and all of them the same."""
    W, moved, _ = trained(init, hidden=hidden)
    assert spread(W) <= 1e-6
    assert (moved > 0.01) == ((init, hidden) != ("zeros", "tanh"))  # there dW1 and dW2 are both 0: nothing moves


def test_small_random_weights_break_the_symmetry() -> None:
    """C23"""
    W, _, small = trained("normal")
    assert spread(W) > 0.5
    _, _, zeros = trained("zeros")
    assert small < zeros - 0.1


def test_large_weights_saturate_and_learn_slowly() -> None:
    """C23"""
    net = xn.Dense(4, "tanh", kernel_init=large)
    X, _ = planar(40)
    A, _ = net.forward(net.init((3,), dtype="float64", backend="numpy"), X)
    assert np.mean(np.abs(A) > 0.99) > 0.9
    assert trained(large)[2] > trained("xavier")[2] + 0.1


# The table of shapes

NESTED = xn.Network(
    [xn.Flatten(), xn.Network([xn.Dense(20, "relu"), xn.Activation("tanh")]), xn.Dense(1000), xn.Network([])]
)
TABLE = """\
l    layer                               W           b          Z, A          parameters
────────────────────────────────────────────────────────────────────────────────────────
0    X                                                          (2, 3, 4, m)
1    Flatten()                                                  (24, m)
2.1  Dense(units=20, activation='relu')  (20, 24)    (20, 1)    (20, m)       500
2.2  Activation(name='tanh')                                    (20, m)
3    Dense(units=1000)                   (1000, 20)  (1000, 1)  (1000, m)     21,000
────────────────────────────────────────────────────────────────────────────────────────
                                                                total         21,500"""


def test_summary_is_the_table_of_shapes() -> None:
    """C24"""
    summary = NESTED.summary((2, 3, 4))
    assert str(summary) == TABLE
    assert repr(summary) == str(summary)
    assert summary.parameters == 21_500
    assert summary.parameters == sum(W.size for W in trees.leaves(NESTED.init((2, 3, 4), backend="numpy")))


def test_summary_takes_no_memory() -> None:
    assert xn.Network([xn.Dense(10**6)]).summary((10**6,)).parameters == 10**12 + 10**6


def test_summary_in_a_notebook() -> None:
    html = xn.Network([xn.Dense(3, "tanh")]).summary((2,))._repr_html_()
    assert html == (
        "<table><thead><tr><th>l</th><th>layer</th><th>W</th><th>b</th><th>Z, A</th><th>parameters</th></tr></thead>"
        "<tbody><tr><td>0</td><td>X</td><td></td><td></td><td>(2, m)</td><td></td></tr>"
        "<tr><td>1</td><td>Dense(units=3, activation=&#x27;tanh&#x27;)</td><td>(3, 2)</td><td>(3, 1)</td>"
        "<td>(3, m)</td><td>9</td></tr>"
        "<tr><td></td><td></td><td></td><td></td><td>total</td><td>9</td></tr></tbody></table>"
    )


# Networks in networks


def test_nested_networks_equal_flat_ones(xb: Bench) -> None:
    a, b, c = xn.Dense(4, "tanh"), xn.Dense(5, "relu"), xn.Dense(2)
    flat, nested = xn.Network([a, b, c]), xn.Network([a, xn.Network([b, xn.Network([c])])])
    p1, p2, p3 = trees.map(xb.asarray, moved_params(flat, (3,), "float32"))
    X = xb.asarray(rng().standard_normal((3, 5)))
    dY = xb.asarray(rng(1).standard_normal((2, 5)))

    Y, cache = flat.forward([p1, p2, p3], X)
    dX, grads = flat.backward([p1, p2, p3], dY, cache)
    Y_nested, cache = nested.forward([p1, [p2, [p3]]], X)
    dX_nested, (g1, (g2, (g3,))) = nested.backward([p1, [p2, [p3]]], dY, cache)
    for one, other in zip(
        [Y, dX, *trees.leaves(grads)], [Y_nested, dX_nested, *trees.leaves([g1, g2, g3])], strict=True
    ):
        np.testing.assert_array_equal(xb.to_numpy(one), xb.to_numpy(other))


def test_a_network_trains_as_a_layer_of_another() -> None:
    X, Y = (A.astype("float32") for A in planar(30))
    inner = xn.Network([xn.Dense(4, "tanh"), xn.Dense(1)])
    net = xn.Network([inner])
    start = inner.init((3,), backend="numpy")
    options: dict[str, Any] = {"epochs": 3, "batch_size": 8, "optimizer": xn.Adam(0.05)}
    one = xn.fit(inner, X, Y, params=start, **options)
    other = xn.fit(net, X, Y, params=[start], **options)
    assert one.history["cost"] == other.history["cost"]
    trees.map(np.testing.assert_array_equal, [one.params], other.params)


# Layers that do something else in training


@dataclass(frozen=True, repr=False)
class Noise(xn.Layer):
    """Y = X + noise, and X when not in training; it writes down what it was given."""

    keys: list[Any] = field(default_factory=list, compare=False)

    def build(self, key: Any, in_shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
        return {}, in_shape

    def forward(self, params: Any, X: Any, key: Any = None) -> tuple[Any, Any]:
        self.keys.append(key)
        return (X if key is None else X + 0.5 * xn.random.uniform(key, X.shape)), None

    def backward(self, params: Any, dY: Any, cache: Any) -> tuple[Any, Any]:
        return dY, {}


def test_keys_are_given_in_training_alone(xb: Bench) -> None:
    first, second = Noise(), Noise()
    net = xn.Network([first, xn.Dense(2, "tanh"), xn.Network([second]), xn.Dense(1)])
    X, Y = (xb.asarray(A) for A in planar(8))
    fit = xn.fit(net, X, Y, epochs=1, batch_size=4, seed=1)
    assert len(first.keys) == 2
    keys = [*first.keys, *second.keys]
    assert {str(backend_of(key)) for key in keys} == {str(xb.backend)}
    assert len({xb.to_numpy(key).tobytes() for key in keys}) == 4  # each step and each layer has its own

    fit.predict(X)
    fit.evaluate(X, Y)
    assert first.keys[2:] == second.keys[2:] == [None, None]


def test_validation_has_no_noise_and_the_seed_decides_it() -> None:
    X, Y = (A.astype("float32") for A in planar(8))

    def run(seed: int) -> tuple[list[float], list[Any]]:
        noise = Noise()
        net = xn.Network([noise, xn.Dense(1)])
        start = net.init((3,), backend="numpy")
        fit = xn.fit(net, X, Y, epochs=2, batch_size=None, validation=(X, Y), seed=seed, params=start)
        return fit.history["cost"], [key is None for key in noise.keys]

    cost, without = run(0)
    assert without == [False, True, False, True]
    assert run(0)[0] == cost
    assert run(1)[0] != cost


def test_no_keys_where_no_layer_uses_one() -> None:
    @dataclass(frozen=True, repr=False)
    class Silent(Noise):
        def forward(self, params: Any, X: Any) -> tuple[Any, Any]:  # type: ignore[override]
            return super().forward(params, X)

        def backward(self, params: Any, dY: Any, cache: Any) -> tuple[Any, Any]:
            return dY, {}

    silent = Silent()
    X, Y = (A.astype("float32") for A in planar(8))
    net = xn.Network([silent, xn.Dense(1)])
    assert "key" not in net.forward_options
    assert xn.Network([xn.Dense(1), xn.Network([Noise()])]).forward_options == {"key"}
    xn.fit(net, X, Y, epochs=1)
    assert silent.keys == [None]


@pytest.mark.skipif("jax" not in {row.name for row in selected()}, reason="jax was not asked for")
def test_jax_transforms_functions_that_close_over_parameters_or_data() -> None:
    import jax

    softsign = xn.Lambda(lambda Z: Z / (1 + abs(Z)))
    net = xn.Network([xn.Dense(4, "relu"), softsign, xn.Dense(1)])
    params = trees.map(xn.backend("jax").asarray, moved_params(net, (3,)))
    X, Y = map(xn.backend("jax").asarray, planar())

    def J(params: Any) -> Any:
        Z, _ = net.forward(params, X)
        return array_namespace(Z).sum(Z)

    Z, caches = net.forward(params, X)
    _, grads = net.backward(params, jax.numpy.ones_like(Z), caches)
    for derivative in (jax.grad, lambda J: jax.jit(xn.grad(J))):
        trees.map(close, derivative(J)(params), grads)
    close(jax.jit(lambda X: net(params, X))(X), Z)
    close(jax.vmap(lambda x: net(params, x[:, None])[:, 0], 1, 1)(X), Z)
    fit = xn.fit(net, X, Y, cost="sigmoid_cross_entropy", epochs=1)
    close(jax.jit(fit.predict)(X), fit.predict(X))
