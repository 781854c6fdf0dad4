"""Where the values of a group are written: into as little memory as possible."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from xnet.compile.plan import Group, aligned, itemsize
from xnet.compile.target import Target
from xnet.graph.ir import Node


class Register(NamedTuple):
    """Scratch memory for an intermediate value, from this byte on."""

    offset: int
    dtype: str


@dataclass(frozen=True)
class Destinations:
    """`of` gives for each node the result whose memory it is written into, or a register.

    `copies` are the results that are copied out of a register at the end of a block.
    """

    of: Mapping[Node, Node | Register]
    copies: tuple[Node, ...]
    end: int  # of the registers


def destinations(group: Group, over: Mapping[Node, Node], target: Target, size: int, start: int) -> Destinations:
    """`over` says which results lie in the memory of an operand of the group.

    Each register holds `size` numbers, and the first one begins at `start`.
    """
    place = {node: i for i, node in enumerate(group.nodes)}
    last = {x: i for i, node in enumerate(group.nodes) for x in node.inputs}  # the last read of each
    lent = dict.fromkeys(group.results, -1)  # until when the memory of a result holds an intermediate value
    of: dict[Node, Node | Register] = {}
    end = start
    free: list[Register] = []
    copies: list[Node] = []

    def begins(node: Node) -> int:
        """What is read for the last time before this may be overwritten by the node."""
        return place[node] + (not target.writes_early(node))

    def is_open(y: Node, node: Node) -> bool:
        """Whether the memory of result y holds nothing that is read once the node is begun."""
        return y not in over or last.get(over[y], -1) < begins(node)

    def intermediate(node: Node) -> Node | Register:
        """The memory of a result that is written later, or a register: a free one, or a new one."""
        nonlocal end
        until = last.get(node, place[node])
        for y, held in lent.items():
            later = place[node] < place[y] and until < begins(y)
            if later and y.dtype == node.dtype and held < begins(node) and is_open(y, node):
                lent[y] = until
                return y
        for register in free:
            if register.dtype == node.dtype:
                free.remove(register)
                return register
        register = Register(end, node.dtype)
        end = aligned(end + size * itemsize(node.dtype), target.alignment)
        return register

    for i, node in enumerate(group.nodes):
        dying = [x for y in dict.fromkeys(node.inputs) if last[y] == i and isinstance(x := of.get(y), Register)]
        free += dying if begins(node) > i else []
        if node in lent and is_open(node, node):
            of[node] = node
        else:
            if node in lent:
                copies.append(node)
                last[node] = len(group.nodes)
            of[node] = intermediate(node)
        free += dying if begins(node) == i else []
    return Destinations(of, tuple(copies), end)
