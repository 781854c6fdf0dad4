"""Functions for stand-ins: products of matrices and vectors, norms, linear equations and decompositions."""

from collections import namedtuple
from math import inf
from typing import Any

from xnet.graph.dtypes import ANY, FLOATING, NUMERIC, result
from xnet.graph.ir import Node
from xnet.graph.tracing.checks import arrays, axes_of, broadcast_shapes, require, with_size
from xnet.graph.tracing.traced import Traced, as_node, record
from xnet.types import Shape


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


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Traced:
    """yᵢ = aᵢ₊₁ bᵢ₊₂ - aᵢ₊₂ bᵢ₊₁, counted modulo 3"""
    nodes, _ = arrays("linalg.cross", NUMERIC, x1, x2)
    a, b = (node.shape for node in nodes)
    fit = -min(len(a), len(b)) <= axis < 0 and a[axis] == b[axis] == 3
    require(fit, "xp.linalg.cross needs an axis below 0 of size 3; got axis={}, shapes {} and {}", axis, a, b)
    (a1, a2), (b1, b2) = ([Traced.xp.roll(Traced(node), -k, axis=axis) for k in (1, 2)] for node in nodes)
    return a1 * b2 - a2 * b1  # type: ignore[no-any-return]


def diagonal(x: Any, /, *, offset: int = 0) -> Traced:
    (node,), dtype = arrays("linalg.diagonal", ANY, x)
    *rest, rows, columns = _matrices("diagonal", node)
    n = max(0, min(rows, columns, rows + offset, columns - offset))
    return record("linalg.diagonal", (node,), (*rest, n), dtype, offset=offset)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Traced:
    return Traced.xp.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)  # type: ignore[no-any-return]


def inv(x: Any, /) -> Traced:
    node, dtype = _square("inv", x)
    return record("linalg.inv", (node,), node.shape, dtype)


def det(x: Any, /) -> Traced:
    node, dtype = _square("det", x)
    return record("linalg.det", (node,), node.shape[:-2], dtype)


def cholesky(x: Any, /, *, upper: bool = False) -> Traced:
    node, dtype = _square("cholesky", x)
    return record("linalg.cholesky", (node,), node.shape, dtype, upper=bool(upper))


def solve(x1: Any, x2: Any, /) -> Traced:
    """Y with A Y = B; a B of one axis is a vector."""
    (a, b), dtype = arrays("linalg.solve", FLOATING, x1, x2)
    *batch, n = _square("solve", x1)[0].shape[:-1]
    vector = len(b.shape) == 1
    fit = bool(b.shape) and (b.shape if vector else b.shape[:-1])[-1] == n
    require(fit, "xp.linalg.solve needs as many rows on both sides; got shapes {} and {}", a.shape, b.shape)
    shape = (*batch, n) if vector else (*broadcast_shapes(tuple(batch), b.shape[:-2]), *b.shape[-2:])
    return record("linalg.solve", (a, b), shape, dtype)


SlogdetResult = namedtuple("SlogdetResult", "sign logabsdet")
EighResult = namedtuple("EighResult", "eigenvalues eigenvectors")
SVDResult = namedtuple("SVDResult", "U S Vh")
QRResult = namedtuple("QRResult", "Q R")


def slogdet(x: Any, /) -> SlogdetResult:
    node, dtype = _square("slogdet", x)
    shape = node.shape[:-2]
    return SlogdetResult(*_parts("linalg.slogdet", node, (shape, dtype), (shape, result("real", dtype))))


def eigh(x: Any, /) -> EighResult:
    node, dtype = _square("eigh", x)
    return EighResult(*_parts("linalg.eigh", node, (node.shape[:-1], result("real", dtype)), (node.shape, dtype)))


def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    (node,), dtype = arrays("linalg.svd", FLOATING, x)
    *rest, m, n = _matrices("svd", node)
    k = min(m, n)
    u, vh = ((*rest, m, m), (*rest, n, n)) if full_matrices else ((*rest, m, k), (*rest, k, n))
    shapes = (u, dtype), ((*rest, k), result("real", dtype)), (vh, dtype)
    return SVDResult(*_parts("linalg.svd", node, *shapes, full_matrices=bool(full_matrices)))


def qr(x: Any, /, *, mode: str = "reduced") -> QRResult:
    (node,), dtype = arrays("linalg.qr", FLOATING, x)
    *rest, m, n = _matrices("qr", node)
    require(mode in {"reduced", "complete"}, "xp.linalg.qr has the modes reduced and complete; got mode={!r}", mode)
    k = m if mode == "complete" else min(m, n)
    return QRResult(*_parts("linalg.qr", node, ((*rest, m, k), dtype), ((*rest, k, n), dtype), mode=mode))


def _parts(op: str, node: Node, *results: tuple[Shape, str], **attrs: Any) -> list[Traced]:
    """A node for each of the arrays that a function returns: `part` is its number."""
    return [record(op, (node,), shape, dtype, part=i, **attrs) for i, (shape, dtype) in enumerate(results)]


def _matrices(op: str, node: Node) -> Shape:
    require(len(node.shape) > 1, "xp.linalg.{} needs two axes or more; got shape={}", op, node.shape)
    return node.shape


def _square(op: str, x: Any) -> tuple[Node, str]:
    (node,), dtype = arrays(f"linalg.{op}", FLOATING, x)
    *_, rows, columns = _matrices(op, node)
    require(rows == columns, "xp.linalg.{} needs square matrices; got shape={}", op, node.shape)
    return node, dtype
