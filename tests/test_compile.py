"""The compiler: what it makes of a function gives what the function gives, and writes over nothing that is kept."""

import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from cases import CASES
from cases import Case as Kernel
from derive_cases import ROWS, Row
from hypothesis import given, settings
from hypothesis import strategies as st
from test_derive import PROGRAMS, composed

import xnet as xn
from xnet import trees
from xnet.compile import source, threads
from xnet.compile import steps as steps_of_groups
from xnet.compile.numpy import evaluate, kind
from xnet.compile.rewrite import Rewriter
from xnet.errors import TraceError, ValueRangeError
from xnet.graph.ir import in_order

Patch = pytest.MonkeyPatch


def in_small_blocks(patch: Patch) -> None:
    """As large arrays are done: block by block, on several threads, and straight into what was donated."""
    for name, value in {"BLOCK": 4, "WIDE_BLOCK": 3, "SHARED": 7, "FILL": 1}.items():
        patch.setattr(steps_of_groups, name, value)
    patch.setattr(source, "ONES", 0)
    patch.setenv("XNET_THREADS", "3")
    patch.setenv("OPENBLAS_THREAD_TIMEOUT", "20")


@pytest.fixture(params=["whole", "in-blocks"])
def way(request: pytest.FixtureRequest, monkeypatch: Patch) -> str:
    if request.param == "in-blocks":
        in_small_blocks(monkeypatch)
    return str(request.param)


def alike(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    """The same tree, to rounding; a scalar of NumPy is an array without axes."""

    def leaf(a: Any, b: Any) -> None:
        if b is None or type(b) is float:
            assert a == b
        else:
            assert (a.shape, a.dtype) == (np.shape(b), b.dtype)
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)

    trees.map(leaf, actual, expected)


def copied(tree: Any) -> Any:
    return trees.map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, tree)


def checked(f: Callable[..., Any], *calls: tuple[Any, ...], rtol: float = 1e-12) -> xn.Compiled:
    """f compiled, called again and again: every result is right, and stays so."""
    c = xn.compile(f)
    results = []
    for args in calls:
        before = copied(args)
        with np.errstate(all="ignore"):
            expected = f(*args)
        results.append((c(*args), expected))
        alike(args, before, 0)
    for result, expected in results:
        alike(result, expected, rtol)
    assert len(c.programs) == 1
    assert c.how.startswith("on NumPy")
    return c


# Whatever is written


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_operation(row: Row, way: str) -> None:
    def f(*xs: Any) -> Any:
        return row.f(array_namespace(*xs), *xs)

    checked(f, *([*row.arrays(seed), *row.indices()] for seed in (0, 1, 0)))  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [row for row in ROWS if not row.integers], ids=str)
def test_every_derivative(row: Row, way: str) -> None:
    def J(*xs: Any) -> Any:
        xp = array_namespace(*xs)
        return xp.sum(xp.sin(row.f(xp, *xs)))

    checked(xn.value_and_grad(J, tuple(range(len(row.shapes)))), row.arrays(0), row.arrays(1))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_kernel(case: Kernel, dtype: str, way: str) -> None:
    def there_and_back(*arguments: Any) -> Any:
        Y, cache = case.forward(*arguments)
        return Y, cache, case.backward(Y * Y, cache)

    inputs = [
        [x.astype(dtype) if x.dtype.kind == "f" else x for x in case.inputs(seed, m=9).values()] for seed in (0, 1)
    ]
    checked(there_and_back, *map(tuple, inputs), rtol=1e-12 if dtype == "float64" else 1e-5)


@settings(max_examples=60, deadline=None)
@given(program=PROGRAMS, seed=st.integers(0, 99), m=st.integers(1, 5), blocks=st.booleans())
def test_compositions(program: list[tuple[str, int, int]], seed: int, m: int, blocks: bool) -> None:
    J = composed(program)
    with pytest.MonkeyPatch.context() as patch:
        if blocks:
            in_small_blocks(patch)
        a, b, c, d = np.random.default_rng(seed).normal(size=(4, 3, 3))
        checked(xn.value_and_grad(J, (0, 1)), (a, b), (c, d), rtol=1e-9)


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


def test_views_constants_and_arguments(way: str) -> None:
    X, Y = np.random.default_rng(0).normal(size=(3, 4)), np.arange(4, dtype="int32")
    checked(views, (X, Y), (X + 1, Y + 1))
    checked(views, (X.T.copy().T, Y[::-1]), (np.tile(X, 2)[:, ::2], Y))


def test_the_same_for_numbers_of_numpy(way: str) -> None:
    x = np.ones((2, 3), "float32")
    checked(lambda a, x: (a * x + 1, a - 1), (np.float32(2), x), (np.float32(3), x), rtol=1e-6)


def test_empty_arrays(way: str) -> None:
    checked(lambda x: (xn.kernels.relu(x)[0], x @ x.mT), (np.ones((3, 0)),))


def test_no_warning_of_what_overflows(way: str) -> None:
    """As in the other libraries; and on all threads alike."""
    c = xn.compile(lambda x: array_namespace(x).exp(x) / (x - x))
    assert np.all(np.isinf(c(np.full((4, 4), 1e4))))


def named_like_ours(s1: Any, s1_: Any, slice: Any, chain: Any, own: Any, full_: Any) -> Any:
    xp = array_namespace(s1)
    t1 = xp.sin(s1) * s1_ + slice * xp.cos(chain) - own
    return xp.maximum(t1, 0.0) * full_, xp.exp(slice[1:, :])[1:, :] * 2.0, xp.sum(t1, axis=0) / own


def test_names_that_the_text_uses_itself(way: str) -> None:
    arrays = tuple(np.random.default_rng(0).normal(size=(6, 7, 5)))
    checked(named_like_ours, arrays, arrays[::-1])


def test_one_number_of_an_array_is_not_kept_from_before(way: str) -> None:
    def f(x: Any) -> Any:
        S = array_namespace(x).sum(x * x, axis=1)
        return S[0] * x, S[1], S[-1] + S[0]

    checked(f, (np.ones((3, 4)),), (np.arange(12.0).reshape(3, 4),))


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
def test_numbers_are_brought_together(f: Any, left: str, way: str) -> None:
    x = np.asarray([[1.5, -2.0], [0.25, 3.0]])
    outputs, _ = Rewriter(lambda node: kind(node) == "elementwise", evaluate)(xn.trace(f, x))
    assert [node.op for node in in_order(outputs) if node.inputs] == left.split()
    alike(xn.compile(f)(x), f(x))


def test_zero_with_a_sign_is_another_number() -> None:
    c = xn.compile(lambda x, a: x * a)
    assert [bool(np.signbit(c(np.ones(()), a))) for a in (0.0, -0.0, 0.0)] == [False, True, False]


def test_integers_are_rounded_to_themselves(way: str) -> None:
    x = np.arange(-3, 3)
    checked(lambda x: [getattr(array_namespace(x), name)(x) for name in ("round", "floor", "ceil", "trunc")], (x,))


def test_an_argument_left_out_is_not_donated() -> None:
    c = xn.compile(lambda x, y=None: x + 1.0 if y is None else x + y, donate="y")
    alike([c(np.ones(3)), c(np.ones(3), np.ones(3))], [np.full(3, 2.0)] * 2)


# Donated memory


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


def test_what_is_donated_lives_on_in_its_memory(way: str) -> None:
    c = xn.compile(updated, donate="params")
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


def test_what_is_donated_may_come_back_in_another_order(way: str) -> None:
    """Shapes that could be spread over one another: a mistake would not be an error."""
    c = xn.compile(lambda x, y: (y + 1.0, x + 2.0), donate=("x", "y"))
    x, y = np.zeros((1, 3)), np.ones((2, 3))
    for i in range(3):
        given = x, y
        y, x = c(x, y)
        alike((x, y), (np.full((1, 3), 2.0 * i + 2), np.full((2, 3), i + 2.0)))
        assert i == 0 or (x is given[0] and y is given[1])


def test_two_sets_of_donated_arrays_take_turns(way: str) -> None:
    c = xn.compile(updated, donate="params")
    X = np.ones((2, 2))
    mine, theirs = [many(i) for i in range(6)], [many(i) for i in range(6)]
    for _ in range(3):
        for i in range(6):
            (mine[i], *rest), (theirs[i], *expected) = c(mine[i], X), updated(theirs[i], X)
            alike(rest, expected)
    alike(mine, theirs)
    assert len(c.programs) == 1


def test_what_was_not_donated_again_is_kept(way: str) -> None:
    """Half of an earlier result beside new arrays: the other half is still somebody's."""
    c = xn.compile(updated, donate="params")
    X = np.ones((2, 2))
    first, *_ = c(many(0), X)
    kept = copied(first)
    c({**many(1), "a": first["a"]}, X)
    alike({name: first[name] for name in "bcde"}, {name: kept[name] for name in "bcde"}, 0)


def test_an_argument_may_lie_in_donated_memory(way: str) -> None:
    def f(params: Any, X: Any) -> Any:
        return {"W": params["W"] + X.mT, "v": params["v"] * 2.0}, X * 1.0

    c = xn.compile(f, donate=(0,))
    mine = theirs = {"W": np.arange(9.0).reshape(3, 3), "v": np.ones(3)}
    for _ in range(3):
        (mine, Y), (theirs, Z) = c(mine, mine["W"]), f(theirs, theirs["W"])
        alike((mine, Y), (theirs, Z))


def test_an_array_that_is_donated_twice_becomes_two(way: str) -> None:
    c = xn.compile(lambda p: [p[0] + 1.0, p[1] * 2.0], donate="p")
    x = np.ones((2, 3))
    one, two = c([x, x])
    alike([one, two], [x + 1, x * 2])


STEPS = {
    "sgd": (xn.SGD(0.1), {}),
    "momentum": (xn.Momentum(), {"l2": 0.1}),
    "rmsprop": (xn.RMSprop(), {"clip_value": 0.01}),
    "adam": (xn.Adam(), {}),
    "adam with all": (xn.Adam(xn.schedules.Cosine(0.01, 10)), {"l2": 0.1, "clip_value": 1.0, "clip_norm": 0.1}),
    "adamw": (xn.AdamW(xn.schedules.WarmUp(0.01, 3)), {"clip_norm": 0.1}),
}
ACTIVATIONS = ["relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus", "softmax", None]


def steps(step: xn.Step, params: Any, *batch: Any, rtol: float, times: int = 5) -> xn.Compiled:
    c = xn.compile(step, donate=("params", "state"))
    mine: Any = (params, step.optimizer.init(params))
    theirs = mine
    for _ in range(times):
        *mine, J = c(*mine, *batch)
        *theirs, expected = step(*theirs, *batch)
        alike(J, expected, rtol)
    alike(mine, theirs, rtol)
    return c


@pytest.mark.parametrize("name", STEPS)
def test_every_optimizer(name: str, way: str) -> None:
    optimizer, options = STEPS[name]
    net = xn.Network([xn.Dense(5, "tanh"), xn.Dense(5, "relu"), xn.Dense(3)])
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 9)), rng.integers(0, 3, size=(1, 9))
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), optimizer, **options)
    c = steps(step, net.init(4, dtype="float64", backend="numpy"), X, Y, rtol=1e-9)
    assert "arrays side by side" in c.source


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str | None, way: str) -> None:
    net = xn.Network([xn.Dense(5, activation), xn.Flatten(), xn.Lambda(lambda X: X * X), xn.Dense(2)])
    rng = np.random.default_rng(0)
    X, Y, weights = rng.normal(size=(4, 7)), rng.normal(size=(2, 7)), rng.uniform(size=(1, 7))
    step = xn.Step(net, xn.Cost("mean_squared_error"), xn.Adam())
    steps(step, net.init(4, dtype="float64", backend="numpy"), X, Y, weights, rtol=1e-9)


# Interrupted, at the same time, again and again


class Stop(BaseException):
    pass


@pytest.mark.parametrize("small", [True, False])
def test_an_exception_leaves_what_was_donated_whole(small: bool, monkeypatch: Patch) -> None:
    """Wherever it comes, the parameters and the state are those of one step."""
    if not small:
        in_small_blocks(monkeypatch)
    net = xn.Network([xn.Dense(5, "tanh"), xn.Dense(3)])
    X, Y = np.ones((4, 6)), np.zeros((1, 6), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init(4, dtype="float64", backend="numpy")
    now = (params, step.optimizer.init(params))
    whole: Any = [copied(now)]
    for _ in range(30):
        params, state, _ = step(whole[-1][0], whole[-1][1], X, Y)
        whole.append((params, state))
    c = xn.compile(step, donate=("params", "state"))
    params, state, _ = c(*now, X, Y)
    done, at = 1, 0
    while True:
        at += 1
        try:
            with Interrupted(at):
                params, state, _ = c(params, state, X, Y)
        except Stop:
            done += int(state["t"]) - done
            alike((params, state), whole[done], 1e-9)
        else:
            break
        if done > 25:
            params, state, _ = c(*copied(whole[1]), X, Y)
            done = 2
    assert at > 20


def test_nothing_of_python_runs_where_home_is_written(way: str) -> None:
    """Where it did, a signal would be heard, and half a step done: `copyto` asks Python how to copy."""
    net = xn.Network([xn.Dense(5, "relu"), xn.Lambda(lambda X: array_namespace(X).where(X > 1, X, -X)), xn.Dense(3)])
    X, Y = np.ones((4, 6)), np.zeros((1, 6), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init(4, dtype="float64", backend="numpy")
    c = xn.compile(step, donate=("params", "state"))
    params, state, _ = c(params, step.optimizer.init(params), X, Y)
    inside: list[str] = []
    calls: list[list[str]] = []

    def watch(frame: Any, event: str, _: Any) -> None:
        name = frame.f_code.co_name
        if event == "call" and name == "in_one_go":
            inside.append(name)
            calls.append([])
        elif event == "return" and name == "in_one_go":
            inside.pop()
        elif event == "call" and inside:
            calls[-1].append(name)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        c(params, state, X, Y)
    finally:
        sys.setprofile(before)
    assert calls
    assert [name for names in calls for name in names] == []


class Interrupted:
    """Raises Stop at this line of a compiled function, as Ctrl-C may in the thread that waits for it."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __enter__(self) -> None:
        sys.settrace(self.watch)

    def __exit__(self, *_: Any) -> None:
        sys.settrace(None)

    def watch(self, frame: Any, event: str, arg: Any) -> Any:
        if "compiled by xnet" not in frame.f_code.co_filename:
            return self.watch if event == "call" else None
        if event == "line":
            self.left -= 1
            if not self.left:
                raise Stop
        return self.watch


def test_ctrl_c_while_threads_are_called_for_leaves_nothing_half_done(monkeypatch: Patch) -> None:
    class Pressed:
        get = threads._waiting.get

        def put(self, work: Any, real: Any = threads._waiting) -> None:
            real.put(work)
            raise KeyboardInterrupt

    done: list[Any] = []
    blocks = [[[(done.append, i)] for i in range(5)]] * 3
    threads.share(blocks)
    monkeypatch.setattr(threads, "_waiting", Pressed())
    with pytest.raises(KeyboardInterrupt):
        threads.share(blocks, [(done.append, "late")])
    assert (sorted(done[:-1]), done[-1]) == (sorted([*range(5)] * 2), "late")


def test_calls_at_the_same_time_do_not_meet(way: str) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        for _ in range(20):
            x = xp.sin(x) + x @ x.mT
        return x

    c = xn.compile(f)
    inputs = [np.random.default_rng(i).normal(size=(6, 6)) * 1e-3 for i in range(8)]
    expected = [f(x) for x in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(30) if not np.allclose(c(inputs[i]), expected[i]))

    crowd = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert not wrong


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_do_not_meet(dtype: str, monkeypatch: Patch) -> None:
    """Blocks so large that NumPy lets go of Python's lock, in several groups at once."""
    in_small_blocks(monkeypatch)
    for name in ("BLOCK", "WIDE_BLOCK"):
        monkeypatch.setattr(steps_of_groups, name, 4096)

    def f(params: Any, x: Any) -> Any:
        xp = array_namespace(x)
        a, b, c = params
        for _ in range(5):
            b = xp.cos(b) - xp.tanh(b * b) / (2.0 + xp.sin(b))
        return [0.9 * a + xp.sin(a) * xp.exp(-a * a), b, c + 1.0], params[0] @ x

    rng = np.random.default_rng(0)
    start: Any = [rng.normal(size=size).astype(dtype) for size in ((40, 1000), (2, 1000), (7, 3))]
    x = rng.normal(size=(1000, 2)).astype(dtype)
    c = xn.compile(f, donate=0)
    mine = theirs = start
    for _ in range(20):
        mine, Y = c(mine, x)
        theirs, expected = f(theirs, x)
        alike(Y, expected, 1e-3 if dtype == "float32" else 1e-9)
    alike(mine, theirs, 1e-4 if dtype == "float32" else 1e-9)


def test_nothing_grows() -> None:
    import tracemalloc

    net = xn.Network([xn.Dense(16, "relu"), xn.Dense(3)])
    X, Y = np.ones((8, 32), "float32"), np.zeros((1, 32), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    c = xn.compile(step, donate=("params", "state"))
    params = net.init(8, backend="numpy")
    state = step.optimizer.init(params)
    tracemalloc.start()
    peaks = []
    for times in (10, 1000):
        for _ in range(times):
            params, state, _ = c(params, state, X, Y)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2000


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


def test_a_compiled_function_is_traced_like_any_other() -> None:
    c = xn.compile(lambda x: array_namespace(x).sum(x * x))
    np.testing.assert_allclose(xn.grad(c)(np.arange(3.0)), [0, 2, 4])


# The text


def test_the_source_can_be_read(way: str) -> None:
    net = xn.Network([xn.Dense(5, "relu"), xn.Dense(3)])
    X, Y = np.ones((4, 6), "float32"), np.zeros((1, 6), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init(4, backend="numpy")
    c = xn.compile(step, donate=("params", "state"))
    c(params, step.optimizer.init(params), X, Y)
    assert "# return W @ A + b, (A, W)   (linear.py:" in c.source
    assert re.search(r"dot\(params_0_W, X, \w+\)", c.source)
    compile(c.source, "source", "exec")


def test_errors_show_the_text() -> None:
    def f(x: Any) -> Any:
        return array_namespace(x).linalg.matrix_transpose(x) @ x

    c = xn.compile(f)
    c(np.ones((2, 2)))
    assert "dot(" in c.source


def test_the_page_shows_what_runs() -> None:
    """docs/compiler.md has the step of 784-256-128-10 as it is written today."""
    net = xn.Network([xn.Dense(256, "relu"), xn.Dense(128, "relu"), xn.Dense(10)])
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init((784,), backend="numpy")
    c = xn.compile(step, donate=("params", "state"))
    c(params, step.optimizer.init(params), np.zeros((784, 128), "float32"), np.zeros((1, 128), "int64"))
    page = (Path(__file__).parent.parent / "docs" / "compiler.md").read_text("utf-8")
    (shown,) = re.findall(r"(?ms)^```text\n(.*?)^```", page)
    places = r"\(\w+\.py:\d+\)"
    assert re.sub(places, "", shown) == re.sub(places, "", c.source)


# Refusals


def test_refusals(monkeypatch: Patch) -> None:
    with pytest.raises(TraceError, match=r"compile: donate must name arguments of the function; got 'Z'; it has x, y"):
        xn.compile(lambda x, y: x, donate="Z")
    with pytest.raises(TraceError, match=r"compile: \.source is for what ran on NumPy; got how='not called yet'"):
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


def test_how_it_runs_on_every_backend(xb: Any) -> None:
    c = xn.compile(xn.kernels.relu)
    x = xb.asarray(np.asarray([[-1.0, 2.0]], "float32"))
    Y, _ = c(x)
    np.testing.assert_array_equal(xb.to_numpy(Y), [[0, 2]])
    how = c.how
    assert re.match(r"on NumPy, |jax\.jit|as written", how)
    ones = np.ones((3, 2))
    for arrays, said in ((ones, "on NumPy"), (x, how), (ones, "on NumPy"), (x, how)):
        c(arrays)
        assert c.how.startswith(said[:8])
