"""grad and value_and_grad as they are called: the course, the choices at a kink, arguments of every kind, refusals."""

from collections.abc import Callable
from itertools import pairwise
from time import process_time
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import selected
from laws import close
from numpy.testing import assert_allclose, assert_array_equal

import xnet as xn
from xnet import kernels, trees
from xnet.errors import DtypeError, ShapeError, TraceError
from xnet.graph import grad, spec, trace, value_and_grad
from xnet.graph.derive import gradients as derive_module
from xnet.graph.derive.gradients import derivatives

# The course


def J(a: Any, b: Any, c: Any) -> Any:
    u = b * c
    v = a + u
    return 3 * v


def test_the_numbers_of_the_course() -> None:
    five, three, two = map(np.asarray, (5.0, 3.0, 2.0))
    graph = trace(J, five, three, two)
    names = graph.names
    values = {names[node]: float(x) for node, x in graph.values(five, three, two).items() if node in names}
    assert values == {"a": 5, "b": 3, "c": 2, "u": 6, "v": 11, "J": 33}
    back = {names[node]: float(x) for node, x in derivatives(graph, five, three, two).items()}
    assert back == {"J": 1, "v": 3, "a": 3, "u": 3, "b": 6, "c": 9}
    assert list(back).index("v") < list(back).index("u") < list(back).index("b"), "from right to left"
    assert value_and_grad(J, (0, 1, 2))(five, three, two) == (33, (3, 6, 9))


def test_logistic_regression_for_one_example() -> None:
    """C6: da = -y/a + (1 - y)/(1 - a), dz = a - y, dw₁ = x₁ dz, dw₂ = x₂ dz, db = dz"""

    def logistic(w1: Any, w2: Any, b: Any, x1: Any, x2: Any, y: Any) -> Any:
        xp = array_namespace(w1)
        z = w1 * x1 + w2 * x2 + b
        a = 1 / (1 + xp.exp(-z))
        L = -(y * xp.log(a) + (1 - y) * xp.log(1 - a))
        return L  # noqa: RET504  (so that the graph knows its name)

    for y in (0.0, 1.0):
        w1, w2, b, x1, x2 = (0.3, -0.8, 0.1, 1.5, 2.0)
        example = [np.asarray(x) for x in (w1, w2, b, x1, x2, y)]
        graph = trace(logistic, *example)
        dL = {graph.names.get(node): float(dx) for node, dx in derivatives(graph, *example).items()}
        a = 1 / (1 + np.exp(-(w1 * x1 + w2 * x2 + b)))
        assert dL["a"] == pytest.approx(-y / a + (1 - y) / (1 - a), rel=1e-12)
        dz = a - y
        names = ["z", "w1", "w2", "b"]
        assert_allclose([dL[name] for name in names], [dz, x1 * dz, x2 * dz, dz], rtol=1e-12)
        columns = np.asarray([[w1], [w2]]), np.asarray([[b]]), np.asarray([[x1], [x2]]), np.asarray([[y]])
        J, cache = kernels.logistic(*columns)
        dw, db = kernels.logistic_backward(np.ones_like(J), cache)
        assert_allclose([dL["w1"], dL["w2"], dL["b"]], [*dw[:, 0], *db[0]], rtol=1e-12)


def test_derivatives_of_a_graph_are_those_of_its_kernels() -> None:
    """relu has the slope 0 at 0, and not the ½ of max(z, 0); what is computed twice has one derivative."""

    def J(z: Any) -> Any:
        xp = array_namespace(z)
        a, _ = kernels.relu(xp.exp(z) - 1)
        b, _ = kernels.relu(xp.exp(z) - 1)
        return a + 2 * b + (xp.exp(z) + 0)

    zero = np.asarray(0.0)
    graph = trace(J, zero)
    found = {node.op: float(dx) for node, dx in derivatives(graph, zero).items()}
    assert (found["input"], found["exp"], found["subtract"]) == (1, 1, 0)
    one = np.asarray(1.0)
    found = {node.op: float(dx) for node, dx in derivatives(graph, one).items()}
    assert (found["exp"], found["subtract"]) == (4, 3)


def test_derivatives_wants_one_number() -> None:
    x = np.ones(3)
    with pytest.raises(ShapeError, match=r"must return one real floating number, of shape \(\); got float64\[3\]"):
        derivatives(trace(lambda x: x * 2, x), x)
    with pytest.raises(ShapeError, match="must have one result; got 2; return J alone"):
        derivatives(trace(lambda x: (x, x * 2), x), x)


# Where the derivative is a choice


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (lambda xp, x: xp.max(x), [1.0, 3.0, 3.0], [0, 0.5, 0.5]),
        (lambda xp, x: xp.min(x), [1.0, 1.0, 1.0, 2.0], [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda xp, x: xp.sum(xp.maximum(x, 0.0)), [-1.0, 0.0, 1.0], [0, 0.5, 1]),
        (lambda xp, x: xp.sum(xp.minimum(0.0, x)), [-1.0, 0.0, 1.0], [1, 0.5, 0]),
        (lambda xp, x: xp.sum(xp.abs(x)), [-1.0, 0.0, 1.0], [-1, 0, 1]),
        (lambda xp, x: xp.std(x), [3.0], [0]),
        (lambda xp, x: xp.sum(xp.std(x[None, :], axis=0)), [3.0, 4.0], [0, 0]),
        (lambda xp, x: xp.var(x), [3.0], [0]),
        (lambda xp, x: xp.std(x), [3.0, 3.0], [0, 0]),
        (lambda xp, x: xp.sum(x**0), [0.0, 2.0], [0, 0]),
        (lambda xp, x: xp.sum(x**0.0), [0.0, 2.0], [0, 0]),
        (lambda xp, x: xp.sum(x**1), [0.0, 2.0], [1, 1]),
        (lambda xp, x: xp.sum(x**2), [0.0, 2.0], [0, 4]),
        (lambda xp, x: xp.sum(x ** xp.zeros_like(x)), [0.0, 2.0], [0, 0]),
        (lambda xp, x: xp.sum(xp.zeros_like(x) ** x), [0.0, 2.0], [0, 0]),
        (lambda xp, x: xp.sum(0.0**x), [0.0, 2.0], [0, 0]),
        (lambda xp, x: xp.prod(x), [2.0, 0.0, 3.0], [0, 6, 0]),
        (lambda xp, x: xp.prod(x), [0.0, 0.0, 3.0], [0, 0, 0]),
        (lambda xp, x: xp.prod(x), [2.0, 3.0, 4.0, 5.0, 6.0], [360, 240, 180, 144, 120]),
        (lambda xp, x: xp.sum(xp.cumulative_prod(x)), [2.0, 0.0, 3.0], [1, 8, 0]),
        (lambda xp, x: xp.sum(xp.floor(x) + xp.ceil(x) + xp.round(x) + xp.trunc(x) + xp.sign(x)), [0.3], [0]),
        (lambda xp, x: xp.sum(xp.floor_divide(x, 2.0) + xp.astype(x > 0, x.dtype)), [0.3], [0]),
        (lambda xp, x: xp.sum(xp.where(xp.isnan(x), 0.0, x)), [0.3, np.nan], [1, 0]),
        (lambda xp, x: xp.sum(xp.astype(xp.astype(x, xp.int64), xp.float64)), [0.3], [0]),
        (lambda xp, x: xp.sum(xp.take(x, xp.arange(2) - 1)), [1.0, 2.0, 3.0], [1, 0, 1]),
    ],
)  # fmt: skip
def test_choices(f: Any, at: list[float], expected: list[float]) -> None:
    assert_array_equal(grad(lambda x: f(array_namespace(x), x))(np.asarray(at)), expected)


def test_products_with_zeros_are_exact_at_second_order_too() -> None:
    x = np.asarray([0.0, 2.0, 5.0])
    rows = [grad(lambda x, i=i: grad(lambda x: array_namespace(x).prod(x))(x)[i])(x) for i in range(3)]
    assert_array_equal(np.stack(rows), [[0, 5, 2], [5, 0, 0], [2, 0, 0]])


# Arguments


def cost(params: Any, X: Any) -> Any:
    xp = array_namespace(X)
    return xp.mean((params["W"] @ X + params["b"][0]) ** 2)


PARAMS: dict[str, Any] = {"W": np.asarray([[1.0, 2.0]]), "b": [np.asarray([[0.5]])], "none": {}}
X = np.asarray([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])


def test_trees_have_trees_for_gradients() -> None:
    value, (grads, dX) = value_and_grad(cost, (0, 1))(PARAMS, X)
    Z = PARAMS["W"] @ X + 0.5
    assert value == np.mean(Z**2)
    close(trees.leaves(grads), [2 / 3 * Z @ X.T, np.sum(2 / 3 * Z, axis=1, keepdims=True)], 1e-12)
    assert list(grads) == ["W", "b", "none"]
    assert isinstance(grads["b"], list)
    assert dX.shape == X.shape
    assert_array_equal(grad(cost, -1)(PARAMS, X), dX)
    assert_array_equal(grad(cost, (1,))(PARAMS, X)[0], dX)


def test_what_f_returns_beside_the_number() -> None:
    def f(x: Any) -> Any:
        y = x * x
        return array_namespace(x).sum(y), {"y": y, "note": "kept"}

    x = np.asarray([1.0, 2.0])
    (value, aux), g = value_and_grad(f, has_aux=True)(x)
    assert (value, aux["note"], list(aux["y"]), list(g)) == (5, "kept", [1, 4], [2, 4])
    g, aux = grad(f, has_aux=True)(x)
    assert (aux["note"], list(g)) == ("kept", [2, 4])


def test_an_argument_that_does_not_count_has_zeros() -> None:
    x, y = np.ones((2, 3), "float32"), np.ones(4, "float32")
    close(grad(lambda x, y: array_namespace(x).sum(x), (0, 1))(x, y), [x, np.zeros(4, "float32")], 1e-12)
    close([grad(lambda x: array_namespace(x).ones((), dtype=array_namespace(x).float32))(x)], [0 * x], 1e-12)
    assert_array_equal(grad(lambda x: np.asarray(2.0))(x), 0 * x)


def test_a_derivative_has_the_type_of_its_argument() -> None:
    def f(x: Any, y: Any) -> Any:
        xp = array_namespace(x)
        return xp.sum(xp.astype(x, xp.float64) ** 3) + xp.sum(x * y)

    x, y = np.asarray([1.0, 2.0], "float32"), np.asarray([3.0, 4.0])
    close(grad(f, (0, 1))(x, y), [np.asarray([6, 16], "float32"), np.asarray([1.0, 2.0])], 1e-12)


def test_only_paths_through_the_argument_count() -> None:
    x = np.asarray(3.0)
    assert grad(lambda x: x * grad(lambda y: x * y * y)(x))(x) == 54, (
        "d/dx 2x³; were the inner x meant too, it were 9x²"
    )
    assert grad(lambda a, b: a * a * b, (0, 1))(x, x) == (18, 9), "the same array twice"
    assert grad(lambda x: sum(grad(lambda a, b: a * a * b, (0, 1))(x, x)))(x) == 18


@pytest.mark.parametrize("cost", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"])
def test_f_may_close_over_arrays(cost: str, xb: Any) -> None:
    """The data in the function, and the parameters alone for its argument: what net.backward has."""
    net = xn.Network([xn.Dense(5, "tanh"), xn.Flatten(), xn.Dense(3, "relu"), xn.Activation("gelu"), xn.Dense(3)])
    rng = np.random.default_rng(0)
    X = xb.asarray(rng.normal(size=(4, 6)), "float64")
    labels = xb.asarray(np.asarray([[0, 2, 1, 1, 0, 2]]), None)
    Y = labels if cost.startswith("softmax") else xb.asarray(rng.uniform(size=(3, 6)), "float64")
    params = net.init((4,), dtype="float64", backend=xb.backend)

    Z, caches = net.forward(params, X)
    J, cache = getattr(kernels, cost)(Z, Y)
    dX, expected = net.backward(params, getattr(kernels, f"{cost}_backward")(xb.xp.ones_like(J), cache), caches)
    found = value_and_grad(lambda p: getattr(kernels, cost)(net.forward(p, X)[0], Y)[0])(params)
    pairs = list(zip(trees.leaves(found), trees.leaves((J, expected)), strict=True))
    if not xb.name.startswith("strict"):  # whose arrays take nothing else beside them, not even on the left
        pairs.append((grad(lambda X: getattr(kernels, cost)(net.forward(params, X)[0], Y)[0])(X), dX))
    for one, other in pairs:
        assert_allclose(xb.to_numpy(one), xb.to_numpy(other), rtol=1e-12, atol=1e-15, strict=True)


def test_integers_beside_the_arguments_are_only_read() -> None:
    def picked(x: Any, i: Any, scale: float) -> Any:
        xp = array_namespace(x)
        return scale * xp.sum(xp.take(x, i) * xp.astype(i, x.dtype))

    assert_array_equal(grad(picked)(np.ones(3), np.asarray([2, 2, 1]), 2.0), [0, 2, 8])


def test_f_is_called_once_for_each_kind_of_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def f(x: Any, power: Any = 2, note: Any = None) -> Any:
        calls.append(x.shape)
        return array_namespace(x).sum(x**power)

    df = grad(f)
    for x in (np.ones(2), np.zeros(2), np.ones(3), np.ones(2, "float32"), np.ones(2)):
        df(x)
    assert calls == [(2,), (3,), (2,)]
    assert_array_equal([df(np.ones(2), power)[0] for power in (3, 3.0, 4)], [3, 3, 4])
    assert len(calls) == 6
    df(np.ones(2), 2, {1, 2})  # a set has no hash, so the graph is not remembered
    df(np.ones(2), 2, {1, 2})
    assert len(calls) == 8
    monkeypatch.setattr(derive_module, "REMEMBERED", 2)
    for n in (5, 6, 7, 5):
        df(np.ones(n))
    assert len(calls) == 12, "the last used are kept"


def test_one_graph_serves_every_library() -> None:
    df = grad(lambda x: array_namespace(x).sum(array_namespace(x).tanh(x)))
    x = np.asarray([0.5, 1.0])
    for row in selected():
        xb = row.open()
        close([xb.to_numpy(df(xb.asarray(x, "float64")))], [df(x)], 1e-12)


def test_a_derivative_is_traced_and_read_like_any_function() -> None:
    graph = trace(grad(cost), {"W": spec((1, 2)), "b": [spec((1, 1))], "none": {}}, spec((2, 3)))
    assert {"params.W", "params.b.0", "X"} <= set(graph.names.values())
    assert "matmul" in str(graph)


# Refusals


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: grad(lambda x: x)(np.ones(3)), ShapeError, r"got float64\[3\]; xp.sum makes one"),
        (lambda: grad(lambda x: 3.0)(np.ones(3)), ShapeError, "got 3.0"),
        (lambda: grad(lambda x: (x, x))(np.ones(())), ShapeError, "must return one real floating number"),
        (lambda: grad(lambda x: xpof(x).sum(x))(np.arange(3)), DtypeError, r"argument 0 must .* got int64\[3\]"),
        (lambda: grad(cost)({"W": np.ones(2), "n": 3}, X), DtypeError, "argument 0.n must be an array .* got 3"),
        (lambda: grad(J)(5.0, 3.0, 2.0), DtypeError, "argument 0 must be an array .* got 5.0; make it one"),
        (lambda: grad(J, 3)(5.0, 3.0, 2.0), TraceError, "argnums must be of the arguments; got argnums=3, 3 arguments"),
        (lambda: grad(lambda x: xpof(x).nextafter(x, x))(np.ones(())), TraceError,
         r"xp.nextafter has no derivative; got it at test_grad.py:\d+: .*; write it with other functions"),
        (lambda: grad(lambda x: xpof(x).sum(xpof(x).linalg.eigh(x)[0]))(np.eye(2)), TraceError,
         r"xp.linalg.eigh has no derivative; got it at test_grad.py:\d+: .*; write it with other functions"),
        (lambda: grad(lambda x: xpof(x).abs(xpof(x).astype(x, xpof(x).complex128)))(np.ones(())), TraceError,
         r"derivatives are for real numbers; got complex128 at test_grad.py:\d+"),
    ],
)  # fmt: skip
def test_refusals(call: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def xpof(x: Any) -> Any:
    return array_namespace(x)


# Speed


def four_layers(params: Any, A: Any, Y: Any) -> Any:
    for layer in params[:-1]:
        A = kernels.relu(kernels.linear(A, layer["W"], layer["b"])[0])[0]
    Z = kernels.linear(A, params[-1]["W"], params[-1]["b"])[0]
    return kernels.softmax_cross_entropy(Z, Y)[0]


def test_a_training_step_is_differentiated_in_thirty_milliseconds() -> None:
    sizes = (784, 128, 64, 32, 10)
    params = [{"W": spec((n, k)), "b": spec((n, 1))} for k, n in pairwise(sizes)]

    def seconds() -> float:
        start = process_time()
        trace(value_and_grad(four_layers), params, spec((784, 64)), spec((1, 64), "int64"))
        return process_time() - start

    assert min(seconds() for _ in range(7)) < 0.03
