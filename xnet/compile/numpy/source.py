"""The text of a plan for NumPy: memory first, and then the calls, each below the user's line that it comes from."""

from collections.abc import Iterator, Mapping
from linecache import getline
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import array_api_compat.numpy as xp

from xnet.compile.numpy import threads
from xnet.compile.numpy.instructions import Filled, Operand, entry, instructions, statement
from xnet.compile.numpy.loops import BlockNames, Layout, layout
from xnet.compile.numpy.registers import Destinations, Register, destinations
from xnet.compile.numpy.tuning import Tuning
from xnet.compile.numpy.variables import Variables, part, tuple_of
from xnet.compile.plan import Group, Plan, aligned, itemsize
from xnet.compile.target import Target
from xnet.graph.dtypes import FLOATS
from xnet.graph.evaluate import apply
from xnet.graph.ir import Node
from xnet.graph.show.text import operation

REDUCED_BY = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "any": "logical_or",
              "all": "logical_and"}  # fmt: skip


class Text(NamedTuple):
    """`values` are what the text names and does not define; `sizes` the bytes of each memory."""

    source: str
    values: Mapping[str, Any]
    sizes: Mapping[str, int]


def write(plan: Plan, names: Mapping[Node, str], title: str, target: Target, tuning: Tuning) -> Text:
    writer = Writer(plan, names, target, tuning)
    v, flow = writer.v, plan.flow
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
        f"# {title}: {sum(sizes.values()) / 1e6:.3g} MB of memory made once",
        "def make():",
        *(f"    {line}" for line in (*head, *writer.blocks, f"def run({', '.join(arguments)}):")),
        *(f"        {line}" for line in (*v.calls, end)),
        "",
        f"    return run, {tuple_of(variables)}",
    ]
    return Text("\n".join(line.rstrip() for line in lines) + "\n", v.values, sizes)


class Writer:
    """Appends to `v.calls` the calls of a run, and to `blocks` the functions that stand before them."""

    def __init__(self, plan: Plan, names: Mapping[Node, str], target: Target, tuning: Tuning) -> None:
        self.plan, self.v, self.target, self.tuning = plan, Variables(plan, names), target, tuning
        self.blocks: list[str] = []
        self.scratch = 0  # bytes for intermediate values, of which no group needs another's
        self.line = ("", 0)
        multiplies = any(group.nodes[0].op == "matmul" for group in plan.groups)
        self.threads = tuning.threads or threads.count(beside_products=multiplies)

    def group(self, group: Group) -> None:
        node = group.nodes[0]
        if self.plan.flow.kind[node] == "elementwise":
            cut = layout([group], self.v, self.tuning, self.threads)
            if cut.rows <= cut.size:
                self.v.calls += self.whole(group)
            else:
                blocks, _ = self.in_blocks((group,), cut)
                self.v.calls.append(f"share({blocks})" if cut.threads > 1 else f"in_one_go(chain(*{blocks}[0]))")
            return
        self.v.calls += self.comment(node)
        is_other = self.plan.flow.kind[node] == "other"
        write = self.other if is_other else self.reduce if node.op in REDUCED_BY else self.multiply
        self.v.calls.append(write(node))

    # Elementwise groups

    def whole(self, group: Group) -> list[str]:
        """The calls of a group, each over whole arrays."""
        to, offsets = self.registers(group, prod(group.shape))

        def name(x: Operand) -> str:
            match x:
                case Register(number, dtype):
                    return self.v.once("s1", f"part(scratch, {offsets[number]}, {group.shape}, {dtype!r})")
                case Filled(number):
                    return self.v.once("full_", f"filled({number.attrs['value']!r}, {group.shape}, {number.dtype!r})")
                case _:
                    return self.v.of(x)

        lines: list[str] = []
        for node, instruction in instructions(group, to, self.tuning.fill):
            lines += [*self.comment(node), statement(instruction, name)]
        return lines

    def in_blocks(self, groups: tuple[Group, ...], cut: Layout, scratch: int = 0) -> tuple[str, bool]:
        """Writes a function of a block; the expression of all its calls, and whether these are new at each run."""
        to, offsets = self.registers(groups[0], prod(cut.shape), scratch)
        name = BlockNames(self.v, cut, groups[0], offsets)
        lines: list[str] = []
        for node, instruction in instructions(groups[0], to, self.tuning.fill):
            lines += [*self.comment(node), entry(instruction, name)]
        f, blocks = self.v.names.free("block1"), self.v.names.free("blocks1")
        text, calls = name.definition(f, blocks, groups, lines)
        self.blocks += text
        return calls, bool(name.parameters)

    def registers(self, group: Group, size: int, start: int = 0) -> tuple[Destinations, list[int]]:
        """Where the group writes, and where in the scratch memory each of its registers begins."""
        at, reads = self.plan.allocations, [self.plan.flow.base[x] for x in group.reads]
        over = {y: x for y in group.results for x in reads if y in at and at[y] == at.get(x)}
        to = destinations(group, over, self.target.writes_early)
        offsets = []
        for register in to.registers:
            offsets.append(start)
            start = aligned(start + size * itemsize(register.dtype), self.target.alignment)
        self.scratch = max(self.scratch, start)
        return to, offsets

    def comment(self, node: Node | None) -> Iterator[str]:
        """The user's line, above the first call that comes from it."""
        if node is None or node.line == self.line:
            return
        self.line = file, number = node.line
        text = getline(file, number).strip()
        if text:
            yield f"# {text}   ({Path(file).name}:{number})"

    # Single nodes

    def multiply(self, node: Node) -> str:
        """A product, into memory of its own; of two matrices by `dot`, which begins sooner than `matmul`."""
        xs, out = ", ".join(map(self.v.of, node.inputs)), self.v.of(node)
        kinds = {(len(x.shape), x.dtype) for x in node.inputs}
        if node.op == "matmul" and node.dtype in FLOATS and kinds == {(2, node.dtype)}:
            return f"dot({xs}, {out})"
        axis = f"axis={node.attrs['axis']}, " if "axis" in node.attrs else ""
        return f"{node.op}({xs}, {axis}out={out})"

    def reduce(self, node: Node) -> str:
        (x,), axis, keepdims = node.inputs, node.attrs["axis"], node.attrs["keepdims"]
        variable, out = self.v.of(x), self.v.of(node)
        is_float = node.op == "sum" and x.dtype == node.dtype in FLOATS
        if is_float and axis == (1,) and len(x.shape) == 2 and x.shape[1] <= self.tuning.ones:
            shape = (x.shape[1], 1) if keepdims else (x.shape[1],)
            return f"dot({variable}, {self.v.once('ones_', f'ones({shape}, {x.dtype!r})')}, {out})"
        dtype = f"dtype={node.dtype!r}, " if node.op in {"sum", "prod"} and node.dtype != x.dtype else ""
        keep = "keepdims=True, " if keepdims else ""
        return (
            f"{REDUCED_BY[node.op]}.reduce({variable}, {axis[0] if len(axis) == 1 else axis}, {dtype}{keep}out={out})"
        )

    def other(self, node: Node) -> str:
        """What NumPy cannot write into memory that it is given makes its own."""
        xs = {x: self.v.of(x) for x in node.inputs}
        f, variable = self.v.names.free(f"{node.op}_"), self.v.new(node)
        self.v.values[f] = lambda *values: apply(node, list(values), xp, None)
        return f"{variable} = {f}({', '.join(xs[x] for x in node.inputs)})  # {operation(node, xs)}"

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
            calls, new = self.in_blocks(groups, cut, self.scratch if blocks else 0)
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
