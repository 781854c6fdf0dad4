"""The whole run: every case in its sizes and types, as loops and then on each backend, within a time.

No speed is given where loop and arrays were not first seen to give the same numbers.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xnet import trees
from xnet.backends import HOST, Backend
from xnet.backends import backend as find_backend
from xnet.bench.cases import CASES, Case, Inputs
from xnet.bench.measure import Times, UnequalError, ceilings, check_equal, clock, measure
from xnet.compile import compile
from xnet.errors import DataError
from xnet.machine import machine
from xnet.types import Tree
from xnet.version import __version__

SECONDS = {"quick": 18.0, "full": 240.0}
PATIENCE = 0.5  # seconds of a call of a loop: one that takes longer is timed at a smaller size
SETTLE = 0.02  # seconds: the threads of the library before go on spinning for a while
ROOM = 4  # times a case's bytes of free memory: inputs here and on the device, results, and some more
COURSE = 660  # times: the course's own figure for a dot product of a million numbers


@dataclass(frozen=True)
class Options:
    """What is to be timed: cases by name, on backends, in one type or in those of each case."""

    mode: str
    cases: tuple[str, ...]
    backends: tuple[Backend, ...]
    dtype: str | None = None

    def record(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "cases": list(self.cases),
            "backends": [str(b) for b in self.backends],
            "dtype": self.dtype,
        }


@dataclass(frozen=True)
class Row:
    """One measurement, in seconds; an extrapolated one was made at a smaller size, and its time is in proportion."""

    case: str
    course: str
    title: str
    size: int
    size_text: str
    dtype: str
    backend: str
    form: str
    seconds: float
    spread: float
    first: float
    repeats: int
    extrapolated: bool
    bytes: int | None
    flops: int | None
    speedup: float | None

    @property
    def key(self) -> tuple[str, int, str, str, str]:
        """What makes it the same measurement in another report."""
        return self.case, self.size, self.dtype, self.backend, self.form


@dataclass(frozen=True)
class Report:
    """All that was measured; `left_out` says what was not and why, `failed` what should have been."""

    version: str
    created: str
    machine: dict[str, Any]
    options: dict[str, Any]
    ceilings: dict[str, dict[str, float]]
    rows: list[Row]
    headline: str
    left_out: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stopped: bool = False

    def json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def read(path: str) -> Report:
    """The report in a file that `xnet bench --json` has written."""
    try:
        told = json.loads(Path(path).read_text("utf-8"))
        return Report(**told | {"rows": [Row(**row) for row in told["rows"]]})
    except OSError as error:
        raise DataError(f"{path}: the file must be readable; got {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{path}: must be a report, from xnet bench --json; got something else") from None


def headline(rows: Iterable[Row]) -> str:
    """The course's first measurement, done again here; '' where it was not."""
    for row in rows:
        if row.key == ("dot", 1_000_000, "float64", HOST, "vectorised") and row.speedup:
            return f"dot of 1,000,000 numbers: {row.speedup:,.0f} times faster; the course measured {COURSE}"
    return ""


def busy(cores: int) -> list[str]:
    """Whether other programs are at work, so that times say more of them: the mean of the last minute."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= cores / 2:
        return []
    return [
        f"other programs are at work (load {load:.1f}, {cores} cores), and times too long: run it again without them"
    ]


def run(options: Options, show: Callable[[Row], None]) -> Report:
    """Time what the options ask for and show each row as it comes; Ctrl-C ends it with what there is."""
    here = machine()
    advice = [*here.advice, *busy(here.cores)]
    runner = Runner(options, show)
    try:
        runner.run()
    except KeyboardInterrupt:
        runner.stopped = True
    return Report(
        __version__,
        datetime.now(UTC).isoformat(timespec="seconds"),
        asdict(here) | {"advice": advice},
        options.record(),
        runner.ceilings,
        runner.rows,
        headline(runner.rows),
        runner.left_out,
        runner.failed,
        runner.stopped,
    )


class Problem(NamedTuple):
    """A case at one size and in one type: what loop and arrays are compared in."""

    case: Case
    size: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.case.name}, {self.case.text.format(self.size)}, {self.dtype}"

    def inputs(self, size: int) -> Inputs:
        return self.case.inputs(size, self.dtype, np.random.default_rng(0))

    @property
    def bytes(self) -> int | None:
        return self.case.bytes and self.case.bytes(self.size, np.dtype(self.dtype).itemsize)

    def fits(self, backend: Backend) -> bool:
        used, total = backend.memory()
        return total is None or ROOM * (self.bytes or 0) <= total - (used or 0)


class Runner:
    """What grows while the suite runs."""

    def __init__(self, options: Options, show: Callable[[Row], None]) -> None:
        self.options, self.show = options, show
        self.host = find_backend(HOST)
        self.rows: list[Row] = []
        self.ceilings: dict[str, dict[str, float]] = {}
        self.left_out: list[str] = []
        self.failed: list[str] = []
        self.stopped = False

    def run(self) -> None:
        self.end = time.perf_counter() + SECONDS[self.options.mode]
        problems = [
            Problem(case, size, dtype)
            for case in map(CASES.__getitem__, self.options.cases)
            for size in getattr(case, self.options.mode)
            for dtype in ([self.options.dtype] if self.options.dtype else case.dtypes)
        ]
        self.left = sum(self.measurements(problem.case) for problem in problems)
        for backend in self.options.backends:
            with backend.here():
                self.ceilings[str(backend)] = ceilings(backend)
        for problem in problems:
            after = self.left - self.measurements(problem.case)
            if problem.fits(self.host):
                self.compare(problem)
            else:
                self.leave_out(f"{problem}: it needs more memory than there is")
            self.left = after

    def measurements(self, case: Case) -> int:
        loops = (case.loop is not None) + (case.one_loop is not None)
        return loops + len(self.options.backends) * (1 + case.compiled)

    def share(self) -> float:
        """Seconds for the next measurement: what is left of them, divided by what is left to do."""
        seconds = max(self.end - time.perf_counter(), 0) / max(self.left, 1)
        self.left -= 1
        return seconds

    def compare(self, problem: Problem) -> None:
        """The loops; the same on the host, which must agree; then each backend, which must agree with the host."""
        case, slow = problem.case, None
        inputs = problem.inputs(problem.size)
        expected = self.on_host(case.vectorised, inputs)
        for form, loop in (("loop", case.loop), ("one loop", case.one_loop)):
            if loop is None:
                continue
            size = self.loop_size(problem, loop) if form == "loop" else problem.size
            try:
                times = self.loop(problem, loop, size)
            except UnequalError as error:
                self.failed.append(f"{problem}, {form}: {error}")
                return
            self.add(problem, self.host, form, times, slow, extrapolated=size < problem.size)
            slow = slow or times.seconds
        for backend in self.options.backends:
            if not backend.has(problem.dtype):
                self.leave_out(f"{problem.dtype} on {backend}, which lacks it: {backend.dtype_fix(problem.dtype)}")
            elif not problem.fits(backend):
                self.leave_out(f"{problem}, on {backend}: it needs more memory than there is")
            else:
                self.try_on(backend, problem, inputs, expected, slow)

    def on_host(self, f: Callable[..., Tree], inputs: Inputs) -> Tree:
        with self.host.quiet():
            return trees.map(np.asarray, f(*inputs))

    def loop_size(self, problem: Problem, loop: Callable[..., Tree]) -> int:
        """The largest size at which the loop can be waited for."""
        largest = min(problem.size, problem.case.loop_size)
        smallest = max(1, largest // 100)
        inputs = problem.inputs(smallest)
        seconds = min(clock(self.host, loop, inputs)[0] for _ in range(3))
        return min(largest, max(smallest, int(smallest * PATIENCE / max(seconds, 1e-9))))

    def loop(self, problem: Problem, f: Callable[..., Tree], size: int) -> Times:
        """In proportion where it was timed at a smaller size."""
        inputs = problem.inputs(size)
        first, result = clock(self.host, f, inputs)
        check_equal(self.on_host(problem.case.vectorised, inputs), result, problem.dtype)
        times, scale = measure(self.host, f, inputs, first, self.share()), problem.size / size
        return times._replace(seconds=scale * times.seconds, first=scale * times.first)

    def leave_out(self, what: str) -> None:
        if what not in self.left_out:
            self.left_out.append(what)

    def try_on(self, backend: Backend, problem: Problem, inputs: Inputs, expected: Tree, slow: float | None) -> None:
        """A library may fail in any way at all: then it is said, and the others go on."""
        time.sleep(SETTLE)
        try:
            with backend.here(), backend.quiet():
                self.arrays(backend, problem, inputs, expected, slow)
        except Exception as error:
            self.failed.append(f"{problem}, {backend}: {' '.join(str(error).split()) or type(error).__name__}")

    def arrays(self, backend: Backend, problem: Problem, inputs: Inputs, expected: Tree, slow: float | None) -> None:
        def moved(*host: Tree) -> Tree:
            return trees.map(backend.asarray, host)

        if backend.device.partition(":")[0] != self.host.device:
            first, _ = clock(backend, moved, inputs)
            self.add(problem, backend, "transfer", measure(backend, moved, inputs, first, self.share()), None)
        there = moved(*inputs)
        compiled = compile(problem.case.vectorised)
        forms: list[tuple[str, Callable[..., Tree]]] = [("vectorised", problem.case.vectorised)]
        if problem.case.compiled:
            forms.append(("compiled", compiled))
        for form, f in forms:
            first, result = clock(backend, f, there)
            if f is compiled and compiled.how.startswith("as written"):
                return
            check_equal(trees.map(backend.to_numpy, result), expected, problem.dtype)
            del result
            self.add(problem, backend, form, measure(backend, f, there, first, self.share()), slow)

    def add(
        self,
        problem: Problem,
        backend: Backend,
        form: str,
        times: Times,
        slow: float | None,
        extrapolated: bool = False,
    ) -> None:
        case = problem.case
        row = Row(
            case.name,
            case.course,
            case.title,
            problem.size,
            case.text.format(problem.size),
            problem.dtype,
            str(backend),
            form,
            *times,
            extrapolated=extrapolated,
            bytes=problem.bytes,
            flops=None if form == "transfer" else case.flops and case.flops(problem.size),
            speedup=slow and slow / times.seconds,
        )
        self.rows.append(row)
        self.show(row)
