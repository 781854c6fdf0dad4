"""The runner: every case, size and dtype, first as loops and then on each backend, within a time limit.

Results are compared before they are timed.  Other programs only make a time longer, so rows with a wide spread, and
rows slower than in an older report, are timed again, and the shorter time is kept.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from xnet import trees
from xnet.backends import HOST, Backend
from xnet.backends import backend as find_backend
from xnet.backends.machine import cores_at_work, machine
from xnet.bench.cases import CASES, Case
from xnet.bench.compare import slower
from xnet.bench.forms import Inputs
from xnet.bench.measure import Times, UnequalError, ceilings, check_equal, clock, measure, nbytes
from xnet.bench.rows import ARRAYS, LOOPS, TRANSFERS, Key, Report, Row, headline
from xnet.compile import compile
from xnet.types import Tree
from xnet.version import __version__

SECONDS = {"quick": 18.0, "full": 240.0}
PATIENCE = {"quick": 0.15, "full": 0.5}  # seconds: a loop that takes longer is timed at a smaller size
SETTLE = 0.02  # seconds: the threads of the previous library spin for a while
ROOM = 4  # a case needs this many times its bytes of free memory: inputs on host and device, results, temporaries
UNSTEADY = 0.10  # a row with a larger spread is timed again, while there is time
BUSY = 0.3  # cores that other programs may use without a warning
TURNS, TURN = 5, 0.5  # how often a slower row is timed again, and for how many seconds
PAUSE = 1.0  # each turn waits this many seconds longer than the one before

Show: TypeAlias = Callable[[Row | str], None]  # shows a row, or a line of text
Asked: TypeAlias = Callable[..., bool]  # whether one of these forms is measured


class Problem(NamedTuple):
    """A case with a size and a dtype."""

    case: Case
    size: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.case.name}, {self.case.text.format(self.size)}, {self.dtype}"

    def key(self, backend: Backend, form: str) -> Key:
        return self.case.name, self.size, self.dtype, str(backend), form

    def inputs(self, size: int) -> Inputs:
        return self.case.inputs(size, self.dtype, np.random.default_rng(0))

    @property
    def bytes(self) -> int | None:
        return self.case.bytes and self.case.bytes(self.size, np.dtype(self.dtype).itemsize)

    def fits(self, backend: Backend) -> bool:
        used, total = backend.memory()
        return total is None or ROOM * (self.bytes or 0) <= total - (used or 0)


@dataclass(frozen=True)
class Options:
    """What to measure: cases by name, backends, and one dtype or the dtypes of each case."""

    mode: str
    cases: tuple[str, ...]
    backends: tuple[Backend, ...]
    dtype: str | None = None

    def problems(self) -> list[Problem]:
        return [
            Problem(case, size, dtype)
            for case in map(CASES.__getitem__, self.cases)
            for size in getattr(case, self.mode)
            for dtype in ([self.dtype] if self.dtype else case.dtypes)
        ]

    def include(self, row: Row) -> bool:
        """Whether the row is among the measurements."""
        problems = {(problem.case.name, problem.size, problem.dtype) for problem in self.problems()}
        return row.key[:3] in problems and (row.form in LOOPS or row.backend in map(str, self.backends))

    def record(self) -> dict[str, Any]:
        return vars(self) | {"cases": list(self.cases), "backends": list(map(str, self.backends))}


def busy(cores: int) -> list[str]:
    """A warning if other programs use the processor."""
    others = cores_at_work()
    if others < BUSY:
        return []
    return [
        f"other programs keep {others:.1f} of {cores} cores at work, so times may be far too long, above all where "
        "BLAS shares work among threads: run it again without them, or with OPENBLAS_NUM_THREADS=1"
    ]


def run(options: Options, show: Show, old: Sequence[Row] = ()) -> Report:
    """Measure what the options say and show each row as it comes.   Ctrl-C ends the run and keeps its rows."""
    here = machine()
    advice = [*here.advice, *busy(here.cores)]
    runner = Runner(options, show)
    try:
        runner.run()
        runner.run_again(old)
    except KeyboardInterrupt:
        runner.stopped = True
    rows = [replace(row, speedup=runner.speedup(row)) for row in runner.rows.values()]
    return Report(
        __version__,
        datetime.now(UTC).isoformat(timespec="seconds"),
        asdict(here) | {"advice": advice},
        options.record(),
        runner.ceilings,
        rows,
        headline(rows),
        runner.left_out,
        runner.failed,
        runner.stopped,
    )


class Runner:
    """The state of a run."""

    def __init__(self, options: Options, show: Show) -> None:
        self.options, self.show = options, show
        self.host = find_backend(HOST)
        self.rows: dict[Key, Row] = {}
        self.ceilings: dict[str, dict[str, float]] = {}
        self.left_out: list[str] = []
        self.failed: list[str] = []
        self.stopped = False

    def run(self) -> None:
        self.end = time.perf_counter() + SECONDS[self.options.mode]
        problems = self.options.problems()
        self.left = sum(self.measurements(problem.case) for problem in problems)
        self.reach()
        for problem in problems:
            after = self.left - self.measurements(problem.case)
            if problem.fits(self.host):
                self.compare(problem)
            else:
                self.leave_out(f"{problem}: it needs more memory than there is")
            self.left = after
        self.reach()

    def reach(self) -> None:
        """Measure the ceilings, before and after the cases; the higher ones are kept."""
        for name, backend in {str(b): b for b in self.options.backends}.items():
            with self.trial(name), backend.here():
                found, before = ceilings(backend), self.ceilings.get(name, {})
                self.ceilings[name] = {what: max(rate, before.get(what, 0.0)) for what, rate in found.items()}

    def run_again(self, old: Sequence[Row]) -> None:
        """Time again: rows with a wide spread, while there is time, and rows slower than in the older report."""
        wide = [row for row in self.rows.values() if row.spread > UNSTEADY]
        seconds = self.end - time.perf_counter()
        if wide and seconds > 0:
            self.again(wide, "their times spread widely", seconds)
        for turn in range(TURNS):
            if found := slower(old, self.rows.values()):
                time.sleep(turn * PAUSE)
                self.again(found, "they were slower than before", TURN * len(found))

    def again(self, rows: Sequence[Row], why: str, seconds: float) -> None:
        self.show(f"once more, since {why}; what is quicker now:")
        self.end, self.left = time.perf_counter() + seconds, len(rows)
        for problem in dict.fromkeys(Problem(CASES[row.case], row.size, row.dtype) for row in rows):
            self.compare(problem, {row.key for row in rows})

    def measurements(self, case: Case) -> int:
        loops = (case.loop is not None) + (case.one_loop is not None)
        return loops + len(self.options.backends) * (1 + case.compiled)

    def share(self) -> float:
        """Seconds for the next measurement: the time left, divided by the number of measurements left."""
        seconds = max(self.end - time.perf_counter(), 0) / max(self.left, 1)
        self.left -= 1
        return seconds

    def compare(self, problem: Problem, wanted: Collection[Key] = ()) -> None:
        """Measure the loops and then each backend.   All results must agree with those of the host."""

        def asked(backend: Backend, *forms: str) -> bool:
            return not wanted or any(problem.key(backend, form) in wanted for form in forms)

        case, inputs = problem.case, problem.inputs(problem.size)
        expected = self.on_host(case.vectorised, inputs)
        for form, loop in zip(LOOPS, (case.loop, case.one_loop), strict=True):
            if loop is None or not asked(self.host, form):
                continue
            size = self.loop_size(problem, loop) if form == "loop" else problem.size
            try:
                times = self.loop(problem, loop, size)
            except UnequalError as error:
                self.failed.append(f"{problem}, {form}: {error}")
                return
            self.add(problem, self.host, form, times, problem.bytes, extrapolated=size < problem.size)
        for backend in self.options.backends:
            if not asked(backend, *ARRAYS, *TRANSFERS):
                continue
            if not backend.has(problem.dtype):
                self.leave_out(f"{problem.dtype} on {backend}, which lacks it: {backend.dtype_fix(problem.dtype)}")
            elif not problem.fits(backend):
                self.leave_out(f"{problem}, on {backend}: it needs more memory than there is")
            else:
                self.try_on(backend, problem, inputs, expected, partial(asked, backend))

    def on_host(self, f: Callable[..., Tree], inputs: Inputs) -> Tree:
        with self.host.quiet():
            return trees.map(np.asarray, f(*inputs))

    def loop_size(self, problem: Problem, loop: Callable[..., Tree]) -> int:
        """The largest size at which the loop takes at most PATIENCE."""
        largest = min(problem.size, problem.case.loop_size)
        smallest = max(1, largest // 100)
        inputs = problem.inputs(smallest)
        seconds = min(clock(self.host, loop, inputs)[0] for _ in range(3))
        return min(largest, max(smallest, int(smallest * PATIENCE[self.options.mode] / max(seconds, 1e-9))))

    def loop(self, problem: Problem, f: Callable[..., Tree], size: int) -> Times:
        """The times of a loop, scaled up in proportion if it is run at a smaller size."""
        inputs = problem.inputs(size)
        first, result = clock(self.host, f, inputs)
        check_equal(self.on_host(problem.case.vectorised, inputs), result, problem.dtype)
        times, scale = measure(self.host, f, inputs, first, self.share()), problem.size / size
        return times._replace(seconds=scale * times.seconds, first=scale * times.first)

    def leave_out(self, what: str) -> None:
        if what not in self.left_out:
            self.left_out.append(what)

    def try_on(self, backend: Backend, problem: Problem, inputs: Inputs, expected: Tree, asked: Asked) -> None:
        time.sleep(SETTLE)
        with self.trial(f"{problem}, {backend}"), backend.here(), backend.quiet():
            self.arrays(backend, problem, inputs, expected, asked)

    @contextmanager
    def trial(self, what: str) -> Iterator[None]:
        """Record any error of a library as a failure, and go on with the others."""
        try:
            yield
        except Exception as error:
            failure = f"{what}: {' '.join(str(error).split()) or type(error).__name__}"
            self.failed += [failure] if failure not in self.failed else []

    def arrays(self, backend: Backend, problem: Problem, inputs: Inputs, expected: Tree, asked: Asked) -> None:
        def there(*host: Tree) -> Tree:
            return trees.map(backend.asarray, host)

        def back(*results: Tree) -> Tree:
            return trees.map(backend.to_numpy, results)

        case, is_elsewhere = problem.case, backend.device.partition(":")[0] != self.host.device
        if is_elsewhere and asked("transfer"):
            self.transfer(problem, backend, "transfer", there, inputs, inputs)
        moved = there(*inputs)
        forms: dict[str, Callable[..., Tree]] = {"vectorised": case.vectorised}
        if case.compiled and backend.compiling:
            forms["compiled"] = compile(case.vectorised)
            if backend.compiles_each and self.options.mode == "quick":
                del forms["vectorised"]
                self.leave_out(
                    f"uncompiled networks on {backend}, which compiles each operation alone: --full has them"
                )
        for form in filter(asked, forms):
            f = forms[form]
            first, result = clock(backend, f, moved)
            check_equal(trees.map(backend.to_numpy, result), expected, problem.dtype)
            del result
            self.add(problem, backend, form, measure(backend, f, moved, first, self.share()), problem.bytes)
        if is_elsewhere and asked("transfer back"):
            self.transfer(problem, backend, "transfer back", back, (case.vectorised(*moved),), expected)

    def transfer(
        self, problem: Problem, backend: Backend, form: str, f: Callable[..., Tree], arrays: Inputs, on_host: Tree
    ) -> None:
        first, _ = clock(backend, f, arrays)
        times = measure(backend, f, arrays, first, self.share())
        self.add(problem, backend, form, times, sum(map(nbytes, trees.leaves(on_host))))

    def add(
        self,
        problem: Problem,
        backend: Backend,
        form: str,
        times: Times,
        moved: int | None,
        extrapolated: bool = False,
    ) -> None:
        """Add a row; of two rows of the same measurement keep the faster."""
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
            bytes=moved,
            flops=None if form in TRANSFERS else case.flops and case.flops(problem.size),
            speedup=None,
        )
        if row.key not in self.rows or row.seconds < self.rows[row.key].seconds:
            self.rows[row.key] = row
            self.show(replace(row, speedup=self.speedup(row)))

    def speedup(self, row: Row) -> float | None:
        """The speed-up over `loop`, or over `one_loop` if the case has no other."""
        loops = (self.rows.get((row.case, row.size, row.dtype, str(self.host), form)) for form in LOOPS)
        slow = next(filter(None, loops), None)
        if slow is None or row.form in {slow.form, *TRANSFERS} or not row.seconds:
            return None
        return slow.seconds / row.seconds
