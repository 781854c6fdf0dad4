"""xnet.operations.scan for stand-ins: f is traced once, and its graph becomes the body of a loop."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xnet import trees
from xnet.graph.ir import Node, in_order
from xnet.graph.loop import Body, closed, stand_in
from xnet.graph.tracing.names import LEAVES, argument_names, assigned_names
from xnet.graph.tracing.traced import Traced, as_node, user_line
from xnet.operations.scan import arrays, checked, filled
from xnet.types import Shape, Tree


class Through(NamedTuple):
    """A sequence over which a loop runs, and its axis of time."""

    node: Node
    axis: int


def scan(
    f: Callable[[Tree, Tree], tuple[Tree, Tree]], carry: Tree, xs: Tree, *, axis: int, reverse: bool, length: int
) -> tuple[Tree, Tree]:
    first = {stand_in(node.shape, node.dtype): node for node in map(as_node, trees.leaves(carry))}
    through = {}
    for node in map(as_node, trees.leaves(xs)):
        i = axis % len(node.shape)
        through[stand_in((*node.shape[:i], *node.shape[i + 1 :]), node.dtype)] = Through(node, i)
    before, x = filled(carry, list(map(Traced, first))), filled(xs, list(map(Traced, through)))
    after, y = checked(f(before, x), before, axis)
    outputs = [as_node(x) for x in (*trees.leaves(after), *arrays(y))]
    arguments = zip(argument_names(f, 2), (before, x), strict=True)
    names = {x.node: name for argument, tree in arguments for name, x in trees.named_leaves(tree, argument)}
    names = assigned_names(node for node in in_order(outputs) if node.op not in LEAVES) | names
    loop, outputs = loop_of(first, through, outputs, names, length, reverse)
    ys = [stacked(loop, node, axis % (len(node.shape) + 1)) for node in outputs[len(first) :]]
    return filled(carry, last(loop)), filled(y, ys)


def loop_of(
    first: dict[Node, Node],
    through: dict[Node, Through],
    outputs: Sequence[Node],
    names: dict[Node, str],
    length: int,
    reverse: bool,
) -> tuple[Node, list[Node]]:
    """A loop whose body computes the outputs, which begin with the carries after a step; and the outputs in the body.

    `first` has the first carry and `through` the sequence for each stand-in that the outputs read.  What does not
    change from step to step is computed before the loop, which reads it as a constant.
    """
    now, constants = closed(outputs, {*first, *through}, _independent(outputs))
    outputs = [now[node] for node in outputs]
    names = {now.get(node, node): name for node, name in names.items()}
    body = Body(tuple(constants), tuple(first), tuple(through), tuple(outputs[: len(first)]), names)
    inputs = (*constants.values(), *first.values(), *(sequence.node for sequence in through.values()))
    axes = tuple(sequence.axis for sequence in through.values())
    attrs = {"body": body, "axes": axes, "reverse": bool(reverse)}
    return Node("scan", inputs, attrs, (length,), "loop", *user_line()), outputs


def _independent(outputs: Sequence[Node]) -> set[Node]:
    """The nodes that depend on no input: constants, scalars, created arrays, and what is computed from them alone."""
    found: set[Node] = set()
    for node in in_order(outputs, derivatives=True):
        if node.op != "input" and found.issuperset(node.inputs):
            found.add(node)
    return found


def last(loop: Node) -> list[Traced]:
    """The carries after the last step; those that never change are the first ones."""
    body = loop.attrs["body"]
    outside = dict(zip((*body.constants, *body.carries), loop.inputs, strict=False))
    found = []
    for i, (before, after) in enumerate(zip(body.carries, body.after, strict=True)):
        fixed = after is before or after in body.constants
        found.append(Traced(outside[after]) if fixed else _result(loop, after, after.shape, carry=i))
    return found


def stacked(loop: Node, node: Node, axis: int) -> Traced:
    """The values of a node of the body at all steps, along the axis."""
    return _result(loop, node, (*node.shape[:axis], *loop.shape, *node.shape[axis:]), step=node, axis=axis)


def _result(loop: Node, node: Node, shape: Shape, **attrs: Any) -> Traced:
    return Traced(Node("scan_result", (loop,), attrs, shape, node.dtype, *user_line()))
