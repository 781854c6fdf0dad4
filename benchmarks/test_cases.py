"""The cases of `xnet bench` for pytest-benchmark: each loop, and its array form on every backend.

    pytest benchmarks/ -k "dot and float64" --benchmark-json=dot.json

A group is one case with one size and dtype.  A loop that is too slow at a size is in a group with a smaller size,
together with all other forms.  Results are compared before they are timed.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import product
from typing import Any

import pytest

from xnet import trees
from xnet.backends import HOST, Backend
from xnet.backends import backend as find_backend
from xnet.bench.cases import CASES, Case
from xnet.bench.command import chosen
from xnet.bench.forms import Inputs
from xnet.bench.measure import check_equal, clock
from xnet.bench.rows import Key
from xnet.bench.run import Options, Problem
from xnet.compile import compile
from xnet.errors import XnetError
from xnet.types import Tree


def sizes(case: Case, mode: str) -> list[int]:
    """The sizes of the case, and `loop_size` if some of them are larger."""
    own = getattr(case, mode)
    return sorted({*own, *(min(size, case.loop_size) for size in own if case.loop)})


def forms(problem: Problem, backend: Backend, options: Options) -> Iterator[str]:
    """The forms to time.   The loops are in Python and belong to NumPy, whichever backends are chosen."""
    case = problem.case
    if str(backend) == HOST:
        if case.loop and problem.size <= case.loop_size:
            yield "loop"
        if case.one_loop:
            yield "one-loop"
    if backend in options.backends:
        yield "vectorised"
        if case.compiled and backend.compiling:
            yield "compiled"


def rows(options: Options) -> list[Key]:
    """The measurements for which a backend has the dtype, compiler and memory.  A lack of memory gives a warning."""
    host = find_backend(HOST)
    problems = [
        Problem(case, size, dtype)
        for case in CASES.values()
        for size in sizes(case, options.mode)
        for dtype in case.dtypes
    ]
    found: list[Key] = []
    for problem, backend in product(problems, dict.fromkeys((host, *options.backends))):
        if not backend.has(problem.dtype):
            continue
        if problem.fits(host) and problem.fits(backend):
            found += [problem.key(backend, form) for form in forms(problem, backend, options)]
        else:
            warnings.warn(f"left out: {problem}, on {backend}: it needs more memory than there is", stacklevel=1)
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "form" not in metafunc.fixturenames:
        return
    asked = {name: metafunc.config.getoption(name) for name in ("mode", "backend")}
    try:
        options = chosen(argparse.Namespace(case=[], dtype=None, **asked))
    except XnetError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    metafunc.parametrize(("case", "size", "dtype", "backend", "form"), rows(options))


class Waiting:
    """A clock that waits for the device before it is read.   Results are kept until then."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.results: list[Tree] = []

    def __repr__(self) -> str:
        return f"time.perf_counter after {self.backend} has finished"

    def __call__(self) -> float:
        self.backend.synchronize()
        now = time.perf_counter()
        self.results.clear()
        return now

    def call(self, f: Callable[..., Tree], arguments: Inputs) -> None:
        self.results.append(self.backend.computed(f(*arguments)))


waiting = cache(Waiting)


@pytest.fixture
def timer(request: pytest.FixtureRequest, backend: str) -> Waiting:
    """The clock of the fixture `benchmark`.   pytest-benchmark measures its cost to choose the length of a round."""
    found = waiting(find_backend(backend))
    request.node.add_marker(pytest.mark.benchmark(timer=found))
    return found


@lru_cache(maxsize=1)
def known(problem: Problem) -> tuple[Inputs, Tree]:
    """The inputs, and the results of NumPy."""
    inputs = problem.inputs(problem.size)
    with find_backend(HOST).quiet():
        return inputs, problem.case.vectorised(*inputs)


def test_case(case: str, size: int, dtype: str, form: str, timer: Waiting, benchmark: Any) -> None:
    problem, backend = Problem(CASES[case], size, dtype), timer.backend
    vectorised = problem.case.vectorised
    f: Any = {
        "loop": problem.case.loop,
        "one-loop": problem.case.one_loop,
        "vectorised": vectorised,
        "compiled": compile(vectorised),
    }[form]
    with backend.here(), backend.quiet():
        inputs, expected = known(problem)
        arguments = trees.map(backend.asarray, inputs)
        first, result = clock(backend, f, arguments)
        check_equal(trees.map(backend.to_numpy, result), expected, dtype)
        del result
        benchmark.group = str(problem)
        benchmark.extra_info.update(
            case=case,
            course=problem.case.course,
            title=problem.case.title,
            size=size,
            dtype=dtype,
            backend=str(backend),
            version=backend.version,
            device=backend.device,
            form=form,
            bytes=problem.bytes,
            flops=problem.case.flops and problem.case.flops(size),
            first=first,
        )
        benchmark(timer.call, f, arguments)
