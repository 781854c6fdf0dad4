"""The text of elementwise work: calls over whole arrays, or block by block, where they stay in the cache."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from xnet.compile.groups import Group
from xnet.compile.registers import Registers
from xnet.graph.ir import Node

if TYPE_CHECKING:
    from xnet.compile.source import Writer

BLOCK = 1 << 15  # numbers at a time: a few arrays of so many float32 stay in a core's own cache
SHARED = 1 << 20  # so many are shared among threads, in wider blocks, for Python's lock is slow to change hands
WIDE_BLOCK = 1 << 17
FILL = 1 << 9  # maximum and minimum are slow beside a single number: so many get an array full of it
WHOLE = {"round", "floor", "ceil", "trunc"}  # which leave integers as they are


class Steps:
    """The calls of a group, each over whole arrays."""

    def __init__(self, writer: "Writer", group: Group) -> None:
        self.writer, self.group, self.shape = writer, group, group.shape

    def lines(self, scratch: int = 0) -> list[str]:
        """The calls, whose steps between lie in the scratch memory from there on."""
        places, root = self.writer.plan.places, self.writer.plan.root
        reads = list(map(root, self.group.reads))
        over = {y: x for y in self.group.results for x in reads if y in places and places[y] == places.get(x)}
        registers = Registers(self.group, over)
        offsets = self.writer.scratch_for(registers.dtypes, prod(self.shape), scratch)
        lines: list[str] = []
        here: dict[Node, str] = {}
        for node in self.group.nodes:
            xs = [self.filled(x) if _is_slow(node, x) else here.get(x) or self.word(x) for x in node.inputs]
            to = registers.of[node]
            here[node] = self.register(offsets[to], registers.dtypes[to]) if isinstance(to, int) else self.word(to)
            lines += [*self.writer.comment(node), *self.step(node, xs, here[node])]
        return lines + [self.copy(self.word(y), here[y]) for y in registers.copies]

    def step(self, node: Node, xs: list[str], out: str) -> list[str]:
        if node.op == "where":
            condition, yes, no = xs
            return [self.copy(out, no), self.copy_where(out, yes, condition)]
        if node.op == "astype" or (node.op in WHOLE and "int" in node.dtype):
            return [self.copy(out, xs[0])]
        return [self.call("rint" if node.op == "round" else node.op, xs, out)]

    def word(self, x: Node) -> str:
        return self.writer.word(x)

    def register(self, offset: int, dtype: str) -> str:
        return self.writer.once("s1", f"part(scratch, {offset}, {self.shape}, {dtype!r})")

    def filled(self, x: Node) -> str:
        return self.writer.once("full_", f"filled({x.attrs['value']!r}, {self.shape}, {x.dtype!r})")

    def call(self, f: str, xs: Sequence[str], out: str) -> str:
        return f"{f}({', '.join(xs)}, out={out})"

    def copy(self, out: str, x: str) -> str:
        return f"{out}[...] = {x}"

    def copy_where(self, out: str, x: str, condition: str) -> str:
        return f"copyto({out}, {x}, where={condition})"


class Blocks(Steps):
    """A family of groups block by block: a function in the text, and the blocks that it goes through."""

    def __init__(self, writer: "Writer", family: Sequence[Group], beside: int = 0) -> None:
        super().__init__(writer, family[0])
        self.family, reads, shape = family, family[0].reads, family[0].shape
        self.is_flat = all(y in writer.plan.places for y in self.group.results) and all(
            x.shape == shape and writer.is_static(x) and writer.plan.is_straight(x) for x in reads if x.shape
        )
        total = sum(prod(group.shape) for group in family)
        self.rows, rest = (total, ()) if self.is_flat else ((*shape, 1)[0], shape[1:])
        self.threads = writer.threads if max(total, beside) >= SHARED else 1
        size = max(1, min(self.rows, (WIDE_BLOCK if self.threads > 1 else BLOCK) // max(1, prod(rest))))
        self.shape = (self.threads, size, *rest)
        self.is_short = self.rows <= size and not family[1:]
        self.columns: dict[Any, tuple[str, str]] = {}  # what is cut into blocks: its name inside and outside
        self.own: dict[str, str] = {}  # the names of what each thread has for itself
        self.parameters: dict[str, str] = {}  # what is new at each run: its name outside, and that of a block of it

    def write(self, scratch: int = 0) -> str:
        """The function and its blocks; what gives their calls, which are made beforehand if nothing is new at a run."""
        writer, lines = self.writer, self.lines(scratch)
        f, blocks = writer.names.free("block1"), writer.names.free("blocks1")
        inside = ["rows", *(name for name, _ in self.columns.values()), *self.own.values()]
        columns = tuple_of([outside for _, outside in self.columns.values()])
        cuts = [f"{name} = {word}[rows]" for word, name in self.parameters.items() if name != word]
        shapes = ", ".join(str(group.shape) for group in self.family)
        beside = "side by side: " if self.family[1:] else "of shape "
        calls = f"[[{f}({', '.join(['*block', *self.parameters])}) for block in own] for own in {blocks}]"
        writer.blocks += [
            f"# {self.shape[1]} of {self.rows} rows at a time, of arrays {beside}{shapes}",
            f"def {f}({', '.join([*inside, *self.parameters])}):",
            *(f"    {line}" for line in (*cuts, "return [", *(f"    {line}" for line in lines), "]")),
            "",
            f"{blocks} = cut({self.rows}, {self.shape[1]}, {columns}, {tuple_of(list(self.own))}, {self.threads})",
            *([] if self.parameters else [f"{blocks} = {calls}"]),
            "",
        ]
        return calls if self.parameters else blocks

    def word(self, x: Node) -> str:
        """The name of x in the function: a block of it, or all of it where it is broadcast."""
        writer = self.writer
        place = writer.plan.places.get(writer.plan.root(x) if self.is_flat else x)
        if x.shape and self.is_flat:
            made = writer.part(place, x, (self.rows,)) if place else f"{writer.word(x)}.reshape(-1)"
            return self.column(x, place or x, made)
        is_whole = len(x.shape) < len(self.group.shape) or x.shape[0] != self.rows
        word = writer.word(x)
        if writer.is_static(x):
            return word if is_whole else self.column(x, place or x, word)
        if word not in self.parameters:
            self.parameters[word] = word if is_whole else writer.names.free(f"{word}_block")
        return self.parameters[word]

    def column(self, x: Node, key: Any, made: str) -> str:
        if key not in self.columns:
            self.columns[key] = (self.writer.names.short(x), made)
        return self.columns[key][0]

    def register(self, offset: int, dtype: str) -> str:
        return self._own("s1", f"part(scratch, {offset}, {self.shape}, {dtype!r})")

    def filled(self, x: Node) -> str:
        return self._own("full_", f"filled({x.attrs['value']!r}, {self.shape}, {x.dtype!r})")

    def _own(self, name: str, made: str) -> str:
        if made not in self.own:
            self.own[made] = self.writer.names.free(name)
        return self.own[made]

    def call(self, f: str, xs: Sequence[str], out: str) -> str:
        if f in {"maximum", "minimum"}:  # which take a third argument for a third array
            return f"(partial({f}, out={out}), {', '.join(xs)}),"
        return f"({', '.join([f, *xs, out])}),"

    def copy(self, out: str, x: str) -> str:
        return f"({out}.__setitem__, ..., {x}),"

    def copy_where(self, out: str, x: str, condition: str) -> str:
        """Not by `copyto`, which is partly written in Python, where a signal may be heard."""
        return f"(partial(maximum, out={out}, where={condition}), {x}, {x}),"


def _is_slow(node: Node, x: Node) -> bool:
    return node.op in {"maximum", "minimum"} and x.op == "scalar" and prod(node.shape) >= FILL


def tuple_of(words: Sequence[str]) -> str:
    return f"({', '.join(words)}{',' * (len(words) == 1)})"
