"""The derivative of a loop: another loop, which goes through the steps in the opposite order."""

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

    first: dict[Node, Node] = {}
    through: dict[Node, Through] = {}
    seeds: dict[Node, Traced] = {}
    sums: dict[Node, Traced] = {}
    for y, dy in g.items():
        if "step" in y.attrs:
            node = y.attrs["step"]
            dy_t = stand_in(node.shape, node.dtype)
            through[dy_t] = Through(dy.node, y.attrs["axis"])
            seeds[node] = xp.add(seeds[node], Traced(dy_t)) if node in seeds else Traced(dy_t)
    for i in carries:
        node = body.after[i]
        d_after = stand_in(node.shape, node.dtype)
        ends = [dy for y, dy in g.items() if y.attrs.get("carry") == i]
        first[d_after] = (ends[0] if ends else _zeros(node)).node
        seeds[node] = xp.add(seeds[node], Traced(d_after)) if node in seeds else Traced(d_after)
    for x in constants:
        sums[x] = Traced(stand_in(x.shape, x.dtype))
        first[sums[x].node] = _zeros(x).node

    dx = backwards(seeds, wanted)
    outputs = [dx.get(body.carries[i], _zeros(body.carries[i])) for i in carries]
    outputs += [xp.add(sums[x], dx[x]) if x in dx else sums[x] for x in constants]
    outputs += [dx.get(x, _zeros(x)) for x in slices]

    by: dict[Node, Node] = {}
    for node in _read(body, g, [output.node for output in outputs]):
        if node in body.constants:
            by[node] = outside[node]
            continue
        by[node] = stand_in(node.shape, node.dtype)
        if node in axis_of:
            through[by[node]] = Through(outside[node], axis_of[node])
        else:
            found = next((y for y in g if y.attrs.get("step") is node), None) or stacked(loop, node, 0).node
            through[by[node]] = Through(found, found.attrs["axis"])
    now = replaced([output.node for output in outputs], by)
    nodes = [now[output.node] for output in outputs]

    back, nodes = loop_of(first, through, nodes, {}, loop.shape[0], not loop.attrs["reverse"])
    by_step = (stacked(back, node, axis_of[x]) for x, node in zip(slices, nodes[len(first) :], strict=True))
    found_for = zip([*(body.carries[i] for i in carries), *constants, *slices], [*last(back), *by_step], strict=True)
    return ((outside[x], d) for x, d in found_for if outside[x] in path)


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
