"""Threads for work that lets go of Python's lock, as NumPy does over large arrays."""

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy as np

from xnet.errors import ValueRangeError
from xnet.machine import usable_cores

Job: TypeAlias = tuple[Any, ...]  # a function and its arguments

_waiting: "SimpleQueue[tuple[Work, Job]]" = SimpleQueue()
_threads: list[threading.Thread] = []
_starting = threading.Lock()


def count() -> int:
    """As many as there are cores, or as XNET_THREADS says."""
    asked = os.environ.get("XNET_THREADS", "")
    if asked and not (asked.isdigit() and int(asked)):
        raise ValueRangeError(
            f"XNET_THREADS: must be a whole number from 1; got {asked!r}; XNET_THREADS=2, for instance"
        )
    return int(asked) if asked else usable_cores()


class Work:
    """Jobs that are done together; whoever ends last does what comes `last`."""

    def __init__(self, jobs: int, last: Callable[[], None] | None = None) -> None:
        self.left, self.last = jobs, last
        self.error: BaseException | None = None
        self.lock, self.done = threading.Lock(), threading.Event()

    def do(self, job: Job) -> None:
        try:
            job[0](*job[1:])
        except BaseException as error:
            self.error = error
        with self.lock:
            self.left -= 1
            ended = not self.left
        if ended:
            if self.last is not None:
                self.last()
            self.done.set()

    def wait(self) -> None:
        """Until all is done, even when Ctrl-C is pressed meanwhile."""
        pressed: BaseException | None = None
        while not self.done.is_set():
            try:
                self.done.wait()
            except KeyboardInterrupt as error:
                pressed = error
        if pressed or self.error:
            raise pressed or self.error  # type: ignore[misc]


def together(jobs: Sequence[Job]) -> None:
    """All jobs at once, the first of them here."""
    work = Work(len(jobs))
    _hand_out(work, jobs[1:])
    work.do(jobs[0])
    work.wait()


def whole(jobs: Sequence[Job], last: Callable[[], None] | None = None) -> None:
    """The same on other threads alone, which no signal interrupts: all of it is done, whatever happens here."""
    work = Work(len(jobs), last)
    _hand_out(work, jobs)
    work.wait()


def _hand_out(work: Work, jobs: Sequence[Job]) -> None:
    with _starting:
        while len(_threads) < count():
            _threads.append(threading.Thread(target=_serve, name=f"xnet-{len(_threads)}", daemon=True))
            _threads[-1].start()
    for job in jobs:
        _waiting.put((work, job))


def _serve() -> None:
    with np.errstate(all="ignore"):
        while True:
            work, job = _waiting.get()
            work.do(job)


def _begin_anew() -> None:
    """A forked process has none of its parent's threads."""
    global _waiting, _starting
    _waiting, _starting = SimpleQueue(), threading.Lock()
    _threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
