"""Where the boxes of a drawing go: columns from left to right, few crossings, no box upon another.

The method is Sugiyama's (1981): columns by the longest path, order by barycentres, then heights by least squares.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

BETWEEN_BOXES, BETWEEN_LINES, BETWEEN_COLUMNS, BETWEEN_STAGES = 24.0, 15.0, 38.0, 34.0
MOST_LANES = 2500  # of long lines: beyond that a picture is no longer read, and should at least appear soon
SWEEPS, SETTLINGS = 6, 12

Edge = tuple[int, int]


@dataclass(frozen=True)
class Size:
    """A box reaches `up` and `down` from its middle line, at which the lines meet it."""

    width: float
    up: float
    down: float


@dataclass(frozen=True)
class Lane:
    """A stretch of a line across one column, level at y."""

    left: float
    right: float
    y: float


@dataclass(frozen=True)
class Layout:
    """The middle of each box, the column it stands in, and the lanes that each edge takes, first and last included."""

    places: list[tuple[float, float]]
    columns: list[int]
    lanes: dict[Edge, list[Lane]]


def layout(sizes: Sequence[Size], edges: Sequence[Edge], stages: Sequence[int]) -> Layout:
    """Boxes 0 … n - 1, each after those that it depends on; a stage's columns come after those of earlier stages."""
    ranks = columns(len(sizes), edges, stages)
    lanes, links, rank_of, size_of = with_lanes(sizes, edges, ranks)
    order = few_crossings(reading_order(len(sizes), edges, lanes, rank_of), links)
    y = heights(order, links, size_of, len(sizes))
    lefts, rights = widths(order, links, size_of, y, ranks, stages)
    places = [((lefts[r] + rights[r]) / 2, y[i]) for i, r in enumerate(ranks)]
    lines = {
        (i, j): [Lane(lefts[rank_of[k]], rights[rank_of[k]], y[k]) for k in (i, *lanes[i, j], j)] for i, j in edges
    }
    return Layout(places, ranks, lines)


def columns(n: int, edges: Sequence[Edge], stages: Sequence[int]) -> list[int]:
    """The longest path from the left; a box that starts far from where it is used moves up to there."""
    before: list[list[int]] = [[] for _ in range(n)]
    after: list[list[int]] = [[] for _ in range(n)]
    for i, j in edges:
        before[j].append(i)
        after[i].append(j)
    ranks = [0] * n
    start = 0
    for stage in sorted(set(stages)):
        members = [i for i in range(n) if stages[i] == stage]
        for i in members:
            ranks[i] = max([start, *(ranks[j] + 1 for j in before[i])])
        end = max(ranks[i] for i in members)
        for i in members:
            if not before[i] and after[i]:
                latest = min(end, min(ranks[j] for j in after[i]) - 1)
                ranks[i] = latest if latest - ranks[i] > 1 else max(ranks[i], start)
        start = end + 1
    used = {rank: number for number, rank in enumerate(sorted(set(ranks)))}
    return [used[rank] for rank in ranks]


Links = dict[int, list[int]]


def with_lanes(
    sizes: Sequence[Size], edges: Sequence[Edge], ranks: list[int]
) -> tuple[dict[Edge, list[int]], Links, list[int], list[Size]]:
    """A line that passes columns gets a lane in each, shared by the lines from the same box.

    → the lanes of each edge, what follows each box or lane, and the columns and sizes of both.
    """
    reach = max(3, MOST_LANES // max(1, len(sizes)))
    rank_of, size_of = list(ranks), list(sizes)
    lane: dict[tuple[int, int], int] = {}
    taken: dict[Edge, list[int]] = {}
    links: Links = {}
    for i, j in edges:
        taken[i, j] = []
        if ranks[j] - ranks[i] <= reach:
            for rank in range(ranks[i] + 1, ranks[j]):
                if (i, rank) not in lane:
                    lane[i, rank] = len(rank_of)
                    rank_of.append(rank)
                    size_of.append(Size(0.0, 0.0, 0.0))
                taken[i, j].append(lane[i, rank])
        for a, b in pairwise((i, *taken[i, j], j)):
            followers = links.setdefault(a, [])
            if b not in followers:
                followers.append(b)
    return taken, links, rank_of, size_of


def turned(links: Links) -> Links:
    result: Links = {}
    for a, followers in links.items():
        for b in followers:
            result.setdefault(b, []).append(a)
    return result


def reading_order(n: int, edges: Sequence[Edge], lanes: dict[Edge, list[int]], rank_of: list[int]) -> list[list[int]]:
    """Each column as its boxes are met from the right, what a box depends on in the order of its formula."""
    before: dict[int, list[int]] = {}
    for i, j in edges:
        before.setdefault(j, []).extend((*lanes[i, j], i))
    starts = {i for i, _ in edges}
    order: list[list[int]] = [[] for _ in range(max(rank_of, default=-1) + 1)]
    stack = [i for i in reversed(range(n)) if i not in starts]
    seen: set[int] = set()
    while stack:
        i = stack.pop()
        if i not in seen:
            seen.add(i)
            order[rank_of[i]].append(i)
            stack.extend(reversed(before.get(i, ())))
    return order


def few_crossings(order: list[list[int]], links: Links) -> list[list[int]]:
    """Each column sorted by the mean place of its neighbours on one side, then on the other; the best order is kept."""
    best, fewest = order, crossings(order, links)
    back = turned(links)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        order = [list(column) for column in order]
        rightwards = sweep % 2 == 0
        neighbours = back if rightwards else links
        place = {i: float(k) for column in order for k, i in enumerate(column)}
        for column in order if rightwards else reversed(order):
            wanted = {i: mean((place[j] for j in neighbours.get(i, ())), place[i]) for i in column}
            column.sort(key=lambda i: wanted[i])
            place.update((i, float(k)) for k, i in enumerate(column))
        now = crossings(order, links)
        if now < fewest:
            best, fewest = order, now
    return best


def crossings(order: list[list[int]], links: Links) -> int:
    place = {i: k for column in order for k, i in enumerate(column)}
    total = 0
    for column in order:
        ends: list[int] = []
        for i in column:
            mine = sorted(place[j] for j in links.get(i, ()))
            total += sum(len(ends) - bisect_right(ends, end) for end in mine)
            for end in mine:
                insort(ends, end)
    return total


def heights(order: list[list[int]], links: Links, size_of: list[Size], boxes: int) -> dict[int, float]:
    """Each box as near to the mean height of its neighbours as the order and the distances allow."""
    back = turned(links)
    y: dict[int, float] = {}
    for column in order:
        y.update(zip(column, settled([0.0] * len(column), distances(column, size_of, boxes)), strict=True))
    for k in range(SETTLINGS):
        for column in order if k % 2 == 0 else reversed(order):
            sides = (back, links) if k >= SETTLINGS - 4 else (back,) if k % 2 == 0 else (links,)
            wanted = [mean((y[j] for side in sides for j in side.get(i, ())), y[i]) for i in column]
            y.update(zip(column, settled(wanted, distances(column, size_of, boxes)), strict=True))
    return y


def distances(column: list[int], size_of: list[Size], boxes: int) -> list[float]:
    return [
        size_of[i].down + size_of[j].up + (BETWEEN_BOXES if i < boxes and j < boxes else BETWEEN_LINES)
        for i, j in pairwise(column)
    ]


def settled(wanted: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Heights in this order, so far apart or more, with the least squares to the wanted: pool adjacent violators."""
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=False):
        total, count = want - offset, 1
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            more, others = pools.pop()
            total, count = total + more, count + others
        pools.append((total, count))
    level = [total / count for total, count in pools for _ in range(count)]
    return [a + b for a, b in zip(level, offsets, strict=False)]


def widths(
    order: list[list[int]],
    links: Links,
    size_of: list[Size],
    y: dict[int, float],
    ranks: list[int],
    stages: Sequence[int],
) -> tuple[list[float], list[float]]:
    """The left and right of each column; steep lines between two columns move them apart."""
    stage_of = dict(zip(ranks, stages, strict=True))
    lefts, rights = [], []
    x = 0.0
    for rank, column in enumerate(order):
        if rank:
            steepest = max((abs(y[i] - y[j]) for i in order[rank - 1] for j in links.get(i, ())), default=0.0)
            x += BETWEEN_COLUMNS + min(50.0, 0.15 * steepest)
            x += BETWEEN_STAGES if stage_of[rank] != stage_of[rank - 1] else 0.0
        lefts.append(x)
        x += max(size_of[i].width for i in column)
        rights.append(x)
    return lefts, rights


def mean(numbers: Iterable[float], default: float) -> float:
    known = list(numbers)
    return sum(known) / len(known) if known else default
