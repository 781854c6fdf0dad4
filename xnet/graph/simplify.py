"""Remove nodes that are dead, repeated or without effect.  No result changes in any bit.

So x + 0 stays where x may be -0.0, because -0.0 + 0 is 0.0; and x · 0 stays, because x may be NaN.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from struct import pack, unpack
from typing import Any

from xnet.graph.dtypes import FLOATING, FLOATS, is_kind
from xnet.graph.ir import Node, in_order
from xnet.graph.loop import Body, closed, results_of, steps_of
from xnet.graph.tracing.elementwise import FUNCTIONS

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
}
INVERSE_OF_ITSELF = {"matrix_transpose", "negative", "logical_not", "bitwise_invert"}
TAKES_NUMBERS = {"where", *(op for _, arguments, _, ops in FUNCTIONS if arguments == 2 for op in ops.split())}
IDENTITIES = {"reshape", "broadcast_to", "squeeze", "astype", "positive"}  # where they keep shape and dtype


def simplified(outputs: Sequence[Node], names: dict[Node, str]) -> tuple[dict[Node, Node], dict[Node, str]]:
    """What becomes of each node beneath the outputs, and the names of the nodes that are left."""
    now: dict[Node, Node] = {}
    first: dict[Any, Node] = {}
    named: dict[Node, str] = {}

    def once(node: Node) -> Node:
        return first.setdefault(_key(node), node)

    order = list(in_order(outputs))
    steps: dict[Node, Node] = {}  # what became of the nodes of loops' bodies
    for node in order:
        if node.op == "scan":
            loop, more, before = _loop(node, steps_of(results_of(node, order)))
            steps |= more
            for x in in_order(before, known=now):
                now[x] = once(replace(x, inputs=tuple([now[y] for y in x.inputs])))
            now[node] = replace(loop, inputs=tuple([once(_array(now[x])) for x in loop.inputs]))
            continue
        if node.op == "kernel":
            now[node] = now[node.inputs[0]]
            if node in names:
                named.setdefault(now[node], names[node])
            continue
        inputs = tuple([now[x] for x in node.inputs])
        short = _shorter(node, inputs)
        if "step" in node.attrs:
            short = replace(node, inputs=inputs, attrs=node.attrs | {"step": steps[node.attrs["step"]]})
        elif short is None:
            lost = _lost(node, inputs)
            inputs = tuple([once(_array(x)) if x in lost else x for x in inputs])
            short = node if inputs == node.inputs else replace(node, inputs=inputs)
        now[node] = short = once(short)
        if node in names and short.op != "scalar":
            named.setdefault(short, names[node])
    named |= {node: name for node, name in names.items() if node.op == "input"}
    return now | {node: _array(now[node]) for node in outputs}, named


def _loop(loop: Node, collected: list[Node]) -> tuple[Node, dict[Node, Node], list[Node]]:
    """The loop with a simplified body, what became of the nodes collected from its steps, and what it newly reads.

    What is the same at each step is computed before the loop.  Constants and sequences without a reader are removed.
    """
    body: Body = loop.attrs["body"]
    wanted = (*body.after, *collected)
    simple, names = simplified(wanted, body.names)
    outputs = [simple[x] for x in wanted]
    now, before = closed(outputs, body.inputs, {x for x in in_order(outputs) if x.op == "scalar"})
    outputs = [now[x] for x in outputs]
    names = {now.get(x, x): name for x, name in names.items()}
    used = {*in_order(outputs), *body.carries}
    outside = before | dict(zip(body.inputs, loop.inputs, strict=True))
    constants, slices = (tuple(x for x in xs if x in used) for xs in ((*body.constants, *before), body.slices))
    new = Body(constants, body.carries, slices, tuple(outputs[: len(body.after)]), names)
    axes = zip(body.slices, loop.attrs["axes"], strict=True)
    attrs = loop.attrs | {"body": new, "axes": tuple(axis for x, axis in axes if x in used)}
    loop = replace(loop, inputs=tuple(outside[x] for x in new.inputs), attrs=attrs)
    return loop, dict(zip(wanted, outputs, strict=True)), list(before.values())


def _key(node: Node) -> Any:
    """Equal for nodes of the same value."""
    if node.op == "input":
        return node
    if node.op == "constant":
        return id(node.attrs["value"])
    return node.op, node.inputs, repr(node.attrs) if node.attrs else "", node.shape, node.dtype


def _lost(node: Node, inputs: tuple[Node, ...]) -> list[Node]:
    """Inputs found to be scalars where an array is needed: a scalar may only be combined with an array of its dtype."""
    beside = {x.dtype for x in inputs if x.op != "scalar"} if node.op in TAKES_NUMBERS else ()
    pairs = zip(inputs, node.inputs, strict=True)
    return [x for x, was in pairs if was.op != "scalar" == x.op and x.dtype not in beside]


def _shorter(node: Node, inputs: tuple[Node, ...]) -> Node | None:
    """An existing node, or a scalar, with exactly this value."""
    if not inputs:
        return None
    if all(x.op == "scalar" for x in inputs):
        return _folded(node, inputs)
    x = next((x for x in inputs if x.op != "scalar"), inputs[0])
    if len(inputs) == 2:
        return next((a for a, b in (inputs, inputs[::-1]) if _leaves(node, a, b, b is inputs[1])), None)
    if node.op in INVERSE_OF_ITSELF and x.op == node.op:
        return x.inputs[0]
    same = (x.shape, x.dtype) == (node.shape, node.dtype)
    return x if same and (node.op in IDENTITIES or _moves_nothing(node)) else _reshaped(node, x)


def _leaves(node: Node, a: Node, b: Node, b_is_right: bool) -> bool:
    """Whether the node has the value of a, because b does not change it."""
    if (a.shape, a.dtype) != (node.shape, node.dtype) or not (b_is_right or node.op in {"add", "multiply"}):
        return False
    value = _filled_with(b)
    if value is None:
        return False
    if node.op in {"multiply", "divide"} or (node.op == "pow" and b.op == "scalar"):
        return bool(value == 1)
    if node.op in {"add", "subtract"} and value == 0:
        neutral = str(value).startswith("-") == (node.op == "add")
        return is_kind(node.dtype, "integral") or (node.dtype in FLOATS and (neutral or _never_minus_zero(a)))
    return False


def _never_minus_zero(node: Node) -> bool:
    while node.op in {"sum", "mean", "max", "min"}:
        (node,) = node.inputs
    if node.op == "astype":
        return not is_kind(node.inputs[0].dtype, FLOATING)
    return node.op in {"exp", "abs", "square"} or (node.op == "multiply" and node.inputs[0] is node.inputs[1])


def _filled_with(node: Node) -> Any:
    """The number that every entry of an array has, where it is known."""
    if node.op == "scalar":
        return node.attrs["value"]
    if node.op == "broadcast_to":
        return _filled_with(node.inputs[0])
    if node.op in {"zeros", "ones", "full"} and node.attrs["dtype"] is not None:
        return {"zeros": 0, "ones": 1}.get(node.op, node.attrs["args"][-1])
    return None


def _moves_nothing(node: Node) -> bool:
    if node.op == "permute_dims":
        return bool(node.attrs["axes"] == tuple(range(len(node.shape))))
    return node.op == "index" and all(key == slice(None) for key in node.attrs["key"])


def _reshaped(node: Node, x: Node) -> Node | None:
    """Two rearrangements in a row as one."""
    if node.op == x.op == "reshape":
        (base,) = x.inputs
        return base if base.shape == node.shape else replace(node, inputs=x.inputs)
    if node.op == x.op == "permute_dims":
        (base,) = x.inputs
        axes = tuple(x.attrs["axes"][i] for i in node.attrs["axes"])
        same = axes == tuple(range(len(axes)))
        return base if same else replace(node, inputs=x.inputs, attrs={"axes": axes})
    return None


def _folded(node: Node, inputs: tuple[Node, ...]) -> Node | None:
    """Arithmetic on scalars alone, rounded as arrays of the dtype would round it."""
    if node.op not in ARITHMETIC or node.dtype not in FLOATS:
        return None
    try:
        value = ARITHMETIC[node.op](*(_rounded(float(x.attrs["value"]), node.dtype) for x in inputs))
        return replace(node, op="scalar", inputs=(), attrs={"value": _rounded(value, node.dtype)})
    except (ZeroDivisionError, OverflowError):
        return None


def _rounded(value: float, dtype: str) -> float:
    return float(unpack("f", pack("f", value))[0]) if dtype == "float32" else value


def _array(node: Node) -> Node:
    """A scalar takes the dtype of the array beside it; without an array beside it, it becomes an array."""
    if node.op != "scalar":
        return node
    return replace(node, op="full", attrs={"args": ((), node.attrs["value"]), "dtype": node.dtype})
