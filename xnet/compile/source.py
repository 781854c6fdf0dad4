"""The text of a plan for NumPy: memory first, and then the calls, under the lines of the user's that they come from."""

import re
from linecache import getline
from math import prod
from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp

from xnet.backends import backend_of
from xnet.compile import threads
from xnet.compile.arena import Place, aligned, itemsize
from xnet.compile.groups import Group
from xnet.compile.names import Names
from xnet.compile.plan import Plan
from xnet.compile.steps import Blocks, Steps, tuple_of
from xnet.graph.dtypes import FLOATS
from xnet.graph.evaluate import apply, run
from xnet.graph.ir import Node
from xnet.graph.loop import results_of
from xnet.graph.show.text import operation
from xnet.types import Shape

ONES = 1 << 12  # rows of up to so many numbers are added up by a product with ones, which is faster
REDUCED_BY = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "any": "logical_or",
              "all": "logical_and"}  # fmt: skip


class Writer:
    """`values` holds what the text names and does not make; `calls` are those of one run, and all else comes before."""

    def __init__(self, plan: Plan, names: dict[Node, str]) -> None:
        self.plan, self.names = plan, Names(names)
        self.values: dict[str, Any] = {}
        self.arrays: list[str] = []
        self.numbers: list[str] = []
        self.blocks: list[str] = []
        self.calls: list[str] = []
        self.words: dict[Node | str, str] = {}
        self.scratch = 0  # bytes for the steps between, of which no group needs another's
        self.line = ("", 0)
        multiplies = any(group.nodes[0].op == "matmul" for group in plan.groups)
        self.threads = threads.count(beside_products=multiplies)

    def write(self, name: str) -> str:
        plan = self.plan
        arguments = [self.named(x) for x in plan.inputs if x not in plan.donated]
        homes = [self.word(x) for x in plan.donated]
        for group in plan.groups:
            self.group(group)
        results = [self.result(i, x) for i, x in enumerate(plan.outputs)]
        self.commit()
        sizes = {**plan.sizes, "scratch": self.scratch}
        named = "\n".join((*self.arrays, *self.blocks))
        made = [f"{memory} = memory({size})" for memory, size in sizes.items() if f"part({memory}, " in named]
        head: list[str] = []
        for title, lines in {"Memory": made, "Arrays": self.arrays, "Numbers": self.numbers}.items():
            head += [f"# {title}", *lines, ""] if lines else []
        end = f"return [{', '.join(results)}]"  # and no tuple, for CPython 3.11 keeps each one of 20 for a while
        text = [
            f"# {name}: {sum(sizes.values()) / 1e6:.3g} MB of memory made once",
            "def make():",
            *(f"    {line}" for line in (*head, *self.blocks, f"def run({', '.join(arguments)}):")),
            *(f"        {line}" for line in (*self.calls, end)),
            "",
            f"    return run, {tuple_of(homes)}",
        ]
        return "\n".join(line.rstrip() for line in text) + "\n"

    # Words

    def word(self, node: Node) -> str:
        """The name of a node's array, which is made before all calls where it can be, and else before the next."""
        for x in reversed(list(self.plan.down(node))):
            if x not in self.words:
                self.make(x)
        return self.words[node]

    def make(self, node: Node) -> None:
        if node.op == "scalar":
            value = node.attrs["value"]
            word = self.words[node] = self.names.free("c" + re.sub(r"\W+", "_", f"{value:.6g}"))
            self.numbers.append(f"{word} = number({value!r}, {node.dtype!r})")
            return
        word = self.named(node)
        if node.op == "constant":
            self.values[word] = node.attrs["value"].copy()  # as it was, whatever becomes of it
            self.arrays.append(f"# {word}: {node.dtype}{list(node.shape)}, known beforehand")
        elif self.plan.kind(node) == "view":
            made = f"{word} = {view(node, self.words[node.inputs[0]])}"
            (self.arrays if self.is_static(node) else self.calls).append(made)
        elif node in self.plan.places:
            self.arrays.append(f"{word} = {self.part(self.plan.places[node], node)}")
        else:
            self.calls.append(f"{word} = empty({node.shape}, {node.dtype!r})")

    def named(self, node: Node) -> str:
        self.words[node] = self.names.of(node)
        return self.words[node]

    def once(self, name: str, made: str) -> str:
        """The name of what this expression makes before all calls."""
        if made not in self.words:
            self.words[made] = self.names.free(name)
            self.arrays.append(f"{self.words[made]} = {made}")
        return self.words[made]

    def part(self, place: Place, node: Node, shape: Shape | None = None) -> str:
        return f"part({place.memory}, {place.offset}, {node.shape if shape is None else shape}, {node.dtype!r})"

    def scratch_for(self, dtypes: list[str], size: int, end: int) -> list[int]:
        """Where in the scratch memory each register begins."""
        offsets = []
        for dtype in dtypes:
            offsets.append(end)
            end = aligned(end + size * itemsize(dtype))
        self.scratch = max(self.scratch, end)
        return offsets

    def is_static(self, node: Node) -> bool:
        """Whether the node's memory is the same at each call."""
        *views, root = self.plan.down(node)
        is_ours = self.plan.kind(root) == "known" or root in self.plan.places
        return is_ours and all(x.op != "reshape" or self.plan.is_straight(x.inputs[0]) for x in views)

    def comment(self, node: Node) -> list[str]:
        """The user's line, above the first call that comes from it."""
        (file, number), before = node.line, self.line
        self.line = node.line
        text = getline(file, number).strip() if node.line != before else ""
        return [f"# {text}   ({Path(file).name}:{number})"] if text else []

    # Calls

    def group(self, group: Group) -> None:
        node = group.nodes[0]
        if self.plan.kind(node) == "elementwise":
            loop = Blocks(self, [group])
            if loop.is_short:
                self.calls += Steps(self, group).lines()
            else:
                blocks = loop.write()
                self.calls.append(f"share({blocks})" if loop.threads > 1 else f"in_one_go(chain(*{blocks}[0]))")
            return
        self.calls += self.comment(node)
        write = (
            self.other if self.plan.kind(node) == "other" else self.reduce if node.op in REDUCED_BY else self.multiply
        )
        self.calls.append(write(node))

    def multiply(self, node: Node) -> str:
        """A product, into memory of its own; of two matrices by `dot`, which begins sooner than `matmul`."""
        xs, out = ", ".join(map(self.word, node.inputs)), self.word(node)
        kinds = {(len(x.shape), x.dtype) for x in node.inputs}
        if node.op == "matmul" and node.dtype in FLOATS and kinds == {(2, node.dtype)}:
            return f"dot({xs}, {out})"
        axis = f"axis={node.attrs['axis']}, " if "axis" in node.attrs else ""
        return f"{node.op}({xs}, {axis}out={out})"

    def reduce(self, node: Node) -> str:
        (x,), axis, keepdims = node.inputs, node.attrs["axis"], node.attrs["keepdims"]
        word, out = self.word(x), self.word(node)
        is_float = node.op == "sum" and x.dtype == node.dtype in FLOATS
        if is_float and axis == (1,) and len(x.shape) == 2 and x.shape[1] <= ONES:
            shape = (x.shape[1], 1) if keepdims else (x.shape[1],)
            return f"dot({word}, {self.once('ones_', f'ones({shape}, {x.dtype!r})')}, {out})"
        dtype = f"dtype={node.dtype!r}, " if node.op in {"sum", "prod"} and node.dtype != x.dtype else ""
        keep = "keepdims=True, " if keepdims else ""
        return f"{REDUCED_BY[node.op]}.reduce({word}, {axis[0] if len(axis) == 1 else axis}, {dtype}{keep}out={out})"

    def other(self, node: Node) -> str:
        """What NumPy cannot write into memory that it is given makes its own."""
        xs = {x: self.word(x) for x in node.inputs}
        f, word = self.names.free(f"{node.op}_"), self.named(node)
        if node.op == "scan_result":
            (loop,) = node.inputs
            return f"{word} = {xs[loop]}[{self.results(loop).index(node)}]"
        if node.op == "scan":
            results = self.results(node)
            # A carry may be a view of an argument, which the program may overwrite.
            self.values[f] = lambda *values: [
                xp.asarray(y, copy=True) for y in run(node, values, results, backend_of(*values))
            ]
        else:
            self.values[f] = lambda *values: apply(node, list(values), xp, None)
        return f"{word} = {f}({', '.join(xs[x] for x in node.inputs)})  # {operation(node, xs)}"

    def results(self, loop: Node) -> list[Node]:
        return results_of(loop, (node for group in self.plan.groups for node in group.nodes))

    # The end

    def result(self, i: int, x: Node) -> str:
        """What is returned; nothing that a later call writes over, unless it was donated."""
        plan, root = self.plan, self.plan.root(x)
        if i in plan.home_of:
            return self.word(plan.home_of[i])
        word = self.word(x)
        if root in plan.donated:  # as it was before
            self.calls.append(f"{(copied := self.names.free('t1'))} = {word}.copy()")
            return copied
        return f"{word}.copy()" if self.is_static(root) else word

    def commit(self) -> None:
        """What was donated becomes what replaces it, in one go: no signal finds half of it done."""
        plan = self.plan
        total = sum(prod(group.shape) for family in plan.commit for group in family)
        loops = [Blocks(self, family, total) for family in plan.commit]
        blocks: list[str] = []
        for loop in loops:  # at the same time, on several threads, so with memory of their own
            blocks.append(loop.write(self.scratch if blocks else 0))
        late: list[str] = []
        for x, home, stage in plan.late:
            staged = self.word(x) if plan.places.get(x) == stage else self.once("new", self.part(stage, x))
            self.calls += [f"{staged}[...] = {self.word(x)}"] if staged != self.word(x) else []
            late.append(f"({self.word(home)}.__setitem__, ..., {staged})")
        commit = blocks[0] if len(blocks) == 1 else f"joined({', '.join(blocks)})"
        if any(loop.parameters or loop.threads > 1 for loop in loops):
            self.blocks += [f"late = [{', '.join(late)}]", ""]
            self.calls.append(f"share({commit}, late)")
        elif blocks or late:
            calls = [f"*chain(*{commit}[0])"] * bool(blocks) + late
            self.blocks += ["# What writes home, in one go", f"commit = [{', '.join(calls)}]", ""]
            self.calls.append("in_one_go(commit)")


def view(node: Node, x: str) -> str:
    match node.op:
        case "index":
            keys = [f"slice({key.start}, {key.stop}, {key.step})" if isinstance(key, slice) else str(key)
                    for key in node.attrs["key"]]  # fmt: skip
            whole = [] if node.shape or "Ellipsis" in keys else ["..."]  # without which it would be a number
            return f"{x}[{', '.join([*keys, *whole])}]"
        case "matrix_transpose":
            return f"{x}.mT"
        case "permute_dims":
            return f"{x}.transpose({node.attrs['axes']})"
        case "broadcast_to" | "flip" as op:
            return f"{op}({x}, {node.attrs['shape' if op == 'broadcast_to' else 'axis']})"
        case "real" | "imag" as op:
            return f"{op}({x})"
    return f"{x}.reshape({node.shape})"
