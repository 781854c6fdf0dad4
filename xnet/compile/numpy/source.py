"""The text of a plan for NumPy: memory first, and then the calls, each below the user's line that it comes from."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from linecache import getline
from math import prod
from pathlib import Path
from typing import Any

from xnet.compile.numpy import threads
from xnet.compile.numpy.calls import call
from xnet.compile.numpy.instructions import Operand, instructions, temporary, written
from xnet.compile.numpy.loops import BlockNames, Layout, Tuning, layout
from xnet.compile.numpy.registers import destinations
from xnet.compile.numpy.scan import loop
from xnet.compile.numpy.variables import Variables, part, tuple_of
from xnet.compile.plan import Group, Plan
from xnet.compile.target import Target
from xnet.graph.ir import Node


def write(
    plan: Plan, names: Mapping[Node, str], title: str, target: Target, tuning: Tuning
) -> tuple[str, Mapping[str, Any], int]:
    """The text, the values that it names and does not define, and the bytes of all its memories."""
    v, flow = Variables(plan, names), plan.flow
    multiplies = any(group.nodes[0].op in {"matmul", "scan"} for group in plan.groups)
    writer = Writer(plan, v, target, tuning, tuning.threads or threads.count(beside_products=multiplies))
    donated = [x for x in flow.inputs if x in plan.donated.values()]
    arguments = [v.new(x) for x in flow.inputs if x not in donated]
    variables = [v.of(x) for x in donated]
    for group in plan.groups:
        writer.group(group)
    results = [writer.result(i, x) for i, x in enumerate(flow.outputs)]
    writer.commit()
    sizes = {**plan.sizes, "scratch": writer.scratch}
    used = "\n".join((*v.arrays, *writer.blocks))
    memories = [f"{memory} = memory({size})" for memory, size in sizes.items() if f"part({memory}, " in used]
    head: list[str] = []
    for heading, lines in {"Memory": memories, "Arrays": v.arrays, "Numbers": v.numbers}.items():
        head += [f"# {heading}", *lines, ""] if lines else []
    end = f"return [{', '.join(results)}]"  # and no tuple, for CPython 3.11 keeps each one of 20 for a while
    lines = [
        f"# {title}: {(total := sum(sizes.values())) / 1e6:.3g} MB of memory made once",
        "def make():",
        *(f"    {line}" for line in (*head, *writer.blocks, f"def run({', '.join(arguments)}):")),
        *(f"        {line}" for line in (*v.calls, end)),
        "",
        f"    return run, {tuple_of(variables)}",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n", v.values, total


class Writer:
    """Appends to `v.calls` the calls of a run, and to `blocks` the functions that stand before them."""

    def __init__(
        self, plan: Plan, variables: Variables, target: Target, tuning: Tuning, threads: int, start: int = 0
    ) -> None:
        self.plan, self.v, self.target, self.tuning, self.threads = plan, variables, target, tuning, threads
        self.blocks: list[str] = []
        self.start = self.scratch = start  # of the scratch memory; no group needs the intermediate values of another
        self.line = ("", 0)

    def group(self, group: Group) -> None:
        node = group.nodes[0]
        match self.plan.flow.kind[node]:
            case "elementwise":
                self.elementwise(group)
            case "loop":
                self.loop(group)
            case _:
                self.v.calls += [*self.comment(node), call(node, self.v, self.tuning.ones)]

    def elementwise(self, group: Group) -> None:
        cut = layout([group], self.v, self.tuning, self.threads)
        if cut.rows <= cut.size:
            self.v.calls += self.whole(group)
        else:
            blocks, _ = self.in_blocks((group,), cut, self.start)
            self.v.calls.append(f"share({blocks})" if cut.threads > 1 else f"in_one_go(chain(*{blocks}[0]))")

    def whole(self, group: Group) -> list[str]:
        """The calls of a group, each over whole arrays."""

        def name(x: Operand) -> str:
            return self.v.of(x) if isinstance(x, Node) else self.v.once(*temporary(x, group.shape))

        return self.lines(group, prod(group.shape), self.start, name, as_tuples=False)

    def lines(self, group: Group, size: int, start: int, name: Callable[[Operand], str], as_tuples: bool) -> list[str]:
        """The calls of a group; intermediate values of `size` numbers lie in the scratch memory from `start` on."""
        at, reads = self.plan.allocations, [self.plan.flow.base[x] for x in group.reads]
        over = {y: x for y in group.results for x in reads if y in at and at[y] == at.get(x)}
        to = destinations(group, over, self.target, size, start)
        self.scratch = max(self.scratch, to.end)
        lines: list[str] = []
        for node, instruction in instructions(group, to, self.tuning.fill):
            lines += [*self.comment(node), written(instruction, name, as_tuples)]
        return lines

    def in_blocks(self, groups: tuple[Group, ...], cut: Layout, start: int) -> tuple[str, bool]:
        """Writes a function of a block; the expression of all its calls, and whether these are new at each run."""
        name = BlockNames(self.v, cut, groups[0])
        lines = self.lines(groups[0], prod(cut.shape), start, name, as_tuples=True)
        f, blocks = self.v.names.free("block1"), self.v.names.free("blocks1")
        text, calls = name.definition(f, blocks, groups, lines)
        self.blocks += text
        return calls, bool(name.parameters)

    def comment(self, node: Node | None) -> Iterator[str]:
        """The user's line, above the first call that comes from it."""
        if node is None or node.line == self.line:
            return
        self.line = file, number = node.line
        text = getline(file, number).strip()
        if text:
            yield f"# {text}   ({Path(file).name}:{number})"

    def loop(self, group: Group) -> None:
        scan, *results = group.nodes

        def calls_of(plan: Plan, v: Variables, end: int) -> list[str]:
            inside = Writer(plan, v, self.target, self.tuning, self.threads, end)
            for one in (*plan.groups, *chain.from_iterable(plan.commit)):
                inside.group(one)
            self.scratch = max(self.scratch, inside.scratch)
            self.blocks += inside.blocks
            return v.calls

        self.v.calls += loop(scan, results, self.v, self.target, self.start, calls_of)

    # The end

    def result(self, i: int, x: Node) -> str:
        """What is returned; nothing that a later call writes over, unless it was donated."""
        plan, base = self.plan, self.plan.flow.base[x]
        if i in plan.donated:
            return self.v.of(plan.donated[i])
        variable = self.v.of(x)
        if base in plan.donated.values():  # as it was before
            copied = self.v.names.free("t1")
            self.v.calls.append(f"{copied} = {variable}.copy()")
            return copied
        return f"{variable}.copy()" if self.v.is_static(base) else variable

    def commit(self) -> None:
        """Donated memory is written last and without a pause, so that no signal finds half of it done."""
        plan, v = self.plan, self.v
        total = sum(prod(group.shape) for groups in plan.commit for group in groups)
        cuts = [layout(groups, v, self.tuning, self.threads, total) for groups in plan.commit]
        blocks: list[str] = []
        is_new = False
        for groups, cut in zip(plan.commit, cuts, strict=True):
            # All of them may be computed at the same time, so their scratch memory is not shared.
            calls, new = self.in_blocks(groups, cut, self.scratch if blocks else self.start)
            blocks.append(calls)
            is_new |= new
        staged: list[str] = []
        for x, donated, waits in plan.staged:
            stage = v.of(x) if plan.allocations.get(x) == waits else v.once("new", part(waits, x))
            v.calls += [f"{stage}[...] = {v.of(x)}"] if stage != v.of(x) else []
            staged.append(f"({v.of(donated)}.__setitem__, ..., {stage})")
        commit = blocks[0] if len(blocks) == 1 else f"joined({', '.join(blocks)})"
        if is_new or any(cut.threads > 1 for cut in cuts):
            self.blocks += [f"staged = [{', '.join(staged)}]", ""]
            v.calls.append(f"share({commit}, staged)")
        elif blocks or staged:
            entries = [f"*chain(*{commit}[0])"] * bool(blocks) + staged
            self.blocks += ["# Writes donated memory without a pause", f"commit = [{', '.join(entries)}]", ""]
            v.calls.append("in_one_go(commit)")
