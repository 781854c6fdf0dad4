"""A scan is one loop in a graph, in its derivatives, in its text, in its drawing and when it is compiled."""

import re
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from array_api_compat import array_namespace
from backends import selected
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import xnet as xn
from xnet.errors import ShapeError
from xnet.graph import check_gradients, evaluate, grad, spec, trace, value_and_grad
from xnet.graph.derive.gradients import derivatives, pullback
from xnet.graph.evaluate import run
from xnet.graph.loop import Body, results_of

STEPS = 200


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, size=shape)


def rnn(W: Any, A_0: Any, X: Any) -> tuple[Any, Any]:
    xp = array_namespace(X)

    def cell(A: Any, X_t: Any) -> tuple[Any, Any]:
        Z = W @ A + X_t
        A_next = xp.tanh(Z)
        return A_next, A_next

    return xn.scan(cell, A_0, X)


def J_of_rnn(W: Any, A_0: Any, X: Any) -> Any:
    xp = array_namespace(X)
    A, As = rnn(W, A_0, X)
    return xp.sum(A * A) + xp.sum(xp.sin(As))


def unrolled(f: Any, carry: Any, xs: Any, *, axis: int = 1, reverse: bool = False) -> tuple[Any, Any]:
    """The loop as plain code, for one array of steps and one of results."""
    xp, before = array_namespace(xs), (slice(None),) * axis
    ys = []
    for t in range(xs.shape[axis])[:: -1 if reverse else 1]:
        carry, y = f(carry, xs[(*before, t, ...)])
        ys.append(y)
    return carry, xp.stack(ys[:: -1 if reverse else 1], axis=axis)


SHAPES = (5, 5), (5, 4), (5, STEPS, 4)
SPECS = [spec(shape, "float64") for shape in SHAPES]
ARRAYS = [numbers(*shape) for shape in SHAPES]
ALL = (0, 1, 2)


def loops(graph: Any) -> list[Any]:
    return [node for node in graph.nodes if node.op == "scan"]


# In the graph


def test_there_is_one_loop_and_one_more_in_the_derivative() -> None:
    graph, both = trace(rnn, *SPECS), trace(value_and_grad(J_of_rnn, ALL), *SPECS)
    assert [node.op for node in graph.nodes if node.op != "input"] == ["scan", "scan_result", "scan_result"]
    assert [loop.shape for loop in loops(both)] == [(STEPS,)] * 2
    assert [loop.attrs["reverse"] for loop in loops(both)] == [False, True]
    assert max(len(repr(node)) for node in both.nodes) < 100


def seconds(make: Callable[[], Any]) -> float:
    """The best of some, for others are at work here too."""
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        make()
        best = min(best, time.perf_counter() - start)
    return float(best)


def test_tracing_takes_a_time_that_does_not_depend_on_the_steps() -> None:
    assert seconds(lambda: trace(rnn, *SPECS)) < 0.05
    assert seconds(lambda: trace(value_and_grad(J_of_rnn, ALL), *SPECS)) < 0.15


def test_only_what_is_asked_for_is_stored() -> None:
    both = trace(value_and_grad(lambda W, A, X: array_namespace(X).sum(rnn(W, A, X)[0]), ALL), *SPECS)
    there, back = loops(both)
    (body, body_back) = (loop.attrs["body"] for loop in (there, back))
    asked = [y.attrs["step"] for y in results_of(there, both.nodes) if "step" in y.attrs]
    assert set(asked) == {body.carries[0], body.after[0]}  # A before a step and after it
    assert len(results_of(back, both.nodes)) == 3
    assert len(body_back.nodes(results_of(back, both.nodes))) < 20


def test_what_is_the_same_at_each_step_is_computed_before_the_loop() -> None:
    def f(W: Any, X: Any) -> Any:
        xp = array_namespace(X)
        return xn.scan(lambda A, X_t: (xp.exp(W.mT) @ A * xp.ones_like(A) + xp.ones((3, 2)) / 2 * X_t, None),
                       xp.zeros((3, 2)), X)[0]  # fmt: skip

    graph = trace(f, spec((3, 3), "float64"), spec((3, 7, 2), "float64"))
    (loop,) = loops(graph)
    body: Body = loop.attrs["body"]
    assert [node.op for node in body.nodes([]) if node.op not in {"input", "scalar"}] == ["matmul", "multiply", "add"]
    assert {node.op for node in graph.nodes} >= {"exp", "matrix_transpose", "divide"}
    W, X = numbers(3, 3), numbers(3, 7, 2)
    assert_allclose(graph(W, X), f(W, X), rtol=1e-14)


def test_a_carry_that_stays_is_no_result_of_the_loop() -> None:
    def f(A: Any, b: Any, X: Any) -> Any:
        return xn.scan(lambda carry, X_t: ({"A": carry["A"] + X_t, "b": carry["b"]}, None), {"A": A, "b": b}, X)[0]

    graph = trace(f, *[spec((2, 3))] * 2, spec((2, 4, 3)))
    assert graph.outputs[1] is graph.inputs[1]
    with pytest.raises(ShapeError, match=r"scan: f must return a carry .* got carry=float32\[2\] where it was float32"):
        trace(lambda A, X: xn.scan(lambda A, X_t: (A[:, 0], None), A, X), spec((2, 3)), spec((2, 4, 3)))


@pytest.mark.parametrize("known", [(), (0,), (1, 2), (0, 2), (0, 1)], ids=str)
def test_f_may_read_stand_ins_or_arrays_around_it(known: tuple[int, ...]) -> None:
    """The arrays of these numbers are closed over, and become constants; a stand-in that only f reads makes a loop."""
    every = [x.astype("float32") for x in (numbers(3, 3), numbers(3, 2), numbers(3, 6, 2))]
    left = [i for i in range(3) if i not in known]

    def f(*args: Any) -> Any:
        given = dict(zip(left, args, strict=True))
        return rnn(*(given.get(i, every[i]) for i in range(3)))

    graph = trace(f, *(every[i] for i in left))
    assert len(loops(graph)) == 1
    for one, other in zip(graph(*(every[i] for i in left)), rnn(*every), strict=True):
        assert_array_equal(one, other, strict=True)
        assert one.dtype == "float32"


# Derivatives


def weighted(f: Callable[..., Any]) -> Callable[..., Any]:
    def J(*args: Any) -> Any:
        xp = array_namespace(*args)
        total = 0
        for Y in f(*args):
            size = int(np.prod(tuple(Y.shape)))
            total = total + xp.sum(Y * xp.reshape(xp.cos(xp.astype(xp.arange(size), Y.dtype)), tuple(Y.shape)))
        return total

    return J


def of_second_order(J: Callable[..., Any], argnums: tuple[int, ...]) -> Callable[..., Any]:
    return weighted(grad(J, argnums))


CELLS: dict[str, Callable[[Any, Any, Any, Any], tuple[Any, Any]]] = {
    "tanh": lambda xp, W, A, X: (xp.tanh(W @ A + X),) * 2,
    "gates": lambda xp, W, A, X: (A * xp.exp(-X * X) + xp.tanh(W @ X), W @ A * X),
    "relu": lambda xp, W, A, X: (xn.kernels.silu(W @ A)[0] + xn.kernels.softplus(X)[0], xn.kernels.softmax(A)[0]),
    "sums": lambda xp, W, A, X: (A + xp.sin(X), xp.sum(A * X, axis=0, keepdims=True)),
    "no y of the carry": lambda xp, W, A, X: (xp.sin(A) / 2, W @ X),
    "a carry that forgets": lambda xp, W, A, X: (X * X, A * X),
    "constant": lambda xp, W, A, X: (A, W + 0 * W @ W),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_derivatives_are_those_of_the_unrolled_loop(cell: str, reverse: bool) -> None:
    def by(scan: Any) -> Any:
        def f(W: Any, A_0: Any, X: Any) -> Any:
            xp = array_namespace(X)
            return scan(lambda A, X_t: CELLS[cell](xp, W, A, X_t), A_0, X, reverse=reverse)

        return weighted(f)

    args = numbers(3, 3), numbers(3, 2), numbers(3, 4, 2)
    ours, plain = by(xn.scan), by(unrolled)
    assert len(loops(trace(value_and_grad(ours, ALL), *args))) <= 2
    for one, other in [(ours, plain), (of_second_order(ours, ALL), of_second_order(plain, ALL))]:
        assert_allclose(one(*args), other(*args), rtol=1e-12)
        for g, expected in zip(grad(one, ALL)(*args), grad(other, ALL)(*args), strict=True):
            assert_allclose(g, expected, rtol=1e-11, atol=1e-12)
    check_gradients(ours, *args)


PROGRAM = st.lists(
    st.tuples(st.sampled_from(["tanh", "sin", "mul", "add", "mat"]), *[st.integers(0, 9)] * 2), max_size=6
)


@settings(max_examples=25, deadline=None)
@given(program=PROGRAM, steps=st.integers(1, 4), axis=st.integers(0, 2), reverse=st.booleans(), seed=st.integers(0, 99))
def test_cells_at_random(program: Any, steps: int, axis: int, reverse: bool, seed: int) -> None:
    def cell(W: Any) -> Any:
        def step(A: Any, X: Any) -> Any:
            xp, values = array_namespace(A, X), [A, X, W]
            for name, i, j in program:
                a, b = values[i % len(values)], values[j % len(values)]
                values.append({"tanh": xp.tanh(a), "sin": xp.sin(a + b), "mul": xp.tanh(a) * b, "add": (a - b) / 2,
                               "mat": xp.tanh(a) @ b}[name])  # fmt: skip
            return values[-1], values[len(values) // 2]

        return step

    shape = [2, 2]
    shape.insert(axis, steps)
    args = numbers(2, 2, seed=seed), numbers(2, 2, seed=seed + 1), numbers(*shape, seed=seed)
    one, other = (
        weighted(lambda W, A, X, scan=scan: scan(cell(W), A, X, axis=axis, reverse=reverse))
        for scan in (xn.scan, unrolled)
    )
    for f, plain in [(one, other), (of_second_order(one, ALL), of_second_order(other, ALL))]:
        for g, expected in zip(grad(f, ALL)(*args), grad(plain, ALL)(*args), strict=True):
            assert_allclose(g, expected, rtol=1e-10, atol=1e-11)


def nested(W: Any, X: Any) -> Any:
    """Along time, and within each step along the features, with a tree for a carry."""
    xp = array_namespace(W, X)

    def outer(carry: Any, X_t: Any) -> Any:
        def inner(h: Any, z: Any) -> Any:
            h = xp.tanh(h * carry["s"] + z @ W)
            return h, h * X_t[0, :]

        h, hs = xn.scan(inner, carry["h"], X_t, axis=0)
        return {"h": h / 2, "s": carry["s"] + xp.sum(hs), "n": carry["n"] + 1}, {"hs": hs, "none": None}

    first = {"h": xp.zeros_like(X[0, 0, :]), "s": X[0, 0, 0], "n": xp.astype(X[0, 0, 0], xp.int32)}
    last, ys = xn.scan(outer, first, X)
    return xp.sum(last["h"] ** 2) + xp.sum(xp.sin(ys["hs"])) + last["s"]


def test_a_scan_inside_a_scan() -> None:
    W, X = numbers(4, 4), numbers(3, 5, 4)
    assert len(loops(trace(nested, W, X))) == 1
    assert_allclose(trace(nested, W, X)(W, X), nested(W, X), rtol=1e-14)
    check_gradients(nested, W, X)
    check_gradients(of_second_order(nested, (0, 1)), W, X)


def test_kernels_inside_keep_their_own_derivative() -> None:
    """That of relu at 0 is 0, and not the half that maximum has."""

    def J(X: Any, expand: bool = False) -> Any:
        xp = array_namespace(X)
        return xp.sum(xn.scan(lambda A, X_t: (A + xn.kernels.relu(X_t)[0], None), xp.ones_like(X[:, 0]), X)[0])

    X = np.asarray([[-1.0, 0.0, 2.0]])
    assert_array_equal(grad(J)(X), [[0, 0, 1]])
    assert_array_equal(grad(J, expand=True)(X), [[0, 0.5, 1]])
    assert_array_equal(xn.compile(grad(J))(X), [[0, 0, 1]])


def test_float32_stays(xb: Any) -> None:
    args = [xb.asarray(x[:, :5] if x.ndim == 3 else x, "float32") for x in ARRAYS]
    J, grads = value_and_grad(J_of_rnn, ALL)(*args)
    assert all(g.dtype == xb.xp.float32 for g in (J, *grads))
    exact = grad(J_of_rnn, ALL)(*(xb.to_numpy(x).astype("float64") for x in args))
    for g, expected in zip(grads, exact, strict=True):
        assert_allclose(xb.to_numpy(g), expected, rtol=1e-4, atol=1e-5)


def test_the_derivative_of_a_layer_runs_no_loop_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = Mock(wraps=run)
    monkeypatch.setattr(evaluate, "run", loops)
    args = [x[:, :5] if x.ndim == 3 else x for x in ARRAYS]
    forward, backward = pullback(lambda W, A, X: rnn(W, A, X)[1])
    Y, cache = forward(*args)
    assert loops.call_count == 1
    dY = numbers(*Y.shape)
    grads = backward(dY, cache)
    assert loops.call_count == 2
    expected = grad(lambda *args: array_namespace(*args).sum(dY * rnn(*args)[1]), ALL)(*args)
    for g, other in zip(grads, expected, strict=True):
        assert_allclose(g, other, rtol=1e-12)


def test_derivatives_by_every_node_of_a_graph() -> None:
    args = [x[:, :5] if x.ndim == 3 else x for x in ARRAYS]
    graph = trace(J_of_rnn, *args)
    found = derivatives(graph, *args)
    for node, expected in zip(graph.inputs, grad(J_of_rnn, ALL)(*args), strict=True):
        assert_allclose(found[node], expected, rtol=1e-12)


if "torch" in {row.name for row in selected()}:

    def test_gradients_are_torchs() -> None:
        import torch

        args = [torch.asarray(x).requires_grad_(True) for x in ARRAYS]
        expected = torch.autograd.grad(J_of_rnn(*args), args)
        for g, other in zip(grad(J_of_rnn, ALL)(*ARRAYS), expected, strict=True):
            assert_allclose(g, other, rtol=1e-9, atol=1e-10)


if "jax" in {row.name for row in selected()}:

    def test_jit_makes_loops_of_them() -> None:
        import jax

        args = [jax.numpy.asarray(x) for x in ARRAYS]
        run = jax.jit(grad(J_of_rnn, ALL))
        assert run.lower(*args).as_text().count("stablehlo.while") == 2
        for g, other in zip(run(*args), grad(J_of_rnn, ALL)(*ARRAYS), strict=True):
            assert_allclose(g, other, rtol=1e-9, atol=1e-10)


# Text, drawing, compiled


def test_the_text_has_the_body_once() -> None:
    lines = [
        re.sub(r"(?<=\S) +", " ", line.partition("#")[0]).rstrip() for line in str(trace(rnn, *SPECS)).splitlines()
    ]
    assert lines == [
        "W = input float64[5, 5]",
        "A_0 = input float64[5, 4]",
        "X = input float64[5, 200, 4]",
        "%1 = scan(W, A_0, X, steps=200) loop[200]",
        "    A = A_0 at first, then A_next float64[5, 4]",
        "    X_t = X[:, t, ...] float64[5, 4]",
        "    %4 = matmul(W, A) float64[5, 4]",
        "    Z = add(%4, X_t) float64[5, 4]",
        "    A_next = tanh(Z) float64[5, 4]",
        "%2 = A_next of the last step of %1 float64[5, 4]",
        "%3 = A_next of each step of %1, axis=1 float64[5, 200, 4]",
        "return (%2, %3)",
    ]
    assert len(str(trace(value_and_grad(J_of_rnn, ALL), *SPECS)).splitlines()) < 50
    assert len(str(trace(value_and_grad(J_of_rnn), *SPECS)).splitlines()) < 40


def test_the_drawing_has_the_body_once_in_a_group() -> None:
    picture = trace(J_of_rnn, *SPECS).draw()
    words = [word for word in ("scan, 200 steps", "at first, then A_next", "at each", "at last") if word in picture]
    assert len(words) == 4
    assert picture.count("tanh(") == 1
    both = trace(value_and_grad(J_of_rnn), *SPECS).draw()
    assert both.count(">scan, 200 steps<") == both.count(">scan 2, 200 steps<") == 1
    assert 'class="group"' in trace(nested, spec((4, 4)), spec((3, 5, 4))).draw()


def test_compiled_it_is_the_same() -> None:
    f = value_and_grad(J_of_rnn, ALL)
    compiled = xn.compile(f)
    for k in range(3):
        args = [numbers(*shape, seed=k) for shape in SHAPES]
        (J, grads), (J_plain, plain) = compiled(*args), f(*args)
        for one, other in zip([J, *grads], [J_plain, *plain], strict=True):
            assert_allclose(one, other, rtol=1e-12)
    assert len(compiled.source.splitlines()) < 100


def test_a_compiled_loop_keeps_nothing_of_what_is_donated() -> None:
    """The last carry is a view of the last step of X, whose memory X + 1 takes."""
    compiled = xn.compile(lambda X: (X + 1.0, xn.scan(lambda A, X_t: (X_t, A), X[:, 0, :], X)), donate="X")
    X = numbers(2, 4, 3)
    Y, (last, before) = compiled(X)
    results = last.copy(), before.copy()
    for one, other in zip(results, (X[:, -1], np.concatenate([X[:, :1], X[:, :-1]], axis=1)), strict=True):
        assert_array_equal(one, other)
    compiled(Y)
    for one, other in zip((last, before), results, strict=True):
        assert_array_equal(one, other)
