"""The text of a plan for NumPy: memory first, and then the calls, under the lines of the user's that they come from."""

import re
from collections.abc import Callable, Sequence
from itertools import count
from keyword import iskeyword
from linecache import getline
from math import prod
from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp

from xnet.compile import threads
from xnet.compile.groups import Group, Lane
from xnet.compile.plan import Place, Plan, aligned, itemsize
from xnet.compile.registers import Registers
from xnet.graph.dtypes import FLOATS
from xnet.graph.ir import Node, apply
from xnet.graph.text import operation
from xnet.types import Shape

BLOCK = 1 << 15  # numbers at a time: a few arrays of so many float32 stay in a core's own cache
SHARED = 1 << 20  # so many are shared among threads, in wider blocks, for Python's lock is slow to change hands
WIDE_BLOCK = 1 << 17
FILL = 1 << 9  # maximum and minimum are slow beside a single number: so many get an array full of it
ONES = 1 << 12  # rows of up to so many numbers are added up by a product with ones, which is faster

HELPERS = ("memory", "part", "number", "cut", "filled", "joined", "in_one_go", "share")  # of numpy.py and threads.py
OWN = {"home", "new", "arena", "scratch", "make", "run", "commit", "late", "rows", "blocks", *HELPERS}
REDUCED_BY = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "any": "logical_or",
              "all": "logical_and"}  # fmt: skip


class Writer:
    """`values` holds what the text names and does not make; `calls` are those of one run, and `head` comes before."""

    def __init__(self, plan: Plan, names: dict[Node, str]) -> None:
        self.plan, self.names = plan, names
        self.values: dict[str, Any] = {}
        self.head: list[str] = []
        self.calls: list[str] = []
        self.words: dict[Any, str] = {}
        self.taken: set[str] = set()
        self.scratch = 0  # bytes for the steps between, of which no group needs another's
        self.line = ("", 0)
        multiplies = any(group.lane.nodes[0].op == "matmul" for group in plan.groups)
        self.threads = threads.count(beside_products=multiplies)

    def write(self, name: str) -> str:
        plan, donated = self.plan, dict.fromkeys(self.plan.home_of.values())
        arguments = [self.named(x) for x in plan.inputs if x not in donated]
        homes = [self.word(x) for x in donated]
        for group in plan.groups:
            self.group(group)
        results = [self.result(i, x) for i, x in enumerate(plan.outputs)]
        self.calls += [f"copyto({self.part(place, x)}, {self.word(x)})" for place, x in plan.copies]
        self.commit()
        sizes = {**plan.sizes, "scratch": self.scratch}
        made = [f"{memory} = memory({size})" for memory, size in sizes.items() if size]
        text = [
            f"# {name}: {sum(sizes.values()) / 1e6:.3g} MB of memory made once",
            "def make():",
            *(f"    {line}" for line in (*made, *self.head)),
            "",
            f"    def run({', '.join(arguments)}):",
            *(f"        {line}" for line in (*self.calls, f"return {tuple_of(results)}")),
            "",
            f"    return run, {tuple_of(homes)}",
        ]
        return "\n".join(line.rstrip() for line in text) + "\n"

    # Words

    def word(self, node: Node) -> str:
        """The name of a node's array, which is made before all calls where it can be, and else before the next."""
        if node in self.words:
            return self.words[node]
        if node.op == "scalar":
            value = node.attrs["value"]
            word = self.words[node] = self.free("c" + re.sub(r"\W+", "_", f"{value:.6g}"))
            self.head.append(f"{word} = number({value!r}, {node.dtype!r})")
            return word
        base = self.word(node.inputs[0]) if self.plan.kind(node) == "view" else ""
        word = self.named(node)
        if node.op == "constant":
            self.values[word] = node.attrs["value"]
            self.head.append(f"# {word}: {node.dtype}{list(node.shape)}, known beforehand")
        elif base:
            (self.head if self.is_static(node) else self.calls).append(f"{word} = {view(node, base)}")
        elif node in self.plan.places:
            self.head.append(f"{word} = {self.part(self.plan.places[node], node)}")
        else:
            self.calls.append(f"{word} = empty({node.shape}, {node.dtype!r})")
        return word

    def named(self, node: Node) -> str:
        name = re.sub(r"\W+", "_", self.names.get(node, "")) or ("known" if node.op == "constant" else "t1")
        self.words[node] = self.free(name)
        return self.words[node]

    def free(self, name: str) -> str:
        """The name, or the next like it that nothing else has."""
        stem, start = re.fullmatch(r"(.*?_?)(\d*)", name).groups()  # type: ignore[union-attr]
        if name in self.taken or name in OWN or iskeyword(name) or hasattr(xp, name):
            stem = stem if start and stem == "t" else f"{name}_"
            name = next(word for i in count(2) if (word := f"{stem}{i}") not in self.taken)
        self.taken.add(name)
        return name

    def once(self, name: str, made: str) -> str:
        """The name of what this expression makes before all calls."""
        if made not in self.words:
            self.words[made] = self.free(name)
            self.head.append(f"{self.words[made]} = {made}")
        return self.words[made]

    def part(self, place: Place, node: Node, shape: Shape | None = None) -> str:
        return f"part({place.memory}, {place.offset}, {node.shape if shape is None else shape}, {node.dtype!r})"

    def is_static(self, node: Node) -> bool:
        """Whether the node's memory is the same at each call."""
        if self.plan.kind(node) != "view":
            return self.plan.kind(node) == "known" or node in self.plan.places
        return self.is_static(node.inputs[0]) and (node.op != "reshape" or self.is_straight(node.inputs[0]))

    def is_straight(self, node: Node) -> bool:
        """Whether the node's numbers follow one another in memory."""
        if self.plan.kind(node) != "view":
            return self.plan.kind(node) == "known" or node in self.plan.places
        return node.op in {"reshape", "expand_dims", "squeeze"} and self.is_straight(node.inputs[0])

    # Calls

    def group(self, group: Group) -> None:
        node = group.lane.nodes[0]
        match self.plan.kind(node):
            case "elementwise":
                loop = Loop(self, group)
                self.calls += self.elementwise(group.lane) if loop.is_short else [loop.call()]
            case "into":
                self.comment(node, self.calls)
                self.calls.append(self.into(node))
            case _:
                self.comment(node, self.calls)
                self.calls.append(self.other(node))

    def elementwise(self, lane: Lane) -> list[str]:
        """One call after the other, each over whole arrays."""
        registers = self.registers(lane)
        offsets = self.offsets(registers, prod(lane.shape))

        def between(i: int) -> str:
            return self.once("s1", f"part(scratch, {offsets[i]}, {lane.shape}, {registers.dtypes[i]!r})")

        def filled(x: Node) -> str:
            return self.once("filled", f"full({lane.shape}, {x.attrs['value']!r}, {x.dtype!r})")

        return self.steps(lane, registers, self.word, between, filled, as_call)

    def registers(self, lane: Lane) -> Registers:
        places = self.plan.places
        reads = list(map(self.plan.root, lane.reads))
        over = {y: x for y in lane.results for x in reads if y in places and places[y] == places.get(x)}
        return Registers(lane, over)

    def offsets(self, registers: Registers, size: int, end: int = 0) -> list[int]:
        """Where in the scratch memory each register begins, after what others need at the same time."""
        offsets = []
        for dtype in registers.dtypes:
            offsets.append(end)
            end = aligned(end + size * itemsize(dtype))
        self.scratch = max(self.scratch, end)
        return offsets

    def steps(
        self,
        lane: Lane,
        registers: Registers,
        word: Callable[[Node], str],
        between: Callable[[int], str],
        filled: Callable[[Node], str],
        written: "Callable[[str, Sequence[str], str], str]",
    ) -> list[str]:
        """The calls of a lane, with its arrays under names that the caller chooses, and in the form that it chooses."""
        lines: list[str] = []
        here: dict[Node, str] = {}
        for node in lane.nodes:
            xs = [filled(x) if _is_slow(node, x) else here.get(x) or word(x) for x in node.inputs]
            to = registers.of[node]
            here[node] = between(to) if isinstance(to, int) else word(to)
            self.comment(node, lines)
            out = here[node]
            if node.op == "where":
                lines += [
                    written("copyto", [out, xs[2]], ""),
                    written("copyto", [out, xs[1], "'same_kind'", xs[0]], ""),
                ]
            elif node.op == "astype":
                lines.append(written("copyto", [out, xs[0], "'unsafe'"], ""))
            else:
                lines.append(written("rint" if node.op == "round" else node.op, xs, out))
        return lines + [written("copyto", [word(y), here[y]], "") for y in registers.copies]

    def comment(self, node: Node, lines: list[str]) -> None:
        """The user's line, above the first call that comes from it."""
        file, number = node.line
        if node.line != self.line and (text := getline(file, number).strip()):
            lines.append(f"# {text}   ({Path(file).name}:{number})")
        self.line = node.line

    def into(self, node: Node) -> str:
        """A product or a reduction, into memory of its own."""
        xs, out = [self.word(x) for x in node.inputs], self.word(node)
        if node.op not in REDUCED_BY:
            axis = f"axis={node.attrs['axis']}, " if "axis" in node.attrs else ""
            return f"{node.op}({', '.join(xs)}, {axis}out={out})"
        (x,), axis, keepdims = node.inputs, node.attrs["axis"], node.attrs["keepdims"]
        if (
            node.op == "sum"
            and x.dtype == node.dtype in FLOATS
            and axis == (1,)
            and len(x.shape) == 2
            and x.shape[1] <= ONES
        ):
            shape = (x.shape[1], 1) if keepdims else (x.shape[1],)
            return f"matmul({xs[0]}, {self.once('ones_', f'ones({shape}, {x.dtype!r})')}, out={out})"
        dtype = f"dtype={node.dtype!r}, " if node.op in {"sum", "prod"} and node.dtype != x.dtype else ""
        keep = "keepdims=True, " if keepdims else ""
        return f"{REDUCED_BY[node.op]}.reduce({xs[0]}, {axis[0] if len(axis) == 1 else axis}, {dtype}{keep}out={out})"

    def other(self, node: Node) -> str:
        """What NumPy cannot write into memory that it is given makes its own."""
        xs = {x: self.word(x) for x in node.inputs}
        f, word = self.free(f"{node.op}_"), self.named(node)
        self.values[f] = lambda *values: apply(node, list(values), xp, None)
        return f"{word} = {f}({', '.join(xs[x] for x in node.inputs)})  # {operation(node, xs)}"

    # The end

    def result(self, i: int, x: Node) -> str:
        """What is returned; nothing that a later call writes over, unless it was donated."""
        plan, root = self.plan, self.plan.root(x)
        if i in plan.home_of:
            return self.word(plan.home_of[i])
        word = self.word(x)
        if root in plan.home_of.values():  # as it was before
            self.calls.append(f"{(copied := self.free('t1'))} = {word}.copy()")
            return copied
        return f"{word}.copy()" if self.is_static(root) else word

    def commit(self) -> None:
        """What was donated becomes what replaces it, in one go: no signal finds half of it done."""
        plan = self.plan
        if plan.small:
            for group in plan.commit:
                self.group(group)
            self.calls += ["copyto(home, new)"] * bool(plan.home_of)
            return
        total = sum(prod(lane.shape) for group in plan.commit for lane in group.lanes)
        loops = [Loop(self, group, total) for group in plan.commit]
        blocks: list[str] = []
        for loop in loops:  # at the same time, on several threads, so with memory of their own
            blocks.append(loop.write(self.scratch if blocks else 0))
        for _, stage, x in plan.late:
            if plan.places.get(x) != stage:
                self.calls.append(f"copyto({self.part(stage, x)}, {self.word(x)})")
        late = [
            as_step("copyto", [self.once("home1", self.part(home, x)), self.once("t1", self.part(stage, x))], "")
            for home, stage, x in plan.late
        ]
        commit = f"joined({', '.join(blocks)})" if blocks else "[[]]"
        if any(loop.parameters or loop.threads > 1 for loop in loops):
            self.head.append(f"late = [{' '.join(late)}]")
            self.calls.append(f"share({commit}, late)")
        else:
            self.head.append(f"commit = [*chain(*{commit}[0]), {' '.join(late)}]")
            self.calls.append("in_one_go(commit)")


class Loop:
    """A group block by block: a function of its own in the text, and the blocks that it goes through."""

    def __init__(self, writer: Writer, group: Group, beside: int = 0) -> None:
        self.writer, self.group, self.lane = writer, group, group.lane
        plan, shape = writer.plan, group.lane.shape
        self.is_flat = all(y in plan.places for y in self.lane.results) and all(
            x.shape == shape and writer.is_straight(x) for x in self.lane.reads if x.shape
        )
        total = sum(prod(lane.shape) for lane in group.lanes)
        self.rows, rest = (total, ()) if self.is_flat else ((*shape, 1)[0], shape[1:])
        self.threads = writer.threads if max(total, beside) >= SHARED else 1
        size = max(1, (WIDE_BLOCK if self.threads > 1 else BLOCK) // max(1, prod(rest)))
        self.block = (self.threads, min(size, self.rows), *rest)
        self.is_short = self.rows <= size and not group.lanes[1:]
        self.columns: dict[Any, tuple[str, str]] = {}  # what is cut into blocks: its name in the loop and outside
        self.own: dict[str, str] = {}  # memory of each thread's own
        self.cuts: list[str] = []
        self.parameters: list[str] = []

    def call(self) -> str:
        blocks = self.write()
        return f"share({blocks})" if self.threads > 1 else f"in_one_go(chain(*{blocks}[0]))"

    def write(self, scratch: int = 0) -> str:
        """The text that makes the calls of each block, beforehand where no array is new at each run; and their name."""
        writer = self.writer
        registers = writer.registers(self.lane)
        offsets = writer.offsets(registers, prod(self.block), scratch)

        def between(i: int) -> str:
            made = f"part(scratch, {offsets[i]}, {self.block}, {registers.dtypes[i]!r})"
            return self.own.setdefault(made, f"s{i + 1}")

        def filled(x: Node) -> str:
            made = f"filled({x.attrs['value']!r}, {self.block}, {x.dtype!r})"
            return self.own.setdefault(made, f"filled{len(self.own) or ''}")

        lines = writer.steps(self.lane, registers, self.word, between, filled, as_step)
        name, blocks = writer.free("block1"), writer.free("blocks1")
        names = ", ".join(["rows", *(inside for inside, _ in self.columns.values()), *self.own.values()])
        columns = tuple_of([outside for _, outside in self.columns.values()])
        if len(self.group.lanes) > 1:
            writer.head.append(f"# {len(self.group.lanes)} arrays side by side, of the shapes {self.shapes()}")
        writer.head += [
            f"{blocks} = cut({self.rows}, {self.block[1]}, {columns}, {tuple_of(list(self.own))}, {self.threads})",
            "",
            f"def {name}({', '.join([names, *self.parameters])}):",
            *(f"    {line}" for line in self.cuts),
            "    return [",
            *(f"        {line}" for line in lines),
            "    ]",
            "",
        ]
        calls = f"[[{name}({', '.join(['*block', *self.parameters])}) for block in own] for own in {blocks}]"
        if self.parameters:
            return calls
        writer.head.append(f"{blocks} = {calls}")
        return blocks

    def shapes(self) -> str:
        return ", ".join(str(lane.shape) for lane in self.group.lanes)

    def word(self, x: Node) -> str:
        """The name of x in the loop: a block of it, or all of it where it is broadcast."""
        writer, shape = self.writer, self.lane.shape
        root = writer.plan.root(x)
        if x.shape and self.is_flat:
            place = writer.plan.places.get(root)
            made = f"{writer.word(x)}.reshape(-1)" if place is None else writer.part(place, x, (self.rows,))
            return self.column(x, place or x, made)
        is_whole = len(x.shape) < len(shape) or x.shape[0] != self.rows
        word = writer.word(x)
        if writer.is_static(x):
            return word if is_whole else self.column(x, writer.plan.places.get(x, x), word)
        if word not in self.parameters:
            self.parameters.append(word)
            self.cuts += [] if is_whole else [f"{word}_ = {word}[rows]"]
        return word if is_whole else f"{word}_"

    def column(self, x: Node, key: Any, made: str) -> str:
        if key not in self.columns:
            short = re.sub(r"\W+", "_", self.writer.names.get(x, "").rpartition(".")[2])
            self.columns[key] = (self.writer.free(short if short.isidentifier() else "t1"), made)
        return self.columns[key][0]


def view(node: Node, x: str) -> str:
    match node.op:
        case "index":
            return f"{x}[{', '.join(map(_key, node.attrs['key']))}]"
        case "matrix_transpose":
            return f"{x}.mT"
        case "permute_dims":
            return f"{x}.transpose({node.attrs['axes']})"
        case "broadcast_to" | "flip" as op:
            return f"{op}({x}, {node.attrs['shape' if op == 'broadcast_to' else 'axis']})"
        case "real" | "imag" as op:
            return f"{op}({x})"
    return f"{x}.reshape({node.shape})"


def _key(key: Any) -> str:
    return f"slice({key.start}, {key.stop}, {key.step})" if isinstance(key, slice) else str(key)


def _is_slow(node: Node, x: Node) -> bool:
    return node.op in {"maximum", "minimum"} and x.op == "scalar" and prod(node.shape) >= FILL


def as_call(f: str, xs: Sequence[str], out: str) -> str:
    return f"{f}({', '.join([*xs, f'out={out}'] if out else xs)})"


def as_step(f: str, xs: Sequence[str], out: str) -> str:
    if f in {"maximum", "minimum"}:  # which take a third argument for a third array
        return f"(partial({f}, out={out}), {', '.join(xs)}),"
    return f"({', '.join([f, *xs, out] if out else [f, *xs])}),"


def tuple_of(words: Sequence[str]) -> str:
    return f"({', '.join(words)}{',' * (len(words) == 1)})"
