"""Fused elementwise loops."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xnet.compile.c.place import Place, broadcast, collapsed
from xnet.compile.c.text import CNames, Parameter, Written, value
from xnet.compile.expression import TYPES, C, literal
from xnet.compile.plan import Group
from xnet.graph.ir import Node
from xnet.types import Shape


@dataclass(frozen=True)
class Function:
    """A function to write, and the arrays that it is called with."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Written
    arguments: tuple[Place, ...]
    lines: tuple[Node, ...]  # whose lines are its comment


def at(pointer: str, strides: Sequence[int], counters: Sequence[str]) -> str:
    """The number of an array: `W[i0 * 128 + i1]`."""
    terms = [i if s == 1 else f"{i} * {s}" for i, s in zip(counters, strides, strict=True) if s]
    return f"{pointer}[{' + '.join(terms) or '0'}]"


def nested(counters: Sequence[str], sizes: Sequence[int], inside: Sequence[str]) -> list[str]:
    """The lines within a loop of each counter."""
    lines = list(inside)
    for i, n in reversed([*zip(counters, sizes, strict=True)]):
        head = f"for (long long {i} = 0; {i} < {n}; {i}++)"
        lines = [f"{head} {{", *(f"  {line}" for line in lines), "}"]
    return lines


def elementwise(groups: Sequence[Group], places: Mapping[Node, Place], names: Mapping[Node, str]) -> Function:
    """One loop for a group, or for groups that do the same to arrays that lie side by side."""
    group = groups[0]
    many = len(groups) > 1
    shape: Shape = (sum(prod(one.shape) for one in groups),) if many else group.shape
    reads = [x for x in group.reads if x.op != "scalar"]
    over = {x: next((y for y in group.results if _same(places[x], places[y])), None) for x in reads}
    own = [y for y in group.results if y not in over.values()]
    arrays = [*reads, *own]
    flat: list[tuple[int, ...]] = [(1,) if x.shape else (0,) for x in arrays]
    strides = flat if many else [broadcast(places[x].strides, x.shape, shape) for x in arrays]
    loops, strides = collapsed(shape, strides)
    local = CNames(names)
    variable = {x: local.short(x) for x in (*arrays, *group.nodes) if x not in over.values()}
    variable |= {y: local.short(y) for y in over.values() if y is not None}
    counters = [f"i{k}" for k in range(len(loops))]
    number = {x: k for k, x in enumerate(arrays)}
    target = {y: number[x] for x, y in over.items() if y is not None} | {y: number[y] for y in own}

    def body(pointers: Sequence[str]) -> list[str]:
        # Functions that do the same are compared with numbers in the place of names.
        every = [*dict.fromkeys((*arrays, *group.nodes))]
        names = {x: f"v{k}" for k, x in enumerate(every)} if pointers[:1] == ["a0"] else dict(variable)
        names |= {x: literal(x.attrs["value"], x.dtype, C) for x in group.reads if x.op == "scalar"}
        lines = [f"const {TYPES[x.dtype]} {names[x]} = {at(pointers[number[x]], strides[number[x]], counters)};"
                 for x in reads]  # fmt: skip
        lines += [f"const {TYPES[y.dtype]} {names[y]} = {value(y, [names[x] for x in y.inputs])};" for y in group.nodes]
        lines += [f"{at(pointers[k], strides[k], counters)} = {names[y]};" for y, k in target.items()]
        return nested(counters, loops, lines)

    written = set(target.values())
    parameters = tuple(Parameter(local.free(f"at_{variable[x]}"), x.dtype, k in written) for x, k in number.items())
    last = group.results[-1]
    name = f"for_{variable[last]}" if last in names else "loop"
    return Function(name, parameters, body, tuple(places[x] for x in arrays), group.nodes)


def copied(x: Place, out: Place) -> Function:
    """The numbers of x, one after another."""
    loops, strides = collapsed(x.shape, [x.strides, out.strides])
    counters = [f"i{k}" for k in range(len(loops))]

    def body(pointers: Sequence[str]) -> list[str]:
        source, to = pointers
        return nested(counters, loops, [f"{at(to, strides[1], counters)} = {at(source, strides[0], counters)};"])

    return Function("copy", (Parameter("x", x.dtype), Parameter("out", x.dtype, True)), body, (x, out), ())


def _same(a: Place, b: Place) -> bool:
    return (a.memory, a.offset, a.shape, a.strides, a.dtype) == (b.memory, b.offset, b.shape, b.strides, b.dtype)
