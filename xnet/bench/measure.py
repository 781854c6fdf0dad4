"""One measurement of a function.

The first call is timed separately.  Then follow rounds of readings; each round ends when its readings agree.  Each
reading waits for the device.  Brief calls get several rounds with a rest between them, because the threads of a library
can share one core for a while, which doubles the times of a round.  The result is the least median of the rounds.
"""

import time
from collections.abc import Callable, Sequence
from itertools import chain
from statistics import median, quantiles
from typing import Any, NamedTuple

import numpy as np

from xnet import trees
from xnet.backends import Backend
from xnet.compile import compile
from xnet.errors import XnetError
from xnet.types import Tree

STEADY = 0.05  # readings agree if their spread is below this
LEAST, ENOUGH, MOST = 3, 5, 200  # readings: at least, at least to be called steady, at most
ROUNDS, REST, LONG = 3, 0.03, 0.01  # rounds; seconds in which spinning threads go to sleep; seconds of a long call
BRIEF = 2e-4  # least seconds of a reading: a shorter call is repeated within one reading
CLOCKED = 50  # a reading takes at least this many times as long as reading the clock
HELD = 2**28  # most bytes of results that one reading keeps
EQUAL = {"float32": 1e-4, "float64": 1e-9}


class UnequalError(XnetError, AssertionError):
    """A loop and its array form give different numbers, so their times cannot be compared."""


class Times(NamedTuple):
    """Seconds of a call.  `spread`: half the interquartile range over the median.  `first`: those of the first call."""

    seconds: float
    spread: float
    first: float
    repeats: int


def clock(backend: Backend, f: Callable[..., Tree], arguments: Sequence[Tree], calls: int = 1) -> tuple[float, Tree]:
    """Seconds of one call, and its result.  All results are kept until the device has finished."""
    with backend.timer() as timer:
        results = [backend.computed(f(*arguments)) for _ in range(calls)]
    return timer.seconds / calls, results[-1]


def measure(backend: Backend, f: Callable[..., Tree], arguments: Sequence[Tree], first: float, seconds: float) -> Times:
    """Rounds of readings until the seconds are over.   `first`: the seconds of the first call of f, made before."""
    end = time.perf_counter() + seconds
    tick = median(clock(backend, tuple, ())[0] for _ in range(ENOUGH))
    once, result = clock(backend, f, arguments)
    held = sum(nbytes(V) for V in trees.leaves(result))
    del result  # its memory can be used again by the next call, as in a program
    wanted = max(BRIEF, CLOCKED * tick)
    calls = max(1, min(round(wanted / max(once, 1e-7)), HELD // max(held, 1)))

    def reading() -> float:
        return clock(backend, f, arguments, calls)[0]

    rounds = brief_rounds(reading, end) if once < LONG else long_rounds(once, reading, end)
    readings = list(chain(*rounds))
    return Times(min(map(median, rounds)), spread(readings), first, len(readings))


def brief_rounds(reading: Callable[[], float], end: float) -> list[list[float]]:
    """ROUNDS rounds, with equal parts of the time that is left."""
    rounds = []
    for left in range(ROUNDS, 0, -1):
        time.sleep(REST)
        readings: list[float] = []
        now = time.perf_counter()
        while not enough(readings, time.perf_counter() > now + (end - now) / left):
            readings.append(reading())
        rounds.append(readings)
    return rounds


def long_rounds(once: float, reading: Callable[[], float], end: float) -> list[list[float]]:
    """Rounds of one reading each."""
    readings = [once]
    while not enough(readings, time.perf_counter() > end):
        time.sleep(REST)
        readings.append(reading())
    return [[one] for one in readings]


def enough(readings: Sequence[float], late: bool) -> bool:
    """Whether a round can end: its readings agree, are many, or it is late and there are LEAST of them."""
    steady = len(readings) >= ENOUGH and spread(readings) < STEADY
    return steady or len(readings) >= MOST or (late and len(readings) >= LEAST)


def spread(readings: Sequence[float]) -> float:
    low, middle, high = quantiles(readings, method="inclusive")
    return (high - low) / 2 / middle if middle > 0 else 0.0


def nbytes(V: Any) -> int:
    """The bytes of an array; not every library has this attribute."""
    return int(np.prod(V.shape, dtype=int)) * int(getattr(V.dtype, "itemsize", 8))


def check_equal(got: Tree, expected: Tree, dtype: str) -> None:
    """Raise UnequalError unless the arrays are equal to rounding, relative to their largest number."""
    for (name, a), b in zip(trees.named_leaves(got), trees.leaves(expected), strict=True):
        where = f" in result {name}" if name else ""
        if a.shape != b.shape:
            raise UnequalError(f"loop and arrays must give the same shape; got {a.shape} beside {b.shape}{where}")
        off, largest = np.max(np.abs(a - b), initial=0), np.max(np.abs(b), initial=0)
        if not off <= EQUAL[dtype] * largest:
            raise UnequalError(
                f"loop and arrays must give the same numbers; got a difference of {off:.3g} beside {largest:.3g}{where}"
            )


def ceilings(backend: Backend) -> dict[str, float]:
    """What this device reaches now: bytes per second of a pass over a large array, FLOP/s of a large product."""
    return {"bytes_per_second": _bandwidth(backend), "flops_per_second": _flops(backend)}


def _bandwidth(backend: Backend) -> float:
    """Bytes read and written per second by x := -x, which reuses the memory of x: fresh memory costs page faults."""

    def in_place(x: Any) -> Any:
        x *= -1.0
        return x

    negate = compile(lambda x: -x, donate="x") if backend.compiling else in_place
    x, readings = _ones(backend, 2**24), []
    for _ in range(1 + LEAST):
        seconds, x = clock(backend, negate, (x,))
        readings.append(seconds)
    return 2 * nbytes(x) / min(readings[1:])


def _flops(backend: Backend) -> float:
    """FLOP/s of the first product of square matrices that takes more than 20 ms."""
    for k in (512, 1024, 2048, 4096, 8192):
        A = _ones(backend, k, k)
        readings = [clock(backend, lambda A: A @ A, (A,))[0] for _ in range(1 + LEAST)]
        if min(readings[1:]) > 0.02:
            break
    return float(2 * k**3 / min(readings[1:]))


def _ones(backend: Backend, *shape: int) -> Tree:
    return backend.asarray(np.ones(shape, dtype="float32"))
