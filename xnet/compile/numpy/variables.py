"""The variables of the text: their names, and the lines that define them."""

import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from xnet.compile.numpy.names import Names
from xnet.compile.plan import Allocation, Plan
from xnet.graph.ir import Node
from xnet.types import Shape


class Variables:
    """`arrays` and `numbers` are lines before all calls; `values` are what the text names and does not define.

    What is new at each run is defined in `calls`, the lines of a run, before the call that needs it.
    """

    def __init__(self, plan: Plan, names: Mapping[Node, str]) -> None:
        self.plan, self.flow, self.names = plan, plan.flow, Names(names)
        self.values: dict[str, Any] = {}
        self.arrays: list[str] = []
        self.numbers: list[str] = []
        self.calls: list[str] = []
        self.strided: set[Node] = set()  # results of a loop's body whose memory is not contiguous
        self._static: set[Node] = set()  # constants of a loop's body whose memory is the same at each call
        self._names: dict[Node | str, str] = {}

    def inside(self, loop: Node, plan: Plan) -> "Variables":
        """The variables in the body of this loop.  What is defined before all calls is defined for both."""
        body, found = loop.attrs["body"], copy(self)
        found.plan, found.flow, found.calls, found.strided = plan, plan.flow, [], set()
        found.names.given |= body.names
        outside = dict(zip(body.constants, loop.inputs, strict=False))
        found._names = {x: name for x, name in self._names.items() if isinstance(x, str)}
        found._names |= {x: self.of(node) for x, node in outside.items()}
        found._static = {x for x, node in outside.items() if self.is_static(node)}
        return found

    def give(self, node: Node, variable: str, strided: bool) -> None:
        """The memory of a result is that of a variable of the loop."""
        self._names[node] = variable
        self.strided |= {node} if strided else set()

    def __contains__(self, node: Node) -> bool:
        return node in self._names

    def steps(self, x: Node, axis: int, reverse: bool) -> str:
        """The expression of the list of steps of a sequence."""
        value = f"steps({self.of(x)}, {axis}, {reverse})"
        return self.once("steps1", value) if self.is_static(x) else value

    def of(self, node: Node) -> str:
        """The variable of a node's array, which is defined if it is not yet."""
        below = [node]  # the views on the way down to an array that has a name
        while below[-1] not in self._names and self.flow.kind[below[-1]] == "view":
            below.append(below[-1].inputs[0])
        for x in reversed(below):
            if x not in self._names:
                self._define(x)
        return self._names[node]

    def new(self, node: Node) -> str:
        """A variable for the node, which somebody else defines."""
        self._names[node] = self.names.of(node)
        return self._names[node]

    def once(self, name: str, value: str) -> str:
        """The variable of this expression, which is evaluated before all calls."""
        if value not in self._names:
            self._names[value] = self.names.free(name)
            self.arrays.append(f"{self._names[value]} = {value}")
        return self._names[value]

    def is_static(self, node: Node) -> bool:
        """Whether the node's memory is the same at each call."""
        base = self.flow.base[node]
        while self.flow.kind[node] == "view":
            (x,) = node.inputs
            if node.op == "reshape" and x not in self.flow.contiguous:
                return False
            node = x
        return self.flow.kind[base] == "known" or base in self.plan.allocations or base in self._static

    def _define(self, node: Node) -> None:
        if node.op == "scalar":
            value = node.attrs["value"]
            self._names[node] = self.names.free("c" + re.sub(r"\W+", "_", f"{value:.6g}"))
            self.numbers.append(f"{self._names[node]} = number({value!r}, {node.dtype!r})")
            return
        if node in self.plan.allocations:
            place = part(self.plan.allocations[node], node)
            if node in self.names.given:
                self.arrays.append(f"{self.new(node)} = {place}")
            else:  # several values that have no name and share their memory are one variable
                self._names[node] = self.once(self.names.wish(node), place)
            return
        variable = self.new(node)
        if node.op == "constant":
            self.values[variable] = node.attrs["value"].copy()  # as it was, whatever becomes of it
            self.arrays.append(f"# {variable}: {node.dtype}{list(node.shape)}, known beforehand")
        elif self.flow.kind[node] == "view":
            line = f"{variable} = {view(node, self._names[node.inputs[0]])}"
            (self.arrays if self.is_static(node) else self.calls).append(line)
        else:
            self.calls.append(f"{variable} = empty({node.shape}, {node.dtype!r})")


def part(at: Allocation, node: Node, shape: Shape | None = None) -> str:
    return f"part({at.memory}, {at.offset}, {node.shape if shape is None else shape}, {node.dtype!r})"


def tuple_of(names: Sequence[str]) -> str:
    return f"({', '.join(names)}{',' * (len(names) == 1)})"


VIEWS = {
    "matrix_transpose": "{x}.mT",
    "permute_dims": "{x}.transpose({axes})",
    "flip": "flip({x}, {axis})",
    "broadcast_to": "broadcast_to({x}, {shape})",
    "real": "real({x})",
    "imag": "imag({x})",
}


def view(node: Node, x: str) -> str:
    """The expression of a view of x."""
    if node.op == "index":
        keys = [f"slice({key.start}, {key.stop}, {key.step})" if isinstance(key, slice) else str(key)
                for key in node.attrs["key"]]  # fmt: skip
        return f"{x}[{', '.join(keys if node.shape else [*keys, '...'])}]"  # without `...` it would be a number
    op = "reshape" if node.op == "flip" and not node.shape else node.op  # `flip` without axes would make a number
    return VIEWS.get(op, "{x}.reshape({shape})").format(x=x, **node.attrs | {"shape": node.shape})
