"""Compiled functions that are interrupted, called at the same time, and called again and again."""

import sys
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from compile_laws import SMALL_BLOCKS, alike, copied

import xnet as xn
from xnet.compile.numpy import threads
from xnet.compile.numpy.target import NumPyTarget
from xnet.compile.target import Target

Patch = pytest.MonkeyPatch


class Stop(BaseException):
    pass


def test_an_exception_leaves_what_was_donated_whole(numpy_way: Target) -> None:
    """Wherever it comes, the parameters and the state are those of one step."""
    net = xn.Network([xn.Dense(5, "tanh"), xn.Dense(3)])
    X, Y = np.ones((4, 6)), np.zeros((1, 6), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init(4, dtype="float64", backend="numpy")
    now = (params, step.optimizer.init(params))
    whole: Any = [copied(now)]
    for _ in range(30):
        params, state, _ = step(whole[-1][0], whole[-1][1], X, Y)
        whole.append((params, state))
    c = xn.compile(step, donate=("params", "state"), target=numpy_way)
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


def test_nothing_of_python_runs_where_donated_memory_is_written(numpy_way: Target) -> None:
    """Where it did, a signal would be heard, and half a step done: `copyto` asks Python how to copy."""
    net = xn.Network([xn.Dense(5, "relu"), xn.Lambda(lambda X: array_namespace(X).where(X > 1, X, -X)), xn.Dense(3)])
    X, Y = np.ones((4, 6)), np.zeros((1, 6), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init(4, dtype="float64", backend="numpy")
    c = xn.compile(step, donate=("params", "state"), target=numpy_way)
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


def test_calls_at_the_same_time_do_not_meet(way: Target) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        for _ in range(20):
            x = xp.sin(x) + x @ x.mT
        return x

    c = xn.compile(f, target=way)
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
def test_threads_do_not_meet(dtype: str) -> None:
    """Blocks so large that NumPy lets go of Python's lock, in several groups at once."""
    target = NumPyTarget(tuning=replace(SMALL_BLOCKS.tuning, block=4096, wide_block=4096))

    def f(params: Any, x: Any) -> Any:
        xp = array_namespace(x)
        a, b, c = params
        for _ in range(5):
            b = xp.cos(b) - xp.tanh(b * b) / (2.0 + xp.sin(b))
        return [0.9 * a + xp.sin(a) * xp.exp(-a * a), b, c + 1.0], params[0] @ x

    rng = np.random.default_rng(0)
    start: Any = [rng.normal(size=size).astype(dtype) for size in ((40, 1000), (2, 1000), (7, 3))]
    x = rng.normal(size=(1000, 2)).astype(dtype)
    c = xn.compile(f, donate=0, target=target)
    mine = theirs = start
    for _ in range(20):
        mine, Y = c(mine, x)
        theirs, expected = f(theirs, x)
        alike(Y, expected, 1e-3 if dtype == "float32" else 1e-9)
    alike(mine, theirs, 1e-4 if dtype == "float32" else 1e-9)


def test_nothing_grows() -> None:
    import tracemalloc

    net = xn.Network([xn.Dense(16, "relu"), xn.Dense(16, "relu"), xn.Dense(3)])  # 20 results
    X, Y = np.ones((8, 32), "float32"), np.zeros((1, 32), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    c = xn.compile(step, donate=("params", "state"))
    params = net.init(8, backend="numpy")
    params, state, _ = c(params, step.optimizer.init(params), X, Y)  # compiling takes more than what is looked for
    tracemalloc.start()
    peaks = []
    for times in (10, 1000):
        for _ in range(times):
            params, state, _ = c(params, state, X, Y)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2000
