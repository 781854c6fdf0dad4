"""The layout of a drawing: boxes in columns, each to the right of its sources, with few crossings of lines.

The method is Sugiyama's (1981): columns by the longest path, order by the mean height of neighbours.  A layout that is
too wide continues in a new row, as text does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from statistics import fmean

WIDEST, SWEEPS = 1200.0, 17
BETWEEN_BOXES, BETWEEN_LINES, BETWEEN_COLUMNS, BETWEEN_STAGES, BELOW_ROW, ABOVE_ROW = 24.0, 14.0, 46.0, 28.0, 36.0, 46.0


@dataclass(eq=False)
class Spot:
    """A box, or the part of a line that crosses one column; it is level at y."""

    stage: int = 0
    sources: "Sequence[Spot]" = ()
    width: float = 0.0
    up: float = 0.0
    down: float = 0.0
    column: int = 0
    row: int = 0
    left: float = 0.0
    right: float = 0.0
    y: float = 0.0
    before: "list[Spot]" = field(default_factory=list)
    after: "list[Spot]" = field(default_factory=list)

    @property
    def x(self) -> float:
        return (self.left + self.right) / 2


Line = list[Spot]


def layout(boxes: Sequence[Spot]) -> list[Line]:
    """Place the boxes, which come after their sources, and return the lines from the sources to them."""
    _columns(boxes)
    lines = _lines(boxes)
    spots = dict.fromkeys([*boxes, *(spot for line in lines for spot in line)])
    in_order = sorted(spots, key=lambda spot: (spot.column, spot.y))
    columns = [list(column) for _, column in groupby(in_order, key=lambda spot: spot.column)]
    _heights(columns)
    _rows(columns)
    turns = _row_heights(columns)
    return [[line[0], *(x for pair in pairwise(line) for x in (turns.get(pair), pair[1]) if x)] for line in lines]


def _columns(boxes: Sequence[Spot]) -> None:
    """The column of a box is its longest path from the left; each stage is to the right of those before it."""
    start = 0
    for _, stage in groupby(sorted(boxes, key=lambda box: box.stage), key=lambda box: box.stage):
        members = list(stage)
        for box in members:
            box.column = max([start, *(source.column + 1 for source in box.sources)])
        start = max(box.column for box in members) + 1


def _lines(boxes: Sequence[Spot]) -> list[Line]:
    """A line has a spot in each column that it crosses, shared by the lines from the same box."""
    passing: dict[tuple[Spot, int], Spot] = {}
    lines = []
    for number, box in enumerate(boxes):
        box.y = float(number)
        for source in box.sources:
            passed = range(source.column + 1, box.column)
            line = [source, *(passing.setdefault((source, k), Spot(column=k, y=source.y)) for k in passed), box]
            lines.append(line)
            for a, b in pairwise(line):
                if b not in a.after:
                    a.after.append(b)
                    b.before.append(a)
    return lines


def _heights(columns: list[list[Spot]]) -> None:
    """Move each spot to the mean height of its neighbours, alternately on the left and on the right."""
    for sweep in range(SWEEPS):
        for column in reversed(columns) if sweep % 2 else columns:
            for spot in column:
                near = spot.after if sweep % 2 else spot.before
                spot.y = fmean([other.y for other in near] or [spot.y])
            _spread(column)


def _spread(column: list[Spot]) -> None:
    """Sort the spots by height and keep them apart: the mean of pushing all down and pushing all up."""
    column.sort(key=lambda spot: spot.y)
    apart = [a.down + b.up + (BETWEEN_BOXES if a.width and b.width else BETWEEN_LINES) for a, b in pairwise(column)]
    lowest, highest = ([spot.y for spot in column] for _ in range(2))
    for k, room in enumerate(apart):
        lowest[k + 1] = max(lowest[k + 1], lowest[k] + room)
    for k, room in reversed([*enumerate(apart)]):
        highest[k] = min(highest[k], highest[k + 1] - room)
    for spot, low, high in zip(column, lowest, highest, strict=True):
        spot.y = (low + high) / 2


def _rows(columns: list[list[Spot]]) -> None:
    """Set the columns from left to right; a column, or a whole stage, that has no more room begins a new row."""
    x, row = 0.0, 0
    for stage, group in groupby(columns, key=lambda column: max(spot.stage for spot in column) or -column[0].column):
        together = list(group)
        widths = [max(spot.width for spot in column) for column in together]
        if x and x + sum(widths) + BETWEEN_COLUMNS * (len(widths) - 1) > WIDEST:
            x, row = 0.0, row + 1
        for column, width in zip(together, widths, strict=True):
            for spot in column:
                spot.left, spot.right, spot.row = x, x + width, row
            x += width + BETWEEN_COLUMNS
        x += BETWEEN_STAGES * (stage > 0)


def _row_heights(columns: list[list[Spot]]) -> dict[tuple[Spot, Spot], Spot]:
    """Set the rows one below the other, with the lines that turn from right to left between them."""
    turns: dict[tuple[Spot, Spot], Spot] = {}
    top = 0.0
    for _, row in groupby(columns, key=lambda column: column[0].row):
        spots = [spot for column in row for spot in column]
        shift = top - min(spot.y - spot.up for spot in spots)
        for spot in spots:
            spot.y += shift
        top = max(spot.y + spot.down for spot in spots) + BELOW_ROW
        for a, b in [(spot, after) for spot in spots for after in spot.after if after.row > spot.row]:
            turns[a, b] = Spot(left=a.right, right=b.left, y=top)
            top += BETWEEN_LINES
        top += ABOVE_ROW
    return turns
