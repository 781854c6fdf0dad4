"""Every row of derive_cases.py against slopes, and against PyTorch and JAX where they are asked for."""

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any

import laws
import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import selected
from cases import CASES
from cases import Case as Kernel
from derive_cases import ALONE, ROWS, Row
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import xnet as xn
from xnet import kernels, trees
from xnet.errors import DtypeError, GradientError, ShapeError, TraceError
from xnet.graph import check_gradients, grad, spec, trace, value_and_grad
from xnet.graph import derive as derive_module
from xnet.graph.derive import derivatives, pullback
from xnet.graph.rules import RULES

HERE = {row.name for row in selected()}
SMOOTH = [row for row in ROWS if row.name.split("-")[0] not in {"max", "min", "maximum", "minimum", "abs", "copysign"}]


def weighted(row: Row) -> Callable[..., Any]:
    """J = Σ w f(…), with weights that differ, so that no entry may stand in for another."""

    def J(*xs: Any) -> Any:
        xp = array_namespace(*xs)
        Y = row.f(xp, *xs)
        return xp.sum(Y * weights(xp, Y))

    return J


def weights(xp: Any, Y: Any) -> Any:
    size = int(np.prod(tuple(Y.shape)))
    return xp.reshape(xp.cos(xp.astype(xp.arange(size), Y.dtype)), tuple(Y.shape))


def every(row: Row) -> tuple[int, ...]:
    return tuple(range(len(row.shapes)))


def turned(J: Callable[..., Any], argnums: tuple[int, ...], derivative: Any = grad) -> Callable[..., Any]:
    """A number made of dJ, whose derivative is one of second order."""

    def f(*xs: Any) -> Any:
        xp = array_namespace(*xs)
        return sum(xp.sum(g * weights(xp, g)) for g in derivative(J, argnums)(*xs))

    return f


def alike(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    for one, other in zip(map(np.asarray, actual), map(np.asarray, expected), strict=True):
        assert one.dtype == other.dtype
        assert_allclose(one, other, rtol=rtol, atol=rtol * max(np.max(np.abs(other), initial=0), 1.0), strict=True)


# Judges: each takes J and its arguments, and raises when grad(J) is not what it should be


def by_slopes(J: Callable[..., Any], arrays: list[Any], indices: list[Any]) -> None:
    check_gradients(J, *arrays, *indices, entries=30)


def by_torch(J: Callable[..., Any], arrays: list[Any], indices: list[Any]) -> None:
    import torch

    xs, rest = [torch.asarray(x) for x in arrays], [torch.asarray(i) for i in indices]
    active = [x.clone().requires_grad_(True) for x in xs]
    expected = torch.autograd.grad(J(*active, *rest), active, materialize_grads=True)
    alike(grad(J, tuple(range(len(xs))))(*xs, *rest), expected)


def by_jax(J: Callable[..., Any], arrays: list[Any], indices: list[Any]) -> None:
    import jax

    xs, rest = [jax.numpy.asarray(x) for x in arrays], [jax.numpy.asarray(i) for i in indices]
    argnums = tuple(range(len(xs)))
    alike(jax.jit(grad(J, argnums))(*xs, *rest), jax.jit(jax.grad(J, argnums))(*xs, *rest))


JUDGES = [by_slopes, *([by_torch] if "torch" in HERE else []), *([by_jax] if "jax" in HERE else [])]
TABLE = [(judge, row) for judge in JUDGES for row in [*ROWS, *(ALONE if judge is by_slopes else [])]]


@pytest.mark.parametrize(("judge", "row"), TABLE, ids=lambda x: getattr(x, "__name__", str(x)))
def test_first_order(judge: Any, row: Row) -> None:
    judge(weighted(row), row.arrays(), row.indices())


@pytest.mark.parametrize("row", [*SMOOTH, *ALONE], ids=str)
def test_second_order(row: Row) -> None:
    check_gradients(turned(weighted(row), every(row)), *row.arrays(), *row.indices(), entries=0)


if "jax" in HERE:

    @pytest.mark.parametrize("row", SMOOTH, ids=str)
    def test_second_order_is_that_of_jax(row: Row) -> None:
        import jax

        xs = [jax.numpy.asarray(x) for x in [*row.arrays(), *row.indices()]]
        J, argnums = weighted(row), every(row)
        expected = jax.jit(jax.grad(turned(J, argnums, jax.grad), argnums))(*xs)
        alike(jax.jit(grad(turned(J, argnums), argnums))(*xs), expected, 1e-11)

    def test_hessian() -> None:
        import jax

        def J(x: Any) -> Any:
            xp = array_namespace(x)
            return xp.log(xp.sum(xp.exp(x))) + xp.sum(x**3) * x[0]

        x = jax.numpy.asarray([0.3, -1.2, 0.5])
        rows = [grad(lambda x, i=i: grad(J)(x)[i])(x) for i in range(3)]
        assert_allclose(np.stack(rows), jax.hessian(J)(x), rtol=1e-13, atol=1e-14)


EVERYWHERE = [  # by_jax has judged what is in ROWS on JAX already; Dask has no take_along_axis
    pytest.param(row, here, id=f"{row}-{here.name}", marks=[pytest.mark.gpu] if here.gpu else [])
    for here in selected()
    for row in [*(ROWS if here.name != "jax" else []), *ALONE]
    if (row.name, here.name) != ("take_along_axis", "dask")
]


@pytest.mark.parametrize(("row", "here"), EVERYWHERE)
def test_on_every_backend_what_it_is_on_numpy(row: Row, here: Any) -> None:
    xb, J, argnums = here.open(), weighted(row), every(row)
    expected = grad(J, argnums)(*row.arrays(), *row.indices())
    given = [*(xb.asarray(x, "float64") for x in row.arrays()), *(xb.asarray(i, None) for i in row.indices())]
    alike([xb.to_numpy(g) for g in grad(J, argnums)(*given)], expected)


@pytest.mark.parametrize("row", [*ROWS, *ALONE], ids=str)
def test_float32_stays(row: Row) -> None:
    if row.name == "astype":
        return
    arrays = [x.astype("float32") for x in row.arrays()]
    with np.errstate(all="ignore"):
        J, grads = value_and_grad(weighted(row), every(row))(*arrays, *row.indices())
    assert {J.dtype, *(g.dtype for g in grads)} == {np.dtype("float32")}


# Compositions at random, of what is smooth and keeps numbers small

STEPS: dict[str, Callable[..., Any]] = {
    "tanh": lambda xp, a, b: xp.tanh(a),
    "sin": lambda xp, a, b: xp.sin(a + b),
    "add": lambda xp, a, b: a + 0.5 * b,
    "multiply": lambda xp, a, b: xp.tanh(a) * b,
    "divide": lambda xp, a, b: a / (1 + b * b),
    "exp": lambda xp, a, b: xp.exp(-a * a),
    "log": lambda xp, a, b: xp.log(1 + a * a) - xp.log1p(b * b),
    "sqrt": lambda xp, a, b: xp.sqrt(1 + xp.square(a)),
    "pow": lambda xp, a, b: (1.5 + xp.tanh(a)) ** xp.sin(b),
    "logaddexp": lambda xp, a, b: xp.logaddexp(a, b),
    "atan": lambda xp, a, b: xp.atan(a) + xp.sinh(xp.tanh(b)),
    "softmax": lambda xp, a, b: kernels.softmax(a)[0] * b,
    "gelu": lambda xp, a, b: kernels.gelu(a)[0],
    "centred": lambda xp, a, b: a - xp.mean(a, axis=0, keepdims=True),
    "normed": lambda xp, a, b: a / xp.std(a + 3 * b, axis=1, keepdims=True, correction=1) / 9,
    "spread": lambda xp, a, b: xp.var(a, axis=1, keepdims=True) / 9 + xp.tanh(b),
    "matmul": lambda xp, a, b: xp.tanh(a) @ xp.tanh(b),
    "affine": lambda xp, a, b: a @ xp.sin(b).mT + xp.sum(b, axis=-1, keepdims=True),
    "vector": lambda xp, a, b: a[:, 0] @ xp.tanh(b) + a,
    "turned": lambda xp, a, b: xp.matrix_transpose(a),
    "reshaped": lambda xp, a, b: xp.reshape(xp.flip(xp.reshape(xp.sin(a), (9,))), (3, 3)),
    "halves": lambda xp, a, b: xp.concat([a[1:, :], b[:1, :]], axis=0),
    "stacked": lambda xp, a, b: xp.stack([a[0, :], b[:, 1], a[2, :]], axis=1),
    "rolled": lambda xp, a, b: xp.roll(a, 1, axis=0) - xp.flip(b, axis=1),
    "running": lambda xp, a, b: xp.cumulative_sum(xp.tanh(a), axis=1),
    "product": lambda xp, a, b: xp.prod(xp.tanh(a), axis=0) + b,
    "outer": lambda xp, a, b: xp.tensordot(xp.tanh(a[0, :]), b[:, 2], axes=0),
    "picked": lambda xp, a, b: xp.where(a > 100.0, b, a * xp.tril(b)),
}


def composed(program: list[tuple[str, int, int]]) -> Callable[..., Any]:
    """Each step takes two of the arrays so far and adds one; all are 3 by 3."""

    def J(*xs: Any) -> Any:
        xp = array_namespace(*xs)
        values = list(xs)
        for name, i, j in program:
            step = STEPS[name](xp, values[i % len(values)], values[j % len(values)])
            values.append(xp.broadcast_to(step, (3, 3)))
        return sum(xp.mean(x) for x in values)

    return J


PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7
)


@pytest.mark.parametrize("judge", JUDGES)
@settings(max_examples=25, deadline=None)
@given(program=PROGRAMS, seed=st.integers(0, 99))
def test_compositions(judge: Any, program: list[tuple[str, int, int]], seed: int) -> None:
    judge(composed(program), list(np.random.default_rng(seed).normal(size=(2, 3, 3))), [])


# The judges can fail, and there is no rule that they would not miss


def scaled(rule: Any) -> Any:
    """A rule that is a little off."""
    if rule is None:
        return lambda g, y, x, *xs, **attrs: 0.001 * g
    if isinstance(rule, tuple):
        return tuple(map(scaled, rule))

    def wrong(*args: Any, **attrs: Any) -> Any:
        dx = rule(*args, **attrs)
        return [1.0001 * one for one in dx] if isinstance(dx, list | tuple) else 1.0001 * dx

    return wrong


def of_scatter(xp: Any, x: Any) -> Any:
    return grad(lambda x: array_namespace(x).sum(x[1:, None] ** 3))(x)


MORE = [Row("scatter", of_scatter), Row("cumulative_prod", ALONE[0].f, ((3, 3),))]
FLAT = {"sign", "floor", "ceil", "trunc", "round", "floor_divide"}


def used(row: Row) -> set[str]:
    arrays = [spec(x.shape, "float64") for x in row.arrays()]
    graph = trace(
        lambda *xs: row.f(array_namespace(*xs), *xs), *arrays, *(spec(i.shape, "int64") for i in row.indices())
    )
    return {node.op for node in graph.nodes} | {row.name.split("-")[0]}  # what does nothing is simplified away


@pytest.mark.parametrize("op", sorted(set(RULES) - FLAT))
def test_no_wrong_rule_goes_unnoticed(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(row for row in [*ROWS, *MORE] if op in used(row) and (op != "scatter" or row.name == "scatter"))
    by_slopes(weighted(row), row.arrays(), row.indices())
    monkeypatch.setitem(RULES, op, scaled(RULES[op]))
    with pytest.raises(GradientError, match="the derivative must be the slope"):
        by_slopes(weighted(row), row.arrays(), row.indices())


if len(JUDGES) > 1:

    @pytest.mark.parametrize("judge", JUDGES[1:])
    def test_the_other_judges_can_fail(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        (row,) = (row for row in ROWS if row.name == "sin")
        monkeypatch.setitem(RULES, "sin", (lambda g, y, x: (1 + 1e-10) * g * array_namespace(x).cos(x),))
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            judge(weighted(row), row.arrays(), [])


# The hand-written backwards


def by_graph(case: Kernel, xb: Any) -> None:
    """A kernel's backward is what its forward has for a derivative."""
    once = laws.run(case, xb, "float64")
    names = list(case.inputs())
    argnums = tuple(names.index(name) for name in case.wrt)

    def J(dY: Any, *arguments: Any) -> Any:
        return array_namespace(dY).sum(dY * case.forward(*arguments)[0])

    expected = grad(J, tuple(i + 1 for i in argnums))(once.upstream, *once.arguments)
    laws.close(
        laws.to_numpy(xb, once.grads), laws.to_numpy(xb, expected), 1e-11 if case.kernel in {"erf", "gelu"} else 1e-12
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels(case: Kernel, xb: Any) -> None:
    by_graph(case, xb)


def test_a_wrong_backward_goes_not_unnoticed(monkeypatch: pytest.MonkeyPatch, xb: Any) -> None:
    (case,) = (case for case in CASES if case.kernel == "tanh")
    monkeypatch.setattr(kernels, "tanh_backward", lambda dA, cache: 1.0000001 * dA * (1 - cache * cache))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        by_graph(case, xb)


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
    alike(trees.leaves(grads), [2 / 3 * Z @ X.T, np.sum(2 / 3 * Z, axis=1, keepdims=True)])
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
    alike(grad(lambda x, y: array_namespace(x).sum(x), (0, 1))(x, y), [x, np.zeros(4, "float32")])
    alike([grad(lambda x: array_namespace(x).ones((), dtype=array_namespace(x).float32))(x)], [0 * x])
    assert_array_equal(grad(lambda x: np.asarray(2.0))(x), 0 * x)


def test_a_derivative_has_the_type_of_its_argument() -> None:
    def f(x: Any, y: Any) -> Any:
        xp = array_namespace(x)
        return xp.sum(xp.astype(x, xp.float64) ** 3) + xp.sum(x * y)

    x, y = np.asarray([1.0, 2.0], "float32"), np.asarray([3.0, 4.0])
    alike(grad(f, (0, 1))(x, y), [np.asarray([6, 16], "float32"), np.asarray([1.0, 2.0])])


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
    df(np.ones(2), 2, {1, 2})  # what has no hash is a part of f that nobody can know again
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
        alike([xb.to_numpy(df(xb.asarray(x, "float64")))], [df(x)])


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
         r"xp.nextafter has no derivative; got it at test_derive.py:\d+: .*; write it with other functions"),
        (lambda: grad(lambda x: xpof(x).abs(xpof(x).astype(x, xpof(x).complex128)))(np.ones(())), TraceError,
         r"derivatives are for real numbers; got complex128 at test_derive.py:\d+"),
    ],
)  # fmt: skip
def test_refusals(call: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def xpof(x: Any) -> Any:
    return array_namespace(x)


# A kernel from a forward alone


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
        alike(got, [Z**3, dZ @ A.T, np.sum(dZ, axis=1, keepdims=True), W.T @ dZ])
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


def test_nothing_is_worked_out_twice() -> None:
    forward, _ = pullback(lambda x: array_namespace(x).tanh(x))
    _, (pair, kept) = forward(np.ones(2))
    assert len(kept) == 1
    assert "tanh" not in {node.op for node in pair.back}


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
        start = perf_counter()
        trace(value_and_grad(four_layers), params, spec((784, 64)), spec((1, 64), "int64"))
        return perf_counter() - start

    assert min(seconds() for _ in range(7)) < 0.03
