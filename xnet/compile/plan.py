"""The plan of a graph: what is worked out together, in what order, and in which memory.  Of no library.

Two memories are made once: `home` holds the arguments that are donated, and `arena` what is needed for a while.  Home
is written last, in one go, so that nothing is ever half done.
"""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from math import prod

from xnet.compile.arena import Arena, Place, aligned, size
from xnet.compile.groups import Group, Kind, grouped, side_by_side
from xnet.graph.ir import Node, in_order


class Plan:
    """`groups` in their order, then `commit`, the families that write home, and last what is copied there `late`.

    A family is of groups in which the same is done to other arrays: they lie side by side, and are worked out as one.
    """

    def __init__(
        self, inputs: Sequence[Node], outputs: Sequence[Node], donated: Collection[Node], kind: Callable[[Node], Kind]
    ) -> None:
        self.inputs, self.outputs, self.kind = tuple(inputs), tuple(outputs), kind
        self.home_of = _matched(outputs, [node for node in inputs if node in donated])
        self.donated = [x for x in inputs if x in self.home_of.values()]
        self.target = {outputs[i]: d for i, d in self.home_of.items() if outputs[i] is not d}
        every = grouped(list(in_order(outputs)), outputs, kind)
        final = self._final(every)
        self.groups = [group for group in every if group not in final]
        self.commit = self._families(final)
        self.places: dict[Node, Place] = {}
        self.sizes = {"home": self._lay_out_home()}
        at_home = {x for group in final for x in group.results}
        self.places |= {x: self.places[self.target[x]] for x in at_home}
        late = [(outputs[i], d) for i, d in self.home_of.items() if outputs[i] not in {d, *at_home}]
        replaced = {*at_home, *(x for x, _ in late)}
        self.fresh = {x for x in outputs if x not in replaced and kind(x) in {"elementwise", "into"}}
        arena = Arena(self, [x for x, _ in late])
        self.places |= arena.places
        self.late = [(x, d, stage) for (x, d), stage in zip(late, arena.stages, strict=True)]
        self.sizes["arena"] = arena.size

    def down(self, node: Node) -> Iterator[Node]:
        """The node and, beneath it if it is a view, what it looks at, down to an array with memory of its own."""
        yield node
        while self.kind(node) == "view":
            (node,) = node.inputs
            yield node

    def root(self, node: Node) -> Node:
        """The array whose memory a view looks at."""
        *_, root = self.down(node)
        return root

    def is_straight(self, node: Node) -> bool:
        """Whether the node's numbers follow one another as they do in its root."""
        *views, _ = self.down(node)
        return all(x.op in {"reshape", "expand_dims", "squeeze"} for x in views)

    def _final(self, groups: list[Group]) -> list[Group]:
        """The groups that can write home: nobody waits for them, and nobody but them reads what they overwrite."""
        read = {self.root(x) for group in groups for x in group.reads}
        returned = Counter(map(self.root, self.outputs))

        def ends(group: Group) -> bool:
            return group.shape != () and all(
                x in self.target and x not in read and returned[x] == 1 for x in group.results
            )

        found = [group for group in groups if self.kind(group.nodes[0]) == "elementwise" and ends(group)]
        readers = Counter(self.root(x) for group in found for x in group.reads)

        def is_alone(group: Group, d: Node) -> bool:
            return not returned[d] and readers[d] == (d in group.reads)

        return [group for group in found if all(is_alone(group, self.target[x]) for x in group.results)]

    def _families(self, groups: list[Group]) -> list[tuple[Group, ...]]:
        """Groups that do the same, each to arrays of its own; the largest first."""
        claims = Counter(self.root(x) for group in groups for x in group.reads if x.shape)
        families: dict[Hashable, list[Group]] = {}
        for group in groups:
            arrays = [x for x in group.reads if x.shape]
            alone = all(claims[self.root(x)] == 1 and self._fills(x, group) for x in arrays)
            in_place = all(self.target[x] in group.reads for x in group.results)
            families.setdefault(self._likeness(group) if alone and in_place else group, []).append(group)
        return [tuple(sorted(family, key=lambda group: -prod(group.shape))) for family in families.values()]

    def _fills(self, x: Node, group: Group) -> bool:
        """Whether x can lie side by side with others: all of an array of our own."""
        root = self.root(x)
        ours = root in self.donated if root.op == "input" else self.kind(root) in {"elementwise", "into"}
        return x.shape == group.shape and self.is_straight(x) and ours and root not in self.outputs

    def _likeness(self, group: Group) -> Hashable:
        """Equal for groups that do the same."""
        number = {x: i for i, x in enumerate((*group.reads, *group.nodes))}

        def word(x: Node) -> Hashable:
            return number[x] if x.shape else x

        nodes = tuple((x.op, repr(x.attrs), x.dtype, tuple(map(word, x.inputs))) for x in group.nodes)
        reads = tuple((x.dtype, self.root(x).op == "input") if x.shape else x for x in group.reads)
        results = tuple((number[x], number[self.target[x]]) for x in group.results)
        return nodes, reads, results

    def _lay_out_home(self) -> int:
        """Where each donated argument lives: those of one family and one part in it side by side."""
        rows = [row for family in self.commit for row in side_by_side(family) if row[0] in self.donated]
        end = 0
        for row in (*rows, *([d] for d in self.donated)):
            for d in row:
                if d not in self.places:
                    self.places[d] = Place("home", end)
                    end += size(d)
            end = aligned(end)
        return end


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
