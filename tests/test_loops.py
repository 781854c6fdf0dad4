"""The loops and the kernels give the same numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_cases import BUILT_INS, example, logistic_case, network_case, without_y

from xnet import kernels, loops

few = settings(max_examples=20, deadline=None)
sizes = {"n": st.integers(1, 6), "m": st.integers(1, 7), "seed": st.integers(0, 2**32 - 1)}
TOLERANCE = {"float64": (1e-12, 1e-13), "float32": (1e-5, 1e-6)}


def close(actual: Any, expected: Any, dtype: str = "float64") -> None:
    rtol, atol = TOLERANCE[dtype]
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, strict=True)


def logistic_kernel(w: Any, b: Any, X: Any, Y: Any) -> tuple[Any, ...]:
    J, cache = kernels.logistic(w, b, X, Y)
    return np.asarray(J), *kernels.logistic_backward(np.ones_like(J), cache)


def network_kernels(X: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    A1, _ = kernels.tanh(kernels.linear(X, W1, b1)[0])
    return kernels.sigmoid(kernels.linear(A1, W2, b2)[0])[0]


def backprop_kernels(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> tuple[Any, ...]:
    Z1, linear1 = kernels.linear(X, W1, b1)
    A1, tanh1 = kernels.tanh(Z1)
    Z2, linear2 = kernels.linear(A1, W2, b2)
    J, cost = kernels.sigmoid_cross_entropy(Z2, Y)
    dZ2 = kernels.sigmoid_cross_entropy_backward(np.ones_like(J), cost)
    dA1, dW2, db2 = kernels.linear_backward(dZ2, linear2)
    _, dW1, db1 = kernels.linear_backward(kernels.tanh_backward(dA1, tanh1), linear1)
    return np.asarray(J), dW1, db1, dW2, db2


def all_close(actual: Any, expected: Any, dtype: str = "float64") -> None:
    for one, other in zip(actual, expected, strict=True):
        close(one, other, dtype)


# Vectors and matrices (C10, C11, C12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "values"), BUILT_INS, ids=[name for name, _ in BUILT_INS])
def test_built_ins_equal_the_array_functions(name: str, values: list[list[float]], dtype: str) -> None:
    arrays = [np.asarray(row, dtype=dtype) for row in values]
    close(getattr(loops, name)(*arrays), getattr(np, name)(*arrays), dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_zeros_equal_the_array_function(n: int, dtype: str) -> None:
    np.testing.assert_array_equal(loops.zeros(n, dtype), np.zeros(n, dtype), strict=True)
    assert loops.zeros(n).dtype == np.zeros(n).dtype


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("exp", [[1000.0]], OverflowError),
        ("log", [[0.0]], ValueError),
        ("divide", [[1.0], [0.0]], ZeroDivisionError),
    ],
)
def test_built_ins_raise_where_python_raises(name: str, values: list[list[float]], error: type[Exception]) -> None:
    with pytest.raises(error):
        getattr(loops, name)(*(np.asarray(row) for row in values))


def test_whole_numbers_and_lists_become_float64_and_are_not_cut() -> None:
    close(loops.exp(np.asarray([0, 1])), np.exp([0.0, 1.0]))
    close(loops.divide([1, 2], [4, 4]), np.asarray([0.25, 0.5]))
    close(loops.dot([1, 2, 3], [0.5, 0.5, 0.5]), np.asarray(3.0))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(**sizes)
@few
def test_products_and_a_layer_equal_the_kernels(n: int, m: int, seed: int, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 6))
    A, W, b = (rng.normal(size=shape).astype(dtype) for shape in [(n, m), (k, n), (k, 1)])
    x, origin = A[:, :1], np.zeros((k, 1), dtype)
    close(loops.dot(W[0], A[:, 0]), np.asarray(np.dot(W[0], A[:, 0])), dtype)
    close(loops.matvec(W, x), kernels.linear(x, W, origin)[0], dtype)
    close(loops.matmul(W, A), kernels.linear(A, W, origin)[0], dtype)
    close(loops.dense_per_unit(A, W, b), kernels.linear(A, W, b)[0], dtype)


# The activations (C19) and the loss (C2)

ENTRIES = [-1e4, -800.0, -40.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 40.0, 800.0, 1e4, math.nan]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu"])
def test_activations_equal_the_kernels_and_never_overflow(name: str, dtype: str) -> None:
    Z = np.asarray([ENTRIES, ENTRIES[::-1]], dtype=dtype)
    close(loops.activate(getattr(loops, name), Z), getattr(kernels, name)(Z)[0], dtype)


def test_sigmoid_keeps_the_digits_of_both_tails() -> None:
    # Against e^z itself and not the kernel: an absolute tolerance would let a lost tail pass.
    assert loops.sigmoid(-700.0) == pytest.approx(math.exp(-700.0), rel=1e-14, abs=0)
    assert 1 - loops.sigmoid(30.0) == pytest.approx(math.exp(-30.0), rel=1e-2, abs=0)


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("z", ENTRIES)
def test_the_loss_equals_the_kernel_and_never_overflows(z: float, y: float) -> None:
    J, _ = kernels.sigmoid_cross_entropy(np.asarray([[z]]), np.asarray([[y]]))
    close(np.asarray(loops.cross_entropy(z, y)), np.asarray(J))


@pytest.mark.parametrize(("z", "y"), [(0.3, 1.0), (-1.2, 0.0), (2.0, 0.25)])
def test_the_loss_is_the_courses_formula(z: float, y: float) -> None:
    a = loops.sigmoid(z)
    textbook = -(y * math.log(a) + (1 - y) * math.log(1 - a))
    assert loops.cross_entropy(z, y) == pytest.approx(textbook, rel=1e-12)


# Logistic regression (C7, C8, C9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(**sizes)
@few
def test_two_loops_one_loop_and_none_are_equal(n: int, m: int, seed: int, dtype: str) -> None:
    case = logistic_case(n, m, seed, dtype)
    two, one, none = (f(**case) for f in (loops.logistic_two_loops, loops.logistic_one_loop, logistic_kernel))
    all_close(two, none, dtype)
    all_close(one, none, dtype)


LADDER = [loops.logistic_two_loops, loops.logistic_one_loop]


@pytest.mark.parametrize("f", LADDER)
def test_logistic_by_hand(f: Callable[..., Any]) -> None:
    """w = 0 gives a = ½: J = ln 2, dz = (-½, ½), dw = (-½ · 1 + ½ · 3)/2 = ½, db = 0."""
    J, dw, db = f(np.zeros((1, 1)), np.zeros((1, 1)), np.asarray([[1.0, 3.0]]), np.asarray([[1, 0]]))
    close(J, np.asarray(math.log(2)))
    close(dw, np.asarray([[0.5]]))
    close(db, np.asarray([[0.0]]))


@pytest.mark.parametrize("f", LADDER)
def test_b_may_be_a_number_and_db_has_its_shape(f: Callable[..., Any]) -> None:
    case = logistic_case(3, 4, seed=0)
    J, dw, db = f(**case)
    number = f(**case | {"b": float(case["b"][0, 0])})
    all_close(number, (J, dw, db[0, 0]))


@pytest.mark.parametrize("f", LADDER)
def test_logistic_does_not_overflow(f: Callable[..., Any]) -> None:
    case = logistic_case(2, 5, seed=1)
    case["X"] = 1e4 * case["X"]
    all_close(f(**case), logistic_kernel(**case))


# A network of two layers (C18, C22)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(**sizes)
@few
def test_network_per_example_equals_the_stacked_columns(n: int, m: int, seed: int, dtype: str) -> None:
    case = without_y(network_case(n, m, seed, dtype))
    A2 = loops.network_per_example(**case)
    close(A2, network_kernels(**case), dtype)
    for i in range(m):
        np.testing.assert_array_equal(loops.network_one_example(*example(case, i)), A2[:, i : i + 1], strict=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(**sizes)
@few
def test_backprop_per_example_equals_all_at_once(n: int, m: int, seed: int, dtype: str) -> None:
    case = network_case(n, m, seed, dtype)
    all_close(loops.backprop_per_example(**case), backprop_kernels(**case), dtype)


@given(**sizes)
@few
def test_backprop_of_one_example_is_the_stacked_one_with_m_1(n: int, m: int, seed: int) -> None:
    case = network_case(n, m, seed)
    ones = [loops.backprop_one_example(*example(case, i)) for i in range(m)]
    for i, one in enumerate(ones):
        all_close(one, backprop_kernels(*example(case, i)))
    all_close([sum(parts) / m for parts in zip(*ones, strict=True)], loops.backprop_per_example(**case))


@pytest.mark.parametrize("seed", range(3))
def test_backprop_agrees_with_central_differences(seed: int) -> None:
    case, h = network_case(3, 4, seed), 1e-5

    def cost(name: str, V: Any) -> float:
        return float(loops.backprop_per_example(**case | {name: V})[0])

    _, *grads = loops.backprop_per_example(**case)
    for name, grad in zip(["W1", "b1", "W2", "b2"], grads, strict=True):
        slopes = np.empty_like(grad)
        for index in np.ndindex(grad.shape):
            step = np.zeros_like(grad)
            step[index] = h
            slopes[index] = (cost(name, case[name] + step) - cost(name, case[name] - step)) / (2 * h)
        np.testing.assert_allclose(grad, slopes, rtol=1e-7, atol=1e-9)
