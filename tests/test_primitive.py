"""Kernels as operations of the graph, differentiated by their backward: a user's own too."""

from time import process_time
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from numpy.testing import assert_allclose, assert_array_equal

import xnet as xn
from xnet import kernels
from xnet.errors import ShapeError, TraceError
from xnet.graph import grad, spec, trace, value_and_grad
from xnet.graph.derive.gradients import pullback


@xn.primitive
def clipped(X: Any, low: Any = -1.0, *, scale: float = 1.0) -> Any:
    """Y = max(x, low) · scale, with a gradient of 7 wherever x was not below."""
    Y = array_namespace(X).maximum(X, low) * scale
    return Y, (Y, X, low, scale)


def clipped_backward(dY: Any, cache: Any) -> Any:
    _, X, low, scale = cache
    return dY * scale * 7 * array_namespace(dY).astype(low <= X, dY.dtype)


@xn.primitive
def rows_alone(X: Any) -> Any:
    return 2 * X, ()


def rows_alone_backward(dY: Any, cache: Any) -> Any:
    return dY[0, :]


@xn.primitive
def weighed(X: Any, W: Any) -> Any:
    return W * X * X, X


def weighed_backward(dY: Any, cache: Any) -> Any:
    return None, dY * cache * cache


@xn.primitive
def generous(X: Any) -> Any:
    return 2 * X, ()


def generous_backward(dY: Any, cache: Any) -> Any:
    return 2 * dY, dY


@xn.primitive
def result_alone(X: Any) -> Any:
    return 2 * X


def result_alone_backward(dY: Any, cache: Any) -> Any:
    return 2 * dY


@xn.primitive
def without_backward(X: Any) -> Any:
    return 2 * X, ()


X = np.asarray([-2.0, -1.0, 0.5])


def total(f: Any) -> Any:
    return lambda *args: array_namespace(*args).sum(f(*args)[0])


def test_on_arrays_it_is_the_function_itself() -> None:
    Y, cache = clipped(X, scale=2.0)
    assert_array_equal(Y, [-2, -2, 1])
    assert cache[0] is Y
    assert clipped.__name__ == "clipped"
    assert clipped_backward(np.ones(3), cache).tolist() == [0, 14, 14]


@pytest.mark.parametrize(
    "call", [clipped, lambda X: clipped(X=X, low=-1.0), lambda X: clipped(low=-1.0, X=X, scale=1.0)]
)
def test_its_derivative_is_the_backward_below_it(call: Any) -> None:
    assert_array_equal(grad(total(call))(X), [0, 7, 7])
    assert_array_equal(xn.compile(grad(total(call)))(X), [0, 7, 7])
    assert_array_equal(grad(total(call), expand=True)(X), [0, 0.5, 1])
    assert_array_equal(value_and_grad(total(call), expand=True)(X)[1], [0, 0.5, 1])


def test_an_argument_without_a_gradient_of_its_own_has_that_of_the_operations() -> None:
    low = np.asarray([-1.0, -1.5, 0.0])
    assert_array_equal(grad(total(clipped), 1)(X, low), [1, 0, 0])
    assert_array_equal(grad(total(clipped), (0, 1))(X, low)[0], [0, 1, 1])
    assert_array_equal(grad(lambda x: total(clipped)(x, x / 2))(X), [0.5, 0.5, 1], "an argument that depends on x too")
    Y = np.asarray([[0.0, 1.0, 0.0]])
    for argnums in (1, (0, 1)):
        J = lambda Z, Y: kernels.mean_squared_error(Z, Y)[0]  # noqa: E731
        for one, other in zip(grad(J, argnums)(X[None], Y), grad(J, argnums, expand=True)(X[None], Y), strict=True):
            assert_allclose(one, other)


def test_what_it_closes_over_counts_too() -> None:
    def J(x: Any) -> Any:
        def scaled(X: Any) -> Any:
            return X * x, (X,)

        scaled.__globals__["scaled_backward"] = lambda dY, cache: dY * 1000
        return array_namespace(x).sum(xn.primitive(scaled)(x + 1)[0])

    assert_array_equal(grad(J)(X), 2 * X + 1)


def test_a_gradient_of_another_shape_is_refused() -> None:
    rule = "rows_alone_backward must return gradients of the arguments' shapes and dtypes"
    with pytest.raises(ShapeError, match=rf"{rule}; got float64\[3\] for float64\[2, 3\]; sum over the axes that were"):
        grad(total(rows_alone))(np.ones((2, 3)))


def test_an_argument_whose_gradient_is_none_has_that_of_the_operations() -> None:
    dX, dW = grad(total(weighed), (0, 1))(X, 3 * X)
    assert_array_equal(dX, 6 * X * X)
    assert_array_equal(dW, X * X)
    assert_array_equal(grad(total(weighed), 1)(X, 3 * X), X * X)


@pytest.mark.parametrize(
    ("f", "error", "says"),
    [
        (
            generous,
            ShapeError,
            "grad: generous_backward must return at most one gradient for each array argument of generous; got 2 "
            "gradients, 1 arguments; return them in the order of the arguments",
        ),
        (
            result_alone,
            TraceError,
            "primitive: result_alone must return (Y, cache); got float64[2]; return Y, (X, W) with what "
            "result_alone_backward(dY, cache) needs",
        ),
        (
            without_backward,
            TraceError,
            "primitive: the backward of without_backward must be in the same module, outside of any function; got no "
            f"without_backward_backward in {__name__}; def without_backward_backward(dY, cache): return dX, …",
        ),
    ],
)
def test_a_primitive_without_its_form_is_refused(f: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        grad(total(f))(np.ones(2))
    assert str(caught.value) == says


def test_graphs_are_evaluated_read_and_compiled_without_it() -> None:
    graph = trace(lambda Z, Y: kernels.softmax_cross_entropy(kernels.relu(Z)[0], Y)[0], spec((3, 5)), spec((3, 5)))
    assert "kernel" not in {node.op for node in graph.nodes}
    assert "kernel" in {node.op for node in graph.recorded}
    assert "divide" in {node.op for node in graph.nodes}, "1/m"
    assert len([node for node in graph.nodes if node.op == "divide"]) == 1, "what the backward alone needs is left out"
    assert "kernel" not in str(graph) + graph.draw()
    assert "kernel" not in {node.op for node in trace(grad(total(kernels.gelu)), spec((3,))).nodes}


def test_a_layer_with_a_forward_alone_has_the_derivatives_of_the_kernels_it_calls() -> None:
    class Rectified(xn.Layer):
        def build(self, key: Any, in_shape: Any) -> Any:
            return {}, in_shape

        def forward(self, params: Any, X: Any, key: Any = None) -> Any:
            return kernels.relu(X)[0]

    layer, Z = Rectified(), np.zeros((2, 3))
    _, cache = layer.forward({}, Z)
    assert_array_equal(layer.backward({}, np.ones((2, 3)), cache)[0], 0)
    assert_array_equal(grad(lambda Z: array_namespace(Z).sum(layer.forward({}, Z)[0]))(Z), 0)
    forward, backward = pullback(lambda Z: kernels.relu(Z)[0])
    traced = trace(lambda Z: backward(Z + 1, forward(Z)[1])[0], Z)
    assert_array_equal(traced(Z), 0)


@pytest.mark.parametrize("name", [name for name in kernels.__all__ if not name.endswith("_backward")])
def test_every_kernel_is_one(name: str) -> None:
    assert vars(getattr(kernels, name))["__wrapped__"].__name__ == name


def test_without_stand_ins_it_costs_less_for_an_array_than_adding_two_numbers() -> None:
    def plain(A: Any, W: Any, b: Any) -> Any:
        return A, W, b

    arrays = [np.ones(1)] * 3
    kernel = xn.primitive(plain)
    runs: dict[Any, list[float]] = {kernel: [], plain: [], np.add: []}
    for _ in range(9):
        for f, seconds in runs.items():
            given = arrays[: 2 if f is np.add else 3]
            start = process_time()
            for _ in range(5_000):
                f(*given)
            seconds.append(process_time() - start)
    assert min(runs[kernel]) - min(runs[plain]) < 3 * min(runs[np.add])
