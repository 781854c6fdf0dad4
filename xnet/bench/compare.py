"""The comparison of two reports, row by row."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot

from xnet.bench.rows import Row

NOISE, SPREADS = 0.10, 3  # two times are equal within this ratio, or within so many spreads


@dataclass(frozen=True)
class Change:
    """The time of a row divided by its time in the older report, and the noise of this ratio."""

    row: Row
    ratio: float
    noise: float

    @property
    def verdict(self) -> str:
        if max(self.ratio, 1 / self.ratio) < 1 + self.noise:
            return "within noise"
        return "slower" if self.ratio > 1 else "faster"


def changes(old: Iterable[Row], new: Iterable[Row]) -> list[Change]:
    """The changes of the rows that are in both reports."""
    before = {row.key: row for row in old}
    pairs = [(before[row.key], row) for row in new if row.key in before]
    return [
        Change(row, row.seconds / was.seconds, max(NOISE, SPREADS * hypot(was.spread, row.spread)))
        for was, row in pairs
    ]


def slower(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    return [change.row for change in changes(old, new) if change.verdict == "slower"]
