"""Rewrite the graph so that it computes less: constants are folded, and scalar factors are combined.

Results stay the same to rounding, and no longer to the last bit as in xnet.graph.simplify.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from array_api_compat import array_namespace

from xnet.compile.target import Target
from xnet.graph.dtypes import FLOATS
from xnet.graph.graph import Graph
from xnet.graph.ir import Node
from xnet.graph.loop import results_of
from xnet.graph.simplify import simplified
from xnet.types import Array

KNOWN = {"constant", "scalar"}
LARGEST = {"float32": 1e37, "float64": 1e307}  # of the scalar factors that are combined, and 1/LARGEST the smallest


def rewrite(graph: Graph, target: Target) -> tuple[tuple[Node, ...], dict[Node, str]]:
    """The outputs of the cheaper graph, and its names."""
    now, names = _rewritten(graph.nodes, graph.names, target)
    outputs = [now[node] for node in graph.outputs]
    simple, names = simplified(outputs, names)
    return tuple(simple[node] for node in outputs), names


def _rewritten(
    nodes: Sequence[Node], given: Mapping[Node, str], target: Target
) -> tuple[dict[Node, Node], dict[Node, str]]:
    """What becomes of each node, and the names of the new nodes."""
    uses = Counter(x for node in nodes for x in node.inputs)
    now: dict[Node, Node] = {}
    names: dict[Node, str] = {}
    for node in nodes:
        if node.op == "scan":
            more, attrs = _body(node, results_of(node, nodes), target)
            now |= more
            now[node] = replace(node, inputs=tuple(now[x] for x in node.inputs), attrs=attrs)
            continue
        new = node if node.op in {"input", *KNOWN} else cheaper(_with(node, *(now[x] for x in node.inputs)), target)
        if new.op == "sum" and uses[node.inputs[0]] == 1:
            new = _sum(new, target)
        if "step" in node.attrs:
            new = replace(new, attrs=node.attrs | {"step": now[node.attrs["step"]]})
        now[node] = new
        if node in given and new.op not in KNOWN:
            names.setdefault(new, given[node])
    return now, names


def _body(loop: Node, results: list[Node], target: Target) -> tuple[dict[Node, Node], dict[str, Any]]:
    """What becomes of the nodes of the loop's body, and the loop's new attributes."""
    body = loop.attrs["body"]
    now, names = _rewritten([*body.inputs, *body.nodes(results)], body.names, target)
    return now, loop.attrs | {"body": replace(body, after=tuple(now[x] for x in body.after), names=names)}


def cheaper(node: Node, target: Target) -> Node:
    """A node with the same value, whose inputs are cheap already."""
    if target.kind(node) == "elementwise":
        node = _with(node, *(_small(x, node) for x in node.inputs))
    if all(x.op in KNOWN for x in node.inputs):
        return replace(node, op="constant", inputs=(), attrs={"value": target.evaluate(node)})
    if node.dtype not in FLOATS:
        return node
    match node.op, node.inputs:
        case "pow", [x, Node(op="scalar", attrs={"value": 2})]:
            return replace(node, op="square", inputs=(x,))
        case "multiply", [a, b] if a is b:
            return replace(node, op="square", inputs=(a,))
        case "multiply", [Node(op="multiply", inputs=[a, c]), b] if a is b and not c.shape:
            return _multiply(node, replace(node, op="square", inputs=(a,)), c, target)
        case "multiply", [a, b] if not (a.shape and b.shape):
            return _multiply(node, *_number_last(a, b), target)
        case "divide", [x, c] if x.shape and not c.shape and _is_moderate(c):
            one = replace(node, inputs=(_number(node, 1.0), c), shape=())
            return _multiply(node, x, cheaper(one, target), target)
        case "divide", [Node(op="scalar") as k, Node(op="negative", inputs=[x])]:
            return replace(node, inputs=(_number(k, -float(k.attrs["value"])), x))
        case "mean", [x] if x.shape:
            count = prod(x.shape[i] for i in node.attrs["axis"])
            total = replace(node, op="sum")
            return _multiply(node, total, _number(node, 1 / count), target) if count else node
    return node


def _multiply(node: Node, x: Node, c: Node, target: Target) -> Node:
    """x · c; where x is k · y, it is y · (c · k), and where x is k / y, (c · k) / y: the numbers first."""
    if x.op == "multiply":
        y, k = _number_last(*x.inputs)
        if not k.shape and (y.shape or k.op == "scalar"):
            both = cheaper(replace(node, op="multiply", attrs={}, inputs=(c, k), shape=()), target)
            x, c = (y, both) if _is_moderate(both) else (x, c)
    if x.op == "divide" and x.inputs[0].op == c.op == "scalar":
        k = _number(node, float(c.attrs["value"]) * float(x.inputs[0].attrs["value"]))
        if _is_moderate(k):
            return replace(node, op="divide", attrs={}, inputs=(k, x.inputs[1]))
    return replace(node, op="multiply", attrs={}, inputs=(x, c))


def _sum(node: Node, target: Target) -> Node:
    """Σ k x is k Σ x, and a sum of sums is one."""
    match node.inputs:
        case [Node(op="multiply", inputs=[a, b]) as x] if node.dtype in FLOATS and not (a.shape and b.shape):
            y, k = _number_last(a, b)
            return _multiply(node, _sum(_with(node, y), target), k, target) if y.shape == x.shape else node
        case [Node(op="sum") as x] if node.dtype == x.dtype in FLOATS and x.attrs["keepdims"]:
            axes = tuple(sorted({*node.attrs["axis"], *x.attrs["axis"]}))
            return replace(node, inputs=x.inputs, attrs={**node.attrs, "axis": axes})
    return node


def _with(node: Node, *inputs: Node) -> Node:
    return node if node.inputs == inputs else replace(node, inputs=inputs)


def _number_last(a: Node, b: Node) -> tuple[Node, Node]:
    return (b, a) if not a.shape and (b.shape or a.op in KNOWN) else (a, b)


def _small(x: Node, node: Node) -> Node:
    """An operand without what broadcasting does anyway: one number for an array full of it, and no `broadcast_to`."""
    if not x.shape or node.shape not in [y.shape for y in node.inputs if y is not x]:
        return x
    if x.op == "broadcast_to":
        return _small(x.inputs[0], node)
    number = only_number(x.attrs["value"]) if x.op == "constant" else None
    return x if number is None else _number(x, number)


def only_number(value: Array) -> Any:
    """The one number that an array is full of."""
    xp = array_namespace(value)
    if 0 in value.shape or xp.isdtype(value.dtype, "complex floating"):
        return None
    first = value[(0,) * value.ndim]
    same = value == first
    if xp.isdtype(value.dtype, "real floating"):  # 0.0 equals -0.0, and is another number
        same = same & (xp.signbit(value) == xp.signbit(first))
    return first.item() if bool(xp.all(same)) else None


def _is_moderate(c: Node) -> bool:
    """Whether neither the number, if it is known, nor its reciprocal loses digits at the ends of its type."""
    return c.op not in KNOWN or 1 / LARGEST[c.dtype] < abs(float(c.attrs["value"])) < LARGEST[c.dtype]


def _number(like: Node, value: Any) -> Node:
    return Node("scalar", (), {"value": value}, (), like.dtype)
