"""Where the steps between go when elementwise nodes are worked out: into as little memory as will do."""

from collections.abc import Mapping

from xnet.compile.groups import Group
from xnet.graph.ir import Node


class Registers:
    """`of` says for each node where it goes: into the memory of a result, or the register of that number.

    `over` says which results lie in the memory of something that the group reads, and `copies` which of them have to
    be copied there at the end of a block, since it is read until then.
    """

    def __init__(self, group: Group, over: Mapping[Node, Node]) -> None:
        self.of: dict[Node, Node | int] = {}
        self.dtypes: list[str] = []
        self.copies: list[Node] = []
        self.over = over
        self.place = {node: i for i, node in enumerate(group.nodes)}
        self.last = {x: i for i, node in enumerate(group.nodes) for x in node.inputs}  # when each is read last
        self.lent = dict.fromkeys(group.results, -1)  # until when the memory of a result holds a step between
        free: list[int] = []
        for i, node in enumerate(group.nodes):
            dying = [
                r for x in dict.fromkeys(node.inputs) if self.last[x] == i and isinstance(r := self.of.get(x), int)
            ]
            free += dying if self._begun(node) > i else []
            if node in self.lent and self._is_open(node, node):
                self.of[node] = node
            else:
                if node in self.lent:
                    self.copies.append(node)
                    self.last[node] = len(group.nodes)
                self.of[node] = self._between(node, free)
            free += dying if self._begun(node) == i else []

    def _begun(self, node: Node) -> int:
        """What is read before this may be overwritten by the node: `where` is written in two goes, all else in one."""
        return self.place[node] + (node.op != "where")

    def _is_open(self, y: Node, node: Node) -> bool:
        """Whether the memory of result y holds nothing that is read once the node is begun."""
        return y not in self.over or self.last.get(self.over[y], -1) < self._begun(node)

    def _between(self, node: Node, free: list[int]) -> Node | int:
        """The memory of a result that waits, or a register: one that is free, or one more."""
        until = self.last.get(node, self.place[node])
        for y, held in self.lent.items():
            waits = self.place[node] < self.place[y] and until < self._begun(y)
            if waits and y.dtype == node.dtype and held < self._begun(node) and self._is_open(y, node):
                self.lent[y] = until
                return y
        for r in free:
            if self.dtypes[r] == node.dtype:
                free.remove(r)
                return r
        self.dtypes.append(node.dtype)
        return len(self.dtypes) - 1
