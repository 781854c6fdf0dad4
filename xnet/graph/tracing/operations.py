"""The functions of xnet.operations for stand-ins: one node each.  The arguments are checked there."""

from collections.abc import Callable
from math import prod
from typing import Any

from xnet.graph.tracing.checks import with_size
from xnet.graph.tracing.traced import Traced, as_node, record
from xnet.operations.patches import Window
from xnet.types import Shape


def patches(X: Any, window: Window) -> Traced:
    node = as_node(X)
    channels, *spatial, m = node.shape
    shape = (channels * prod(window.size), *window.counts(tuple(spatial)), m)
    return record("patches", (node,), shape, node.dtype, **window._asdict())


def fold(P: Any, shape: Shape, window: Window) -> Traced:
    node = as_node(P)
    return record("fold", (node,), shape, node.dtype, shape=shape, **window._asdict())


def _scattered(op: str) -> Callable[..., Traced]:
    def f(G: Any, indices: Any, n: int, axis: int) -> Traced:
        node = as_node(G)
        return record(op, (node, as_node(indices)), with_size(node.shape, axis, n), node.dtype, n=n, axis=axis)

    return f


scatter_add, scatter_add_along_axis = _scattered("scatter_add"), _scattered("scatter_add_along_axis")
