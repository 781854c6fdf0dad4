"""The benchmark suite: its table, its measurements and its runner."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backends import Bench
from bench_rows import ROW

from xnet import trees
from xnet.backends import backend
from xnet.bench import measure, run
from xnet.bench.cases import CASES, Case
from xnet.bench.measure import check_equal, enough, nbytes, spread
from xnet.bench.rows import Report
from xnet.bench.run import Options

pytestmark = [pytest.mark.usefixtures("brief_benchmarks"), pytest.mark.libraries]
Capture = pytest.CaptureFixture[str]
SIZE = 4


# The table


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_loops_and_arrays_agree(case: Case, xb: Bench) -> None:
    dtype = "float64" if xb.float64 else "float32"
    inputs = case.inputs(SIZE, dtype, np.random.default_rng(1))
    got = trees.map(xb.to_numpy, case.vectorised(*trees.map(lambda V: xb.asarray(V, dtype), inputs)))
    assert {V.dtype.name for V in trees.leaves(got)} == {dtype}
    for loop in filter(None, (case.loop, case.one_loop)):
        check_equal(got, loop(*inputs), dtype)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_amounts_are_true(case: Case) -> None:
    """`bytes` are those of inputs and results; for `zeros`, where the input gives only a shape, those of the result."""
    inputs = case.inputs(SIZE, "float32", np.random.default_rng(1))
    moved = sum(nbytes(V) for V in trees.leaves((inputs, case.vectorised(*inputs))))
    if case.bytes is not None:
        assert case.bytes(SIZE, 4) == (moved / 2 if case.name == "zeros" else moved)
        assert case.bytes(SIZE, 8) == 2 * case.bytes(SIZE, 4)
    assert case.flops is None or 0 < case.flops(SIZE) < case.flops(2 * SIZE)
    assert set(case.quick) <= set(case.full)
    assert case.loop is not None or case.name == "reshape"


@pytest.mark.parametrize("name", CASES)
def test_inputs_are_the_same_each_time(name: str) -> None:
    first, second = (CASES[name].inputs(SIZE, "float32", np.random.default_rng(0)) for _ in range(2))
    check_equal(first, second, "float64")


# The runner, by a clock that only the cases move


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: Callable[[Any], float], f: Callable[..., Any]) -> Callable[..., Any]:
        """f, which takes as long as it says."""

        def slow(V: Any) -> Any:
            self.now += seconds(V)
            return f(V)

        return slow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return clock


def double(V: Any) -> Any:
    return 2 * V


DOUBLE = Case("double", "C0", "twice", lambda n, dtype, rng: (np.ones(n, dtype),), double, (1000,), (1000,))


def run_one(monkeypatch: pytest.MonkeyPatch, *backends: str, **fields: Any) -> Report:
    monkeypatch.setitem(CASES, "double", replace(DOUBLE, **fields))
    return run.run(Options("quick", ("double",), tuple(map(backend, backends or ["numpy"]))), lambda row: None)


@pytest.mark.parametrize(
    ("pace", "loop_size", "extrapolated"), [(1e-5, 5000, False), (1e-5, 10, True), (1, 5000, True)]
)
def test_a_loop_is_scaled_where_it_would_take_too_long(
    pace: float, loop_size: int, extrapolated: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectorised = clock.after(lambda V: 1e-3, double)
    loop = clock.after(lambda V: pace * len(V), double)
    slow, fast = run_one(monkeypatch, vectorised=vectorised, loop=loop, loop_size=loop_size).rows
    assert (slow.form, slow.extrapolated, slow.speedup) == ("loop", extrapolated, None)
    assert slow.seconds == pytest.approx(1000 * pace)
    assert (fast.form, fast.extrapolated) == ("vectorised", False)
    assert fast.spread == pytest.approx(0, abs=1e-9)
    assert (fast.seconds, fast.first) == pytest.approx((1e-3, 1e-3))
    assert fast.speedup == pytest.approx(1e6 * pace)


def test_one_loop_is_never_scaled(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    one_loop = clock.after(lambda V: 3.0, double)
    rows = run_one(monkeypatch, loop=clock.after(lambda V: 1e-2 * len(V), double), one_loop=one_loop).rows
    assert [(row.form, row.extrapolated) for row in rows[:2]] == [("loop", True), ("one loop", False)]
    assert rows[1].speedup == pytest.approx(10 / 3)


def test_the_first_call_stands_apart(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = iter([0.0, 7.0])  # the host's answer, then the cold call
    (row,) = run_one(monkeypatch, vectorised=clock.after(lambda V: next(costs, 0.5), double)).rows
    assert (row.first, row.seconds) == (7.0, 0.5)


def test_brief_calls_are_timed_many_at_once(clock: Clock) -> None:
    f = clock.after(lambda V: 1e-6, double)
    times = measure.measure(backend("numpy"), f, (np.ones(1),), first=0, seconds=1)
    assert times.seconds == pytest.approx(1e-6)
    assert clock.now == pytest.approx(1e-6 + times.repeats * measure.BRIEF)


def test_unsteady_readings_go_on_until_the_time_is_over(clock: Clock) -> None:
    pace = iter([1.0, 2.0, 3.0, 4.0] * 10)
    f = clock.after(lambda V: next(pace), double)
    times = measure.measure(backend("numpy"), f, (np.ones(1),), first=0, seconds=30)
    assert 12 <= times.repeats <= 13
    assert times.spread > measure.STEADY


def test_the_bout_counts_in_which_threads_had_a_core_each(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = [2e-3]
    monkeypatch.setattr(time, "sleep", lambda seconds: pace.__setitem__(0, 1e-3 if pace[0] > 1e-3 else 2e-3))
    times = measure.measure(backend("numpy"), clock.after(lambda V: pace[0], double), (np.ones(1),), first=0, seconds=1)
    assert times.seconds == pytest.approx(1e-3)
    assert times.repeats == measure.ROUNDS * measure.ENOUGH
    assert times.spread > run.UNSTEADY


def test_spread() -> None:
    assert spread([5, 1, 4, 2, 3]) == pytest.approx(1 / 3)
    assert enough([1.0] * 5, late=False)
    assert not enough([1.0, 2.0, 3.0, 4.0, 5.0], late=False)
    assert enough([1.0, 2.0, 3.0], late=True)
    assert not enough([1.0, 1.0], late=True)


def test_no_speed_where_loop_and_arrays_differ(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    report = run_one(monkeypatch, loop=lambda V: 2.001 * V)
    assert report.rows == []
    (text,) = report.failed
    assert text.startswith("double, n = 1,000, float32, loop: loop and arrays must give the same numbers; got a ")


def test_no_speed_on_a_backend_that_differs(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(V: Any) -> Any:
        return 2 * V if isinstance(V, np.ndarray) else V[:1]

    report = run_one(monkeypatch, "strict", "numpy", vectorised=wrong, loop=double)
    assert [(row.backend, row.form) for row in report.rows] == [("numpy", "loop"), ("numpy", "vectorised")]
    assert report.failed == [
        "double, n = 1,000, float32, strict:cpu: loop and arrays must give the same shape; got (1,) beside (1000,)"
    ]


def test_nan_is_not_equal() -> None:
    with pytest.raises(measure.UnequalError, match=r"in result 1"):
        check_equal((np.ones(2), np.array([1, np.nan])), (np.ones(2), np.ones(2)), "float64")


def test_ctrl_c_leaves_what_there_is(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(V: Any) -> Any:
        if not isinstance(V, np.ndarray):
            raise KeyboardInterrupt
        return 2 * V

    report = run_one(monkeypatch, "numpy", "strict", vectorised=interrupted)
    assert report.stopped
    assert [row.backend for row in report.rows] == ["numpy"]


def test_another_device_has_a_row_for_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run_one(monkeypatch, "strict:device1", loop=double, flops=lambda n: n).rows
    assert [(row.form, row.flops, row.speedup is None) for row in rows] == [
        ("loop", 1000, True), ("transfer", None, True), ("vectorised", 1000, False), ("transfer back", None, True),
    ]  # fmt: skip
    assert [row.bytes for row in rows if "transfer" in row.form] == [4000, 4000]


def test_columns_without_room_are_left_out(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    report = run_one(monkeypatch, bytes=lambda n, itemsize: 2**60)
    assert (report.rows, report.left_out) == (
        [],
        ["double, n = 1,000, float32: it needs more memory than there is"],
    )


def test_only_a_compiler_gives_a_compiled_row(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run_one(monkeypatch, "numpy", "strict", compiled=True).rows
    assert [(row.backend, row.form) for row in rows] == [
        ("numpy", "vectorised"), ("numpy", "compiled"), ("strict:cpu", "vectorised"),
    ]  # fmt: skip


def test_a_backend_whose_ceilings_fail_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(backend: Any) -> dict[str, float]:
        if backend.name != "numpy":
            raise MemoryError
        return {"bytes_per_second": 1e9, "flops_per_second": 1e9}

    monkeypatch.setattr(run, "ceilings", fail)
    report = run_one(monkeypatch, "strict", "numpy")
    assert (list(report.ceilings), report.failed) == (["numpy"], ["strict:cpu: MemoryError"])
    assert [row.backend for row in report.rows] == ["strict:cpu", "numpy"]


@pytest.mark.parametrize("name", ["numpy", "strict"])
def test_the_bandwidth_is_measured_in_memory_made_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result in fresh memory costs page faults, which halve the rate or worse."""
    clocked, arrays = measure.clock, []

    def recorded(*arguments: Any) -> Any:
        seconds, result = clocked(*arguments)
        arrays.append(backend(name).to_numpy(result))
        return seconds, result

    monkeypatch.setattr(measure, "clock", recorded)
    assert min(measure.ceilings(backend(name)).values()) > 1e8
    passes = [V for V in arrays if V.ndim == 1]
    assert len(passes) > measure.LEAST
    assert all(np.shares_memory(passes[0], V) for V in passes)


def test_wide_spreads_are_timed_again_while_there_is_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(run.SECONDS, "quick", 40.0)
    pace = iter([0.0, 1.0, *[2.0, 1.0, 3.0] * 3, 2.0])  # the host's answer, the cold call, and readings
    shown: list[Any] = []
    f = clock.after(lambda V: next(pace, 0.5), double)
    monkeypatch.setitem(CASES, "double", replace(DOUBLE, vectorised=f, quick=(1000, 2000)))
    report = run.run(Options("quick", ("double",), (backend("numpy"),)), shown.append)
    assert [(row.size, row.seconds, row.spread) for row in report.rows] == [(1000, 0.5, 0.0), (2000, 0.5, 0.0)]
    wide, steady, words, again = shown
    assert (wide.seconds, steady.seconds, again.seconds) == (1.0, 0.5, 0.5)
    assert words == "once more, since their times spread widely; what is quicker now:"


def test_cases_slower_than_before_are_timed_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slower row is timed again until it is not slower, at most TURNS times."""
    for later, turns in ((1.0, 1), (2.0, run.TURNS)):
        pace = iter([0.0, *[2.0] * 6])  # the host's answer, the cold call, and readings
        shown: list[Any] = []
        f = clock.after(lambda V, pace=pace, later=later: next(pace, later), double)  # type: ignore[misc]
        monkeypatch.setitem(CASES, "double", replace(DOUBLE, vectorised=f))
        old = replace(ROW, case="double", size=1000, dtype="float32", seconds=1.0)
        report = run.run(Options("quick", ("double",), (backend("numpy"),)), shown.append, [old])
        assert [row.seconds for row in report.rows] == [later]
        assert shown.count("once more, since they were slower than before; what is quicker now:") == turns


def test_a_quick_run_has_no_networks_compiled_operation_by_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(backend("strict")), "compiles_each", True)
    monkeypatch.setattr(type(backend("strict")), "compiling", (0.0, 0.0, 0.0))
    report = run_one(monkeypatch, "strict", compiled=True)
    assert [row.form for row in report.rows] == ["compiled"]
    assert report.left_out == [
        "uncompiled networks on strict:cpu, which compiles each operation alone: --full has them"
    ]


def test_a_busy_computer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "cores_at_work", lambda: 3.0)
    assert run.busy(4)[0].startswith("other programs keep 3.0 of 4 cores at work, so times may be far too long")
    monkeypatch.setattr(run, "cores_at_work", lambda: 0.1)
    assert run.busy(4) == []
