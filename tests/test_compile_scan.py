"""Compiled loops: every form of carry, step and result, whole and in blocks, on NumPy and on the toy target."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from compile_laws import alike, checked
from toy_target import EVERY, TOY

import xnet as xn
from xnet.compile.target import Target

F = Callable[..., Any]
N, T, M = 3, 5, 4


def rnn(W: Any, b: Any, A: Any, X: Any) -> Any:
    xp = array_namespace(X)

    def cell(A: Any, X_t: Any) -> Any:
        A = xp.tanh(W @ A + X_t + b)
        return A, A

    return xn.scan(cell, A, X)


def running(W: Any, b: Any, A: Any, X: Any) -> Any:
    return xn.scan(lambda c, X_t: ({"sum": c["sum"] + X_t, "last": X_t * c["sum"]}, None), {"sum": A, "last": b + A}, X)


def exchanged(W: Any, b: Any, A: Any, X: Any) -> Any:
    return xn.scan(lambda c, X_t: ((c[1], c[0]), c[0] + X_t), (A, 2.0 * A), X, reverse=True)


def shifted(W: Any, b: Any, A: Any, X: Any) -> Any:
    """The last four steps."""
    return xn.scan(lambda c, X_t: ((*c[1:], c[0] - X_t), c[0] * c[2]), (A, A + 1.0, A + 2.0, A + 3.0), X)


def without_sequence_use(W: Any, b: Any, A: Any, X: Any) -> Any:
    return xn.scan(lambda A, _: (array_namespace(A).sin(W @ A), W @ A), A, X)


def views(W: Any, b: Any, A: Any, X: Any) -> Any:
    xp = array_namespace(X)
    return xn.scan(lambda A, X_t: (X_t[::-1, :], (A, X_t, W, A.mT, xp.flip(A), xp.sum(A, axis=1), A @ A.mT, b)), A, X)


def kept(W: Any, b: Any, A: Any, X: Any) -> Any:
    """A carry that is an argument of the step, or a constant, or that never changes."""
    return xn.scan(lambda c, X_t: ((X_t, A, c[2]), c[0] + c[1] + c[2]), (A, A, A * 2.0), X)


def numbers(W: Any, b: Any, A: Any, X: Any) -> Any:
    """Carries and steps without axes, and integers."""
    xp = array_namespace(X)
    start = (xp.sum(A), xp.asarray(0, dtype=xp.int64) if xp is np else xp.zeros((), dtype=xp.int64))
    return xn.scan(lambda c, x: ((c[0] * 0.5 + x, c[1] + 1), (c[0] * x, c[1])), start, X[0, :, 0], axis=0)


def reductions(W: Any, b: Any, A: Any, X: Any) -> Any:
    xp = array_namespace(X)

    def cell(s: Any, X_t: Any) -> Any:
        Z = xp.exp(X_t - xp.max(X_t, axis=0, keepdims=True))
        P = Z / xp.sum(Z, axis=0, keepdims=True)
        return s + xp.sum(P, axis=1, keepdims=True), (P, xp.where(P > 0.3, P, -P), xp.argmax(P, axis=0))

    return xn.scan(cell, b, X)


def nested(W: Any, b: Any, A: Any, X: Any) -> Any:
    xp = array_namespace(X)

    def outer(A: Any, X_t: Any) -> Any:
        B, Y = xn.scan(lambda B, W_row: (B + xp.tanh(A * W_row), B), X_t, W[:, :, None])
        return xp.sin(A + B), Y

    return xn.scan(outer, A, X)


def other(W: Any, b: Any, A: Any, X: Any) -> Any:
    """Operations that make their own memory, and indices that are new at each step."""
    xp = array_namespace(X)

    def cell(A: Any, X_t: Any) -> Any:
        rows = xp.take(A, xp.argmax(X_t, axis=0)[:N], axis=0)
        return xp.cumulative_sum(A, axis=0) * 0.1 + X_t, (rows, xp.concat([A, X_t]))

    return xn.scan(cell, A, X)


def last_axis(W: Any, b: Any, A: Any, X: Any) -> Any:
    return xn.scan(lambda A, x: (W @ A + x, (A, 1.0 - A)), A[:, 0], X[:, :, 0], axis=-1, reverse=True)


LOOPS = [
    rnn,
    running,
    exchanged,
    shifted,
    without_sequence_use,
    views,
    kept,
    numbers,
    reductions,
    nested,
    other,
    last_axis,
]
SMOOTH = [rnn, running, exchanged, shifted, without_sequence_use, kept, nested, last_axis]


def arguments(seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=shape) for shape in ((N, N), (N, 1), (N, M), (N, T, M)))


def total(tree: Any) -> Any:
    leaves = [x for x in xn.trees.leaves(tree) if x is not None]
    xp = array_namespace(*leaves)
    return sum(xp.sum(xp.sin(x * (i + 1.0))) for i, x in enumerate(leaves))


@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_every_loop(f: F, way: Target) -> None:
    checked(f, *map(arguments, (0, 1, 0)), target=way)


@pytest.mark.parametrize("f", SMOOTH, ids=lambda f: f.__name__)
def test_derivatives(f: F, way: Target) -> None:
    checked(xn.value_and_grad(lambda *xs: total(f(*xs)), (0, 1, 2, 3)), arguments(0), arguments(1), target=way)


@pytest.mark.parametrize("f", [rnn, running, shifted], ids=lambda f: f.__name__)
def test_second_derivatives(f: F, way: Target) -> None:
    first = xn.grad(lambda *xs: total(f(*xs)), (0, 2))
    checked(xn.grad(lambda *xs: total(first(*xs)), (0, 3)), arguments(0), arguments(1), rtol=1e-9, target=way)


@pytest.mark.parametrize("target", [TOY, EVERY], ids=["plain", "every"])
@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_another_target(f: F, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(xn.backend("numpy")), "targets", ("numpy", "c", "toy"))
    c = xn.compile(f, target=target)
    for seed in (0, 1):
        alike(c(*arguments(seed)), f(*arguments(seed)))


def test_donated_arguments(way: Target) -> None:
    """A training step whose gradients come from a loop."""

    def step(params: Any, X: Any) -> Any:
        J, grads = xn.value_and_grad(lambda params: total(rnn(params["W"], params["b"], X[:, 0, :], X)))(params)
        return {name: params[name] - 0.01 * grads[name] for name in params}, J

    W, b, _, X = arguments(0)
    c, mine = xn.compile(step, donate="params", target=way), {"W": W, "b": b}
    theirs = dict(mine)
    for i in range(4):
        (mine, J), (theirs, expected) = c(mine, X + i), step(theirs, X + i)
        alike((mine, J), (theirs, expected), 1e-9)


def test_carries_are_updated_in_place_where_they_can_be() -> None:
    c = xn.compile(lambda A, X: xn.scan(lambda total, X_t: (total + 2.0 * X_t, None), A, X))
    c(*arguments(0)[2:])
    assert "cycle" not in c.source
    assert "scratch = memory(256)" in c.source  # the carry, and 2 X_t


def test_a_recurrence_is_read_in_a_page() -> None:
    """200 steps, forward and backward, are two loops in less than 100 lines."""

    def J(W: Any, b: Any, A: Any, X: Any) -> Any:
        _, Y = rnn(W, b, A, X)
        return array_namespace(Y).mean(Y * Y)

    rng = np.random.default_rng(0)
    shapes = ((64, 64), (64, 1), (64, 32), (64, 200, 32))
    c = xn.compile(xn.value_and_grad(J, (0, 1, 2)))
    arrays = [0.1 * rng.normal(size=shape).astype("float32") for shape in shapes]
    alike(c(*arrays), xn.value_and_grad(J, (0, 1, 2))(*arrays), 1e-5)
    assert len(c.source.splitlines()) < 100
    assert len(re.findall(r"\n +for .* in zip\(", c.source)) == 2
