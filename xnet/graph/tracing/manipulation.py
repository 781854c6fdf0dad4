"""Functions for stand-ins that move the numbers of an array, or join arrays."""

import operator
from collections.abc import Callable
from math import prod
from typing import Any

from xnet.errors import TraceError
from xnet.graph.dtypes import ANY, NUMERIC
from xnet.graph.ir import Node
from xnet.graph.tracing.checks import arrays, axes_of, axis_of, broadcast_shapes, require, shape_of, whole, with_size
from xnet.graph.tracing.traced import Traced, as_node, record
from xnet.types import Shape


def _moved(op: str, node: Node, shape: Shape, /, **attrs: Any) -> Traced:
    return record(op, (node,), shape, node.dtype, **attrs)


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Traced:
    node, sizes = as_node(x), shape_of("reshape", shape, least=-1)
    rest = prod(n for n in sizes if n != -1)
    if sizes.count(-1) == 1 and rest:
        sizes = tuple(prod(node.shape) // rest if n == -1 else n for n in sizes)
    same = prod(sizes) == prod(node.shape) and -1 not in sizes
    require(same, "xp.reshape keeps the number of numbers; got {} into {}", node.shape, shape)
    return _moved("reshape", node, sizes, shape=sizes)


def broadcast_to(x: Any, /, shape: Any) -> Traced:
    node, sizes = as_node(x), shape_of("broadcast_to", shape)
    fit = broadcast_shapes(node.shape, sizes) == sizes
    require(fit, "xp.broadcast_to only adds; got {} to {}", node.shape, sizes)
    return _moved("broadcast_to", node, sizes, shape=sizes)


def broadcast_arrays(*arrays: Any) -> tuple[Traced, ...]:
    shape = broadcast_shapes(*(as_node(x).shape for x in arrays))
    return tuple(broadcast_to(x, shape) for x in arrays)


def expand_dims(x: Any, /, axis: int = 0) -> Traced:
    node = as_node(x)
    i = axis_of("expand_dims", axis, len(node.shape) + 1)
    return _moved("expand_dims", node, (*node.shape[:i], 1, *node.shape[i:]), axis=i)


def squeeze(x: Any, /, axis: Any) -> Traced:
    node = as_node(x)
    axes = axes_of("squeeze", axis, len(node.shape))
    ones = axis is not None and all(node.shape[i] == 1 for i in axes)
    require(ones, "xp.squeeze takes axes of size 1 away; got axis={}, shape={}", axis, node.shape)
    return _moved("squeeze", node, tuple(n for i, n in enumerate(node.shape) if i not in axes), axis=axes)


def permute_dims(x: Any, /, axes: Any) -> Traced:
    node = as_node(x)
    order = axes_of("permute_dims", tuple(axes), len(node.shape))
    every = len(order) == len(node.shape)
    require(every, "xp.permute_dims must name every axis once; got axes={}, shape={}", axes, node.shape)
    return _moved("permute_dims", node, tuple(node.shape[i] for i in order), axes=order)


def moveaxis(x: Any, source: Any, destination: Any, /) -> Traced:
    ndim = len(as_node(x).shape)
    start, end = axes_of("moveaxis", source, ndim), axes_of("moveaxis", destination, ndim)
    require(len(start) == len(end), "xp.moveaxis needs a place for each axis; got {} to {}", source, destination)
    order = [i for i in range(ndim) if i not in start]
    for to, i in sorted(zip(end, start, strict=True)):
        order.insert(to, i)
    return permute_dims(x, order)


def flip(x: Any, /, *, axis: Any = None) -> Traced:
    node = as_node(x)
    return _moved("flip", node, node.shape, axis=axes_of("flip", axis, len(node.shape)))


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Traced:
    node = as_node(x)
    if axis is None:
        return _moved("roll", node, node.shape, shift=whole("roll", shift), axis=None)
    axes = tuple(axis_of("roll", one, len(node.shape)) for one in (axis if isinstance(axis, tuple) else (axis,)))
    shifts = tuple(whole("roll", n) for n in (shift if isinstance(shift, tuple) else (shift,) * len(axes)))
    require(len(shifts) == len(axes), "xp.roll needs a shift for each axis; got shift={}, axis={}", shift, axis)
    return _moved("roll", node, node.shape, shift=shifts, axis=axes)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Traced:
    node, (count,) = as_node(x), shape_of("repeat", repeats)
    i = None if axis is None else axis_of("repeat", axis, len(node.shape))
    shape = (prod(node.shape) * count,) if i is None else with_size(node.shape, i, node.shape[i] * count)
    return _moved("repeat", node, shape, args=(count,), axis=i)


def tile(x: Any, repetitions: Any, /) -> Traced:
    node, counts = as_node(x), shape_of("tile", repetitions)
    ndim = max(len(node.shape), len(counts))
    sizes, times = ((1,) * (ndim - len(each)) + each for each in (node.shape, counts))
    return _moved("tile", node, tuple(map(operator.mul, sizes, times)), args=(times,))


def concat(arrays: Any, /, *, axis: int | None = 0) -> Traced:
    if axis is None:
        return concat([reshape(x, (-1,)) for x in arrays])
    nodes, shapes, dtype = _joined("concat", arrays)
    i = axis_of("concat", axis, len(shapes[0]))
    one = len({with_size(shape, i) for shape in shapes}) == 1
    require(one, "xp.concat needs sizes that are equal but along its axis; got axis={}, shapes {}", axis, shapes)
    return record("concat", nodes, with_size(shapes[0], i, sum(shape[i] for shape in shapes)), dtype, axis=i)


def stack(arrays: Any, /, *, axis: int = 0) -> Traced:
    nodes, shapes, dtype = _joined("stack", arrays)
    require(len({*shapes}) == 1, "xp.stack needs arrays of one shape; got shapes {}", shapes)
    i = axis_of("stack", axis, len(shapes[0]) + 1)
    return record("stack", nodes, (*shapes[0][:i], len(nodes), *shapes[0][i:]), dtype, axis=i)


def _joined(op: str, xs: Any) -> tuple[list[Node], list[Shape], str]:
    """The nodes of arrays to be joined, their shapes, and their common dtype."""
    if isinstance(xs, Traced) or not len(xs):
        raise TraceError(f"trace: xp.{op} takes a list of arrays, at least one; got {xs!r}")
    nodes, dtype = arrays(op, ANY, *xs)
    shapes = [node.shape for node in nodes]
    require(len({*map(len, shapes)}) == 1, "xp.{} needs as many axes in each; got shapes {}", op, shapes)
    return nodes, shapes, dtype


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Traced, ...]:
    y = Traced(as_node(x))
    before = (slice(None),) * axis_of("unstack", axis, y.ndim)
    return tuple(y[(*before, k, ...)] for k in range(y.shape[len(before)]))


def _triangle(op: str) -> Callable[..., Traced]:
    def f(x: Any, /, *, k: int = 0) -> Traced:
        node = as_node(x)
        require(len(node.shape) > 1, "xp.{} needs two axes or more; got shape={}", op, node.shape)
        return _moved(op, node, node.shape, k=k)

    return f


tril, triu = _triangle("tril"), _triangle("triu")


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Traced:
    """yᵢ = xᵢ₊₁ - xᵢ, n times."""
    (node,), _ = arrays("diff", NUMERIC, x)
    parts = [one for one in (prepend, x, append) if one is not None]
    y: Any = concat(parts, axis=axis) if len(parts) > 1 else Traced(node)
    before = (slice(None),) * axis_of("diff", axis, y.ndim)
    for _ in range(*shape_of("diff", n)):
        y = y[(*before, slice(1, None), ...)] - y[(*before, slice(-1), ...)]
    return y  # type: ignore[no-any-return]
