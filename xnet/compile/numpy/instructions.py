"""The work of a group as three instructions, and their two forms in the text."""

from collections.abc import Callable, Iterator
from math import prod
from typing import NamedTuple, TypeAlias

from xnet.compile.numpy.registers import Destinations, Register
from xnet.compile.plan import Group
from xnet.graph.ir import Node

INTEGERS_STAY = {"round", "floor", "ceil", "trunc"}


class Filled(NamedTuple):
    """A block full of a number, because maximum and minimum are slow beside a single number."""

    number: Node


Operand: TypeAlias = Node | Register | Filled


class Call(NamedTuple):
    """out = function(inputs)"""

    function: str
    inputs: tuple[Operand, ...]
    out: Operand


class Copy(NamedTuple):
    """out = x, cast to the type of out"""

    x: Operand
    out: Operand


class CopyWhere(NamedTuple):
    """out = x where the condition holds"""

    condition: Operand
    x: Operand
    out: Operand


Instruction: TypeAlias = Call | Copy | CopyWhere


def instructions(group: Group, to: Destinations, fill: int) -> Iterator[tuple[Node | None, Instruction]]:
    """The instructions in order, each with the node that it is for."""

    def operand(x: Node, node: Node) -> Operand:
        is_slow = node.op in {"maximum", "minimum"} and x.op == "scalar" and prod(node.shape) >= fill
        return Filled(x) if is_slow else to.of.get(x, x)

    for node in group.nodes:
        xs, out = tuple(operand(x, node) for x in node.inputs), to.of[node]
        if node.op == "where":
            condition, yes, no = xs
            yield node, Copy(no, out)
            yield node, CopyWhere(condition, yes, out)
        elif node.op == "astype" or (node.op in INTEGERS_STAY and "int" in node.dtype):
            yield node, Copy(xs[0], out)
        else:
            yield node, Call("rint" if node.op == "round" else node.op, xs, out)
    for y in to.copies:
        yield None, Copy(to.of[y], y)


def statement(instruction: Instruction, name: Callable[[Operand], str]) -> str:
    """The instruction as a line of Python."""
    match instruction:
        case Call(function, inputs, out):
            return f"{function}({', '.join(map(name, inputs))}, out={name(out)})"
        case Copy(x, out):
            return f"{name(out)}[...] = {name(x)}"
        case CopyWhere(condition, x, out):
            return f"copyto({name(out)}, {name(x)}, where={name(condition)})"


def entry(instruction: Instruction, name: Callable[[Operand], str]) -> str:
    """The instruction as a tuple of a function and its arguments.

    No function in it is written in Python, where a signal could be heard.  So CopyWhere is not `copyto`.
    """
    match instruction:
        case Call("maximum" | "minimum" as function, inputs, out):  # whose third argument may not be `out`
            return f"(partial({function}, out={name(out)}), {', '.join(map(name, inputs))}),"
        case Call(function, inputs, out):
            return f"({', '.join([function, *map(name, inputs), name(out)])}),"
        case Copy(x, out):
            return f"({name(out)}.__setitem__, ..., {name(x)}),"
        case CopyWhere(condition, x, out):
            return f"(partial(maximum, out={name(out)}, where={name(condition)}), {name(x)}, {name(x)}),"
