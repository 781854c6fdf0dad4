"""One measurement, so that its figure can be believed.

The first call stands apart.  Then the device is warm and waited for, and a bout is as many readings as it takes for
them to agree.  Brief calls get several bouts with a rest between them: where a library's threads share a core by bad
luck they go on so for a while, and a bout is twice as long.  Of the bouts' medians the least is the figure.
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

STEADY = 0.05  # the spread at which readings agree
LEAST, ENOUGH, MOST = 3, 5, 200  # readings: however long they take, to be called steady, at all
BOUTS, REST, LONG = 3, 0.03, 0.01  # bouts; seconds: in which such threads fall asleep, of a call that is long
BRIEF = 2e-4  # seconds of a reading: where a call is shorter, it is of many calls
CLOCKED = 50  # and of so many times what the clock itself takes
HELD = 2**28  # bytes of results kept while a reading lasts
EQUAL = {"float32": 1e-4, "float64": 1e-9}


class UnequalError(XnetError, AssertionError):
    """A loop and its arrays that give different numbers, so that their times say nothing."""


class Times(NamedTuple):
    """Seconds of a call; `spread` is half the interquartile range over the median, `first` the first, cold call."""

    seconds: float
    spread: float
    first: float
    repeats: int


def clock(backend: Backend, f: Callable[..., Tree], arguments: Sequence[Tree], calls: int = 1) -> tuple[float, Tree]:
    """Seconds of one call, and its result; results are kept until the device has been waited for."""
    with backend.timer() as timer:
        results = [backend.computed(f(*arguments)) for _ in range(calls)]
    return timer.seconds / calls, results[-1]


def measure(backend: Backend, f: Callable[..., Tree], arguments: Sequence[Tree], first: float, seconds: float) -> Times:
    """Bouts of readings until the seconds are over; f has been called once before, which took `first`."""
    end = time.perf_counter() + seconds
    tick = median(clock(backend, tuple, ())[0] for _ in range(ENOUGH))
    once, result = clock(backend, f, arguments)
    held = sum(nbytes(V) for V in trees.leaves(result))
    del result  # the next call may have its memory, as in a program that goes on
    wanted = max(BRIEF, CLOCKED * tick)
    calls = max(1, min(round(wanted / max(once, 1e-7)), HELD // max(held, 1)))

    def reading() -> float:
        return clock(backend, f, arguments, calls)[0]

    bouts = brief_bouts(reading, end) if once < LONG else long_bouts(once, reading, end)
    readings = list(chain(*bouts))
    return Times(min(map(median, bouts)), spread(readings), first, len(readings))


def brief_bouts(reading: Callable[[], float], end: float) -> list[list[float]]:
    bouts = []
    for left in range(BOUTS, 0, -1):
        time.sleep(REST)
        bout: list[float] = []
        now = time.perf_counter()
        while not enough(bout, time.perf_counter() > now + (end - now) / left):
            bout.append(reading())
        bouts.append(bout)
    return bouts


def long_bouts(once: float, reading: Callable[[], float], end: float) -> list[list[float]]:
    """Of one reading each."""
    readings = [once]
    while not enough(readings, time.perf_counter() > end):
        time.sleep(REST)
        readings.append(reading())
    return [[one] for one in readings]


def enough(readings: Sequence[float], late: bool) -> bool:
    steady = len(readings) >= ENOUGH and spread(readings) < STEADY
    return steady or len(readings) >= MOST or (late and len(readings) >= LEAST)


def spread(readings: Sequence[float]) -> float:
    low, middle, high = quantiles(readings, method="inclusive")
    return (high - low) / 2 / middle if middle > 0 else 0.0


def nbytes(V: Any) -> int:
    """The bytes of an array, of which not every library tells."""
    return int(np.prod(V.shape, dtype=int)) * int(getattr(V.dtype, "itemsize", 8))


def check_equal(got: Tree, expected: Tree, dtype: str) -> None:
    """Each array to rounding, held against its largest number."""
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
