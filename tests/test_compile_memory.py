"""Compiled functions write over what was donated, and over nothing that is kept."""

from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from compile_laws import alike, copied

import xnet as xn
from xnet.compile.target import Target


def updated(params: Any, X: Any) -> Any:
    """All that can become of a donated array: changed in itself, exchanged, kept, made of others."""
    xp = array_namespace(X)
    a, b, c, d, e = (params[name] for name in "abcde")
    return (
        {
            "a": a - 0.1 * b * xp.sum(X),
            "b": b + xp.sum(a),
            "c": d,
            "d": c,
            "e": xp.where(e > 0, e + a, a),
        },
        xp.sum(a * a),
        b[:1, :],
    )


def many(seed: int = 0) -> Any:
    return dict(zip("abcde", np.random.default_rng(seed).normal(size=(5, 3, 4)), strict=True))


def test_what_is_donated_lives_on_in_its_memory(way: Target) -> None:
    c = xn.compile(updated, donate="params", target=way)
    params, X = many(), np.ones((2, 2))
    given, theirs = copied(params), params
    mine: Any = None
    for i in range(4):
        expected = updated(theirs, X * i)
        result = c(params if mine is None else mine, X * i)
        alike(result, expected)
        if mine is not None:
            assert all(result[0][name] is mine[name] for name in mine)
        mine, theirs = result[0], expected[0]
    alike(params, given, 0)


def test_what_is_donated_may_come_back_in_another_order(way: Target) -> None:
    """Shapes that could be spread over one another: a mistake would not be an error."""
    c = xn.compile(lambda x, y: (y + 1.0, x + 2.0), donate=("x", "y"), target=way)
    x, y = np.zeros((1, 3)), np.ones((2, 3))
    for i in range(3):
        given = x, y
        y, x = c(x, y)
        alike((x, y), (np.full((1, 3), 2.0 * i + 2), np.full((2, 3), i + 2.0)))
        assert i == 0 or (x is given[0] and y is given[1])


def test_two_sets_of_donated_arrays_take_turns(way: Target) -> None:
    c = xn.compile(updated, donate="params", target=way)
    X = np.ones((2, 2))
    mine, theirs = [many(i) for i in range(6)], [many(i) for i in range(6)]
    for _ in range(3):
        for i in range(6):
            (mine[i], *rest), (theirs[i], *expected) = c(mine[i], X), updated(theirs[i], X)
            alike(rest, expected)
    alike(mine, theirs)
    assert len(c.programs) == 1


def test_what_was_not_donated_again_is_kept(way: Target) -> None:
    """Half of an earlier result beside new arrays: the other half is still somebody's."""
    c = xn.compile(updated, donate="params", target=way)
    X = np.ones((2, 2))
    first, *_ = c(many(0), X)
    kept = copied(first)
    c({**many(1), "a": first["a"]}, X)
    alike({name: first[name] for name in "bcde"}, {name: kept[name] for name in "bcde"}, 0)


def test_an_argument_may_lie_in_donated_memory(way: Target) -> None:
    def f(params: Any, X: Any) -> Any:
        return {"W": params["W"] + X.mT, "v": params["v"] * 2.0}, X * 1.0

    c = xn.compile(f, donate=(0,), target=way)
    mine = theirs = {"W": np.arange(9.0).reshape(3, 3), "v": np.ones(3)}
    for _ in range(3):
        (mine, Y), (theirs, Z) = c(mine, mine["W"]), f(theirs, theirs["W"])
        alike((mine, Y), (theirs, Z))


class Kind(np.ndarray):
    """A person's own kind of array."""


@pytest.mark.parametrize(
    "look",
    [
        lambda W: W[:],
        lambda W: W.view(Kind),
        lambda W: np.asarray(memoryview(W)),
        np.from_dlpack,
        lambda W: np.lib.stride_tricks.sliding_window_view(W, W.shape)[0, 0],
        np.ma.asarray,
    ],
)
@pytest.mark.parametrize("name", ["a", "W", "v"])
def test_an_argument_may_look_at_donated_memory_in_any_way(look: Any, name: str, way: Target) -> None:
    def f(params: Any, X: Any) -> Any:
        return {"a": params["a"] * 2.0, "W": params["W"] + X.mT, "v": params["v"] + X}

    c = xn.compile(f, donate="params", target=way)
    start = {"a": np.ones((3, 3)), "W": np.arange(9.0).reshape(3, 3), "v": np.ones((3, 3))}
    params = c(start, np.zeros((3, 3)))
    before = copied(params)
    alike(c(params, look(params[name])), f(before, before[name]))


def test_an_array_that_is_donated_twice_becomes_two(way: Target) -> None:
    c = xn.compile(lambda p: [p[0] + 1.0, p[1] * 2.0], donate="p", target=way)
    x = np.ones((2, 3))
    one, two = c([x, x])
    alike([one, two], [x + 1, x * 2])
