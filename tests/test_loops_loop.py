"""The loops loop: read, their `for`s nest and no call hides one; run, they compute one number at a time."""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from loop_cases import BUILT_INS, example, logistic_case, network_case, without_y

from xnet import loops

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
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: f
    for module in pkgutil.iter_modules(loops.__path__, "xnet.loops.")
    for name, f in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction)
}
WORDS = {"range", "len", "float", "max", "g", *FUNCTIONS}
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
    source = inspect.getsource(FUNCTIONS[name])
    assert hidden_loops(source) == []
    assert depth(ast.parse(textwrap.dedent(source))) == PURE[name]


def test_every_loop_of_the_package_is_read() -> None:
    scalars = {"sigmoid", "tanh", "relu", "leaky_relu", "cross_entropy", "common_dtype"}
    assert FUNCTIONS.keys() == {*PURE, *scalars, "logistic_one_loop"}


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
