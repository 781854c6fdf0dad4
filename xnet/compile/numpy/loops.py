"""Groups block by block: how they are cut, and the function in the text that lists the calls of a block."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import prod

from xnet.compile.numpy.instructions import Operand, temporary
from xnet.compile.numpy.variables import Variables, part, tuple_of
from xnet.compile.plan import Group
from xnet.graph.ir import Node
from xnet.types import Shape


@dataclass(frozen=True)
class Tuning:
    """The sizes at which the code for NumPy changes its form."""

    block: int = 1 << 15  # numbers of a block: a few arrays of so many float32 stay in a core's own cache
    shared: int = 1 << 20  # so many numbers are shared among threads
    wide_block: int = 1 << 17  # numbers of a block for threads, because Python's lock is slow to change hands
    fill: int = 1 << 9  # for so many, maximum and minimum with a number are slower than with an array full of it
    ones: int = 1 << 12  # rows of up to so many numbers are added up by a product with ones, which is faster
    threads: int | None = None  # as many as threads.count says


@dataclass(frozen=True)
class Layout:
    """Blocks of `size` of the `rows`; flat when the arrays are taken as rows of numbers."""

    rows: int
    size: int
    threads: int
    shape: Shape  # of a block, for each thread
    is_flat: bool


def layout(groups: Sequence[Group], variables: Variables, tuning: Tuning, threads: int, beside: int = 0) -> Layout:
    """How groups that do the same are cut; `beside` are the numbers of all that is computed at the same time."""
    plan, group, shape = variables.plan, groups[0], groups[0].shape
    is_flat = all(y in plan.allocations for y in group.results) and all(
        x.shape == shape and variables.is_static(x) and x in plan.flow.contiguous for x in group.reads if x.shape
    )
    total = sum(prod(group.shape) for group in groups)
    rows, rest = (total, ()) if is_flat else ((*shape, 1)[0], shape[1:])
    threads = threads if max(total, beside) >= tuning.shared else 1
    block = tuning.wide_block if threads > 1 else tuning.block
    size = max(1, min(rows, block // max(1, prod(rest))))
    return Layout(rows, size, threads, (threads, size, *rest), is_flat)


class BlockNames:
    """The names in the function of a block, and what they stand for outside it."""

    def __init__(self, variables: Variables, layout: Layout, group: Group) -> None:
        self.variables, self.layout, self.group = variables, layout, group
        self.columns: dict[Hashable, tuple[str, str]] = {}  # what is cut into blocks: its name inside and outside
        self.own: dict[str, str] = {}  # what each thread has for itself: its name by the expression that makes it
        self.parameters: dict[str, str] = {}  # what is new at each run: the name of a block of it by its name outside

    def __call__(self, x: Operand) -> str:
        """The name of a block of x, or of all of it where it is broadcast."""
        if isinstance(x, Node):
            return self._flat(x) if x.shape and self.layout.is_flat else self._array(x)
        name, value = temporary(x, self.layout.shape)
        if value not in self.own:
            self.own[value] = self.variables.names.free(name)
        return self.own[value]

    def definition(self, f: str, blocks: str, groups: Sequence[Group], lines: Sequence[str]) -> tuple[list[str], str]:
        """The lines that define the function and its blocks, and the expression of all their calls.

        These are made beforehand if nothing is new at a run.
        """
        rows, threads = self.layout.rows, self.layout.threads
        inside = ["rows", *(name for name, _ in self.columns.values()), *self.own.values()]
        columns, own = tuple_of([outside for _, outside in self.columns.values()]), tuple_of(list(self.own))
        cuts = [f"{name} = {variable}[rows]" for variable, name in self.parameters.items() if name != variable]
        shapes = ", ".join(str(group.shape) for group in groups)
        every = f"cut({rows}, {self.layout.size}, {columns}, {own}, {threads})"
        calls = f"[[{f}({', '.join(['*block', *self.parameters])}) for block in own] for own in {{}}]"
        together = "side by side:" if groups[1:] else "of shape"
        text = [
            f"# {self.layout.size} of {rows} rows at a time, of arrays {together} {shapes}",
            f"def {f}({', '.join([*inside, *self.parameters])}):",
            *(f"    {line}" for line in (*cuts, "return [", *(f"    {line}" for line in lines), "]")),
            "",
            f"{blocks} = {every if self.parameters else calls.format(every)}",
            "",
        ]
        return text, calls.format(blocks) if self.parameters else blocks

    def _flat(self, x: Node) -> str:
        at = self.variables.plan.allocations.get(self.variables.flow.base[x])
        outside = part(at, x, (self.layout.rows,)) if at else f"{self.variables.of(x)}.reshape(-1)"
        return self._column(x, at or x, outside)

    def _array(self, x: Node) -> str:
        variable = self.variables.of(x)
        is_whole = len(x.shape) < len(self.group.shape) or x.shape[0] != self.layout.rows
        if self.variables.is_static(x):
            return variable if is_whole else self._column(x, self.variables.plan.allocations.get(x, x), variable)
        if variable not in self.parameters:
            self.parameters[variable] = variable if is_whole else self.variables.names.free(f"{variable}_block")
        return self.parameters[variable]

    def _column(self, x: Node, key: Hashable, outside: str) -> str:
        if key not in self.columns:
            self.columns[key] = (self.variables.names.short(x), outside)
        return self.columns[key][0]
