"""Streams and events.  Kernels run at once; a copy to the host that does not block arrives only when somebody waits."""

import functools
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from cupy._counts import count
from cupy.cuda.device import get_device_id
from cupy.cuda.runtime import CUDARuntimeError

_ticks = itertools.count(1)


def _now() -> int:
    return next(_ticks)


def refuse_while_capturing(what: str) -> None:
    """What a stream forbids while it is captured into a graph."""
    if get_current_stream().is_capturing():
        count("capture violation")
        raise CUDARuntimeError(f"cudaErrorStreamCaptureUnsupported: operation not permitted: {what}")


class Stream:
    def __init__(self, device_id: int | None = None) -> None:
        self.device_id = get_device_id() if device_id is None else device_id
        self.copies: list[tuple[int, Callable[[], None]]] = []
        self.capturing = False

    def synchronize(self) -> None:
        refuse_while_capturing("synchronize")
        count("synchronize")
        self.deliver(_now())

    def copy_later(self, values: Any, out: Any) -> None:
        """Until the copy arrives, `out` holds no number."""
        out[...] = np.nan if out.dtype.kind in "fc" else 0
        self.copies.append((_now(), functools.partial(np.copyto, out, values)))

    def deliver(self, until: int) -> None:
        for _, copy in (arrived := [entry for entry in self.copies if entry[0] <= until]):
            copy()
        self.copies = self.copies[len(arrived) :]

    def is_capturing(self) -> bool:
        return self.capturing

    def begin_capture(self, mode: int | None = None) -> None:
        self.capturing = True

    def end_capture(self) -> "Graph":
        self.capturing = False
        return Graph()


class Graph:
    """A captured graph.  The fake only finds what a capture forbids: it has run the kernels already."""

    def launch(self, stream: Stream | None = None) -> None:
        raise RuntimeError("the fake CuPy cannot launch a captured graph: its kernels have run already")


class Event:
    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.at, self.seconds, self.timed, self.stream = 0, 0.0, not disable_timing, get_current_stream()

    def record(self, stream: Stream | None = None) -> None:
        self.at, self.seconds, self.stream = _now(), time.perf_counter(), stream or get_current_stream()

    def synchronize(self) -> None:
        refuse_while_capturing("event.synchronize")
        count("event wait")
        self.stream.deliver(self.at)


def get_elapsed_time(start: Event, end: Event) -> float:
    """Milliseconds, by the host's clock."""
    if not (start.timed and end.timed):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: the events were made with disable_timing=True")
    return 1000 * (end.seconds - start.seconds)


@functools.cache
def _stream_of(device_id: int) -> Stream:
    return Stream(device_id)


def get_current_stream(device_id: int = -1) -> Stream:
    return _stream_of(get_device_id() if device_id < 0 else device_id)
