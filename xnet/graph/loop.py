"""Loops in a graph: one node for the loop, and one for each of its results.

The loop is a node "scan" of dtype "loop" and of shape (steps,).  Its inputs are the constants, which are the same at
each step, the first carries, and the sequences.  Its attributes are the body, the axis of time in each sequence, and
whether the last step comes first.

A result is a node "scan_result" whose one input is the loop.  With the attribute `carry`, a number, it is that carry
after the last step.  With `step`, a node of the body, and `axis`, it holds the values of this node at all steps,
stacked along the axis in the order of the sequences.  Any node of the body may be asked for: a derivative asks
for what it reads of the steps, and what is not asked for is not stored.  Whoever replaces nodes of a body replaces them
in the attributes `step` of the loop's results too, as xnet.graph.simplify does.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from xnet.graph.ir import Node, in_order
from xnet.types import Shape


@dataclass(frozen=True, eq=False, repr=False)
class Body:
    """One step of a loop.  It reads only its own inputs, which represent those of the loop in the same order."""

    constants: tuple[Node, ...]
    carries: tuple[Node, ...]
    slices: tuple[Node, ...]  # one step of each sequence
    after: tuple[Node, ...]  # the carries after the step
    names: dict[Node, str]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (*self.constants, *self.carries, *self.slices)

    def nodes(self, results: Iterable[Node], derivatives: bool = False) -> list[Node]:
        """The nodes of one step, in order: what the carries and these results of the loop need."""
        return list(in_order([*self.after, *steps_of(results)], derivatives=derivatives))


def steps_of(results: Iterable[Node]) -> list[Node]:
    """The nodes of the body that these results of a loop collect."""
    return [y.attrs["step"] for y in results if "step" in y.attrs]


def results_of(loop: Node, nodes: Iterable[Node]) -> list[Node]:
    """The results of the loop among the nodes."""
    return [node for node in nodes if node.op == "scan_result" and node.inputs[0] is loop]


def with_results(known: Collection[Node], nodes: Iterable[Node]) -> set[Node]:
    """The known nodes, and those of the others that are further results of known loops.

    What a derivative reads of a loop that it knows is computed together with that loop.
    """
    return {*known, *(node for node in nodes if node.op == "scan_result" and node.inputs[0] in known)}


def closed(
    outputs: Sequence[Node], varying: Collection[Node], stay: Collection[Node]
) -> tuple[dict[Node, Node], dict[Node, Node]]:
    """The nodes beneath the outputs, with stand-ins in the place of what does not vary and is not in `stay`.

    The first result maps each node to its new node, the second each stand-in to the node that it replaces.
    """
    varies, read = set(varying), dict.fromkeys(outputs)
    for node in in_order(outputs, derivatives=True):
        if not varies.isdisjoint(node.inputs):
            varies.add(node)
            read.update(dict.fromkeys(node.inputs))
    by = {node: stand_in(node.shape, node.dtype) for node in read if node not in varies and node not in stay}
    return replaced(outputs, by), {new: old for old, new in by.items()}


def stand_in(shape: Shape, dtype: str) -> Node:
    return Node("input", (), {}, shape, dtype)


def replaced(outputs: Iterable[Node], by: dict[Node, Node]) -> dict[Node, Node]:
    """A map from each node beneath the outputs to its new node, when some are replaced by others."""
    now = dict(by)
    for node in in_order(outputs, known=by, derivatives=True):
        inputs = tuple([now[x] for x in node.inputs])
        now[node] = node if inputs == node.inputs else replace(node, inputs=inputs)
    return now
