"""Memory for what is needed for a while, used again when it no longer is."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from xnet.compile.groups import Group, side_by_side
from xnet.graph.ir import Node

if TYPE_CHECKING:
    from xnet.compile.plan import Plan

LINE = 64  # bytes of a line of the cache


class Place(NamedTuple):
    """Where an array lies: so many bytes into a memory."""

    memory: str
    offset: int


class Span(NamedTuple):
    """So many bytes, needed from one group to another."""

    size: int
    first: int
    last: int


class Arena:
    """`places` of what the groups work out, and the `stages` where what is late waits until home is written."""

    def __init__(self, plan: "Plan", late: Sequence[Node]) -> None:
        self.plan, self.end = plan, len(plan.groups)
        self.born: dict[Node, int] = {}
        self.dies: dict[Node, int] = {}
        self._live()
        rows = self._rows()
        heirs = self._heirs({x for row in rows for x in row})
        rows += [(x,) for x in self.born if x not in heirs and not any(x in row for row in rows)]
        first: dict[Node, Node] = {}  # whose memory a chain of heirs has
        for x, before in heirs.items():  # in order of birth
            first[x] = first.get(before, before)
            self.dies[first[x]] = max(self.dies[first[x]], self.dies[x])
        spans = [Span(sum(map(size, r)), min(self.born[x] for x in r), max(self.dies[x] for x in r)) for r in rows]
        waiting = [Span(0 if x in self.born else size(x), self.end, self.end + 1) for x in late]
        offsets, self.size = packed([*spans, *waiting])
        self.places: dict[Node, Place] = {}
        for row, offset in zip(rows, offsets, strict=False):
            starts = accumulate(map(size, row), initial=offset)
            self.places |= {x: Place("arena", start) for x, start in zip(row, starts, strict=False)}
        self.places |= {x: self.places[y] for x, y in first.items()}
        stages = zip(late, offsets[len(rows) :], strict=True)
        self.stages = [self.places.get(x, Place("arena", offset)) for x, offset in stages]

    def _live(self) -> None:
        """When each array is made, and when it is read last: outputs after everything."""
        plan = self.plan
        for i, group in enumerate((*plan.groups, *(group for family in plan.commit for group in family))):
            at = min(i, self.end)  # families are worked out at the same time
            for x in group.results:
                if plan.kind(x) != "other" and x not in plan.places and x not in plan.fresh:
                    self.born[x] = at
            for x in (*group.results, *group.reads):
                self.dies[plan.root(x)] = at
        for x in plan.outputs:
            self.dies[plan.root(x)] = self.end + 1

    def _rows(self) -> list[tuple[Node, ...]]:
        """What lies side by side."""
        rows = [
            tuple(map(self.plan.root, r)) for family in self.plan.commit if family[1:] for r in side_by_side(family)
        ]
        return [row for row in rows if row[0] in self.born]

    def _heirs(self, settled: set[Node]) -> dict[Node, Node]:
        """Results that are written over an operand which nobody needs any more."""
        heirs: dict[Node, Node] = {}
        for i, group in enumerate(self.plan.groups):
            if self.plan.kind(group.nodes[0]) != "elementwise":
                continue
            reads = Counter(map(self.plan.root, group.reads))
            left = [
                x
                for x in group.reads
                if x in self.born
                and self.dies[x] == i
                and reads[x] == 1
                and x.shape == group.shape
                and x not in settled
            ]
            for y in group.results:
                if y in self.born and y not in settled:
                    x = next((x for x in left if _can_be_written_over(group, x, y)), None)
                    if x is not None:
                        heirs[y] = x
                        left.remove(x)
        return heirs


def _can_be_written_over(group: Group, x: Node, y: Node) -> bool:
    """Whether nothing reads x after y begins to be written."""
    later = group.nodes[group.nodes.index(y) + (y.op != "where") :]
    return x.dtype == y.dtype and not any(x in node.inputs for node in later)


def packed(spans: Sequence[Span]) -> tuple[list[int], int]:
    """An offset for each, so that what is needed at once never overlaps, and the end: the largest first."""
    offsets = [0] * len(spans)
    done: list[int] = []
    for i in sorted(range(len(spans)), key=lambda i: (-spans[i].size, spans[i].first)):
        now, start = spans[i], 0
        beside = [j for j in done if spans[j].first <= now.last and now.first <= spans[j].last]
        for low, high in sorted((offsets[j], offsets[j] + spans[j].size) for j in beside):
            if start + now.size <= low:
                break
            start = max(start, aligned(high))
        offsets[i] = start
        done.append(i)
    return offsets, max((aligned(offsets[i] + spans[i].size) for i in done), default=0)


def size(node: Node) -> int:
    return prod(node.shape) * itemsize(node.dtype)


def itemsize(dtype: str) -> int:
    """Bytes of one number: the bits that its name ends in."""
    return 1 if dtype == "bool" else int(dtype.lstrip("abcdefghijklmnopqrstuvwxyz")) // 8


def aligned(n: int) -> int:
    return -(-n // LINE) * LINE
