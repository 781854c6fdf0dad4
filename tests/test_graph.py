"""A traced function evaluates as without tracing; its text is readable and has the user's names."""

import operator
import time
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace, device
from backends import Bench
from cases import CASES, Case

import xnet as xn
from xnet import trees
from xnet.errors import ShapeError
from xnet.graph import grad, spec, trace
from xnet.graph.show import text

RNG = np.random.default_rng(0)
M = RNG.uniform(0.5, 2, size=(3, 4))


def J(a: Any, b: Any, c: Any) -> Any:
    u = b * c
    v = a + u
    return 3 * v


SCALAR = spec((), "float64")


def test_the_courses_graph_reads_as_the_course_writes_it() -> None:
    line = J.__code__.co_firstlineno
    assert str(trace(J, SCALAR, SCALAR, SCALAR)) == dedent(
        f"""\
        a = input           float64[]
        b = input           float64[]
        c = input           float64[]
        u = multiply(b, c)  float64[]  # test_graph.py:{line + 1}
        v = add(a, u)       float64[]  # test_graph.py:{line + 2}
        J = multiply(3, v)  float64[]  # test_graph.py:{line + 3}
        return J"""
    )


def test_nodes_have_the_values_of_the_course(xb: Bench) -> None:
    graph = trace(J, SCALAR, SCALAR, SCALAR)
    values = graph.values(*(xb.asarray(np.asarray(x), "float64") for x in (5.0, 3.0, 2.0)))
    named = {graph.names[node]: float(x) for node, x in values.items() if node in graph.names}
    assert named == {"a": 5, "b": 3, "c": 2, "u": 6, "v": 11, "J": 33}


def functions(x: Any, y: Any) -> dict[str, Any]:
    """Every kind of node, once."""
    xp = array_namespace(x)
    where = device(x)
    return {
        "elementwise": xp.exp(x) / (1 + xp.abs(y)) ** 2 - xp.maximum(x, 1.0),
        "comparison": (x > 1) & ~(x == y),
        "where": xp.where(x > y, x, -1.0),
        "clip": xp.clip(x, 0.7, 1.5),
        "types": xp.astype(x, xp.int32) // 2 + xp.asarray(x > 1, dtype=xp.int32),
        "all": [xp.sum(x), xp.mean(x), xp.max(x, axis=(0, 1)), xp.any(x > 1), xp.prod(x), xp.count_nonzero(x)],
        "axis": (xp.min(x, axis=0), xp.sum(x, axis=-1, keepdims=True), xp.all(x > 1, axis=1), xp.var(x, axis=1)),
        "std": xp.std(x, axis=0, correction=1),
        "one number": (xp.sum(x[0, 0]), xp.mean(x[0, 0]), xp.max(x[0, 0])),
        "places": xp.argmax(x, axis=0),
        "running": xp.cumulative_sum(x, axis=1),
        "index": (x[0, ...], x[:, 1:], x[::2, None, -1]),
        "differences": xp.diff(x, n=2),
        "searchsorted": xp.searchsorted(xp.cumulative_sum(x[0, :]), y),
        "take": xp.take(x, xp.astype(xp.arange(2, device=where), xp.int64), axis=1),
        "matmul": (x @ xp.matrix_transpose(y), xp.vecdot(x, y), xp.tensordot(x, y, axes=((0, 1), (0, 1))), x @ y[0, :]),
        "shape": (xp.reshape(x, (-1,)), xp.permute_dims(x, (1, 0)), xp.expand_dims(x, axis=1), x.T),
        "moved": (xp.flip(x, axis=0), xp.roll(x, 1, axis=1), xp.moveaxis(x, 0, 1), xp.broadcast_to(x, (2, 3, 4))),
        "joined": (xp.concat([x, y], axis=1), xp.stack([x, y]), xp.repeat(x, 2, axis=0), xp.tile(x, (2, 1))),
        "apart": xp.unstack(x),
        "made": (xp.zeros_like(x), xp.ones((2,), dtype=x.dtype, device=where), xp.full_like(x, 2.5)),
        "ranges": (xp.arange(3, dtype=xp.int32, device=where), xp.linspace(0, 1, 3, dtype=x.dtype, device=where)),
        "eye": xp.eye(3, dtype=x.dtype, device=where) @ x,
        "triangle": xp.tril(x) + xp.triu(y, k=1),
        "static": (None, "text", 3),
    }


def close(one: Any, other: Any, to_numpy: Callable[[Any], Any]) -> None:
    if not hasattr(one, "shape"):
        assert one == other
        return
    assert str(one.dtype) == str(other.dtype)
    assert device(one) == device(other)
    one, other = to_numpy(one), to_numpy(other)
    # A library's own function may round its terms in another way: 1 + erf z keeps few digits of a small sum.
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * np.max(np.abs(other), initial=1e-6))


def test_each_operation_evaluates_as_without_tracing(xb: Bench) -> None:
    x, y = xb.asarray(M), xb.asarray(M[::-1].copy())
    graph = trace(functions, x, y)
    trees.map(lambda one, other: close(one, other, xb.to_numpy), graph(x, y), functions(x, y))


def test_an_array_that_is_known_to_be_one_number_is_an_array_still(xb: Bench) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        three, wide = (xp.ones((), dtype=dtype, device=device(x)) * 3.0 for dtype in (x.dtype, xp.float64))
        alone = xp.exp(three), three - 1.0, three / 0.0, three == three, xp.sum(three), three[None]
        beside = x + three, xp.add(x, wide), xp.where(x > 1, three, three + 1), xp.stack([x[0, 0], three])
        return *alone, *beside, xp.astype(three, xp.int32)

    x = xb.asarray(M, "float32")
    with np.errstate(divide="ignore"):
        trees.map(lambda one, other: close(one, other, xb.to_numpy), trace(f, x)(x), f(x))


def equations(xp: Any, x: Any, a: Any) -> Any:
    """What Dask does not have."""
    linalg = xp.linalg
    spd = a @ xp.matrix_transpose(a) + xp.eye(3, dtype=a.dtype, device=device(a))
    U, S, Vh = linalg.svd(x, full_matrices=False)
    Q, R = linalg.qr(x)
    values, V = linalg.eigh(spd)
    return {
        "sort": (xp.sort(x), xp.sort(x, axis=0, descending=True), xp.argsort(x, axis=0), linalg.cross(a, spd)),
        "decompositions": ((U * S) @ Vh, xp.abs(S), Q @ R, values, (V * values) @ xp.matrix_transpose(V)),
        "determinants": (linalg.det(spd), *linalg.slogdet(spd), linalg.slogdet(a).logabsdet),
        "solutions": (linalg.inv(spd), linalg.solve(spd, x), linalg.solve(spd, x[:, 0]), linalg.cholesky(spd)),
        "diagonals": (linalg.diagonal(x, offset=1), linalg.trace(x), linalg.outer(x[0, :], x[:, 0])),
    }


def test_equations_and_decompositions_are_evaluated_as_without_tracing(xb: Bench) -> None:
    if xb.name == "dask":
        return

    def f(x: Any, a: Any) -> Any:
        return equations(array_namespace(x), x, a)

    x, a = xb.asarray(M), xb.asarray(RNG.normal(size=(3, 3)))
    trees.map(lambda one, other: close(one, other, xb.to_numpy), trace(f, x, a)(x, a), f(x, a))


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "complex128"])
def test_isin(dtype: str) -> None:
    x, y = np.asarray([[0, 1, 2], [3, 1, 7]]).astype(dtype), np.asarray([[1, 3], [9, 1]]).astype(dtype)
    for invert in (False, True):
        graph = trace(lambda x, y, invert=invert: array_namespace(x).isin(x, y, invert=invert), x, y)
        np.testing.assert_array_equal(graph(x, y), np.isin(x, y, invert=invert))
    nothing = trace(lambda x: array_namespace(x).isin(x, y[:0]), x)
    np.testing.assert_array_equal(nothing(x), np.isin(x, y[:0]))


def test_a_librarys_function_of_linear_algebra_is_the_standards() -> None:
    a = RNG.normal(size=(3, 3))
    np.testing.assert_allclose(trace(lambda a: np.sort(np.linalg.inv(a)), a)(a), np.sort(np.linalg.inv(a)))


@pytest.mark.parametrize("order", [0, 1, 2, 3, 0.5, -1, float("inf"), float("-inf")])
def test_norms(order: float) -> None:
    def f(x: Any) -> Any:
        return array_namespace(x).linalg.vector_norm(x, axis=1, ord=order)

    np.testing.assert_allclose(trace(f, M)(M), f(array_namespace(M).asarray(M)))


def test_searching_and_differences_with_every_option() -> None:
    row, order, sought, edge = np.asarray([3.0, 1.0, 2.0]), np.asarray([1, 2, 0]), np.asarray([[1.0, 2.5]]), M[:, :1]

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        found = xp.searchsorted(row, sought, side="right", sorter=order)
        return found, xp.diff(x, axis=0, n=0), xp.diff(x, prepend=edge, append=edge)

    for one, other in zip(trace(f, M)(M), f(M), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_array_of_integers_as_index_takes(xb: Bench) -> None:
    x, i = xb.asarray(M), xb.asarray(np.asarray([[2, 0, 1], [1, 1, 0]]), "int64")
    graph = trace(lambda x, i: (x[i], x[:, i], x[..., i]), x, i)
    for result, expected in zip(
        graph(x, i), (M[[[2, 0, 1], [1, 1, 0]]], *[M[:, [[2, 0, 1], [1, 1, 0]]]] * 2), strict=True
    ):
        np.testing.assert_allclose(xb.to_numpy(result), expected, rtol=1e-6)
    assert {"take", "reshape"} == {node.op for node in graph.nodes} - {"input"}


def test_traced_from_specs_it_runs_on_every_library(xb: Bench) -> None:
    graph = trace(functions, spec((3, 4)), spec((3, 4)))
    x = xb.asarray(M)
    trees.map(lambda one, other: close(one, other, xb.to_numpy), graph(x, x), functions(x, x))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_kernel_traces(case: Case, xb: Bench) -> None:
    inputs = [xb.asarray(x, None if x.dtype.kind == "i" else "float32") for x in case.inputs().values()]
    graph = trace(case.forward, *inputs)
    close(graph(*inputs)[0], case.forward(*inputs)[0], xb.to_numpy)

    def both(dY: Any, *arguments: Any) -> Any:
        return case.backward(dY, case.forward(*arguments)[1])

    dY = case.forward(*inputs)[0]
    back = trace(both, dY, *inputs)
    trees.map(lambda one, other: close(one, other, xb.to_numpy), back(dY, *inputs), both(dY, *inputs))


def training() -> tuple[xn.Step, Any, Any, Any, Any]:
    """A step of a network of four layers, with its arguments."""
    net = xn.Network([xn.Dense(8, "relu"), xn.Dense(7, "softplus"), xn.Dense(6, "tanh"), xn.Dense(3)])
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam(), l2=0.1, clip_norm=1.0)
    params = net.init((5,))
    X, Y = RNG.normal(size=(5, 10)).astype("float32"), RNG.integers(0, 3, size=(1, 10))
    return step, params, step.optimizer.init(params), X, Y


def test_a_traced_training_step_evaluates_to_the_same(xb: Bench) -> None:
    step, *host = training()
    arguments = [trees.map(lambda x: xb.asarray(x, None), tree) for tree in host]
    graph = trace(step, *arguments)
    trees.map(lambda one, other: close(one, other, xb.to_numpy), graph(*arguments), step(*arguments))
    assert {"params.0.W", "state.memory.3.b.s", "X", "Y", "Z", "dZ", "v_hat"} <= set(graph.names.values())


@pytest.mark.parametrize("optimizer", [xn.SGD(), xn.Momentum(), xn.RMSprop(), xn.AdamW(xn.schedules.Cosine(0.1, 9))])
def test_every_optimizer_traces(optimizer: xn.Optimizer) -> None:
    net = xn.Network([xn.Dense(3, "sigmoid"), xn.Dense(1)])
    step = xn.Step(net, xn.Cost("sigmoid_cross_entropy"), optimizer, clip_value=0.1)
    params = net.init((4,))
    arguments = (params, optimizer.init(params), M.T.astype("float32"), np.asarray([[0.0, 1.0, 1.0]], "float32"))
    trees.map(lambda one, other: close(one, other, np.asarray), trace(step, *arguments)(*arguments), step(*arguments))


def test_a_training_step_is_traced_in_a_few_milliseconds() -> None:
    step, *arguments = training()
    best = min(_seconds(lambda: trace(step, *arguments)) for _ in range(5))
    assert best < 0.03, f"{1e3 * best:.1f} ms"


def _seconds(f: Callable[[], Any]) -> float:
    start = time.process_time()
    f()
    return time.process_time() - start


def test_deep_graphs_need_no_deep_stack() -> None:
    def f(x: Any) -> Any:
        for _ in range(5000):
            x = x * 1.001
        return x

    graph = trace(f, spec((), "float64"))
    assert float(graph(np.asarray(1.0))) == pytest.approx(1.001**5000)
    assert len(str(graph).splitlines()) == 5002


# Names


def names(f: Callable[..., Any], *examples: Any) -> list[str]:
    graph = trace(f, *examples)
    return [graph.names.get(node, "") for node in graph.nodes if node.op != "scalar"]


def affine(W: Any, x: Any) -> tuple[Any, int]:
    return W @ x + 1, 0


def test_a_name_is_the_one_that_the_user_wrote() -> None:
    def f(params: Any, x: Any) -> Any:
        Z, _ = affine(params[0]["W"], x)
        for _ in range(2):
            Z = array_namespace(Z).exp(Z) * 2
        total: Any = Z - x
        total /= 2 + x
        return total, 1

    found = names(f, [{"W": spec((2, 2))}], spec((2,)))
    assert found == ["params.0.W", "x", "", "Z", "", "Z", "", "Z", "total", "", "total"]


def test_an_argument_and_a_value_computed_from_it_have_different_names() -> None:
    def f(W: Any, x: Any) -> Any:
        Z = affine(W, x + 1)[0]
        Y, _ = affine(W, 2 * (Z + 1))
        return Y * 2

    assert names(f, spec((2, 2)), spec((2,))) == ["W", "x", "", "", "Z", "", "", "", "Y", "f"]


def test_nodes_of_tracing_and_differentiation_take_no_name_from_the_line() -> None:
    def cube(x: Any) -> Any:
        y = x * x
        return y * x

    def step(x: Any) -> Any:
        g = grad(cube)(x)
        return x - g

    slope = trace(grad(cube), SCALAR)
    assert set(slope.names.values()) == {"x", "y", "result"}
    line = trace(lambda x: 3 * (x + 1), SCALAR)
    assert set(line.names.values()) == {"x", "result"}
    assert sorted(trace(step, SCALAR).names.values()) == ["g", "step", "x", "y"]


def test_text_numbers_names_that_several_nodes_share() -> None:
    def f(x: Any) -> Any:
        x = x * 2
        x = x * 3
        return -x

    assert [line.split()[0] for line in str(trace(f, spec(()))).splitlines()] == ["x", "x_2", "x_3", "f", "return"]


def test_text_shows_attributes_keys_and_what_is_returned() -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return {"s": [xp.sum(x[1:, None], axis=0)], "n": (None, xp.zeros((2,), dtype=x.dtype))}

    lines = str(trace(f, spec((3, 2)))).splitlines()
    assert lines[1].split("  ")[0] == "%1 = x[1:, None, :]"
    assert "  float32[2, 1, 2]  # test_graph.py:" in lines[1]
    assert "%2 = sum(%1, axis=(0,), keepdims=False)" in lines[2]
    assert "%3 = zeros((2,), dtype=float32)" in lines[3]
    assert lines[4] == "return {'s': [%2], 'n': (None, %3)}"
    assert text.text(trace(f, spec((3, 2)))) == repr(trace(f, spec((3, 2))))


# Arguments


def test_arrays_that_the_function_closes_over_are_constants(xb: Bench) -> None:
    c = xb.asarray(M)

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.maximum(c, x) @ xp.matrix_transpose(c) @ (x * c) - (x + c) / c

    x = xb.asarray(M + 1)
    assert "constant" in [node.op for node in trace(f, x).nodes]
    close(trace(f, x)(x), f(x), xb.to_numpy)


@pytest.mark.parametrize(
    "op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul, operator.lt]
)
def test_a_closed_over_array_may_be_on_the_left(op: Callable[[Any, Any], Any], xb: Bench) -> None:
    if xb.name.startswith("strict"):
        return  # its arrays refuse whatever they do not know
    c, x = xb.asarray(M[:, :3]), xb.asarray(M[:, 1:])
    close(trace(lambda x: op(c, x), x)(x), op(c, x), xb.to_numpy)


def test_arguments_that_are_no_arrays_are_part_of_the_function() -> None:
    def f(x: Any, settings: Any, power: int) -> Any:
        return x**power if settings["on"] else x

    graph = trace(f, M, {"on": True}, 3)
    np.testing.assert_array_equal(graph(M, {"on": True}, 3), M**3)
    with pytest.raises(ShapeError, match="graph: 3 was traced as a part of the function; got 2; trace it again"):
        graph(M, {"on": True}, 2)


def test_arguments_must_be_as_they_were_traced() -> None:
    graph = trace(J, M, M, M)
    with pytest.raises(ShapeError, match=r"b must be float64\[3, 4\], as it was traced; got float32\[3, 4\]; trace"):
        graph(M, M.astype("float32"), M)
    with pytest.raises(ShapeError, match=r"c must be float64\[3, 4\], as it was traced; got float64\[3\]; trace"):
        graph(M, M, M[:, 0])
    with pytest.raises(ShapeError, match="it takes 3 arguments, as traced; got 2"):
        graph(M, M)


def test_a_function_without_arrays_is_its_own_result() -> None:
    assert trace(lambda: (1, "a"))() == (1, "a")


def test_a_graph_evaluated_during_a_trace_becomes_part_of_it() -> None:
    A = spec((3, 4))
    inner = trace(lambda x: (x[0, :], x * 2), A)

    def outer(x: Any) -> Any:
        row, double = inner(x)
        own = trace(lambda y: y * x, A)(double)
        return row + own

    graph = trace(outer, A)
    x = M.astype("float32")
    np.testing.assert_array_equal(graph(x), x[0, :] + x * 2 * x)
    assert [node.op for node in graph.nodes if node.op == "input"] == ["input"]


def test_a_librarys_function_on_a_stand_in_is_the_standards() -> None:
    graph = trace(lambda x: np.concatenate([np.arctan(x), np.sum(x, axis=0, keepdims=True)]), M)
    np.testing.assert_array_equal(graph(M), np.concatenate([np.arctan(M), np.sum(M, axis=0, keepdims=True)]))
