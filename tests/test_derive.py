"""Every row of derive_cases.py against slopes, and against PyTorch and JAX where they are asked for."""

from collections.abc import Callable
from functools import partial
from typing import Any

import laws
import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import selected
from cases import CASES
from cases import Case as Kernel
from derive_cases import ALONE, NOT_ON_DASK, PROGRAMS, ROWS, Row, composed
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from xnet import kernels
from xnet.errors import GradientError
from xnet.graph import check_gradients, grad, spec, trace, value_and_grad
from xnet.graph.derive.rules import RULES

HERE = {row.name for row in selected()}
KINKED = {"max", "min", "maximum", "minimum", "abs", "copysign", "sort", "isin"}
SMOOTH = [row for row in ROWS if row.name.split("-")[0] not in KINKED]


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


EVERYWHERE = [  # by_jax has judged what is in ROWS on JAX already
    pytest.param(row, here, id=f"{row}-{here.name}", marks=[pytest.mark.gpu] if here.gpu else [])
    for here in selected()
    for row in [*(ROWS if here.name != "jax" else []), *ALONE]
    if here.name != "dask" or not row.name.startswith(NOT_ON_DASK)
]


@pytest.mark.parametrize(("row", "here"), EVERYWHERE)
def test_every_backend_agrees_with_numpy(row: Row, here: Any) -> None:
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
FLAT = {"sign", "floor", "ceil", "trunc", "round", "floor_divide", "argsort", "searchsorted"}


def used(row: Row) -> set[str]:
    arrays = [spec(x.shape, "float64") for x in row.arrays()]
    graph = trace(
        lambda *xs: row.f(array_namespace(*xs), *xs), *arrays, *(spec(i.shape, "int64") for i in row.indices())
    )
    return {node.op for node in graph.nodes} | {row.name.split("-")[0]}  # what does nothing is simplified away


@pytest.mark.parametrize("op", sorted(set(RULES) - FLAT))
def test_every_wrong_rule_is_found(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
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

    expected = grad(J, tuple(i + 1 for i in argnums), expand=True)(once.upstream, *once.arguments)
    laws.close(
        laws.to_numpy(xb, once.grads), laws.to_numpy(xb, expected), 1e-11 if case.kernel in {"erf", "gelu"} else 1e-12
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels(case: Kernel, xb: Any) -> None:
    by_graph(case, xb)


def test_a_wrong_backward_is_found(monkeypatch: pytest.MonkeyPatch, xb: Any) -> None:
    (case,) = (case for case in CASES if case.kernel == "tanh")
    monkeypatch.setattr(kernels, "tanh_backward", lambda dA, cache: 1.0000001 * dA * (1 - cache * cache))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        by_graph(case, xb)


# Kernels as operations of the graph


def by_kernel(case: Kernel) -> tuple[Callable[..., Any], tuple[int, ...], list[Any]]:
    """J = Σ w Y, the arguments of the kernel that have gradients, and all of its arguments."""

    def J(*arguments: Any) -> Any:
        xp = array_namespace(*arguments)
        Y, _ = case.forward(*arguments)
        return xp.sum(Y * weights(xp, Y))

    inputs = case.inputs()
    return J, tuple(list(inputs).index(name) for name in case.wrt), list(inputs.values())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_derivative_of_a_kernel_is_its_backward(case: Kernel) -> None:
    J, argnums, arguments = by_kernel(case)
    Y, cache = case.forward(*arguments)
    expected = case.backward(weights(np, Y), cache)
    for one, other in zip(grad(J, argnums)(*arguments), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_backward_agrees_with_the_operations_to_second_order(case: Kernel) -> None:
    J, argnums, arguments = by_kernel(case)
    expanded = partial(grad, expand=True)
    rtol = 1e-11 if case.kernel in {"erf", "gelu"} else 1e-12
    alike(grad(J, argnums)(*arguments), expanded(J, argnums)(*arguments), rtol)
    second = grad(turned(J, argnums), argnums)(*arguments)
    alike(second, expanded(turned(J, argnums, expanded), argnums)(*arguments), 100 * rtol)


@pytest.mark.parametrize(("name", "expanded"), [("relu", 0.5), ("leaky_relu", 0.505), ("elu", 1.0)])
def test_a_kernel_has_one_derivative_at_its_kink(name: str, expanded: float) -> None:
    f, backward = getattr(kernels, name), getattr(kernels, f"{name}_backward")
    at = np.zeros(1)
    expected = backward(np.ones(1), f(at)[1])

    def J(Z: Any) -> Any:
        return array_namespace(Z).sum(f(Z)[0])

    assert_allclose(grad(J)(at), expected)
    assert_allclose(grad(lambda Z: value_and_grad(J)(Z)[0])(at), expected, err_msg="inside another derivative")
    assert_allclose(grad(trace(J, at))(at), expected, err_msg="of a graph")
    assert_allclose(grad(J, expand=True)(at), [expanded])
