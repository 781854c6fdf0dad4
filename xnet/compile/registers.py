"""Where the steps between go when elementwise nodes are worked out block by block: into as little memory as will do."""

from collections.abc import Mapping

from xnet.compile.groups import Lane
from xnet.graph.ir import Node


class Registers:
    """`of` says for each node where it goes: into the memory of a result, or the register of that number.

    `over` says which results lie in the memory of something that the lane reads, and `copies` which of them have to be
    copied there at the end of a block, since it is read until then.
    """

    def __init__(self, lane: Lane, over: Mapping[Node, Node]) -> None:
        self.of: dict[Node, Node | int] = {}
        self.dtypes: list[str] = []
        self.copies: list[Node] = []
        self.over = over
        self.place = {node: i for i, node in enumerate(lane.nodes)}
        self.last = {x: i for i, node in enumerate(lane.nodes) for x in node.inputs}  # when each is read last
        self.lent = dict.fromkeys(lane.results, -1)  # until when the memory of a result holds a step between
        free: list[int] = []
        for i, node in enumerate(lane.nodes):
            dying = {x for x in node.inputs if self.last[x] == i and isinstance(self.of.get(x), int)}
            now_free = [r for x in dying if isinstance(r := self.of[x], int)]
            if _in_one_go(node):
                free += now_free
            if node in self.lent and self._is_open(node, node):
                self.of[node] = node
                continue
            if node in self.lent:
                self.copies.append(node)
                self.last[node] = len(lane.nodes)
            self.of[node] = self._between(node, free)
            if not _in_one_go(node):
                free += now_free

    def _is_open(self, y: Node, node: Node) -> bool:
        """Whether the memory of result y holds nothing that is read after this node, or by it in two goes."""
        return self.last.get(self.over.get(y, y), -1) < self.place[node] + _in_one_go(node) or y not in self.over

    def _between(self, node: Node, free: list[int]) -> Node | int:
        i, until = self.place[node], self.last.get(node, self.place[node])
        for y, held in self.lent.items():
            waits = i < self.place[y] and until < self.place[y] + _in_one_go(y)
            if waits and y.dtype == node.dtype and held < i + _in_one_go(node) and self._is_open(y, node):
                self.lent[y] = until
                return y
        r = next((r for r in free if self.dtypes[r] == node.dtype), None)
        if r is None:
            self.dtypes.append(node.dtype)
            return len(self.dtypes) - 1
        free.remove(r)
        return r


def _in_one_go(node: Node) -> bool:
    """Whether the node may be written over what it reads: `where` is written in two goes."""
    return node.op != "where"
