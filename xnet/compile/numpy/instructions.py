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


def statement(instruction: Instruction, name: Callable[[Operand], str]) -> str:
    """The instruction as a line of Python."""
    xs, out = [name(x) for x in instruction.inputs], name(instruction.out)
    match instruction.function:
        case "copy":
            return f"{out}[...] = {xs[0]}"
        case "copy_where":
            return f"copyto({out}, {xs[1]}, where={xs[0]})"
    return f"{instruction.function}({', '.join(xs)}, out={out})"


def entry(instruction: Instruction, name: Callable[[Operand], str]) -> str:
    """The instruction as a tuple of a function and its arguments.

    No function in it is written in Python, where a signal could be heard.  So copy_where is not `copyto`.
    """
    xs, out = [name(x) for x in instruction.inputs], name(instruction.out)
    match instruction.function:
        case "copy":
            return f"({out}.__setitem__, ..., {xs[0]}),"
        case "copy_where":
            return f"(partial(maximum, out={out}, where={xs[0]}), {xs[1]}, {xs[1]}),"
        case "maximum" | "minimum" as function:  # whose third argument may not be `out`
            return f"(partial({function}, out={out}), {', '.join(xs)}),"
    return f"({', '.join([instruction.function, *xs, out])}),"
