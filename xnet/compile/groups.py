"""Which nodes are worked out together: elementwise ones of one shape, for which numbers are fetched once."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from xnet.graph.ir import Node, in_order
from xnet.types import Shape

Kind: TypeAlias = Literal["input", "known", "view", "elementwise", "into", "other"]


@dataclass(eq=False)
class Group:
    """Elementwise nodes of one shape, in order, or one other node; `results` are those that others need."""

    nodes: tuple[Node, ...]
    results: tuple[Node, ...]

    @property
    def shape(self) -> Shape:
        return self.nodes[0].shape

    @cached_property
    def reads(self) -> tuple[Node, ...]:
        """What comes from outside."""
        mine = set(self.nodes)
        return tuple(dict.fromkeys(x for node in self.nodes for x in node.inputs if x not in mine))


def grouped(nodes: Sequence[Node], outputs: Collection[Node], kind: Callable[[Node], Kind]) -> list[Group]:
    """The groups in an order in which they can be worked out."""

    def joined(x: Node, node: Node) -> bool:
        return kind(x) == kind(node) == "elementwise" and x.shape == node.shape

    users: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in nodes:
        for x in dict.fromkeys(node.inputs):
            users[x].append(node)
    level = _levels(nodes, users, joined)
    members: dict[Node, list[Node]] = {}  # of the group of each node
    for node in nodes:
        if kind(node) in {"input", "known", "view"}:
            continue
        members[node] = [node]
        for x in node.inputs:
            if joined(x, node) and level[x] == level[node] and members[x] is not members[node]:
                small, large = sorted((members[x], members[node]), key=len)
                large += small
                members.update(dict.fromkeys(small, large))
    place = {node: i for i, node in enumerate(nodes)}
    wanted = set(outputs)
    groups = []
    for group in {id(group): group for group in members.values()}.values():
        inside = set(group)
        group.sort(key=place.__getitem__)
        results = tuple(x for x in group if x in wanted or not inside.issuperset(users[x]))
        # By what is wanted of them: groups that do the same are then in the same order.
        order = in_order(results, known=(x for node in group for x in node.inputs if x not in inside))
        groups.append((level[group[0]], place[group[0]], Group(tuple(order), results)))
    return [group for *_, group in sorted(groups, key=lambda one: one[:2])]


def side_by_side(family: Sequence[Group]) -> Iterator[tuple[Node, ...]]:
    """For each array that the first group reads, those that its family reads in its place."""
    return (row for row in zip(*(group.reads for group in family), strict=True) if row[0].shape)


def _levels(
    nodes: Sequence[Node], users: dict[Node, list[Node]], joined: Callable[[Node, Node], bool]
) -> dict[Node, int]:
    """A step up wherever nodes cannot be joined, so that joined nodes of one level never wait for each other."""
    level: dict[Node, int] = {}
    for node in nodes:
        level[node] = max((level[x] + (not joined(x, node)) for x in node.inputs), default=0)
    for node in reversed(nodes):  # as late as its users allow, to be in their group
        if joined(node, node) and users[node]:
            level[node] = min(level[user] - (not joined(node, user)) for user in users[node])
    return level
