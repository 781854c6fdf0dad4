"""The same graph with less to do: what is known is worked out once, and numbers are brought together.

Results stay the same to rounding, and no longer to the last bit as in xnet.graph.simplify.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from array_api_compat import array_namespace

from xnet.graph.dtypes import FLOATS
from xnet.graph.ir import Graph, Node, in_order
from xnet.graph.simplify import simplified
from xnet.types import Array

KNOWN = {"constant", "scalar"}
ROUND_TRIP = {"float32": 1e-37, "float64": 1e-307}  # smaller numbers have no reciprocal


def rewritten(
    graph: Graph, elementwise: Callable[[Node], bool], evaluate: Callable[[Node], Array]
) -> tuple[tuple[Node, ...], dict[Node, str]]:
    """The outputs of the cheaper graph, and its names; `evaluate` works out a node whose inputs are known."""
    now: dict[Node, Node] = {}
    names: dict[Node, str] = {}
    for node in in_order(graph.outputs):
        new = _with(node, [now[x] for x in node.inputs])
        if elementwise(new):
            new = _with(new, [_small(x, new) for x in new.inputs])
        if node.op not in {"input", *KNOWN} and all(x.op in KNOWN for x in new.inputs):
            new = _constant(new, evaluate)
        else:
            new = _cheaper(new, evaluate)
        now[node] = new
        if node in graph.names and new.op not in KNOWN:
            names.setdefault(new, graph.names[node])
    return simplified(tuple(now[node] for node in graph.outputs), names)


def _with(node: Node, inputs: list[Node]) -> Node:
    return node if list(node.inputs) == inputs else replace(node, inputs=tuple(inputs))


def _constant(node: Node, evaluate: Callable[[Node], Array]) -> Node:
    value = evaluate(node)
    return replace(node, op="constant", inputs=(), attrs={"value": value}, dtype=node.dtype)


def _small(x: Node, node: Node) -> Node:
    """An operand without what broadcasting does anyway: one number for an array full of it, and no `broadcast_to`."""
    others = [y.shape for y in node.inputs if y is not x]
    if node.shape not in others or not x.shape:
        return x
    if x.op == "broadcast_to":
        return _small(x.inputs[0], node)
    if x.op == "constant":
        number = _only(x.attrs["value"])
        return x if number is None else replace(x, op="scalar", attrs={"value": number}, shape=())
    return x


def _only(value: Array) -> bool | float | None:
    """The one number that an array is full of."""
    xp = array_namespace(value)
    if 0 in value.shape or not xp.isdtype(value.dtype, ("bool", "integral", "real floating")):
        return None
    first = value[(0,) * value.ndim]
    return first.item() if bool(xp.all(value == first)) else None


def _cheaper(node: Node, evaluate: Callable[[Node], Array]) -> Node:
    match node.op, node.inputs:
        case "pow", [x, Node(op="scalar", attrs={"value": 2})]:
            return replace(node, op="square", inputs=(x,))
        case "multiply", [a, b] if a is b and node.dtype in FLOATS:
            return replace(node, op="square", inputs=(a,))
        case "mean", [x] if node.dtype in FLOATS:
            return _mean(node, x)
        case "divide", [x, c] if _is_number(c) and not _is_number(x) and _has_reciprocal(c):
            one = _number(c, 1.0)
            reciprocal = replace(node, inputs=(one, c), shape=c.shape, attrs={})
            if c.op in KNOWN:
                reciprocal = _constant(reciprocal, evaluate)
            return _cheaper(replace(node, op="multiply", inputs=(x, reciprocal)), evaluate)
        case "multiply", [Node(op="multiply", inputs=[c, a]), b] if a is b and _is_number(c) and node.dtype in FLOATS:
            return replace(node, inputs=(c, replace(node, op="square", inputs=(a,))))
        case "sum", [Node(op="multiply", inputs=[a, b]) as x] if node.dtype in FLOATS and (
            _is_number(a) or _is_number(b)
        ):
            c, y = (a, b) if _is_number(a) else (b, a)
            return (
                node
                if y.shape != x.shape
                else replace(node, op="multiply", attrs={}, inputs=(_cheaper(replace(node, inputs=(y,)), evaluate), c))
            )
        case "sum", [Node(op="sum") as x] if node.dtype == x.dtype in FLOATS and x.attrs["keepdims"]:
            axes = tuple(sorted({*node.attrs["axis"], *x.attrs["axis"]}))
            return replace(node, inputs=x.inputs, attrs={**node.attrs, "axis": axes})
        case "multiply", [a, b] if node.dtype in FLOATS and (_is_number(a) or _is_number(b)):
            return _gathered(node, *((b, a) if _is_number(a) else (a, b)), evaluate)
    return node


def _mean(node: Node, x: Node) -> Node:
    count = 1
    for i in node.attrs["axis"]:
        count *= x.shape[i]
    total = replace(node, op="sum")
    return replace(node, op="multiply", attrs={}, inputs=(total, _number(node, 1 / count))) if count else node


def _gathered(node: Node, x: Node, c: Node, evaluate: Callable[[Node], Array]) -> Node:
    """c · (k · y) is (c · k) · y: the numbers first, and the array once."""
    if x.op == "multiply" and not _is_number(x) and any(_is_number(y) for y in x.inputs):
        y, k = x.inputs if _is_number(x.inputs[1]) else x.inputs[::-1]
        both = replace(node, inputs=(c, k), shape=())
        if c.op in KNOWN and k.op in KNOWN:
            both = _constant(both, evaluate)
        return replace(node, inputs=(y, both))
    return node


def _is_number(x: Node) -> bool:
    return x.shape == ()


def _has_reciprocal(c: Node) -> bool:
    if c.dtype not in FLOATS:
        return False
    return c.op not in KNOWN or abs(float(c.attrs["value"])) > ROUND_TRIP[c.dtype]


def _number(like: Node, value: Any) -> Node:
    return Node("scalar", (), {"value": value}, (), like.dtype)
