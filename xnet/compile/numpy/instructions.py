"""The work of a group as three instructions, and their two forms in the text."""

from collections.abc import Callable, Iterator
from math import prod
from typing import NamedTuple, TypeAlias

from xnet.compile.numpy.registers import Destinations, Register
from xnet.compile.plan import Group
from xnet.graph.ir import Node
from xnet.types import Shape

INTEGERS_STAY = {"round", "floor", "ceil", "trunc"}


class Filled(NamedTuple):
    """A block full of a number, because maximum and minimum are slow beside a single number."""

    number: Node


Operand: TypeAlias = Node | Register | Filled


class Instruction(NamedTuple):
    """out = function(*inputs), of three kinds.

    `copy` casts its input to the type of out; `copy_where` is given a condition and an input, and does so where the
    condition holds; any other function is a ufunc.
    """

    function: str
    inputs: tuple[Operand, ...]
    out: Operand


def instructions(group: Group, to: Destinations, fill: int) -> Iterator[tuple[Node | None, Instruction]]:
    """The instructions in order, each with the node that it is for."""

    def operand(x: Node, node: Node) -> Operand:
        is_slow = node.op in {"maximum", "minimum"} and x.op == "scalar" and prod(node.shape) >= fill
        return Filled(x) if is_slow else to.of.get(x, x)

    for node in group.nodes:
        xs, out = tuple(operand(x, node) for x in node.inputs), to.of[node]
        if node.op == "where":
            condition, yes, no = xs
            yield node, Instruction("copy", (no,), out)
            yield node, Instruction("copy_where", (condition, yes), out)
        elif node.op == "astype" or (node.op in INTEGERS_STAY and "int" in node.dtype):
            yield node, Instruction("copy", xs, out)
        else:
            yield node, Instruction("rint" if node.op == "round" else node.op, xs, out)
    for y in to.copies:
        yield None, Instruction("copy", (to.of[y],), y)


# Each kind as a line of Python, and as a tuple of a function and its arguments.  No function in a tuple is written in
# Python, where a signal could be heard; so copy_where is not `copyto` there.
FORMS = {
    "copy": ("{out}[...] = {0}", "({out}.__setitem__, ..., {0}),"),
    "copy_where": ("copyto({out}, {1}, where={0})", "(partial(maximum, out={out}, where={0}), {1}, {1}),"),
    "ufunc": ("{f}({xs}, out={out})", "({f}, {xs}, {out}),"),
    # whose third argument may not be `out`
    **dict.fromkeys(("maximum", "minimum"), ("{f}({xs}, out={out})", "(partial({f}, out={out}), {xs}),")),
}


def written(instruction: Instruction, name: Callable[[Operand], str], as_tuple: bool) -> str:
    """The instruction in the text."""
    f, xs = instruction.function, [name(x) for x in instruction.inputs]
    form = FORMS.get(f, FORMS["ufunc"])[as_tuple]
    return form.format(*xs, f=f, xs=", ".join(xs), out=name(instruction.out))


def temporary(x: Register | Filled, shape: Shape) -> tuple[str, str]:
    """The name and the expression of an array of this shape that no node has."""
    if isinstance(x, Register):
        return "s1", f"part(scratch, {x.offset}, {shape}, {x.dtype!r})"
    return "full_", f"filled({x.number.attrs['value']!r}, {shape}, {x.number.dtype!r})"
