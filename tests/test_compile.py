"""The compiler: what it makes of a function gives what the function gives."""

import re
from collections import OrderedDict
from enum import Enum
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from cases import CASES
from cases import Case as Kernel
from compile_laws import SMALL_BLOCKS, WHOLE, alike, checked, steps
from derive_cases import PROGRAMS, ROWS, Row, composed
from hypothesis import given, settings
from hypothesis import strategies as st

import xnet as xn
from xnet.backends import backend_of
from xnet.compile.numpy import threads
from xnet.compile.rewrite import rewrite
from xnet.compile.target import Target
from xnet.errors import DeviceMismatchError, TraceError, ValueRangeError
from xnet.graph.ir import in_order

Patch = pytest.MonkeyPatch
Way = Enum("Way", ["UP", "DOWN"])
STEPS: dict[str, tuple[xn.Optimizer, dict[str, Any]]] = {
    "sgd": (xn.SGD(0.1), {}),
    "momentum": (xn.Momentum(), {"l2": 0.1}),
    "rmsprop": (xn.RMSprop(), {"clip_value": 0.01}),
    "adam": (xn.Adam(), {}),
    "adam with all": (xn.Adam(xn.schedules.Cosine(0.01, 10)), {"l2": 0.1, "clip_value": 1.0, "clip_norm": 0.1}),
    "adamw": (xn.AdamW(xn.schedules.WarmUp(0.01, 3)), {"clip_norm": 0.1}),
}
ACTIVATIONS = ["relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus", "softmax", None]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_operation(row: Row, way: Target) -> None:
    def f(*xs: Any) -> Any:
        return row.f(array_namespace(*xs), *xs)

    checked(f, *([*row.arrays(seed), *row.indices()] for seed in (0, 1, 0)), target=way)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [row for row in ROWS if not row.integers], ids=str)
def test_every_derivative(row: Row, way: Target) -> None:
    def J(*xs: Any) -> Any:
        xp = array_namespace(*xs)
        return xp.sum(xp.sin(row.f(xp, *xs)))

    checked(xn.value_and_grad(J, tuple(range(len(row.shapes)))), row.arrays(0), row.arrays(1), target=way)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_kernel(case: Kernel, dtype: str, way: Target) -> None:
    def there_and_back(*arguments: Any) -> Any:
        Y, cache = case.forward(*arguments)
        return Y, cache, case.backward(Y * Y, cache)

    inputs = [
        [x.astype(dtype) if x.dtype.kind == "f" else x for x in case.inputs(seed, m=9).values()] for seed in (0, 1)
    ]
    checked(there_and_back, *map(tuple, inputs), rtol=1e-12 if dtype == "float64" else 1e-5, target=way)


@settings(max_examples=60, deadline=None)
@given(program=PROGRAMS, seed=st.integers(0, 99), m=st.integers(1, 5), blocks=st.booleans())
def test_compositions(program: list[tuple[str, int, int]], seed: int, m: int, blocks: bool) -> None:
    target = SMALL_BLOCKS if blocks else WHOLE
    a, b, c, d = np.random.default_rng(seed).normal(size=(4, 3, 3))
    checked(xn.value_and_grad(composed(program), (0, 1)), (a, b), (c, d), rtol=1e-9, target=target)


def views(X: Any, Y: Any) -> Any:
    xp = array_namespace(X)
    Z = xp.exp(X)
    return {
        "a view": X[1:, ::2],
        "of our own": Z.mT,
        "and its rows": (xp.reshape(Z.mT, (-1,)), Z[0, :], xp.reshape(Z, (-1,)), xp.broadcast_to(Z[:1, :], Z.shape)),
        "the argument": X,
        "known": (xp.ones((2, 2)), xp.arange(3) + 1, xp.full((), 2.0) * 3.0),
        "twice": [Z, Z],
        "nothing": None,
        "integers": (Y + 1, Y // 2, Y * Y, xp.astype(Y, xp.float32), Y == 3, xp.argmax(X, axis=0), xp.sum(Y)),
    }


def test_views_constants_and_arguments(way: Target) -> None:
    X, Y = np.random.default_rng(0).normal(size=(3, 4)), np.arange(4, dtype="int32")
    checked(views, (X, Y), (X + 1, Y + 1), target=way)
    checked(views, (X.T.copy().T, Y[::-1]), (np.tile(X, 2)[:, ::2], Y), target=way)


def test_the_same_for_numbers_of_numpy(way: Target) -> None:
    x = np.ones((2, 3), "float32")
    checked(lambda a, x: (a * x + 1, a - 1), (np.float32(2), x), (np.float32(3), x), rtol=1e-6, target=way)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays(shape: tuple[int, ...], way: Target) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xn.kernels.relu(x)[0], xp.sum(xp.exp(x) * 2.0 + x, axis=0), xp.sin(xp.flip(x)) - x

    x = np.ones(shape)
    checked(f, (x,), target=way)
    c = xn.compile(lambda x: (xn.kernels.elu(x)[0], x @ x.mT if x.ndim > 1 else x), donate="x", target=way)
    for _ in range(3):
        x, _ = c(x)
    assert (x.shape, x.dtype) == (shape, np.dtype("float64"))


def test_no_warning_of_what_overflows(way: Target) -> None:
    """As in the other libraries; and on all threads alike."""
    c = xn.compile(lambda x: array_namespace(x).exp(x) / (x - x), target=way)
    assert np.all(np.isinf(c(np.full((4, 4), 1e4))))


def test_no_warning_of_what_is_known_beforehand() -> None:
    c = xn.compile(lambda x: x + array_namespace(x).log(array_namespace(x).zeros(2)))
    assert np.all(np.isneginf(c(np.ones(2))))


def named_like_ours(s1: Any, s1_: Any, slice: Any, chain: Any, own: Any, full_: Any) -> Any:
    xp = array_namespace(s1)
    t1 = xp.sin(s1) * s1_ + slice * xp.cos(chain) - own
    return xp.maximum(t1, 0.0) * full_, xp.exp(slice[1:, :])[1:, :] * 2.0, xp.sum(t1, axis=0) / own


def test_names_that_the_text_uses_itself(way: Target) -> None:
    arrays = tuple(np.random.default_rng(0).normal(size=(6, 7, 5)))
    checked(named_like_ours, arrays, arrays[::-1], target=way)


def test_one_number_of_an_array_is_not_kept_from_before(way: Target) -> None:
    def f(x: Any) -> Any:
        S = array_namespace(x).sum(x * x, axis=1)
        return S[0] * x, S[1], S[-1] + S[0]

    checked(f, (np.ones((3, 4)),), (np.arange(12.0).reshape(3, 4),), target=way)


def test_what_is_read_besides_the_arguments_stays_as_it_was() -> None:
    W = np.ones((2, 2))
    c = xn.compile(lambda x: (x @ W, W))
    first = c(np.ones((2, 2)))
    W[:] = 7
    alike(c(np.ones((2, 2))), first, 0)


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x: 3.0 * (2.0 * x), "multiply"),
        (lambda x: x / 4.0 * 2.0, "multiply"),
        (lambda x: 3.0 * (2.0 / x), "divide"),
        (lambda x: 2.0 / -x, "divide"),
        (lambda x: 0.5 * (1.0 / -x), "divide"),
        (lambda x: (3.0 * x) * x, "square multiply"),
        (lambda x: x**2, "square"),
        (lambda x: array_namespace(x).sum(3.0 * x), "sum multiply"),
        (lambda x: 2.0 * array_namespace(x).mean(x), "sum multiply"),
    ],
)
def test_numbers_are_brought_together(f: Any, left: str, way: Target) -> None:
    x = np.asarray([[1.5, -2.0], [0.25, 3.0]])
    outputs, _ = rewrite(xn.trace(f, x), way)
    assert [node.op for node in in_order(outputs) if node.inputs] == left.split()
    alike(xn.compile(f, target=way)(x), f(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, big: x * big * big,
        lambda x, big: x * (1 / big) * (1 / big),
        lambda x, big: x / big / big,
        lambda x, big: (big / x) * big,
        lambda x, big: array_namespace(x).sum(x * (1 / big), axis=0) * (1 / big),
        lambda x, big: x / (big * big / 100),
    ],
)
def test_numbers_that_would_overflow_stay_apart(f: Any, dtype: str, way: Target) -> None:
    big = {"float32": 1e20, "float64": 1e155}[dtype]
    rtol = {"float32": 1e-6, "float64": 1e-14}[dtype]
    c = xn.compile(f, target=way)
    for scale in (1 / big, 1.0, big):
        x = np.asarray([1.5, -0.25], dtype) * np.asarray(scale, dtype)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(c(x, big), f(x, big), rtol=rtol)


def test_zero_with_a_sign_is_another_number() -> None:
    c = xn.compile(lambda x, a: x * a)
    assert [bool(np.signbit(c(np.ones(()), a))) for a in (0.0, -0.0, 0.0)] == [False, True, False]


def test_views_of_a_computed_number_are_no_copies(way: Target) -> None:
    checked(lambda x: array_namespace(x).flip(array_namespace(x).sum(x)), (np.ones(1),), (np.full(1, 7.0),), target=way)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constant_of_zeros_with_both_signs_keeps_them(dtype: str, way: Target) -> None:
    zeros = np.asarray([0.0, -0.0, 0.0], dtype)

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return x / zeros, xp.atan2(zeros, x), xp.where(x > 0, zeros, x), xp.copysign(x, zeros)

    x = np.asarray([-1.0, -1.0, 1.0], dtype)
    c = checked(f, (x,), (x[::-1],), target=way)
    with np.errstate(divide="ignore"):
        expected = f(x)
    assert [np.signbit(y).tolist() for y in c(x)] == [np.signbit(y).tolist() for y in expected]


def test_integers_are_rounded_to_themselves(way: Target) -> None:
    x = np.arange(-3, 3)
    checked(
        lambda x: [getattr(array_namespace(x), name)(x) for name in ("round", "floor", "ceil", "trunc")],
        (x,),
        target=way,
    )


def test_an_argument_left_out_is_not_donated() -> None:
    c = xn.compile(lambda x, y=None: x + 1.0 if y is None else x + y, donate="y")
    alike([c(np.ones(3)), c(np.ones(3), np.ones(3))], [np.full(3, 2.0)] * 2)


@pytest.mark.parametrize("name", STEPS)
def test_every_optimizer(name: str, way: Target) -> None:
    optimizer, options = STEPS[name]
    net = xn.Network([xn.Dense(5, "tanh"), xn.Dense(5, "relu"), xn.Dense(3)])
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 9)), rng.integers(0, 3, size=(1, 9))
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), optimizer, **options)
    c = steps(step, net.init(4, dtype="float64", backend="numpy"), X, Y, rtol=1e-9, target=way)
    assert "arrays side by side" in c.source


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str | None, way: Target) -> None:
    net = xn.Network([xn.Dense(5, activation), xn.Flatten(), xn.Lambda(lambda X: X * X), xn.Dense(2)])
    rng = np.random.default_rng(0)
    X, Y, weights = rng.normal(size=(4, 7)), rng.normal(size=(2, 7)), rng.uniform(size=(1, 7))
    step = xn.Step(net, xn.Cost("mean_squared_error"), xn.Adam())
    steps(step, net.init(4, dtype="float64", backend="numpy"), X, Y, weights, rtol=1e-9, target=way)


def test_a_program_for_each_kind_of_arguments() -> None:
    calls: list[Any] = []

    def f(x: Any, flag: Any) -> Any:
        calls.append((x.shape, flag))
        return x + 1 if flag else x - 1

    c = xn.compile(f)
    for args in 3 * [(np.ones(3), True), (np.ones(3), False), (np.ones(4), True), (np.ones(3, "float32"), None)]:
        alike(c(*args), args[0] + 1 if args[1] else args[0] - 1)
    assert len(calls) == len(c.programs) == 4
    for m in range(1, 50):
        c(np.ones(m), True)
    assert len(c.programs) <= 32


def test_the_order_of_keys_is_kept() -> None:
    c = xn.compile(lambda named: {name: (i + 1.0) * x for i, (name, x) in enumerate(named.items())})
    one, two = np.ones(2), np.full(2, 5.0)
    for named in ({"a": one, "b": two}, {"b": two, "a": one}, OrderedDict(a=one, b=two), OrderedDict(b=two, a=one)):
        result = c(named)
        assert list(result) == list(named)
        alike(list(result.values()), [factor * x for factor, x in zip((1.0, 2.0), named.values(), strict=True)], 0)


@pytest.mark.parametrize("key", [Way.UP, np.int64(3), ("a", 1), None, 1.5, float("nan"), b"x", 'it\'s "q"\n'])
def test_keys_of_any_kind(key: Any) -> None:
    c = xn.compile(lambda named: {"twice": {key: 2.0 * named[key]}}, donate="named")
    named = {key: np.ones(2)}
    for i in range(3):
        named = c(named)["twice"]
        alike(named, {key: np.full(2, 2.0 ** (i + 1))}, 0)
    assert len(c.programs) == 1


@pytest.mark.parametrize(
    "again",
    [
        lambda xp, x: xp.flip(x),
        lambda xp, x: xp.reshape(x.mT, x.shape) + 0.5,
        lambda xp, x: xp.broadcast_to(x, (2, *x.shape))[1, ...],
        lambda xp, x: xp.sin(x) + 0.1,
    ],
)
def test_deep_functions(again: Any) -> None:
    """Deeper than Python lets functions call themselves, and not in the square of the time."""

    def f(x: Any) -> Any:
        for _ in range(1200):
            x = again(array_namespace(x), x)
        return 2.0 * x

    checked(f, (np.arange(6.0).reshape(2, 3),))


def test_a_compiled_function_is_traced_like_any_other() -> None:
    c = xn.compile(lambda x: array_namespace(x).sum(x * x))
    np.testing.assert_allclose(xn.grad(c)(np.arange(3.0)), [0, 2, 4])


# Refusals and other libraries


def test_refusals(monkeypatch: Patch) -> None:
    with pytest.raises(TraceError, match=r"compile: donate must name arguments of the function; got 'Z'; it has x, y"):
        xn.compile(lambda x, y: x, donate="Z")
    with pytest.raises(TraceError, match=r"compile: donate must name arguments of the function; got True; it has x, y"):
        xn.compile(lambda x, y: x, donate=True)
    with pytest.raises(TraceError, match=r"compile: \.source is for what a target wrote; got how='not called yet'"):
        _ = xn.compile(lambda x: x).source
    with pytest.raises(TraceError, match=r"if, and, or, not"):
        xn.compile(lambda x: x if x > 0 else -x)(np.ones(()))
    for timeout, threads_beside in {"": 1, "26": 1, "20": 5, "4": 5, "soon": 1}.items():
        monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", timeout)
        monkeypatch.setenv("XNET_THREADS", "5")
        assert (threads.count(), threads.count(beside_products=True)) == (5, threads_beside)
    monkeypatch.setenv("XNET_THREADS", "many")
    with pytest.raises(ValueRangeError, match=r"XNET_THREADS: must be a whole number from 1; got 'many'"):
        threads.count()


def test_arrays_of_two_libraries_are_refused() -> None:
    strict = xn.backend("strict").asarray(np.ones(2))
    with pytest.raises(
        DeviceMismatchError, match=r"compile: x and y\.1 must be on one device of one library; got x on "
    ):
        xn.compile(lambda x, y: x + y[1])(np.ones(2), [None, strict])


def test_how_it_runs_on_every_backend(xb: Any) -> None:
    c = xn.compile(xn.kernels.relu)
    x = xb.asarray(np.asarray([[-1.0, 2.0]], "float32"))
    Y, _ = c(x)
    np.testing.assert_array_equal(xb.to_numpy(Y), [[0, 2]])
    how = c.how
    assert re.match(r"on NumPy, |jax\.jit|as written", how)
    assert (backend_of(x).compiling is None) == how.startswith("as written")
    ones = np.ones((3, 2))
    for arrays, said in ((ones, "on NumPy"), (x, how), (ones, "on NumPy"), (x, how)):
        c(arrays)
        assert c.how.startswith(said[:8])
