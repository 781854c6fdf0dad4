"""Programs in C: random functions beside eager NumPy, what is chosen and when, and what cannot be in C."""

import re
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from compile_laws import IN_C, alike, checked, copied
from hypothesis import example, given, settings
from hypothesis import strategies as st
from marks import needs_a_compiler

import xnet as xn
from xnet.compile.c import blas
from xnet.compile.c.place import reshaped, row_major
from xnet.compile.c.target import _kind

pytestmark = needs_a_compiler

UNARY = ("exp", "tanh", "abs", "negative", "square", "floor", "sign")
BINARY = ("add", "subtract", "multiply", "maximum", "minimum")
REDUCED = ("sum", "max", "min", "prod")
ROWS = np.asarray([0, -1, 1])
SHAPES = st.sampled_from([(), (1,), (3,), (2, 3), (0, 3), (3, 3), (40, 3), (3, 40), (2, 3, 4)])
STEPS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=7
)


def program(steps: list[tuple[int, int, int, int]]) -> Any:
    """A function of two arrays: each step makes one more array of those before."""

    def f(x: Any, y: Any) -> Any:
        xp = array_namespace(x, y)
        made = [x, y]
        for kind, i, j, k in steps:
            a, b = made[i % len(made)], made[j % len(made)]
            made.append(one(xp, kind, a, b, k))
        return made[-1], made[len(made) // 2], xp.sum(xp.astype(made[-1], xp.float64))

    return f


def one(xp: Any, kind: int, a: Any, b: Any, k: int) -> Any:
    rows = a.ndim > 0
    match kind:
        case 0:
            op = UNARY[k % len(UNARY)]
            # Away from 0 and whole numbers, where rounding decides on which side of a step a number is.
            return getattr(xp, op)(xp.astype(a, xp.float64) * 0.5 + (0.137 if op in {"floor", "sign"} else 0.0))
        case 1 | 2 if (a.shape, a.dtype) == (b.shape, b.dtype):
            return getattr(xp, BINARY[k % len(BINARY)])(a, b)
        case 3 if 0 not in a.shape:
            axis = None if not rows or k > 4 else k % a.ndim
            return getattr(xp, REDUCED[k % len(REDUCED)])(xp.tanh(xp.astype(a, xp.float64)), axis=axis, keepdims=k < 3)
        case 4 if a.ndim == 2:
            return xp.tanh(xp.astype(a @ a.mT, xp.float64))
        case 5 if rows:
            return xp.flip(a, axis=k % a.ndim)
        case 6 if rows and a.shape[0]:
            return a[:: -1 if k % 2 else 2, ...]
        case 7 if (a.shape, a.dtype) == (b.shape, b.dtype):
            return xp.where(a > b, a, b)
        case 8:
            return xp.reshape(xp.permute_dims(a, tuple(reversed(range(a.ndim)))), (-1,))
        case 9 if rows and a.shape[0] > 1:
            return xp.take(a, ROWS, axis=0)
    # The same here: tanh z is 1 or the number below it.
    return xp.astype(xp.astype(xp.astype(a, xp.float64) * 3 + 0.37, xp.int64) % 5, xp.float64) + 1.0 * k


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, other=SHAPES, steps=STEPS, dtype=st.sampled_from(["float64", "int32", "int64"]))
@example(shape=(), other=(40, 3), steps=[(4, 1, 0, 0), (1, 2, 0, 0)], dtype="float64")
def test_random_functions(shape: Any, other: Any, steps: Any, dtype: str) -> None:
    rng = np.random.default_rng(0)
    calls = [(rng.normal(size=shape) * 3, (rng.normal(size=other) * 3).astype(dtype)) for _ in range(2)]
    checked(program(steps), *calls, rtol=1e-9, target=IN_C)


@settings(max_examples=15, deadline=None)
@given(shape=SHAPES, steps=STEPS)
def test_random_functions_with_donated_memory(shape: Any, steps: Any) -> None:
    """Chained: each call is given what the last returned."""
    f = program(steps)

    def step(x: Any, y: Any) -> Any:
        xp = array_namespace(x)
        last, _, total = f(x, y)
        return xp.tanh(x * 0.9 + xp.tanh(total)), last, total

    c = xn.compile(step, donate="x", target=IN_C)
    mine = theirs = np.random.default_rng(0).normal(size=shape)
    y = np.random.default_rng(1).normal(size=shape)
    mine = mine.copy()
    for _ in range(3):
        (mine, *rest), (theirs, *expected) = c(mine, y), step(theirs, y)
        alike([mine, *rest], [theirs, *expected], 1e-9)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_reshaping_looks_at_the_same_memory_where_numpy_does(data: Any) -> None:
    shape = data.draw(st.sampled_from([(2, 3, 4), (4, 1, 6), (1, 24), (24,), (2, 12), (2, 2, 2, 3)]))
    to = data.draw(st.sampled_from([(24,), (4, 6), (2, 3, 4), (3, 8), (6, 1, 4), (1, 24, 1)]))
    x = np.arange(24).reshape(shape).transpose(data.draw(st.permutations(range(len(shape)))))
    found = reshaped(x.shape, [s // 8 for s in x.strides], to)
    y = x.reshape(to)
    assert (found is not None) == np.shares_memory(x, y)
    if found is not None:
        assert np.array_equal(np.lib.stride_tricks.as_strided(x, to, [s * 8 for s in found]), y)
    assert row_major(to) == tuple(s // 8 for s in np.ascontiguousarray(y).reshape(to).strides)


def test_arguments_of_any_layout_and_alignment() -> None:
    def f(x: Any, y: Any) -> Any:
        return 2.0 * x + y, x

    whole = np.random.default_rng(0).normal(size=(200, 300))
    bytes_ = np.zeros(200 * 150 * 8 + 1, np.uint8)
    unaligned = bytes_[1:].view(np.float64).reshape(200, 150)
    checked(f, (whole[:, ::2], unaligned), (whole[::-1, 150:], unaligned), target=IN_C)
    read_only = whole.copy()
    read_only.flags.writeable = False
    checked(f, (read_only, whole), target=IN_C)
    checked(f, (whole[:3, :2].T, whole[4:6, :3]), target=IN_C)


def test_what_only_numpy_can_do_stands_between_parts_in_c() -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.sum(xp.sort(xp.exp(x), axis=0) @ x.mT), xp.linalg.inv(x @ x.mT + 1.0)

    c = checked(f, (np.random.default_rng(0).normal(size=(3, 3)),), rtol=1e-9, target=IN_C)
    assert "/* In Python: " in c.source
    assert len(re.findall(r"EXPORT long long step\d?\(", c.source)) > 1


def test_equal_layers_are_one_function() -> None:
    def functions(layers: int) -> int:
        net = xn.Network([xn.Dense(4, "tanh") for _ in range(layers)])
        step = xn.Step(net, xn.Cost("mean_squared_error"), xn.Adam())
        params = net.init(4, dtype="float64", backend="numpy")
        c = xn.compile(step, donate=("params", "state"), target=IN_C)
        c(params, step.optimizer.init(params), np.ones((4, 3)), np.ones((4, 3)))
        return c.source.count("static NOINLINE")

    assert functions(20) == functions(4)


def test_after_many_calls_a_function_is_in_c() -> None:
    """By counts: a call of this function is thought to save 0.9 ms."""

    def f(W: Any, x: Any) -> Any:
        return array_namespace(W).tanh(W) + x, array_namespace(W).sum(W)

    x = np.ones((300, 100))
    c = xn.compile(f, donate="W")
    mine, theirs = np.zeros((300, 100)), np.zeros((300, 100))
    how = []
    for i in range(6):
        (mine, J), (theirs, expected) = c(mine, x), f(theirs, x)
        if i == 2:
            assert 10**3 < c.programs[0].calls_left < 10**5
            c.programs[0].calls_left = 1
        alike([mine, J], [theirs, expected], 1e-9)
        how.append(c.how.startswith("on NumPy in C"))
    assert how == [False, False, False, False, True, True]
    for calls, in_c in ((1, False), (10**6, True)):
        c = xn.compile(f, calls=calls)
        c(theirs, x)
        assert c.how.startswith("on NumPy in C") == in_c


def test_without_a_compiler_numpy_runs_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_CC", "none")
    x = np.ones(3)
    for c in (xn.compile(lambda x: 2.0 * x, target="c"), xn.compile(lambda x: 2.0 * x, calls=10**9)):
        alike(c(x), 2.0 * x)
        assert c.how == (
            "on NumPy, 0 MB of memory made once; not in C, since C compiler: there must be one; "
            "got XNET_CC=none turns the C compiler off; unset XNET_CC"
        )


def test_without_a_blas_products_are_calls_from_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "find", lambda: blas.NoBlas("there is none"))
    _kind.cache_clear()
    try:
        c = checked(lambda x: array_namespace(x).exp(x @ x.mT) @ x, (np.ones((3, 2)),), target=IN_C)
    finally:
        monkeypatch.undo()
        _kind.cache_clear()
    assert c.source.count("/* In Python: matmul(") == 2
    assert c.source.count("EXPORT long long step") == 1
    assert c.how.endswith("MB of memory made once; products are calls from Python, since there is none")


def test_an_interrupted_step_is_whole() -> None:
    """Nothing of Python runs where donated memory is written: all of it is in the last call of C."""
    c = xn.compile(lambda W: (array_namespace(W).sort(W) + 1.0, array_namespace(W).sum(W)), donate="W", target=IN_C)
    W, _ = c(np.asarray([3.0, 1.0, 2.0]))
    before = copied(W)
    run = c.programs[0].idle[0][0]
    assert "sort" in c.source.partition("step2")[0]
    alike(run()[0], np.sort(before) + 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4, 2), (2, 400)),
        ((400, 300), (300,)),
        ((300,), (300, 40)),
        ((9,), (9,)),
        ((2, 1, 5, 3), (4, 3, 6)),
        ((3, 0), (0, 2)),
    ],
)
def test_products(a: tuple[int, ...], b: tuple[int, ...], dtype: str) -> None:
    """Of matrices, vectors and stacks, which lie in memory as they are, transposed, reversed or with gaps."""
    rng = np.random.default_rng(0)

    def f(a: Any, b: Any) -> Any:
        xp = array_namespace(a)
        turned = [xp.permute_dims(x, tuple(reversed(range(x.ndim)))) for x in (a, b)]
        back = [xp.permute_dims(x + x, tuple(reversed(range(x.ndim)))) for x in turned]
        c = a @ b, back[0] @ b, a @ back[1], back[0] @ back[1]
        return (*c, xp.flip(a, axis=-1) @ xp.flip(b, axis=0 if b.ndim == 1 else -2))

    args = [(rng.normal(size=shape) * 3).astype(dtype) for shape in (a, b)]
    checked(f, tuple(args), rtol=2e-4 if dtype == "float32" else 1e-11, target=IN_C)


WORDS = [
    "N",
    "NAN",
    "linux",
    "int",
    "long",
    "exp",
    "i0",
    "i",
    "p",
    "sgemm",
    "bool",
    "M_PI",
    "step",
    "lane",
    "x y",
    "α",
    "1",
]


def test_every_name_is_possible() -> None:
    """Words of C, macros of its compilers, and what C does not take at all."""

    def f(params: Any) -> Any:
        xp = array_namespace(params["N"])
        return {name: xp.sum(xp.exp(W) @ W + 1.0) + xp.tanh(W) for name, W in params.items()}

    checked(f, ({name: np.full((2, 2), 0.1 * i) for i, name in enumerate(WORDS)},), target=IN_C)
