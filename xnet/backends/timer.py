"""The time of a block of code, on a device that works behind the host."""

import time
from collections.abc import Callable
from typing import Any, Self


class Timer:
    """`with backend.timer() as t: …`, then `t.seconds`.  The device has finished its work before each clock reading.

    Keep the results until the block ends: some libraries cannot wait for an array that was deleted.
    """

    seconds: float

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self.synchronize = synchronize

    def __enter__(self) -> Self:
        self.synchronize()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.synchronize()
        self.seconds = time.perf_counter() - self._start


class EventTimer(Timer):
    """A Timer by the device's clock: one event before the block and one after it, in the current stream."""

    def __init__(
        self, synchronize: Callable[[], None], record: Callable[[], Any], elapsed: Callable[[Any, Any], float]
    ) -> None:
        super().__init__(synchronize)
        self.record, self.elapsed = record, elapsed

    def __enter__(self) -> Self:
        self.synchronize()
        self._first = self.record()
        return self

    def __exit__(self, *exception: object) -> None:
        last = self.record()
        self.synchronize()
        self.seconds = self.elapsed(self._first, last)
