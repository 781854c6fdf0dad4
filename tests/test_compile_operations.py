"""Compiled patches, fold, take and scatter_add give what the functions give."""

from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from compile_laws import EVERY_WAY, alike, checked
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import xnet as xn
from xnet.compile.target import Target
from xnet.errors import ShapeError
from xnet.operations import fold, patches, scatter_add

PAIRS = st.tuples(st.integers(0, 3), st.integers(0, 3))
WINDOWS = st.fixed_dictionaries({
    "size": st.tuples(st.integers(1, 3), st.integers(1, 3)),
    "stride": st.tuples(st.integers(1, 4), st.integers(1, 4)),
    "padding": st.tuples(PAIRS, PAIRS),
    "dilation": st.tuples(st.integers(1, 3), st.integers(1, 3)),
})  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(window=WINDOWS, height=st.integers(1, 6), width=st.integers(1, 6), name=st.sampled_from([*EVERY_WAY]))
def test_windows(window: dict[str, Any], height: int, width: int, name: str) -> None:
    """Forward and backward, with windows that lie in the padding."""
    X = np.random.default_rng(0).normal(size=(2, height, width, 3))
    try:
        P = patches(X, **window)
    except ShapeError:
        assume(False)

    def J(X: Any) -> Any:
        Y = patches(array_namespace(X).sin(X), **window)
        return array_namespace(X).sum(Y * Y * P)

    target = EVERY_WAY[name]
    checked(xn.value_and_grad(J), (X,), (X + 1.0,), target=target)
    checked(lambda P: 2.0 * fold(P * P, X.shape, **window), (P,), (P + 1.0,), target=target)


def test_memory_is_cleared_at_each_call(way: Target) -> None:
    """The places of scatter_add and of padding are used for something else before."""

    def f(X: Any, i: Any) -> Any:
        xp = array_namespace(X)
        Y = xp.exp(X @ X.mT)
        Y = scatter_add(xp.take(Y @ Y, i, axis=0), i, 4) @ Y
        return xp.sum(patches(xp.reshape(Y @ Y, (1, 4, 4, 1)), 2, padding=1), axis=1)

    X = np.random.default_rng(0).normal(size=(4, 4)) * 0.1
    checked(f, (X, np.asarray([0, 2, 2, -1])), (X + 0.1, np.asarray([1, 1, 1, 0])), target=way)


@pytest.mark.parametrize("wrong", [4, -5])
def test_an_index_out_of_range_is_an_error(wrong: int, way: Target) -> None:
    """As in the functions themselves; what was donated is as before."""
    c = xn.compile(lambda W, i: W - xp_take(W, i), donate="W", target=way)
    W = c(np.ones((4, 2)), np.arange(4))
    with pytest.raises(IndexError, match="out of bounds"):
        c(W, np.asarray([0, 1, 2, wrong]))
    alike(W, np.zeros((4, 2)))


def xp_take(W: Any, i: Any) -> Any:
    return array_namespace(W).take(W, i, axis=0)


def test_an_embedding_is_updated_without_a_matrix_of_its_words() -> None:
    rng = np.random.default_rng(0)
    W, words, target = rng.normal(size=(3000, 8)), rng.integers(0, 3000, size=64), rng.normal(size=(64, 8))

    def step(W: Any) -> Any:
        J, dW = xn.value_and_grad(lambda W: array_namespace(W).sum((xp_take(W, words) - target) ** 2))(W)
        return W - 0.1 * dW, J

    c = xn.compile(step, donate="W")
    mine = theirs = W
    for _ in range(3):
        (mine, J), (theirs, expected) = c(mine), step(theirs)
        alike((mine, J), (theirs, expected), 1e-9)
    assert "scatter_add(" in c.source
    assert "equal(" not in c.source
