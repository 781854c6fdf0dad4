"""The loops against the kernels: what is slow is at least right, and what is fast computes the same."""

import ast
import inspect
import math
import textwrap
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet import kernels, loops

Case = dict[str, Any]
few = settings(max_examples=20, deadline=None)
sizes = {"n": st.integers(1, 6), "m": st.integers(1, 7), "seed": st.integers(0, 2**32 - 1)}
TOLERANCE = {"float64": (1e-12, 1e-13), "float32": (1e-5, 1e-6)}


def close(actual: Any, expected: Any, dtype: str = "float64") -> None:
    rtol, atol = TOLERANCE[dtype]
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, strict=True)


def logistic_case(n: int, m: int, seed: int, dtype: str = "float64") -> Case:
    rng = np.random.default_rng(seed)
    case = {
        "w": rng.normal(size=(n, 1)),
        "b": rng.normal(size=(1, 1)),
        "X": rng.normal(size=(n, m)),
        "Y": rng.integers(0, 2, (1, m)),
    }
    return {name: V.astype(dtype) for name, V in case.items()}


def network_case(n: int, m: int, seed: int, dtype: str = "float64") -> Case:
    rng = np.random.default_rng(seed)
    hidden, units = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    case = {
        "X": rng.normal(size=(n, m)),
        "Y": rng.integers(0, 2, (units, m)),
        "W1": rng.normal(size=(hidden, n)),
        "b1": rng.normal(size=(hidden, 1)),
        "W2": rng.normal(size=(units, hidden)),
        "b2": rng.normal(size=(units, 1)),
    }
    return {name: V.astype(dtype) for name, V in case.items()}


def without_y(case: Case) -> Case:
    return {name: V for name, V in case.items() if name != "Y"}


def example(case: Case, i: int) -> list[Any]:
    """The case's arguments with column i of X, and of Y where there is one, in place of them all."""
    return [V[:, i : i + 1] if name in "XY" else V for name, V in case.items()]


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

BUILT_INS = [
    ("exp", [[-800.0, -1.0, -0.0, 0.5, 80.0, -math.inf, math.inf, math.nan]]),
    ("log", [[1e-30, 0.5, 1.0, 1e30, math.inf, math.nan]]),
    ("abs", [[-2.5, -0.0, 0.0, 3.0, -math.inf, math.nan]]),
    ("square", [[-2.5, 0.0, 3.0, 1e-10, math.inf, math.nan]]),
    ("add", [[1.0, -1.0, math.inf, math.nan], [0.5, 1.0, 1.0, 1.0]]),
    ("divide", [[1.0, -1.0, math.inf, math.nan], [3.0, 0.1, 2.0, 1.0]]),
    ("maximum", [[1.0, -1.0, 2.0, math.nan, 0.0, -math.inf], [3.0, -2.0, 2.0, 0.0, math.nan, math.inf]]),
]


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


# The loops loop.  Read: how deep the `for`s nest, and no call that hides one.  Run: on arrays that forbid it.

PURE = {  # function: the depth of its loops, not counting those of the loops it calls
    "dot": 1,
    "exp": 1,
    "log": 1,
    "abs": 1,
    "square": 1,
    "add": 1,
    "divide": 1,
    "maximum": 1,
    "zeros": 1,
    "matvec": 2,
    "matmul": 3,
    "dense_per_unit": 3,
    "activate": 2,
    "logistic_two_loops": 2,
    "network_one_example": 0,
    "network_per_example": 1,
    "backprop_one_example": 1,
    "backprop_per_example": 1,
    "_add_to": 2,
    "_divided": 2,
}
WORDS = {"range", "len", "float", "max", "g", *vars(loops)} - {"np"}
ALLOCATE = {"np.empty", "np.zeros", "np.full", "np.asarray", "np.shape", "np.asarray(b).item"}


def hidden_loops(source: str) -> list[str]:
    """The calls and operators of a function that may work through an array without a `for`."""
    found = []
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        match node:
            case ast.MatMult():
                found.append("@")
            case ast.ListComp() | ast.GeneratorExp():
                found.append("comprehension")
            case ast.Call(func=f):
                name = ast.unparse(f)
                if name not in WORDS | ALLOCATE and not name.startswith("math."):
                    found.append(name)
            case _:
                pass
    return found


def depth(node: ast.AST) -> int:
    return isinstance(node, ast.For) + max((depth(child) for child in ast.iter_child_nodes(node)), default=0)


@pytest.mark.parametrize("name", PURE)
def test_the_source_has_the_loops_and_nothing_that_hides_one(name: str) -> None:
    source = inspect.getsource(getattr(loops, name))
    assert hidden_loops(source) == []
    assert depth(ast.parse(textwrap.dedent(source))) == PURE[name]


def test_every_loop_of_the_module_is_read() -> None:
    functions = {name for name, f in inspect.getmembers(loops, inspect.isfunction)}
    scalars = {"sigmoid", "tanh", "relu", "leaky_relu", "cross_entropy", "_dtype"}
    assert functions == {*PURE, *scalars, "logistic_one_loop"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dw = X @ dZ.T", ["@"]),
        ("dw @= dZ", ["@"]),
        ("J = np.sum(L)", ["np.sum"]),
        ("J = L.sum()", ["L.sum"]),
        ("c = np.dot(a, b)", ["np.dot"]),
        ("A = np.exp(Z)", ["np.exp"]),
        ("A = np.vectorize(g)(Z)", ["np.vectorize(g)", "np.vectorize"]),
        ("J = sum(L)", ["sum"]),
        ("J = math.exp(z) + float(z)", []),
    ],
)
def test_the_reading_can_fail(line: str, expected: list[str]) -> None:
    assert hidden_loops(f"def f():\n    for i in range(m):\n        {line}\n") == expected
    assert "@" in hidden_loops(inspect.getsource(loops.logistic_one_loop))


class OneByOne(np.ndarray[Any, Any]):
    """An array that may be indexed, sliced and turned, but not computed with as a whole."""

    shape_only: ClassVar[set[Callable[..., Any]]] = {np.shape}

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> Any:
        raise AssertionError(f"{ufunc.__name__} of a whole array")

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if f in self.shape_only:
            return super().__array_function__(f, types, args, kwargs)
        raise AssertionError(f"{f.__name__} of a whole array")


def one_by_one(V: Any) -> Any:
    V = V.copy()
    V.flags.writeable = False
    return V.view(OneByOne)


v = np.asarray([1.0, 2.0, 3.0])
M = np.asarray([[1.0, 2.0], [3.0, 4.0]])
RUNS: list[tuple[str, list[Any]]] = [
    *((name, [v] * len(values)) for name, values in BUILT_INS),
    ("dot", [v, v]),
    ("matvec", [M, M[:, :1]]),
    ("matmul", [M, M]),
    ("dense_per_unit", [M, M, M[:, :1]]),
    ("logistic_two_loops", list(logistic_case(3, 4, seed=0).values())),
    ("network_one_example", example(without_y(network_case(3, 4, seed=0)), 0)),
    ("network_per_example", list(without_y(network_case(3, 4, seed=0)).values())),
    ("backprop_one_example", example(network_case(3, 4, seed=0), 0)),
    ("backprop_per_example", list(network_case(3, 4, seed=0).values())),
]


@pytest.mark.parametrize(("name", "arguments"), RUNS, ids=[name for name, _ in RUNS])
def test_the_loops_run_one_number_at_a_time_and_write_nothing(name: str, arguments: list[Any]) -> None:
    f = getattr(loops, name)
    expected = f(*arguments)
    actual = f(*(one_by_one(V) for V in arguments))
    np.testing.assert_equal(actual, expected)


def test_the_running_can_fail() -> None:
    w, b, X, Y = (one_by_one(V) for V in logistic_case(3, 4, seed=0).values())
    with pytest.raises(AssertionError, match="matmul of a whole array"):
        loops.logistic_one_loop(w, b, X, Y)
    wholes: list[Callable[[], Any]] = [lambda: X * 2, X.sum, lambda: np.dot(X, X.T), lambda: X - Y]
    for whole in wholes:
        with pytest.raises(AssertionError, match="of a whole array"):
            whole()
