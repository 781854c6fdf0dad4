"""Threads for blocks of calls that release Python's lock, as NumPy does over large arrays."""

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, starmap
from operator import call
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy as np

from xnet.backends.machine import usable_cores
from xnet.errors import ValueRangeError

Call: TypeAlias = tuple[Any, ...]  # a function and its arguments
SOON = 20  # after a product OpenBLAS's threads spin for 2^26 cycles, or 2^OPENBLAS_THREAD_TIMEOUT, on the cores of ours

_waiting: "SimpleQueue[tuple[Work, int]]" = SimpleQueue()
_threads: list[threading.Thread] = []
_starting = threading.Lock()


def count(beside_products: bool = False) -> int:
    """As many threads as cores, or as XNET_THREADS says; beside products one, unless OpenBLAS's stop spinning soon."""
    timeout = os.environ.get("OPENBLAS_THREAD_TIMEOUT", "")
    if beside_products and not (timeout.isdigit() and int(timeout) <= SOON):
        return 1
    asked = os.environ.get("XNET_THREADS", "")
    if asked and not (asked.isdigit() and int(asked)):
        raise ValueRangeError(
            f"XNET_THREADS: must be a whole number from 1; got {asked!r}; XNET_THREADS=2, for instance"
        )
    return int(asked) if asked else usable_cores()


def in_one_go(calls: Iterable[Call]) -> None:
    """Make the calls in order.  Python handles signals between its own instructions, of which there are none here."""
    deque(starmap(call, calls), 0)


class Work:
    """Blocks of calls: each thread takes the next block when it is free, in the form that uses the thread's memory."""

    def __init__(self, blocks: Sequence[Sequence[Sequence[Call]]]) -> None:
        self.blocks, self.left, self.busy = blocks, iter(range(len(blocks[0]))), len(blocks) - 1
        self.lock, self.done = threading.Lock(), threading.Event()
        self.error: BaseException | None = None

    def take(self, thread: int) -> None:
        in_one_go(chain.from_iterable(map(self.blocks[thread].__getitem__, self.left)))

    def help(self, thread: int) -> None:
        try:
            self.take(thread)
        except BaseException as error:
            self.error = error
        with self.lock:
            self.busy -= 1
            if not self.busy:
                self.done.set()


def share(blocks: Sequence[Sequence[Sequence[Call]]], last: Iterable[Call] = ()) -> None:
    """Make the calls of the blocks, listed for each thread, and then the last calls: all of them, even after Ctrl-C."""
    work = Work(blocks)
    with _starting:
        while len(_threads) < work.busy:
            _threads.append(threading.Thread(target=_serve, name=f"xnet-{len(_threads)}", daemon=True))
            _threads[-1].start()
    helpers: Iterator[Call] = iter([(_waiting.put, (work, thread)) for thread in range(1, len(blocks))])
    pressed: BaseException | None = None
    while True:  # finished blocks are not repeated; the last calls may be
        try:
            in_one_go(helpers)
            work.take(0)
            if len(blocks) > 1:
                work.done.wait()
            in_one_go(last)
            break
        except BaseException as error:
            pressed = error
    if pressed or work.error:
        raise pressed or work.error  # type: ignore[misc]


def _serve() -> None:
    with np.errstate(all="ignore"):
        while True:
            work, thread = _waiting.get()
            work.help(thread)


def _reset() -> None:
    """A forked process has no threads of its parent."""
    global _waiting, _starting
    _waiting, _starting = SimpleQueue(), threading.Lock()
    _threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)
