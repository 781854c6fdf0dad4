"""Functions for stand-ins: products of matrices and vectors, and norms."""

from math import inf
from typing import Any

from xnet.graph.dtypes import FLOATING, NUMERIC
from xnet.graph.tracing.checks import arrays, axes_of, broadcast_shapes, require, with_size
from xnet.graph.tracing.traced import Traced, as_node, record


def matmul(x1: Any, x2: Any, /) -> Traced:
    nodes, dtype = arrays("matmul", NUMERIC, x1, x2)
    a, b = (node.shape for node in nodes)
    fit = bool(a and b) and a[-1] == b[-2:][0]
    require(fit, "xp.matmul needs the columns of one to be the rows of the other; got shapes {} and {}", a, b)
    return record("matmul", nodes, (*broadcast_shapes(a[:-2], b[:-2]), *a[-2:-1], *b[-2:][1:]), dtype)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Traced:
    nodes, dtype = arrays("vecdot", NUMERIC, x1, x2)
    a, b = (node.shape for node in nodes)
    fit = -min(len(a), len(b)) <= axis < 0 and a[axis] == b[axis]
    require(fit, "xp.vecdot needs an axis below 0 of one size; got axis={}, shapes {} and {}", axis, a, b)
    rest = (with_size(shape, len(shape) + axis) for shape in (a, b))
    return record("vecdot", nodes, broadcast_shapes(*rest), dtype, axis=axis)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Traced:
    nodes, dtype = arrays("tensordot", NUMERIC, x1, x2)
    a, b = (node.shape for node in nodes)
    if isinstance(axes, int):
        fit = 0 <= axes <= min(len(a), len(b))
        require(fit, "xp.tensordot needs as many axes in both; got axes={}, shapes {} and {}", axes, a, b)
        axes = range(len(a) - axes, len(a)), range(axes)
    left, right = axes_of("tensordot", tuple(axes[0]), len(a)), axes_of("tensordot", tuple(axes[1]), len(b))
    fit = [a[i] for i in left] == [b[i] for i in right]
    require(fit, "xp.tensordot needs axes of equal sizes; got axes={}, shapes {} and {}", (left, right), a, b)
    free = (*(n for i, n in enumerate(a) if i not in left), *(n for i, n in enumerate(b) if i not in right))
    return record("tensordot", nodes, free, dtype, axes=(left, right))


def matrix_transpose(x: Any, /) -> Traced:
    node = as_node(x)
    require(len(node.shape) > 1, "xp.matrix_transpose needs two axes or more; got shape={}", node.shape)
    *rest, rows, columns = node.shape
    return record("matrix_transpose", (node,), (*rest, columns, rows), node.dtype)


def outer(x1: Any, x2: Any, /) -> Traced:
    """yᵢⱼ = aᵢ bⱼ"""
    a, b = as_node(x1).shape, as_node(x2).shape
    require(len(a) == len(b) == 1, "xp.linalg.outer is for two vectors; got shapes {} and {}", a, b)
    return tensordot(x1, x2, axes=0)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Traced:
    """(Σ |x|ᵖ)¹ᐟᵖ for p = ord, with its limits."""
    arrays("linalg.vector_norm", FLOATING, x)
    xp, size = Traced.xp, Traced.xp.abs(x)
    if ord in {inf, -inf}:
        return (xp.max if ord > 0 else xp.min)(size, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
    powers = size**ord if ord else xp.astype(size != 0, size.dtype)
    total = xp.sum(powers, axis=axis, keepdims=keepdims)
    return total ** (1 / ord) if ord else total  # type: ignore[no-any-return]
