"""Every layer under the same laws, and its first weights."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import layer_cases
import numpy as np
import pytest
from backends import Bench
from layer_cases import CASES, EXAMPLES, Case, by_name, cube, drawn
from numpy.typing import NDArray

import xnet as xn
from xnet import trees
from xnet.backends import backend_of
from xnet.layers.activation import is_rectifier

Host = NDArray[Any]
each = pytest.mark.parametrize("case", CASES, ids=str)
INITIALIZERS = ["zeros", "normal", "he", "lecun", "xavier", "orthogonal"]


def params_of(case: Case) -> Any:
    """Parameters with nothing at 0, in float64."""
    params = case.layer.init(case.in_shape, dtype="float64", backend="numpy")
    return trees.map(lambda W: W + 0.1 * drawn(W.shape, 1), params)


# Laws


@each
def test_init_builds_from_the_shape_of_the_input(case: Case) -> None:
    """C29"""
    params = case.layer.init(case.in_shape, backend="numpy")
    assert {name: W.shape for name, W in trees.named_leaves(params)} == case.shapes
    assert all(W.dtype == np.float32 for W in trees.leaves(params))
    shapes, out_shape = case.layer.build(None, case.in_shape)
    assert {name: tuple(W.shape) for name, W in trees.named_leaves(shapes)} == case.shapes
    assert out_shape == case.out_shape


@pytest.mark.parametrize(
    ("case", "m"),
    [
        pytest.param(case, m, id=f"{case}-{m}")
        for case in CASES
        for m in ([EXAMPLES, 1] if case.training else [EXAMPLES, 1, 0])
    ],
)
def test_out_shape_is_the_shape_of_the_output(case: Case, m: int) -> None:
    X = drawn((*case.in_shape, m))
    Y, cache = case.forward(params_of(case), X)
    assert Y.shape == (*case.out_shape, m)
    dX, grads = case.layer.backward(params_of(case), np.ones_like(Y), cache)
    assert dX.shape == X.shape
    shapes = {name: trees.leaves(dW)[0].shape for name, dW in by_name(params_of(case), grads).items()}
    assert shapes == case.shapes


@each
def test_follows_its_arrays_and_leaves_them_alone(case: Case, xb: Bench) -> None:
    host = trees.map(lambda W: W.astype("float32"), params_of(case))
    X = drawn((*case.in_shape, EXAMPLES)).astype("float32")
    dY = drawn((*case.out_shape, EXAMPLES), 2).astype("float32")
    params, X_here, dY_here = trees.map(xb.asarray, (host, X, dY))

    Y, cache = case.forward(params, X_here)
    dX, grads = case.layer.backward(params, dY_here, cache)
    for A in [Y, dX, *trees.leaves(grads)]:
        assert (backend_of(A), A.dtype) == (xb.backend, xb.xp.float32)

    Y_host, cache = case.forward(host, X)
    expected = Y_host, *case.layer.backward(host, dY, cache)
    trees.map(
        lambda A, B: np.testing.assert_allclose(xb.to_numpy(A), B, rtol=1e-5, atol=1e-6), (Y, dX, grads), expected
    )
    trees.map(lambda A, B: np.testing.assert_array_equal(xb.to_numpy(A), B), (params, X_here), (host, X))


@each
def test_gradients_alone_are_those_of_backward(case: Case, xb: Bench) -> None:
    params = trees.map(lambda W: xb.asarray(W.astype("float32")), params_of(case))
    X, dY = (xb.asarray(drawn((*shape, EXAMPLES), 2)) for shape in (case.in_shape, case.out_shape))
    _, cache = case.forward(params, X)
    alone, (_, grads) = case.layer.gradients(params, dY, cache), case.layer.backward(params, dY, cache)
    trees.map(lambda A, B: np.testing.assert_array_equal(*map(xb.to_numpy, trees.leaves([A, B]))), alone, grads)


@each
def test_backward_is_the_adjoint_of_forward(case: Case) -> None:
    """⟨U, ∂Y[V]⟩ = ⟨∂Yᵀ[U], V⟩ along random directions V of X and of each parameter."""
    params, X = params_of(case), drawn((*case.in_shape, EXAMPLES))
    Y, cache = case.forward(params, X)
    U, h = drawn(Y.shape, 3), 1e-6
    dX, grads = case.layer.backward(params, U, cache)
    assert Y.dtype == dX.dtype == np.float64

    def slope(f: Callable[[float], Host]) -> float:
        return float(np.sum(U * (f(h) - f(-h))) / (2 * h))

    V = drawn(X.shape, 4)
    assert slope(lambda s: case.forward(params, X + s * V)[0]) == pytest.approx(np.sum(V * dX), rel=1e-6, abs=1e-8)
    for name, dW in by_name(params, grads).items():
        if isinstance(dW, xn.Becomes):  # no gradient; tests/test_statistics.py has what it must be
            continue
        V = drawn(dW.shape, 5)

        def along(s: float, name: str = name, V: Host = V) -> Host:
            moved = trees.map_named(lambda path, W: W + s * V if path == name else W, params)
            Y: Host = case.forward(moved, X)[0]
            return Y

        assert dW.dtype == np.float64
        assert slope(along) == pytest.approx(np.sum(V * dW), rel=1e-6, abs=1e-8), name


@each
def test_reads_back_as_itself(case: Case) -> None:
    layer = case.layer
    assert eval(repr(layer), {**vars(xn), **vars(layer_cases)}) == layer
    assert type(layer)(**layer.arguments()) == layer
    assert str(layer) == repr(layer)


@each
def test_cannot_be_changed(case: Case) -> None:
    name = next(iter(vars(case.layer)), "anything")
    with pytest.raises(FrozenInstanceError):
        setattr(case.layer, name, 3)


def test_layers_are_equal_when_their_arguments_are() -> None:
    layers = {repr(case.layer): case.layer for case in CASES}
    assert all((a == b) == (name == other) for name, a in layers.items() for other, b in layers.items())
    assert xn.Dense(3, "relu", kernel_init="he") == xn.Dense(3, activation="relu", kernel_init="he")
    assert xn.Network([xn.Dense(3)]) == xn.Network((xn.Dense(3),))


@pytest.mark.parametrize("units", [3, np.int64(3)], ids=["int", "numpy-int"])
def test_sizes_may_be_integers_of_numpy(units: Any) -> None:
    """What `Y.max() + 1` and `len`-like sums give."""
    layer = xn.Dense(units)
    assert layer.init((units + 1,), backend="numpy")["W"].shape == (3, 4)
    assert repr(layer) == "Dense(units=3)"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_layer_replaces_its_arguments(case: Case) -> None:
    assert case.layer.replace() == case.layer
    assert xn.Dense(3, "relu", kernel_init="he").replace(units=4) == xn.Dense(4, "relu", kernel_init="he")


def test_layers_are_hashable() -> None:
    """So that a compiler may take them as constants."""
    assert len({case.layer for case in CASES}) == len({repr(case.layer) for case in CASES})


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (xn.Dense(10), "Dense(units=10)"),
        (xn.Dense(64, "relu", kernel_init="he"), "Dense(units=64, activation='relu', kernel_init='he')"),
        (xn.Activation("tanh"), "Activation(name='tanh')"),
        (xn.Activation("elu", {"alpha": 0.5}), "Activation(name='elu', hyper={'alpha': 0.5})"),
        (xn.Flatten(), "Flatten()"),
        (xn.Lambda(cube), "Lambda(f=cube)"),
        (xn.Lambda(lambda X: X), "Lambda(f=<lambda>)"),
        (xn.Dense(3, kernel_init=xn.initializers.he), "Dense(units=3, kernel_init=he)"),
        (xn.Network([xn.Flatten(), xn.Dense(1)]), "Network(layers=(Flatten(), Dense(units=1)))"),
    ],
)
def test_says_what_to_type(layer: xn.Layer, text: str) -> None:
    assert repr(layer) == text


def test_hyper_parameters_by_keyword_and_by_mapping() -> None:
    assert xn.Activation("elu", alpha=0.5) == xn.Activation("elu", {"alpha": 0.5})
    assert xn.Activation("elu", alpha=np.float64(2)).hyper == {"alpha": 2.0}
    Z = drawn((3, EXAMPLES))
    params = xn.Dense(3).init(3, dtype="float64", backend="numpy")
    leaky = xn.Dense(3, xn.Activation("leaky_relu", slope=0.2))(params, Z)
    plain = xn.Dense(3)(params, Z)
    np.testing.assert_allclose(leaky, np.where(plain > 0, plain, 0.2 * plain))


def test_calling_a_network_gives_z(xb: Bench) -> None:
    net = xn.Network([xn.Dense(3, "relu"), xn.Dense(2)])
    params, X = net.init(4, backend=xb.backend), xb.asarray(drawn((4, EXAMPLES)))
    np.testing.assert_array_equal(xb.to_numpy(net(params, X)), xb.to_numpy(net.forward(params, X)[0]))


def test_rectifiers_are_known_by_their_shape() -> None:
    """Each starts with the initializer `he`."""
    rectifiers = {name for name in layer_cases.ACTIVATIONS if is_rectifier(xn.Activation(name))}
    assert rectifiers >= {"relu", "leaky_relu", "elu", "gelu", "silu"}
    assert rectifiers.isdisjoint({"identity", "sigmoid", "softmax", "softplus", "tanh"})
    assert not is_rectifier(xn.Activation("leaky_relu", slope=0.9))


# First weights


@pytest.mark.parametrize("init", INITIALIZERS)
def test_first_weights_are_the_same_bits_everywhere(init: str, xb: Bench) -> None:
    layer = xn.Dense(6, kernel_init=init)
    W = layer.init((4,), seed=7, backend="numpy")["W"]
    params = layer.init((4,), seed=7, backend=xb.backend)
    for A in params.values():
        assert (backend_of(A), A.dtype) == (xb.backend, xb.xp.float32)
    assert xb.to_numpy(params["W"]).tobytes() == W.tobytes()
    assert not xb.to_numpy(params["b"]).any()


def test_first_weights_are_the_same_numbers_in_float64() -> None:
    single, double = (xn.Dense(6).init((4,), dtype=dtype, backend="numpy")["W"] for dtype in ("float32", "float64"))
    assert double.dtype == np.float64
    np.testing.assert_array_equal(single, double, strict=False)


def test_another_seed_and_another_layer_give_other_weights() -> None:
    net = xn.Network([xn.Dense(4), xn.Dense(4)])
    first, second = (p["W"] for p in net.init((4,), seed=0, backend="numpy"))
    other = net.init((4,), seed=1, backend="numpy")[0]["W"]
    assert len({W.tobytes() for W in (first, second, other)}) == 3


@pytest.mark.parametrize(
    ("layer", "spread"),
    [
        (xn.Dense(300), np.sqrt(2 / 500)),
        (xn.Dense(300, "tanh"), np.sqrt(2 / 500)),
        (xn.Dense(300, "relu"), np.sqrt(2 / 200)),
        (xn.Dense(300, "gelu"), np.sqrt(2 / 200)),
        (xn.Dense(300, "relu", kernel_init="xavier"), np.sqrt(2 / 500)),
        (xn.Dense(300, kernel_init="he"), np.sqrt(2 / 200)),
        (xn.Dense(300, kernel_init="lecun"), np.sqrt(1 / 200)),
        (xn.Dense(300, kernel_init="normal"), 0.01),
    ],
    ids=str,
)
def test_spread_of_the_first_weights(layer: xn.Dense, spread: float) -> None:
    W = layer.init((200,), backend="numpy")["W"]
    assert np.std(W) == pytest.approx(spread, rel=0.02)
    assert abs(np.mean(W)) < 0.02 * spread


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)], ids=str)
def test_orthogonal_first_weights(shape: tuple[int, int]) -> None:
    W = xn.Dense(shape[0], kernel_init="orthogonal").init((shape[1],), backend="numpy")["W"]
    G = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(G, np.eye(min(shape)), atol=1e-6)


def test_first_weights_from_a_function_of_ones_own() -> None:
    def small_uniform(key: Any, shape: tuple[int, ...]) -> Any:
        return 0.1 * xn.random.uniform(key, shape)

    W = xn.Dense(50, kernel_init=small_uniform).init((20,), backend="numpy")["W"]
    assert 0 <= W.min() < 0.01 < 0.09 < W.max() < 0.1


def test_in_shape_may_be_one_number() -> None:
    assert xn.Dense(3).init(4, backend="numpy")["W"].shape == (3, 4)
