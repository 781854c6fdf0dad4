"""A second target of the compiler: it prints a plan, and runs it number by number in the memory that the plan allots.

It reads operands as late and writes results as early as the plan allows, so that a wrong lifetime gives wrong numbers.
"""

from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from xnet.backends import backend
from xnet.compile.numpy.target import NumPyTarget
from xnet.compile.plan import Allocation, Group, Kind, Plan
from xnet.compile.target import Code
from xnet.graph.evaluate import apply, run
from xnet.graph.ir import Node
from xnet.graph.show.text import operation

REDUCTIONS = {"sum", "prod", "max", "min", "any", "all"}


@dataclass(frozen=True)
class ToyTarget(NumPyTarget):
    """`rows` fuses elementwise nodes with reductions over the axes before the last."""

    name = "toy"
    rows: bool = False

    def kind(self, node: Node) -> Kind:
        kind = super().kind(node)
        return "into" if kind == "other" and self.fixed_addresses else kind

    def fuses(self, x: Node, node: Node) -> bool:
        if not self.rows or x.op == "scan":
            return super().fuses(x, node)
        runs_along = {"elementwise"} | ({"into"} if x.op in REDUCTIONS else set())
        return (
            len(x.shape) == len(node.shape) > 1
            and x.shape[-1] == node.shape[-1]
            and self.kind(x) in runs_along
            and (self.kind(node) == "elementwise" or (node.op in REDUCTIONS and node.attrs["keepdims"]))
        )

    def build(self, plan: Plan, names: dict[Node, str], title: str) -> Code:
        words = {node: f"n{i}" for i, node in enumerate(dict.fromkeys((*plan.flow.inputs, *plan.flow.nodes)))}
        groups = (*plan.groups, *(group for groups in plan.commit for group in groups))
        source = "\n\n".join("\n".join(operation(node, words) for node in group.nodes) for group in groups)
        donated = [x for x in plan.flow.inputs if x in plan.donated.values()]

        def make() -> Any:
            machine = Machine(plan, self)
            return machine.run, tuple(machine.read(x) for x in donated)

        return Code(source, f"on the toy, {len(groups)} groups", make)


class Machine:
    """Memories of a plan, and what lies outside them."""

    def __init__(self, plan: Plan, target: ToyTarget) -> None:
        self.plan, self.target = plan, target
        self.memories = {memory: np.full(size, 0x5A, "uint8") for memory, size in plan.sizes.items()}
        self.outside: dict[Node, Any] = {}

    def at(self, allocation: Allocation, node: Node) -> Any:
        count = int(np.prod(node.shape)) * np.dtype(node.dtype).itemsize
        place = self.memories[allocation.memory][allocation.offset : allocation.offset + count]
        assert place.size == count
        return place.view(node.dtype).reshape(node.shape)

    def read(self, node: Node) -> Any:
        if self.plan.flow.kind[node] == "known":
            return np.asarray(node.attrs["value"], node.dtype)
        if self.plan.flow.kind[node] == "view":
            return np.asarray(apply(node, [self.read(x) for x in node.inputs], xp, None))
        at = self.plan.allocations.get(node)
        return self.outside[node] if at is None else self.at(at, node)

    def write(self, node: Node, value: Any) -> None:
        assert (np.shape(value), value.dtype) == (node.shape, node.dtype)
        if node in self.plan.allocations:
            self.read(node)[...] = value
        else:
            self.outside[node] = np.asarray(value).copy()

    def run_group(self, group: Group) -> None:
        inside: dict[Node, Any] = {}
        if group.nodes[0].op == "scan":
            loop, *results = group.nodes
            for y, value in zip(
                results, run(loop, [self.read(x) for x in loop.inputs], results, backend("numpy")), strict=True
            ):
                self.write(y, np.asarray(value))
            return
        for node in group.nodes:
            if node in group.results and self.target.writes_early(node):
                last = node.inputs[-1]
                self.write(node, np.broadcast_to(inside[last] if last in inside else self.read(last), node.shape))
            values = [inside[x] if x in inside else self.read(x) for x in node.inputs]
            with np.errstate(all="ignore"):
                inside[node] = np.asarray(np.broadcast_to(apply(node, values, xp, None), node.shape), node.dtype)
            if node in group.results:
                self.write(node, inside[node])

    def run(self, *arrays: Any) -> list[Any]:
        plan, flow = self.plan, self.plan.flow
        others = [x for x in flow.inputs if x not in plan.donated.values()]
        for x, value in zip(others, arrays, strict=True):
            self.write(x, np.asarray(value))
        for group in plan.groups:
            self.run_group(group)
        before = [None if i in plan.donated else self.read(x).copy() for i, x in enumerate(flow.outputs)]
        for x, _, waits in plan.staged:
            self.at(waits, x)[...] = self.read(x)
        for groups in plan.commit:
            for group in groups:
                self.run_group(group)
        for x, donated, waits in plan.staged:
            self.read(donated)[...] = self.at(waits, x)
        return [self.read(plan.donated[i]) if value is None else value for i, value in enumerate(before)]


TOY = ToyTarget()
EVERY = ToyTarget(alignment=256, fixed_addresses=True, several_results=False, rows=True)
