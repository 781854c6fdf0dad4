"""The benchmarks for pytest-benchmark, tested without it: what they time and how, and the error if it is missing."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_cases as benchmarks

from xnet.backends import backend
from xnet.bench.cases import CASES, Case
from xnet.bench.measure import UnequalError
from xnet.bench.run import Options
from xnet.compile.compiled import Compiled

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


class Recorder:
    """A fake of the fixture `benchmark`, which records its information and the call to time."""

    def __init__(self) -> None:
        self.group = ""
        self.extra_info: dict[str, Any] = {}
        self.timed: list[Any] = []

    def __call__(self, *call: Any) -> None:
        self.timed.append(call)


def double(V: Any) -> Any:
    return 2 * V


DOUBLE = Case("double", "C0", "twice", lambda n, dtype, rng: (np.ones(n, dtype),), double, quick=(10, 1000), full=(10,))


def test_a_loop_is_timed_at_a_size_that_it_is_named_by(monkeypatch: pytest.MonkeyPatch) -> None:
    case = replace(DOUBLE, loop=double, one_loop=double, loop_size=50, compiled=True)
    monkeypatch.setattr(benchmarks, "CASES", {"double": case})
    rows = benchmarks.rows(Options("quick", (), (backend("strict"),)))
    assert rows == [
        ("double", size, "float32", name, form)
        for size, loops in ((10, ["loop", "one-loop"]), (50, ["loop", "one-loop"]), (1000, ["one-loop"]))
        for name, forms in (("numpy", loops), ("strict:cpu", ["vectorised"]))
        for form in forms
    ]


@pytest.mark.parametrize("mode", ["quick", "full"])
def test_every_case_is_there_and_no_row_twice(mode: str) -> None:
    rows = benchmarks.rows(Options(mode, (), (backend("numpy"),)))
    assert len(rows) == len(set(rows))
    assert {(name, size) for name, size, *_ in rows} >= {
        (case.name, size) for case in CASES.values() for size in getattr(case, mode)
    }
    assert {name for name, *_, form in rows if form == "loop"} == {case.name for case in CASES.values() if case.loop}


@pytest.mark.parametrize("form", ["loop", "one-loop", "vectorised", "compiled"])
def test_each_form_is_told_and_timed(form: str) -> None:
    timer, recorder = benchmarks.Waiting(backend("numpy")), Recorder()
    benchmarks.test_case("logistic", 5, "float64", form, timer, recorder)
    ((call, f, arguments),) = recorder.timed
    assert call == timer.call
    assert [V.shape for V in arguments] == [(100, 1), (1, 1), (100, 5), (1, 5)]
    assert isinstance(f, Compiled) == (form == "compiled")
    assert recorder.group == "logistic, m = 5, float64"
    told = recorder.extra_info
    assert told.pop("first") > 0
    assert told == {
        "case": "logistic", "course": "C7 C8 C9", "title": "gradient of logistic regression on 100 features",
        "size": 5, "dtype": "float64", "backend": "numpy", "version": np.__version__, "device": "cpu", "form": form,
        "bytes": 5_664, "flops": 2000,
    }  # fmt: skip


def test_forms_that_differ_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, "double", replace(DOUBLE, loop=lambda V: 2.001 * V))
    recorder = Recorder()
    with pytest.raises(UnequalError, match="must give the same numbers"):
        benchmarks.test_case("double", 10, "float32", "loop", benchmarks.Waiting(backend("numpy")), recorder)
    assert recorder.timed == []


def test_a_form_that_a_backend_compiles_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "CASES", {"double": replace(DOUBLE, compiled=True)})
    rows = benchmarks.rows(Options("full", (), (backend("numpy"), backend("strict"))))
    assert [(name, form) for *_, name, form in rows] == [
        ("numpy", "vectorised"), ("numpy", "compiled"), ("strict:cpu", "vectorised"),
    ]  # fmt: skip


def test_a_type_that_a_backend_lacks_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "CASES", {"double": replace(DOUBLE, dtypes=("float32", "float64"))})
    monkeypatch.setattr(type(backend("strict")), "has", lambda self, dtype: dtype == "float32")
    rows = benchmarks.rows(Options("full", (), (backend("strict"),)))
    assert [row[2:] for row in rows] == [("float32", "strict:cpu", "vectorised")]


def test_inputs_larger_than_memory_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "CASES", {"double": replace(DOUBLE, bytes=lambda n, itemsize: 2**60)})
    with pytest.warns(UserWarning, match="left out: double, n = 10, float32, on numpy: it needs more memory than"):
        assert benchmarks.rows(Options("full", (), (backend("numpy"),))) == []


def test_the_clock_waits_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are kept until then."""
    timer = benchmarks.Waiting(backend("numpy"))
    kept = []
    monkeypatch.setattr(type(timer.backend), "synchronize", lambda self: kept.append(len(timer.results)))
    monkeypatch.setattr("time.perf_counter", lambda: float(len(kept)))
    for _ in range(2):
        timer.call(double, (np.ones(3),))
    assert timer() == 1.0
    assert kept == [2]
    assert timer.results == []


def test_without_pytest_benchmark_it_says_what_to_install() -> None:
    command = [sys.executable, "-m", "pytest", str(BENCHMARKS), "-p", "no:benchmark"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    fix = 'pip install ".[bench]" in xnet\'s clone'
    assert run.stderr.strip() == f"ERROR: benchmarks: pytest-benchmark must be installed; type {fix}"
