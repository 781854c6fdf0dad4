"""Which nodes are worked out together: elementwise ones of one shape, for which numbers are fetched once."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from xnet.graph.ir import Node, in_order
from xnet.types import Shape

Kind: TypeAlias = Literal["input", "known", "view", "elementwise", "into", "other"]


@dataclass(eq=False)
class Lane:
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


@dataclass(eq=False)
class Group:
    """Lanes in which the same is done to other arrays: they lie side by side, and are worked out as one."""

    lanes: tuple[Lane, ...]

    @property
    def lane(self) -> Lane:
        return self.lanes[0]


def grouped(nodes: Sequence[Node], outputs: Collection[Node], kind: Callable[[Node], Kind]) -> list[Group]:
    """The groups in an order in which they can be worked out."""

    def joined(x: Node, node: Node) -> bool:
        return kind(x) == kind(node) == "elementwise" and x.shape == node.shape

    users: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in nodes:
        for x in dict.fromkeys(node.inputs):
            users[x].append(node)
    # A step up wherever nodes cannot be joined, so that joined nodes of one level never wait for each other.
    level: dict[Node, int] = {}
    for node in nodes:
        level[node] = max((level[x] + (not joined(x, node)) for x in node.inputs), default=0)
    for node in reversed(nodes):  # as late as its users allow, to be in their group
        if kind(node) == "elementwise" and users[node]:
            level[node] = min(level[user] - (not joined(node, user)) for user in users[node])

    place = {node: i for i, node in enumerate(nodes)}
    group_of: dict[Node, list[Node]] = {}
    for node in nodes:
        if kind(node) in {"input", "known", "view"}:
            continue
        group_of[node] = [node]
        for x in node.inputs:
            if joined(x, node) and level[x] == level[node] and group_of[x] is not group_of[node]:
                small, large = sorted((group_of[x], group_of[node]), key=len)
                large += small
                group_of.update(dict.fromkeys(small, large))
    wanted = set(outputs)
    lanes = []
    for members in {id(members): members for members in group_of.values()}.values():
        inside = set(members)
        members.sort(key=place.__getitem__)
        results = tuple(x for x in members if x in wanted or not inside.issuperset(users[x]))
        # By what is wanted of them: lanes that do the same are then in the same order.
        order = tuple(x for x in in_order(results) if x in inside)
        lanes.append((level[members[0]], place[members[0]], Lane(order, results)))
    return [Group((lane,)) for *_, lane in sorted(lanes, key=lambda one: one[:2])]
