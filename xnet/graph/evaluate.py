"""Evaluate the nodes of a graph on arrays of any library, or on the stand-ins of another trace."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import array_api_extra as xpx
from array_api_compat import array_namespace, device

from xnet import operations
from xnet.backends import Backend, Scan, backend_of
from xnet.graph.ir import Node
from xnet.graph.loop import results_of
from xnet.graph.tracing.traced import Traced, as_node
from xnet.types import Array, Namespace

OPERATIONS = {*operations.__all__} - {"scan"}  # which is a loop
CREATION = {"zeros", "ones", "full", "arange", "linspace", "eye"}


def evaluate(nodes: Sequence[Node], given: dict[Node, Array]) -> dict[Node, Array]:
    """The value of every node, from the given values; given stand-ins, it records the nodes in the enclosing trace."""
    values = dict(given)
    if any(isinstance(x, Traced) for x in given.values()) or any(x.op == "input" and x not in given for x in nodes):
        for node in nodes:
            if node not in values:
                inputs = tuple(as_node(values[x]) for x in node.inputs)
                values[node] = Traced(node if inputs == node.inputs else replace(node, inputs=inputs))
        return values
    arrays = list(given.values()) or [node.attrs["value"] for node in nodes if node.op == "constant"]
    if nodes:
        xp, where = array_namespace(*arrays), device(arrays[0])
        for node in nodes:
            if node in values:
                continue
            xs = [values[x] for x in node.inputs]
            if node.op == "scan":
                results = results_of(node, nodes)
                values |= zip(results, run(node, xs, results, backend_of(arrays[0])), strict=True)
            values[node] = None if node.op == "scan" else apply(node, xs, xp, where)
    return values


def run(loop: Node, xs: Sequence[Array], results: Sequence[Node], library: Backend) -> list[Array]:
    """The values of these results of a loop, from the values of its inputs."""
    body, n = loop.attrs["body"], len(loop.attrs["body"].constants)
    end = n + len(body.carries)
    constants, nodes = dict(zip(body.constants, xs[:n], strict=True)), body.nodes(results)
    stacked = [y for y in results if "step" in y.attrs]

    def step(carries: list[Array], slices: list[Array]) -> tuple[list[Array], list[Array]]:
        given = constants | dict(zip((*body.carries, *body.slices), (*carries, *slices), strict=True))
        values = evaluate(nodes, given)
        return [values[x] for x in body.after], [values[y.attrs["step"]] for y in stacked]

    axes, (length,) = [y.attrs["axis"] for y in stacked], loop.shape
    scan = Scan(step, list(xs[n:end]), list(xs[end:]), loop.attrs["axes"], axes, length, loop.attrs["reverse"])
    last, ys = library.scan(scan)
    found = dict(zip(stacked, ys, strict=True))
    return [found[y] if y in found else last[y.attrs["carry"]] for y in results]


def apply(node: Node, xs: list[Array], xp: Namespace, where: Any) -> Array:
    """The value of one node, from its inputs' values."""
    op, attrs = node.op, dict(node.attrs)
    if op in {"constant", "scalar"}:
        return attrs["value"]
    if op == "kernel":
        return xs[0]
    if op == "index":
        return xs[0][attrs["key"]]
    if op == "scatter":
        empty = xp.zeros(node.shape, dtype=getattr(xp, node.dtype), device=where)
        return xpx.at(empty)[attrs["key"]].set(xs[0])
    if op == "astype":
        return xp.astype(xs[0], getattr(xp, node.dtype))
    if op in OPERATIONS:
        return getattr(operations, op)(*xs, **attrs)
    arguments = [xs] if op in {"concat", "stack"} else [*xs, *attrs.pop("args", ())]
    if attrs.get("dtype"):
        attrs["dtype"] = getattr(xp, attrs["dtype"])
    if op in CREATION:
        attrs["device"] = where
    part = attrs.pop("part", None)
    result = reduce(getattr, op.split("."), xp)(*arguments, **attrs)
    return result if part is None else result[part]
