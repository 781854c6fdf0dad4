"""From a plan to C: parts in C, and between them the calls of what only NumPy can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from xnet.backends.numpy import scatter_add
from xnet.compile.c import gathering, products
from xnet.compile.c.blas import Blas
from xnet.compile.c.loops import Function, copied, elementwise, nested
from xnet.compile.c.place import Place, broadcast, contiguous, row_major, view
from xnet.compile.c.reductions import reduction
from xnet.compile.c.runtime import InC, Index, InPython, Layout, Result
from xnet.compile.c.text import CNames, Text, comments, head
from xnet.compile.expression import TYPES
from xnet.compile.plan import Group, Plan, aligned, itemsize
from xnet.graph.dtypes import FLOATS
from xnet.graph.evaluate import apply
from xnet.graph.ir import Node
from xnet.graph.show.text import operation
from xnet.types import Array

REDUCTIONS = {"sum", "prod", "max", "min", "any", "all"}


@dataclass(frozen=True)
class Written:
    """The text, and what a run needs beside it."""

    source: str
    layout: Layout
    parts: tuple[InC | InPython, ...]
    results: tuple[Result, ...]
    checks: tuple[Index, ...]

    @property
    def bytes(self) -> int:
        return sum(self.layout.sizes.values())


def write(plan: Plan, names: Mapping[Node, str], title: str, blas: Blas | None) -> Written:
    writer = Writer(plan, names, blas)
    for group in plan.groups:
        writer.group(group)
    writer.commit()
    return writer.written(title)


class Writer:
    """Appends to `parts` what a run calls, in order; `lines` are those of the C function that is being written."""

    def __init__(self, plan: Plan, names: Mapping[Node, str], blas: Blas | None) -> None:
        self.plan, self.flow, self.names, self.blas = plan, plan.flow, CNames(names), blas
        self.text = Text(self.names)
        self.memories: dict[str, int] = {}  # the slot of each in the table of addresses
        self.places: dict[Node, Place] = {}
        self.arguments: list[Place] = []
        self.constants: dict[str, Array] = {}
        self.functions: dict[str, int] = {}
        self.new: list[Place] = []
        self.scratch = 0
        self.parts: list[InC | InPython] = []
        self.checks: list[Index] = []
        self.c_functions: list[str] = []
        self.lines: list[str] = []
        self.pointers: dict[tuple[str, int, str], str] = {}
        self.line = ("", 0)
        for x in self.flow.inputs:
            if x not in plan.allocations:
                self.places[x] = self.own(x)
                self.arguments.append(self.places[x])

    # Places

    def slot(self, memory: str) -> int:
        return self.memories.setdefault(memory, len(self.memories))

    def own(self, node: Node) -> Place:
        """A memory for this array alone."""
        name = f"array {len(self.memories)}"
        self.slot(name)
        return contiguous(name, 0, node)

    def place(self, node: Node) -> Place:
        """Where the node lies; a view that needs a copy is copied now."""
        below = [node]
        while below[-1] not in self.places and self.flow.kind[below[-1]] == "view":
            below.append(below[-1].inputs[0])
        for x in reversed(below):
            if x not in self.places:
                self.places[x] = self._place(x)
        return self.places[node]

    def _place(self, node: Node) -> Place:
        if node in self.plan.allocations:
            at = self.plan.allocations[node]
            self.slot(at.memory)
            return contiguous(at.memory, at.offset, node)
        if self.flow.kind[node] == "view":
            x = self.places[node.inputs[0]]
            found = view(node, x)
            return found if found is not None else contiguous_as(node, self.copy(x))
        place = self.own(node)
        if self.flow.kind[node] == "known":
            value = np.empty(node.shape, node.dtype)
            value[...] = node.attrs["value"]
            self.constants[place.memory] = value
        elif self.flow.kind[node] != "other":
            self.new.append(place)
        return place

    def reserve(self, shape: tuple[int, ...], dtype: str) -> Place:
        """Memory that nothing else uses."""
        self.slot("scratch")
        start, self.scratch = self.scratch, aligned(self.scratch + prod(shape) * itemsize(dtype), 64)
        return Place("scratch", start, shape, row_major(shape), dtype)

    def copy(self, x: Place) -> Place:
        """The same numbers, one after another."""
        out = self.reserve(x.shape, x.dtype)
        self.call(copied(x, out))
        return out

    # Lines

    def wish(self, node: Node) -> str:
        """A pointer's name: that of the array whose memory the node looks at, unless the node has its own."""
        return self.names.wish(node if node in self.names.given else self.flow.base[node])

    def pointer(self, place: Place, wish: str) -> str:
        key = (place.memory, place.offset, place.dtype)
        if key not in self.pointers:
            self.pointers[key] = name = self.names.free(wish)
            shift = f" + {place.offset}" if place.offset else ""
            T = TYPES.get(place.dtype, "void")
            self.lines.append(f"{T} *{name} = ({T} *)(p[{self.slot(place.memory)}]{shift});")
        return self.pointers[key]

    def call(self, function: Function, wishes: Sequence[str] = ()) -> None:
        if not all(function.arguments[-1].shape):
            return
        name = self.text.function(function.name, function.parameters, function.body, function.lines)
        wishes = wishes or ["t1"] * len(function.arguments)
        pointers = [self.pointer(x, wish) for x, wish in zip(function.arguments, wishes, strict=True)]
        self.lines.append(f"{name}({', '.join(pointers)});")

    def comment(self, node: Node) -> None:
        if node.line != self.line:
            self.line = node.line
            self.lines += comments([node])

    def end_part(self) -> None:
        """What follows is another C function."""
        if all(line.startswith("/*") for line in self.lines):
            return
        name = f"step{len(self.c_functions) + 1}" if self.c_functions else "step"
        lines = "".join(f"  {line}\n" for line in (*self.lines, "return 0;"))
        self.c_functions.append(f"EXPORT long long {name}(char **p) {{\n{lines}}}\n")
        self.parts.append(InC(name))
        self.lines, self.pointers, self.line = [], {}, ("", 0)

    # Groups

    def group(self, group: Group) -> None:
        node = group.nodes[0]
        kind = self.flow.kind[node]
        if kind == "other":
            self.in_python(node)
        elif kind == "elementwise":
            self.elementwise((group,))
        else:
            self.into(node)

    def elementwise(self, groups: tuple[Group, ...]) -> None:
        group = groups[0]
        if not all(group.shape):
            return
        arrays = [x for x in (*group.reads, *group.results) if x.op != "scalar"]
        places = {x: self.place(x) for x in arrays}
        function = elementwise(groups, places, self.names.given)
        names = {place: self.wish(x) for x, place in reversed(places.items())}
        if len(groups) > 1:
            self.lines.append(f"/* {len(groups)} arrays side by side */")
        self.call(function, [names[place] for place in function.arguments])

    def into(self, node: Node) -> None:
        xs, out = [self.place(x) for x in node.inputs], self.place(node)
        self.comment(node)
        wishes = [*map(self.wish, node.inputs), self.wish(node)]
        if node.op == "matmul":
            self.matmul(node, xs, out, wishes)
        elif node.op == "take":
            size, axis = xs[0].shape[node.attrs["axis"]], node.attrs["axis"]
            self.check(xs[1], wishes[1], size, lambda i: np.take(np.empty((*(1,) * axis, size)), i, axis))
            self.call(gathering.take(node, xs[0], xs[1], out), wishes)
        elif node.op == "scatter_add":
            n = node.attrs["n"]
            self.check(xs[1], wishes[1], n, lambda i: scatter_add(np.zeros(i.shape), i, n, 0))
            self.call(gathering.scatter_add(node, xs[0], xs[1], out), wishes)
        elif node.op in {"patches", "fold"}:
            self.call(getattr(gathering, node.op)(node, *xs, out), wishes)
        elif node.op == "vecdot":
            axis = node.attrs.get("axis", -1)
            shape = np.broadcast_shapes(xs[0].shape, xs[1].shape)
            both = [replace(x, shape=shape, strides=broadcast(x.strides, x.shape, shape)) for x in xs]
            self.call(reduction(node, both, out, (axis % len(shape),), "vecdot"), wishes)
        else:
            axes = node.attrs["axis"]
            axes = tuple(range(len(xs[0].shape))) if axes is None else axes
            self.call(reduction(node, xs, out, axes, node.op), wishes)

    def check(self, indices: Place, wish: str, size: int, fail: Callable[[Array], object]) -> None:
        """The step ends here if an index is out of range: nothing that was donated is written yet."""
        if not indices.size:
            return
        self.checks.append(Index(indices, fail))
        self.lines.append(gathering.checked(indices, self.pointer(indices, wish), size, len(self.checks)))

    def matmul(self, node: Node, xs: list[Place], out: Place, wishes: Sequence[str]) -> None:
        if not out.size:
            return
        fast = node.dtype in FLOATS and all(x.dtype == node.dtype for x in node.inputs) and self.blas is not None
        found = products.matrices(xs[0], xs[1], out)
        if fast and found.a.shape[1] and not products.is_small(found.a, found.b):
            sides = map(products.side, (found.a, found.b))
            xs = [x if side else self.copy(x) for x, side in zip(xs, sides, strict=True)]
            found = products.matrices(xs[0], xs[1], out)
            pointers = [self.pointer(x, wish) for x, wish in zip(found[:3], wishes, strict=True)]
            text = products.gemm(found.a, found.b, found.moved(pointers))
            name = text.partition("(")[0]
            self.slot(name)
            assert self.blas is not None
            self.functions[name] = self.blas.functions[name]
            self.lines += nested([f"i{k}" for k in range(len(found.loops))], found.loops, [text])
        else:
            self.call(products.in_loops(node, found, "matmul"), wishes)

    def in_python(self, node: Node) -> None:
        xs = tuple(self.place(x) for x in node.inputs)
        out = self.place(node)
        self.comment(node)
        names = {x: self.names.wish(x) for x in node.inputs}
        self.lines += [f"/* In Python: {operation(node, names).replace('*/', '* /')} */"]
        self.end_part()
        self.parts.append(InPython(partial(_applied, node), xs, out.memory, node.dtype))

    def commit(self) -> None:
        """Donated memory is written last, and nothing after it may fail."""
        plan = self.plan
        waiting = []
        for x, donated, waits in plan.staged:
            stage = contiguous(waits.memory, waits.offset, x)
            if plan.allocations.get(x) != waits:
                self.call(copied(self.place(x), stage))
            waiting.append((stage, self.place(donated)))
        results = [self.result(i, x) for i, x in enumerate(self.flow.outputs)]
        for groups in plan.commit:
            self.elementwise(groups)
        for stage, to in waiting:
            self.call(copied(stage, to))
        self.end_part()
        self.results = tuple(results)

    def result(self, i: int, x: Node) -> Result:
        if i in self.plan.donated:
            return Result(self.place(self.plan.donated[i]), False, False)
        base = self.flow.base[x]
        place = self.place(x)
        is_before = base in self.plan.donated.values()
        if is_before:  # as it was before this call
            place = self.fresh(place)
        if place.memory in self.constants or place.memory in self.plan.sizes or place.memory == "scratch":
            return Result(place, False, True)
        return Result(place, x is base or is_before, False)

    def fresh(self, x: Place) -> Place:
        """A copy that the caller may keep."""
        name = f"array {len(self.memories)}"
        self.slot(name)
        out = Place(name, 0, x.shape, row_major(x.shape), x.dtype)
        self.new.append(out)
        self.call(copied(x, out))
        return out

    def written(self, title: str) -> Written:
        text = "\n".join((*self.text.texts, *self.c_functions, *(f"{line}\n" for line in self.lines)))
        sizes = {**self.plan.sizes, "scratch": self.scratch}
        letters = "".join(letter for letter in "sd" if any(f"cblas_{letter}" in name for name in self.functions))
        types = products.declarations(self.blas.integer, letters) if self.blas else ""
        types += "".join(f"#define {f} (({f.removeprefix('cblas_')} *)p[{self.slot(f)}])\n" for f in self.functions)
        source = f"/* {title.replace('*/', '')} */\n{head(text)}{types}{EXPORT}\n{text}"
        donated = tuple(self.place(x) for x in self.flow.inputs if x in self.plan.donated.values())
        layout = Layout(
            tuple(self.memories), {name: size for name, size in sizes.items() if name in self.memories},
            self.constants, self.functions, tuple(self.arguments), tuple(self.new), donated,
        )  # fmt: skip
        return Written(source, layout, tuple(self.parts), self.results, tuple(self.checks))


EXPORT = """#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
"""


def contiguous_as(node: Node, x: Place) -> Place:
    return replace(x, shape=node.shape, strides=row_major(node.shape))


def _applied(node: Node, *values: Array) -> Any:
    return apply(node, list(values), xp, None)
