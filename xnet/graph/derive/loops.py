"""The derivative of a loop: another loop, over the steps in the opposite order."""

from collections.abc import Callable, Collection, Iterator

from xnet.graph.dtypes import FLOATS
from xnet.graph.ir import Node, in_order
from xnet.graph.loop import Body, replaced, stand_in, steps_of, with_results
from xnet.graph.tracing.namespace import xp
from xnet.graph.tracing.scan import Through, last, loop_of, stacked
from xnet.graph.tracing.traced import Traced

Backwards = Callable[[dict[Node, Traced], Collection[Node]], dict[Node, Traced]]


def loop_vjp(
    loop: Node, g: dict[Node, Traced], path: Collection[Node], backwards: Backwards
) -> Iterator[tuple[Node, Traced]]:
    """dJ/dx for the inputs x of the loop that are on the path, from g = dJ/dy for results y of the loop.

    The carries of the backward loop are dJ/dA for the carries A of this loop, and for each constant the sum of its
    derivatives so far.  What the backward loop reads of the steps is asked of this loop, as further results.
    """
    body: Body = loop.attrs["body"]
    outside = dict(zip(body.inputs, loop.inputs, strict=True))
    axis_of = dict(zip(body.slices, loop.attrs["axes"], strict=True))
    wanted = _wanted(body, {x for x, node in outside.items() if node in path and x.dtype in FLOATS})
    carries = [i for i in _influential(body, g) if body.carries[i] in wanted]
    constants = [x for x in body.constants if x in wanted]
    slices = [x for x in body.slices if x in wanted]

    dy, first, through = _seeds(body, g, carries)
    sums = {x: Traced(stand_in(x.shape, x.dtype)) for x in constants}
    first |= {total.node: _zeros(x).node for x, total in sums.items()}
    dx = backwards(dy, wanted)
    back = [dx.get(body.carries[i], _zeros(body.carries[i])) for i in carries]
    back += [xp.add(sums[x], dx[x]) if x in dx else sums[x] for x in constants]
    back += [dx.get(x, _zeros(x)) for x in slices]

    by, residuals = _residuals(loop, g, [x.node for x in back])
    now = replaced([x.node for x in back], by)
    outputs, reverse = [now[x.node] for x in back], not loop.attrs["reverse"]
    loop_back, outputs = loop_of(first, through | residuals, outputs, {}, loop.shape[0], reverse)
    by_step = (stacked(loop_back, y, axis_of[x]) for x, y in zip(slices, outputs[len(first) :], strict=True))
    results = zip([*(body.carries[i] for i in carries), *constants, *slices], [*last(loop_back), *by_step], strict=True)
    return ((outside[x], d) for x, d in results if outside[x] in path)


def _seeds(
    body: Body, g: dict[Node, Traced], carries: list[int]
) -> tuple[dict[Node, Traced], dict[Node, Node], dict[Node, Through]]:
    """dJ/dy for nodes y of one step, as stand-ins; and the carries and the sequences that these stand for."""
    dy: dict[Node, Traced] = {}
    first: dict[Node, Node] = {}
    through: dict[Node, Through] = {}

    def seed(node: Node) -> Node:
        d = stand_in(node.shape, node.dtype)
        dy[node] = xp.add(dy[node], Traced(d)) if node in dy else Traced(d)
        return d

    for y, d in g.items():
        if "step" in y.attrs:
            through[seed(y.attrs["step"])] = Through(d.node, y.attrs["axis"])
    for i in carries:
        ends = (d for y, d in g.items() if y.attrs.get("carry") == i)
        first[seed(body.after[i])] = next(ends, _zeros(body.after[i])).node
    return dy, first, through


def _residuals(loop: Node, g: Collection[Node], outputs: list[Node]) -> tuple[dict[Node, Node], dict[Node, Through]]:
    """The stand-in in the backward loop for each node of this loop's body that it reads, and the sequences."""
    body: Body = loop.attrs["body"]
    outside = dict(zip(body.inputs, loop.inputs, strict=True))
    sequences = {y.attrs["step"]: Through(y, y.attrs["axis"]) for y in g if "step" in y.attrs}
    sequences |= {x: Through(outside[x], axis) for x, axis in zip(body.slices, loop.attrs["axes"], strict=True)}
    by: dict[Node, Node] = {}
    through: dict[Node, Through] = {}
    for node in _read(body, g, outputs):
        if node in body.constants:
            by[node] = outside[node]
        else:
            by[node] = stand_in(node.shape, node.dtype)
            through[by[node]] = sequences.get(node) or Through(stacked(loop, node, 0).node, 0)
    return by, through


def _zeros(node: Node) -> Traced:
    return xp.zeros(node.shape, dtype=node.dtype)  # type: ignore[no-any-return]


def _wanted(body: Body, wanted: set[Node]) -> set[Node]:
    """The inputs of the body that what is wanted flows into: these inputs, and the carries that depend on them."""
    while True:
        path = set(wanted)
        for node in in_order(body.after):
            if not path.isdisjoint(node.inputs):
                path.add(node)
        pairs = zip(body.carries, body.after, strict=True)
        more = {before for before, after in pairs if after in path and before.dtype in FLOATS} - wanted
        if not more:
            return wanted
        wanted = wanted | more


def _influential(body: Body, g: Collection[Node]) -> list[int]:
    """The carries, by number, that the results g depend on."""
    found = {y.attrs["carry"] for y in g if "carry" in y.attrs}
    while True:
        needed = set(in_order([*steps_of(g), *(body.after[i] for i in found)]))
        more = {i for i, before in enumerate(body.carries) if before in needed} - found
        if not more:
            return sorted(found)
        found |= more


def _read(body: Body, g: Collection[Node], outputs: list[Node]) -> list[Node]:
    """The nodes of one step of the loop that these outputs of the derivative read."""
    step = {*body.inputs, *body.nodes(g, derivatives=True)}
    new = list(in_order(outputs, known=step, derivatives=True))
    step = with_results(step, new)
    reads = [*outputs, *(x for node in new if node not in step for x in node.inputs)]
    return [x for x in dict.fromkeys(reads) if x in step and x.op != "scalar"]
