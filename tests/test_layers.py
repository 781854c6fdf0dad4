"""Every layer under the same laws, and every text with which one refuses."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Any

import layer_cases
import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import Bench
from layer_cases import ACTIVATIONS, CASES, EXAMPLES, Case, Forward, cube
from numpy.typing import NDArray

import xnet as xn
from xnet import kernels, trees
from xnet.backends import backend, of
from xnet.errors import DeviceMismatchError, DtypeError, ShapeError, TraceError, UnknownNameError, ValueRangeError

Host = NDArray[Any]
each = pytest.mark.parametrize("case", CASES, ids=str)
INITIALIZERS = ["zeros", "normal", "he", "lecun", "xavier", "orthogonal"]


def drawn(shape: tuple[int, ...], seed: int = 0) -> Host:
    return np.random.default_rng(seed).standard_normal(shape)


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


@each
@pytest.mark.parametrize("m", [EXAMPLES, 1, 0])
def test_out_shape_is_the_shape_of_the_output(case: Case, m: int) -> None:
    X = drawn((*case.in_shape, m))
    Y, cache = case.layer.forward(params_of(case), X)
    assert Y.shape == (*case.out_shape, m)
    dX, grads = case.layer.backward(params_of(case), np.ones_like(Y), cache)
    assert dX.shape == X.shape
    assert {name: dW.shape for name, dW in trees.named_leaves(grads)} == case.shapes


@each
def test_follows_its_arrays_and_leaves_them_alone(case: Case, xb: Bench) -> None:
    host = trees.map(lambda W: W.astype("float32"), params_of(case))
    X = drawn((*case.in_shape, EXAMPLES)).astype("float32")
    dY = drawn((*case.out_shape, EXAMPLES), 2).astype("float32")
    params, X_here, dY_here = trees.map(xb.asarray, (host, X, dY))

    Y, cache = case.layer.forward(params, X_here)
    dX, grads = case.layer.backward(params, dY_here, cache)
    for A in [Y, dX, *trees.leaves(grads)]:
        assert (of(A), A.dtype) == (xb.backend, xb.xp.float32)

    Y_host, cache = case.layer.forward(host, X)
    expected = Y_host, *case.layer.backward(host, dY, cache)
    trees.map(
        lambda A, B: np.testing.assert_allclose(xb.to_numpy(A), B, rtol=1e-5, atol=1e-6), (Y, dX, grads), expected
    )
    trees.map(lambda A, B: np.testing.assert_array_equal(xb.to_numpy(A), B), (params, X_here), (host, X))


@each
def test_backward_is_the_adjoint_of_forward(case: Case) -> None:
    """⟨U, ∂Y[V]⟩ = ⟨∂Yᵀ[U], V⟩ along random directions V of X and of each parameter."""
    params, X = params_of(case), drawn((*case.in_shape, EXAMPLES))
    Y, cache = case.layer.forward(params, X)
    U, h = drawn(Y.shape, 3), 1e-6
    dX, grads = case.layer.backward(params, U, cache)
    assert Y.dtype == dX.dtype == np.float64

    def slope(f: Callable[[float], Host]) -> float:
        return float(np.sum(U * (f(h) - f(-h))) / (2 * h))

    V = drawn(X.shape, 4)
    assert slope(lambda s: case.layer.forward(params, X + s * V)[0]) == pytest.approx(
        np.sum(V * dX), rel=1e-6, abs=1e-8
    )
    for name, dW in trees.named_leaves(grads):
        V = drawn(dW.shape, 5)

        def along(s: float, name: str = name, V: Host = V) -> Host:
            moved = trees.map_named(lambda path, W: W + s * V if path == name else W, params)
            Y: Host = case.layer.forward(moved, X)[0]
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
    assert xn.Dense(3, "relu", init="he") == xn.Dense(3, activation="relu", init="he")
    assert xn.Network([xn.Dense(3)]) == xn.Network((xn.Dense(3),))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (xn.Dense(10), "Dense(units=10)"),
        (xn.Dense(64, "relu", init="he"), "Dense(units=64, activation='relu', init='he')"),
        (xn.Activation("tanh"), "Activation(name='tanh')"),
        (xn.Activation("elu", {"alpha": 0.5}), "Activation(name='elu', hyper={'alpha': 0.5})"),
        (xn.Flatten(), "Flatten()"),
        (xn.Lambda(cube), "Lambda(f=cube)"),
        (xn.Lambda(lambda X: X), "Lambda(f=<lambda>)"),
        (xn.Dense(3, init=xn.initializers.he), "Dense(units=3, init=he)"),
        (xn.Network([xn.Flatten(), xn.Dense(1)]), "Network(layers=(Flatten(), Dense(units=1)))"),
    ],
)
def test_says_what_to_type(layer: xn.Layer, text: str) -> None:
    assert repr(layer) == text


# First weights


@pytest.mark.parametrize("init", INITIALIZERS)
def test_first_weights_are_the_same_bits_everywhere(init: str, xb: Bench) -> None:
    layer = xn.Dense(6, init=init)
    W = layer.init((4,), seed=7, backend="numpy")["W"]
    params = layer.init((4,), seed=7, backend=xb.backend)
    for A in params.values():
        assert (of(A), A.dtype) == (xb.backend, xb.xp.float32)
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
        (xn.Dense(300, "relu", init="xavier"), np.sqrt(2 / 500)),
        (xn.Dense(300, init="he"), np.sqrt(2 / 200)),
        (xn.Dense(300, init="lecun"), np.sqrt(1 / 200)),
        (xn.Dense(300, init="normal"), 0.01),
    ],
    ids=str,
)
def test_spread_of_the_first_weights(layer: xn.Dense, spread: float) -> None:
    W = layer.init((200,), backend="numpy")["W"]
    assert np.std(W) == pytest.approx(spread, rel=0.02)
    assert abs(np.mean(W)) < 0.02 * spread


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)], ids=str)
def test_orthogonal_first_weights(shape: tuple[int, int]) -> None:
    W = xn.Dense(shape[0], init="orthogonal").init((shape[1],), backend="numpy")["W"]
    G = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(G, np.eye(min(shape)), atol=1e-6)


def test_first_weights_from_a_function_of_ones_own() -> None:
    def small_uniform(key: Any, shape: tuple[int, ...]) -> Any:
        return 0.1 * xn.random.uniform(key, shape)

    W = xn.Dense(50, init=small_uniform).init((20,), backend="numpy")["W"]
    assert 0 <= W.min() < 0.01 < 0.09 < W.max() < 0.1


def test_in_shape_may_be_one_number() -> None:
    assert xn.Dense(3).init(4, backend="numpy")["W"].shape == (3, 4)


# A forward alone


def relu(X: Any) -> Any:
    return array_namespace(X).maximum(X, 0.0)


TWINS: list[tuple[xn.Layer, xn.Layer]] = [
    (xn.Lambda(relu), xn.Activation("relu")),
    (xn.Lambda(lambda X: kernels.gelu(X)[0]), xn.Activation("gelu")),
    (xn.Lambda(lambda X: array_namespace(X).reshape(X, (-1, X.shape[-1]))), xn.Flatten()),
    (Forward(3), xn.Dense(3, "tanh")),
    (xn.Network([Forward(3), xn.Lambda(relu)]), xn.Network([xn.Dense(3, "tanh"), xn.Activation("relu")])),
]


@pytest.mark.parametrize(("ours", "theirs"), TWINS, ids=str)
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
        uses_key = True

        def build(self, key: Any, in_shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
            return {}, in_shape

        def forward(self, params: Any, X: Any, key: Any = None) -> Any:
            return X if key is None else array_namespace(X).where(xn.random.uniform(key, X.shape) < 0.5, 2 * X, 0.0)

    X = np.ones((3, 40), "float32")
    Y, cache = Half().forward({}, X, xn.random.key(0))
    dX, _ = Half().backward({}, X, cache)
    np.testing.assert_array_equal(Y, dX)
    assert set(np.unique(Y)) == {0, 2}
    assert not np.array_equal(Y, Half().forward({}, X, xn.random.key(1))[0])
    np.testing.assert_array_equal(Half().forward({}, X)[0], X)


def test_a_subclass_with_another_forward_has_its_own_backward() -> None:
    class Doubled(xn.Dense):
        def forward(self, params: Any, X: Any, key: Any = None) -> Any:
            return 2 * super().forward(params, X, key)[0]

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


# Refusals


X = drawn((4, EXAMPLES)).astype("float32")
PARAMS = xn.Dense(3).init((4,), backend="numpy")
STRICT, DEVICE1 = backend("strict"), backend("strict:device1")
NET = xn.Network([xn.Dense(4, "relu"), xn.Dense(1)])
NET_PARAMS = NET.init((4,), backend="numpy")


class Nothing(xn.Flatten):
    def forward(self, params: Any, X: Any, key: Any = None) -> Any:
        X * X  # and no return


def on(b: xn.Backend) -> Any:
    return trees.map(b.asarray, PARAMS)


REFUSALS: dict[str, tuple[Callable[[], Any], type[xn.XnetError], str]] = {
    "rank-1": (
        lambda: xn.Dense(3).forward(PARAMS, X[:, 0]),
        ShapeError,
        "Dense(units=3): X must have two axes or more, examples last; got X.shape=(4,); "
        "X[:, None] is a column, X[None, :] a row",
    ),
    "rank-1 activation": (
        lambda: xn.Activation("relu").forward({}, X[0]),
        ShapeError,
        "Activation(name='relu'): X must have two axes or more, examples last; got X.shape=(5,)",
    ),
    "rank-1 flatten": (
        lambda: xn.Flatten().forward({}, X[0]),
        ShapeError,
        "Flatten(): X must have two axes or more, examples last; got X.shape=(5,)",
    ),
    "rank-1 in a network": (
        lambda: NET.forward(NET_PARAMS, X[:, 0]),
        ShapeError,
        "layer 1, Dense(units=4, activation='relu'): X must have two axes or more",
    ),
    "rank 0": (
        lambda: xn.Dense(3).forward(PARAMS, X[0, 0]),
        ShapeError,
        "must have two axes or more, examples last; got X.shape=(); xp.reshape(X, (1, 1))",
    ),
    "features": (
        lambda: xn.Dense(3).forward(PARAMS, np.ones((7, 5), "float32")),
        ShapeError,
        "Dense(units=3): X must be (4, m); got X.shape=(7, 5); init(in_shape=(7,))",
    ),
    "features of a later layer": (
        lambda: NET.forward([NET_PARAMS[0], {**NET_PARAMS[1], "W": np.ones((1, 9), "float32")}], X),
        ShapeError,
        "layer 2, Dense(units=1): X must be (9, m); got X.shape=(4, 5)",
    ),
    "rows": (
        lambda: xn.Dense(3).forward(PARAMS, X.T),
        ShapeError,
        "Dense(units=3): X must be (4, m); got X.shape=(5, 4); X = X.T if examples are rows",
    ),
    "images into Dense": (
        lambda: xn.Dense(3).forward(PARAMS, np.ones((4, 2, 5), "float32")),
        ShapeError,
        "Dense(units=3): X must be (4, m); got X.shape=(4, 2, 5)",
    ),
    "images into a network without Flatten": (
        lambda: NET.init((4, 2)),
        ShapeError,
        "layer 1, Dense(units=4, activation='relu'): inputs must be columns (n, m); got in_shape=(4, 2); "
        "put Flatten() before it",
    ),
    "two libraries": (
        lambda: xn.Dense(3).forward(on(STRICT), X),
        DeviceMismatchError,
        "Dense(units=3): X and W must be on one device of one library; got X on numpy, W on strict:cpu; "
        "move one, for instance xn.backend('strict:cpu').asarray(X)",
    ),
    "two devices": (
        lambda: xn.Dense(3).forward(on(DEVICE1), STRICT.asarray(X)),
        DeviceMismatchError,
        "got X on strict:cpu, W on strict:device1; move one, for instance xn.backend('strict:device1').asarray(X)",
    ),
    "two dtypes": (
        lambda: xn.Dense(3).forward(PARAMS, X.astype("float64")),
        DtypeError,
        "Dense(units=3): X and W must have one dtype; got X.dtype=float64, W.dtype=float32; xp.astype(X, xp.float32)",
    ),
    "integers": (
        lambda: xn.Dense(3).forward(PARAMS, np.ones((4, 5), "uint8")),
        DtypeError,
        "Dense(units=3): X must hold floating-point numbers; got X.dtype=uint8; xp.astype(X, xp.float32) / 255",
    ),
    "b of another shape": (
        lambda: xn.Dense(3).forward({**PARAMS, "b": np.ones((1, 3), "float32")}, np.ones((4, 5), "float32")),
        ShapeError,
        "Dense(units=3): params must be its own; got W.shape=(3, 4), b.shape=(1, 3); net.init(in_shape) makes them",
    ),
    "b of another dtype": (
        lambda: xn.Dense(3).forward({**PARAMS, "b": np.ones((3, 1))}, np.ones((4, 5), "float32")),
        DtypeError,
        "Dense(units=3): X and b must have one dtype; got X.dtype=float32, b.dtype=float64",
    ),
    "integer weights": (
        lambda: xn.Dense(3).init(4, dtype="int32"),
        DtypeError,
        "init: dtype must be one of float16, bfloat16, float32, float64; got dtype='int32'; dtype='float32'",
    ),
    "integers into an activation": (
        lambda: xn.Activation("relu").forward({}, np.ones((4, 5), "int64")),
        DtypeError,
        "Activation(name='relu'): X must hold floating-point numbers; got X.dtype=int64",
    ),
    "a list": (
        lambda: xn.Flatten().forward({}, [[1.0], [2.0]]),
        DtypeError,
        "Flatten(): X must be an array; got X of type list; make it one with xn.backend().asarray(X)",
    ),
    "a list into Dense": (
        lambda: xn.Dense(3).forward(PARAMS, [[1.0], [2.0], [3.0], [4.0]]),
        DtypeError,
        "Dense(units=3): X must be an array; got X of type list",
    ),
    "Lambda of no function": (
        lambda: xn.Lambda("relu"),  # type: ignore[arg-type]
        ValueRangeError,
        "Lambda: f must be a function of X; got f='relu'; Lambda(lambda X: X * X)",
    ),
    "Lambda of a kernel": (
        lambda: xn.Network([xn.Dense(4), xn.Lambda(kernels.relu)]).init(4),
        ShapeError,
        "layer 2, Lambda(f=relu): f must give one array, examples last; got Y of type tuple for X.shape=(4, 5); "
        "f(X)[0] takes the first of several, keepdims=True keeps an axis",
    ),
    "Lambda of a kernel without init": (
        lambda: xn.Lambda(kernels.relu).forward({}, X),
        ShapeError,
        "Lambda(f=relu): f must give one array, examples last; got Y of type tuple",
    ),
    "Lambda that loses the examples": (
        lambda: xn.Lambda(lambda X: np.mean(X, axis=-1, keepdims=True)).init((4,)),
        ShapeError,
        "got Y.shape=(4, 1) for X.shape=(4, 5)",
    ),
    "Lambda that turns the examples": (
        lambda: xn.Lambda(lambda X: X.mT).init((2,)),
        ShapeError,
        "got Y.shape=(3, 2) for X.shape=(2, 3)",
    ),
    "Lambda that loses the features": (
        lambda: xn.Lambda(lambda X: np.sum(X, axis=0)).init((4,)),
        ShapeError,
        "got Y.shape=(5,) for X.shape=(4, 5)",
    ),
    "Lambda that asks for a value": (
        lambda: xn.Lambda(lambda X: X if X[0, 0] > 0 else -X).init((4,)),
        TraceError,
        "the truth of an array needs a value, and a traced array has only a shape and a dtype; got it at test_layers",
    ),
    "integers into Lambda": (
        lambda: xn.Lambda(cube).forward({}, np.ones((4, 5), "uint8")),
        DtypeError,
        "Lambda(f=cube): X must hold floating-point numbers; got X.dtype=uint8",
    ),
    "a list into Lambda": (lambda: xn.Lambda(cube).forward({}, [[1.0]]), DtypeError, "got X of type list"),
    "a forward that gives nothing": (
        lambda: Nothing().forward({}, X),
        DtypeError,
        "Nothing(): Y must be an array; got Y of type NoneType",
    ),
    "no units": (lambda: xn.Dense(0), ValueRangeError, "Dense: units must be an integer of at least 1; got units=0"),
    "units and a fraction": (lambda: xn.Dense(2.5), ValueRangeError, "got units=2.5"),  # type: ignore[arg-type]
    "units by name": (lambda: xn.Dense("relu"), ValueRangeError, "got units='relu'"),  # type: ignore[arg-type]
    "True units": (lambda: xn.Dense(True), ValueRangeError, "got units=True"),
    "activation": (
        lambda: xn.Dense(3, "rleu"),
        UnknownNameError,
        f"activation: one of {', '.join(ACTIVATIONS)}; got activation='rleu'; did you mean 'relu'?",
    ),
    "activation layer": (
        lambda: xn.Activation("sigmoidal"),
        UnknownNameError,
        "got activation='sigmoidal'; did you mean 'sigmoid'?",
    ),
    "a backward is no activation": (
        lambda: xn.Dense(3, "relu_backward"),
        UnknownNameError,
        "got activation='relu_backward'",
    ),
    "hyper-parameter of an activation": (
        lambda: xn.Activation("leaky_relu", {"alpha": 0.2}),
        ValueRangeError,
        "alpha",
    ),
    "initializer": (
        lambda: xn.Dense(3, init="xaviar"),
        UnknownNameError,
        "init: one of he, lecun, normal, orthogonal, xavier, zeros; got init='xaviar'; did you mean 'xavier'?",
    ),
    "initializer of another shape": (
        lambda: xn.Dense(3, init=lambda key, shape: np.ones((4, 3), "float32")).init((4,)),
        ShapeError,
        "init: must return the shape it is asked for; got W.shape=(4, 3), shape=(3, 4)",
    ),
    "initializer of no array": (
        lambda: xn.Dense(3, init=lambda key, shape: 0.0).init((4,)),
        DtypeError,
        "init: W must be an array; got W of type float",
    ),
    "no in_shape": (
        lambda: xn.Dense(3).init(()),
        ShapeError,
        "in_shape: the sizes of one example, without the examples' axis; got in_shape=(); (784,) for columns of "
        "784 numbers, (1, 28, 28) for images",
    ),
    "in_shape of nothing": (lambda: xn.Dense(3).init((0,)), ShapeError, "got in_shape=(0,)"),
    "in_shape with a fraction": (lambda: NET.init((4.0,)), ShapeError, "got in_shape=(4.0,)"),  # type: ignore[arg-type]
    "in_shape of None": (lambda: NET.init(None), ShapeError, "got in_shape=None"),  # type: ignore[arg-type]
    "X for in_shape": (lambda: NET.init(X), ShapeError, "in_shape: the sizes of one example"),  # type: ignore[arg-type]
    "summary's in_shape": (lambda: NET.summary(()), ShapeError, "got in_shape=()"),
    "seed": (lambda: NET.init((4,), seed=-1), ValueRangeError, "seed: an integer from 0 to 2**64 - 1; got seed=-1"),
    "no layer": (
        lambda: xn.Network([xn.Dense(3), "relu"]),  # type: ignore[list-item]
        ValueRangeError,
        "Network: entries must be layers, like Dense(10); got layers[1]='relu'",
    ),
    "a class for a layer": (
        lambda: xn.Network([xn.Flatten]),  # type: ignore[list-item]
        ValueRangeError,
        "Network: entries must be layers, like Dense(10); got layers[0]=<class",
    ),
    "a layer for layers": (lambda: xn.Network(xn.Dense(3)), ValueRangeError, "Network:"),  # type: ignore[arg-type]
    "parameters of a longer network": (
        lambda: NET.forward([*NET_PARAMS, {}], X),
        ShapeError,
        "Network: params must have an entry a layer; got len(params)=3, len(layers)=2; "
        "params = net.init(in_shape) makes them",
    ),
    "parameters of another network": (
        lambda: NET.forward(xn.Network([xn.Dense(4), xn.Activation("relu")]).init((4,), backend="numpy"), X),
        ShapeError,
        "layer 2, Dense(units=1)",
    ),
    "parameters of a wider layer": (
        lambda: xn.Dense(3).forward(xn.Dense(8).init((4,), backend="numpy"), X),
        ShapeError,
        "Dense(units=3)",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name: str) -> None:
    call, kind, fragment = REFUSALS[name]
    with pytest.raises(kind) as refused:
        call()
    assert fragment in str(refused.value)


@pytest.mark.parametrize("units", [3, np.int64(3)], ids=["int", "numpy-int"])
def test_sizes_may_be_integers_of_numpy(units: Any) -> None:
    """What `Y.max() + 1` and `len`-like sums give."""
    layer = xn.Dense(units)
    assert layer.init((units + 1,), backend="numpy")["W"].shape == (3, 4)
    assert repr(layer) == "Dense(units=3)"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_layer_replaces_its_arguments(case: Case) -> None:
    assert case.layer.replace() == case.layer
    assert xn.Dense(3, "relu", init="he").replace(units=4) == xn.Dense(4, "relu", init="he")


def test_layers_are_hashable() -> None:
    """So that a compiler may take them as constants."""
    assert len({case.layer for case in CASES}) == len({repr(case.layer) for case in CASES})
