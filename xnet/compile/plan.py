"""The plan of a graph: what is worked out together, in what order, and in which memory.  Of no library.

Three memories are made once.  `home` holds the arguments that are donated, `arena` what is needed for a while, and
`new` what a small home becomes: it is copied home in one go, so that nothing is ever half done.
"""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import NamedTuple

from xnet.compile.groups import Group, Kind, Lane, grouped
from xnet.graph.ir import Node, in_order

SMALL = 1 << 18  # bytes of a home that are copied sooner than threads wake up
LINE = 64


class Place(NamedTuple):
    """Where an array lies: so many bytes into a memory."""

    memory: str
    offset: int


class Plan:
    """`groups` in their order, then `copies`, then `commit`, which is what writes home, and last what comes `late`."""

    def __init__(
        self,
        inputs: Sequence[Node],
        outputs: Sequence[Node],
        donated: Collection[Node],
        kind: Callable[[Node], Kind],
    ) -> None:
        self.inputs, self.outputs, self.kind = tuple(inputs), tuple(outputs), kind
        self.places: dict[Node, Place] = {}
        self.copies: list[tuple[Place, Node]] = []
        self.late: list[tuple[Place, Place, Node]] = []
        self.home_of = _matched(outputs, [node for node in inputs if node in donated])
        self.small = sum(size(d) for d in self.home_of.values()) <= SMALL
        every = grouped(list(in_order(outputs)), outputs, kind)
        final = self._final(every)
        self.commit = self._families(final)
        self.groups = [group for group in every if group not in final]
        self.sizes = {"home": self._lay_out_home(), "new": 0, "arena": 0}
        if self.small:
            self.sizes["new"] = self.sizes["home"]
        taken = self._results()
        self.fresh = {x for x in outputs if x not in taken and kind(x) in {"elementwise", "into"}}
        self.sizes["arena"] = self._lay_out_arena()

    def root(self, node: Node) -> Node:
        """The array whose memory a view looks at."""
        while self.kind(node) == "view":
            (node,) = node.inputs
        return node

    def written(self) -> Iterator[tuple[Node, Node]]:
        """Each result that replaces a donated argument, with it."""
        return ((self.outputs[i], d) for i, d in self.home_of.items())

    def _final(self, groups: list[Group]) -> list[Group]:
        """The groups that can write home: nobody waits for them, and nobody but them reads what they overwrite."""
        target = {x: d for x, d in self.written() if x is not d}
        read = {self.root(x) for group in groups for x in group.lane.reads}
        returned = Counter(map(self.root, self.outputs))

        def ends(lane: Lane) -> bool:
            return lane.shape != () and all(x in target and x not in read and returned[x] == 1 for x in lane.results)

        found = [group for group in groups if self.kind(group.lane.nodes[0]) == "elementwise" and ends(group.lane)]
        readers = Counter(self.root(x) for group in found for x in group.lane.reads)

        def alone(lane: Lane) -> bool:
            return all(
                not returned[target[x]] and readers[target[x]] == (target[x] in lane.reads) for x in lane.results
            )

        return [group for group in found if alone(group.lane)]

    def _families(self, groups: list[Group]) -> list[Group]:
        """Groups that do the same to other arrays become one, with these arrays side by side."""
        target = dict(self.written())
        claims = Counter(self.root(x) for group in groups for x in group.lane.reads if x.shape)
        families: dict[Hashable, list[Group]] = {}
        for group in groups:
            lane = group.lane
            key: Hashable = group
            whole = all(claims[self.root(x)] == 1 and self._fills(x, lane) for x in lane.reads if x.shape)
            if whole and lane.shape and all(target[x] in lane.reads for x in lane.results):
                key = self._likeness(lane, target)
            families.setdefault(key, []).append(group)
        return [
            Group(tuple(sorted((one.lane for one in family), key=lambda lane: -prod(lane.shape))))
            for family in families.values()
        ]

    def _fills(self, x: Node, lane: Lane) -> bool:
        """Whether x can lie side by side with others: all of an array of our own."""
        root = self.root(x)
        ours = root in self.home_of.values() if root.op == "input" else self.kind(root) in {"elementwise", "into"}
        straight = all(view.op == "reshape" for view in self._views(x))
        return x.shape == lane.shape and size(x) == size(root) and ours and straight and root not in self.outputs

    def _views(self, x: Node) -> Iterator[Node]:
        while self.kind(x) == "view":
            yield x
            (x,) = x.inputs

    def _likeness(self, lane: Lane, target: dict[Node, Node]) -> Hashable:
        """Equal for lanes that do the same."""
        number = {x: i for i, x in enumerate((*lane.reads, *lane.nodes))}

        def word(x: Node) -> Hashable:
            return number[x] if x.shape else x

        nodes = tuple((x.op, repr(x.attrs), x.dtype, tuple(map(word, x.inputs))) for x in lane.nodes)
        reads = tuple((x.dtype, target.get(x) is x, self.root(x).op == "input") if x.shape else x for x in lane.reads)
        results = tuple((number[x], number[target[x]]) for x in lane.results)
        return nodes, reads, results

    def _lay_out_home(self) -> int:
        """Where each donated argument lives: those of one family and one part in it side by side."""
        donated = dict.fromkeys(self.home_of.values())
        rows = [column for family in self.commit for column in _columns(family) if column[0] in donated]
        end = 0
        for row in (*rows, *([d] for d in donated)):
            for d in row:
                if d not in self.places:
                    self.places[d] = Place("home", end)
                    end += size(d)
            end = aligned(end)
        return end

    def _results(self) -> set[Node]:
        """Where what replaces a donated argument is worked out; the rest is copied there."""
        final = {x for group in self.commit for lane in group.lanes for x in lane.results}
        taken: set[Node] = set()
        for x, d in self.written():
            if x is d:
                continue
            home = self.places[d].offset
            direct = self.kind(x) in {"elementwise", "into"} and x not in taken
            if direct and (self.small or x in final):
                self.places[x] = Place("new" if self.small else "home", home)
            elif self.small:
                self.copies.append((Place("new", home), x))
            else:
                self.late.append((Place("home", home), Place("arena", -1), x))
            taken.add(x)
        for x, d in self.written():
            if self.small and x is d:
                self.copies.append((Place("new", self.places[d].offset), x))
        return taken

    def _lay_out_arena(self) -> int:
        """Memory for what is needed for a while, used again when it no longer is."""
        end = len(self.groups)
        born: dict[Node, int] = {}
        dies: dict[Node, int] = {}
        for i, group in enumerate((*self.groups, *self.commit)):
            at = min(i, end)
            for lane in group.lanes:
                for x in lane.results:
                    if self.kind(x) != "other" and x not in self.places and x not in self.fresh:
                        born[x] = at
                for x in (*lane.results, *lane.reads):
                    dies[self.root(x)] = at
        for x in (*self.outputs, *(x for _, x in self.copies)):
            dies[self.root(x)] = end + 1
        blocks: list[list[Node]] = []  # what lies side by side, or takes the place of another
        block_of: dict[Node, list[Node]] = {}
        for family in self.commit:
            for column in _columns(family):
                row = [self.root(x) for x in column]
                if len(row) > 1 and row[0] in born:
                    blocks.append(row)
                    block_of |= dict.fromkeys(row, row)
        heirs = self._heirs(born, dies, block_of)
        blocks += [[x] for x in born if x not in block_of and x not in heirs]
        first = {x: x for x in born}
        for x, before in heirs.items():  # in order of birth
            first[x] = first[before]
            dies[first[x]] = max(dies[first[x]], dies[x])
        spans = [Span(sum(map(size, row)), min(born[x] for x in row), max(dies[x] for x in row)) for row in blocks]
        stages = [Span(0 if x in born else size(x), end, end + 1) for *_, x in self.late]
        offsets, total = packed([*spans, *stages])
        for row, offset in zip(blocks, offsets, strict=False):
            for x, start in zip(row, accumulate(map(size, row), initial=offset), strict=False):
                self.places[x] = Place("arena", start)
        for x in heirs:
            self.places[x] = self.places[first[x]]
        self.late = [
            (home, self.places[x] if x in born else Place("arena", offset), x)
            for (home, _, x), offset in zip(self.late, offsets[len(blocks) :], strict=True)
        ]
        return total

    def _heirs(
        self, born: dict[Node, int], dies: dict[Node, int], block_of: dict[Node, list[Node]]
    ) -> dict[Node, Node]:
        """Results that are written over an operand which nobody needs any more."""
        heirs: dict[Node, Node] = {}
        for i, group in enumerate(self.groups):
            lane = group.lane
            if self.kind(lane.nodes[0]) != "elementwise":
                continue
            roots = Counter(map(self.root, lane.reads))
            left = [
                x
                for x in lane.reads
                if x in born and dies[x] == i and roots[x] == 1 and x.shape == lane.shape and x not in block_of
            ]
            for y in lane.results:
                if y not in born or y in block_of:
                    continue
                at = lane.nodes.index(y)
                for x in left:
                    read_later = any(x in node.inputs for node in lane.nodes[at + 1 :])
                    if x.dtype == y.dtype and not read_later and not (y.op == "where" and x in y.inputs):
                        heirs[y] = x
                        left.remove(x)
                        break
        return heirs


class Span(NamedTuple):
    """So many bytes, needed from one group to another."""

    size: int
    first: int
    last: int


def packed(spans: Sequence[Span]) -> tuple[list[int], int]:
    """An offset for each, so that what is needed at once never overlaps, and the end: the largest first."""
    offsets = [0] * len(spans)
    done: list[int] = []
    for i in sorted(range(len(spans)), key=lambda i: (-spans[i].size, spans[i].first)):
        now, start = spans[i], 0
        busy = sorted(
            (offsets[j], offsets[j] + spans[j].size)
            for j in done
            if spans[j].first <= now.last and now.first <= spans[j].last
        )
        for low, high in busy:
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


def _matched(outputs: Sequence[Node], donated: list[Node]) -> dict[int, Node]:
    """For outputs by their number the donated argument whose memory each takes: the first like it that is left."""
    left = list(donated)
    found: dict[int, Node] = {}
    for i, x in enumerate(outputs):
        like = next((d for d in left if (d.shape, d.dtype) == (x.shape, x.dtype)), None)
        if like is not None:
            found[i] = like
            left.remove(like)
    return found


def _columns(family: Group) -> Iterable[tuple[Node, ...]]:
    """The arrays that lie side by side: for each thing read, that of every lane."""
    return (column for column in zip(*(lane.reads for lane in family.lanes), strict=True) if column[0].shape)


def aligned(n: int) -> int:
    return -(-n // LINE) * LINE
