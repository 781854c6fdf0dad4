"""The sizes at which the code for NumPy changes its form."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    block: int = 1 << 15  # numbers of a block: a few arrays of so many float32 stay in a core's own cache
    shared: int = 1 << 20  # so many numbers are shared among threads
    wide_block: int = 1 << 17  # numbers of a block for threads, because Python's lock is slow to change hands
    fill: int = 1 << 9  # for so many, maximum and minimum with a number are slower than with an array full of it
    ones: int = 1 << 12  # rows of up to so many numbers are added up by a product with ones, which is faster
    threads: int | None = None  # as many as threads.count says
