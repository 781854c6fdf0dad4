"""The standard's chapters on where numbers stand: manipulation, indexing, and creation."""

import operator
import sys
from math import ceil, prod
from typing import Any

from xnet.errors import ShapeError, TraceError
from xnet.graph import dtypes
from xnet.graph.elementwise import ANY
from xnet.graph.ir import Node
from xnet.graph.namespace import (
    axes_of,
    axis_of,
    broadcast,
    expect,
    is_number,
    known,
    operands,
    shape_of,
    standard,
    xp,
)
from xnet.graph.traced import Traced, as_node, refuse, write
from xnet.types import Shape


@standard
def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Traced:
    node, sizes = as_node(x), shape_of("reshape", shape, least=-1)
    rest = prod(n for n in sizes if n != -1)
    if sizes.count(-1) == 1 and rest:
        sizes = tuple(prod(node.shape) // rest if n == -1 else n for n in sizes)
    if prod(sizes) != prod(node.shape) or min(sizes, default=0) < 0:
        raise ShapeError(f"trace: xp.reshape keeps the number of numbers; got {node.shape} into {shape}")
    return write("reshape", (node,), sizes, node.dtype, shape=sizes)


@standard
def broadcast_to(x: Any, /, shape: Any) -> Traced:
    node, sizes = as_node(x), shape_of("broadcast_to", shape)
    if broadcast(node.shape, sizes) != sizes:
        raise ShapeError(f"trace: xp.broadcast_to cannot take away; got {node.shape} to {sizes}; xp.reshape can")
    return write("broadcast_to", (node,), sizes, node.dtype, shape=sizes)


@standard
def broadcast_arrays(*arrays: Any) -> tuple[Traced, ...]:
    shape = broadcast(*(as_node(x).shape for x in arrays))
    return tuple(broadcast_to(x, shape) for x in arrays)


@standard
def expand_dims(x: Any, /, axis: int = 0) -> Traced:
    node = as_node(x)
    i = axis_of("expand_dims", axis, len(node.shape) + 1)
    return write("expand_dims", (node,), (*node.shape[:i], 1, *node.shape[i:]), node.dtype, axis=i)


@standard
def squeeze(x: Any, /, axis: Any) -> Traced:
    node = as_node(x)
    axes = axes_of("squeeze", axis, len(node.shape))
    if axis is None or any(node.shape[i] != 1 for i in axes):
        raise ShapeError(f"trace: xp.squeeze takes axes of size 1 away; got axis={axis}, shape={node.shape}")
    shape = tuple(n for i, n in enumerate(node.shape) if i not in axes)
    return write("squeeze", (node,), shape, node.dtype, axis=axes)


@standard
def permute_dims(x: Any, /, axes: Any) -> Traced:
    node = as_node(x)
    order = axes_of("permute_dims", tuple(axes), len(node.shape))
    if len(order) < len(node.shape):
        raise ShapeError(f"trace: xp.permute_dims must name every axis once; got axes={axes}, shape={node.shape}")
    return write("permute_dims", (node,), tuple(node.shape[i] for i in order), node.dtype, axes=order)


@standard
def moveaxis(x: Any, source: Any, destination: Any, /) -> Traced:
    ndim = len(as_node(x).shape)
    start, end = axes_of("moveaxis", source, ndim), axes_of("moveaxis", destination, ndim)
    if len(start) != len(end):
        raise ShapeError(f"trace: xp.moveaxis needs a place for each axis; got {source} to {destination}")
    order = [i for i in range(ndim) if i not in start]
    for to, i in sorted(zip(end, start, strict=True)):
        order.insert(to, i)
    return permute_dims(x, tuple(order))


@standard
def flip(x: Any, /, *, axis: Any = None) -> Traced:
    node = as_node(x)
    return write("flip", (node,), node.shape, node.dtype, axis=axes_of("flip", axis, len(node.shape)))


@standard
def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Traced:
    node = as_node(x)
    if axis is None:
        (whole,) = shape_of("roll", shift, least=-sys.maxsize)
        return write("roll", (node,), node.shape, node.dtype, shift=whole, axis=None)
    axes = tuple(axis_of("roll", one, len(node.shape)) for one in (axis if isinstance(axis, tuple) else (axis,)))
    shifts = shape_of("roll", shift, least=-sys.maxsize) * (1 if isinstance(shift, tuple) else len(axes))
    if len(shifts) != len(axes):
        raise ShapeError(f"trace: xp.roll needs a shift for each axis; got shift={shift}, axis={axis}")
    return write("roll", (node,), node.shape, node.dtype, shift=shifts, axis=axes)


@standard
def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Traced:
    node = as_node(x)
    (count,) = shape_of("repeat", repeats)
    if axis is None:
        return write("repeat", (node,), (prod(node.shape) * count,), node.dtype, repeats=count, axis=None)
    i = axis_of("repeat", axis, len(node.shape))
    shape = (*node.shape[:i], node.shape[i] * count, *node.shape[i + 1 :])
    return write("repeat", (node,), shape, node.dtype, repeats=count, axis=i)


@standard
def tile(x: Any, repetitions: Any, /) -> Traced:
    node, counts = as_node(x), shape_of("tile", repetitions)
    ndim = max(len(node.shape), len(counts))
    sizes, times = _filled(node.shape, ndim), _filled(counts, ndim)
    return write("tile", (node,), tuple(map(operator.mul, sizes, times)), node.dtype, repetitions=times)


@standard
def concat(arrays: Any, /, *, axis: int | None = 0) -> Traced:
    if axis is None:
        return concat([reshape(x, (-1,)) for x in arrays], axis=0)
    nodes, dtype = _together("concat", arrays)
    i = axis_of("concat", axis, len(nodes[0].shape))
    if len({(*node.shape[:i], *node.shape[i + 1 :]) for node in nodes}) > 1:
        shapes = " and ".join(str(node.shape) for node in nodes)
        raise ShapeError(f"trace: xp.concat needs sizes that are equal but along its axis; got axis={axis}, {shapes}")
    total = sum(node.shape[i] for node in nodes)
    return write("concat", nodes, (*nodes[0].shape[:i], total, *nodes[0].shape[i + 1 :]), dtype, axis=i)


@standard
def stack(arrays: Any, /, *, axis: int = 0) -> Traced:
    nodes, dtype = _together("stack", arrays)
    if len({node.shape for node in nodes}) > 1:
        shapes = " and ".join(str(node.shape) for node in nodes)
        raise ShapeError(f"trace: xp.stack needs arrays of one shape; got {shapes}")
    shape = nodes[0].shape
    i = axis_of("stack", axis, len(shape) + 1)
    return write("stack", nodes, (*shape[:i], len(nodes), *shape[i:]), dtype, axis=i)


@standard
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Traced, ...]:
    shape = as_node(x).shape
    i = axis_of("unstack", axis, len(shape))
    return tuple(index(x, (slice(None),) * i + (k, ...)) for k in range(shape[i]))


def _together(op: str, arrays: Any) -> tuple[list[Node], str]:
    if isinstance(arrays, Traced) or not len(arrays):
        raise TraceError(f"trace: xp.{op} takes a list of arrays, at least one; got {arrays!r}")
    if any(is_number(x) for x in arrays):
        raise TraceError(f"trace: xp.{op} takes arrays; got {arrays!r}; xp.full makes one of a number")
    nodes, dtype = operands(op, ANY, *arrays)
    if len({len(node.shape) for node in nodes}) > 1:
        raise ShapeError(f"trace: xp.{op} needs as many axes in each; got {[node.shape for node in nodes]}")
    return nodes, dtype


def _filled(sizes: Shape, ndim: int) -> Shape:
    return (1,) * (ndim - len(sizes)) + sizes


# Indexing


@standard
def index(x: Any, key: Any, /) -> Traced:
    """x[key], the key being integers, slices, None and `...`; in the node it says something of every axis."""
    node = as_node(x)
    keys = key if isinstance(key, tuple) else (key,)
    for one in keys:
        if hasattr(one, "shape") or isinstance(one, list | bool):
            mask = isinstance(one, bool) or str(getattr(one, "dtype", "")).endswith("bool")
            kind, instead = ("a mask", "xp.where") if mask else ("an array", "xp.take, or xp.take_along_axis")
            refuse(f"x[…] with {kind}: the result would depend on values, or on rules that differ", instead)
        if not (one is None or one is ... or isinstance(one, slice) or hasattr(one, "__index__")):
            raise TraceError(f"trace: x[…] takes integers, slices, None and ...; got {one!r}")
    used = sum(one is not None and one is not ... for one in keys)
    missing = len(node.shape) - used
    if missing < 0 or sum(one is ... for one in keys) > 1:
        raise ShapeError(f"trace: x[…] takes one index an axis, and one ...; got {len(keys)}, shape={node.shape}")
    at = next((i for i, one in enumerate(keys) if one is ...), len(keys))
    keys = (*keys[:at], *(slice(None),) * missing, *keys[at + 1 :])
    sizes, shape = iter(node.shape), []
    full: list[int | slice | None] = []
    for one in keys:
        if one is None:
            shape.append(1)
            full.append(None)
        elif isinstance(one, slice):
            part = slice(*(None if n is None else operator.index(n) for n in (one.start, one.stop, one.step)))
            if part.step == 0:
                raise TraceError("trace: x[…] cannot go in steps of 0; got step=0")
            shape.append(len(range(*part.indices(next(sizes)))))
            full.append(part)
        else:
            full.append(_place_in(one, next(sizes)))
    return write("index", (node,), tuple(shape), node.dtype, key=tuple(full))


def _place_in(i: Any, size: int) -> int:
    if not -size <= i < size:
        raise ShapeError(f"trace: x[…] needs integers from {-size} to {size - 1} here; got {i}")
    return int(i) % size


def scatter(x: Any, key: Any, shape: Shape) -> Traced:
    """Zeros of that shape with x at [key]: what indexing undoes.  Not of the standard; derivatives need it."""
    node = as_node(x)
    return write("scatter", (node,), shape, node.dtype, key=key)


@standard
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Traced:
    node, chosen = as_node(x), as_node(indices)
    expect("take", chosen.dtype, "integral")
    if len(chosen.shape) != 1 or not node.shape or (axis is None and len(node.shape) > 1):
        raise ShapeError(
            f"trace: xp.take needs an axis, and indices of one; got axis={axis}, shapes {node.shape} and {chosen.shape}"
        )
    i = axis_of("take", 0 if axis is None else axis, len(node.shape))
    return write("take", (node, chosen), (*node.shape[:i], *chosen.shape, *node.shape[i + 1 :]), node.dtype, axis=i)


@standard
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Traced:
    node, chosen = as_node(x), as_node(indices)
    expect("take_along_axis", chosen.dtype, "integral")
    i = axis_of("take_along_axis", axis, len(node.shape))
    a, b = ((*n.shape[:i], 1, *n.shape[i + 1 :]) for n in (node, chosen))
    if len(node.shape) != len(chosen.shape):
        raise ShapeError(f"trace: xp.take_along_axis needs as many axes in both; got {node.shape} and {chosen.shape}")
    rest = broadcast(a, b)
    return write("take_along_axis", (node, chosen), (*rest[:i], chosen.shape[i], *rest[i + 1 :]), node.dtype, axis=i)


# Creation: nodes without inputs, on the device of the arrays that the graph is given


def _made(op: str, args: tuple[Any, ...], shape: Shape, dtype: Any, default: str, /, **options: Any) -> Traced:
    """Without a dtype the library's own default is taken, as it would be without tracing."""
    asked = None if dtype is None else known(op, dtype)
    return write(op, (), shape, asked or default, args=args, dtype=asked, **options)


@standard
def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Traced:
    sizes = shape_of("zeros", shape)
    return _made("zeros", (sizes,), sizes, dtype, "float64")


@standard
def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Traced:
    sizes = shape_of("ones", shape)
    return _made("ones", (sizes,), sizes, dtype, "float64")


@standard
def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Traced:
    sizes = shape_of("full", shape)
    if isinstance(fill_value, Traced):
        return broadcast_to(xp.astype(fill_value, dtype or fill_value.dtype), sizes)
    if not is_number(fill_value):
        raise TraceError(f"trace: xp.full takes a number; got fill_value={fill_value!r}")
    if dtype is not None:
        dtypes.check_scalar(fill_value, known("full", dtype))
    return _made("full", (sizes, fill_value), sizes, dtype, dtypes.NUMBERS[type(fill_value)])


@standard
def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Traced:
    return zeros(as_node(x).shape, dtype=dtype or as_node(x).dtype)


@standard
def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Traced:
    return ones(as_node(x).shape, dtype=dtype or as_node(x).dtype)


@standard
def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Traced:
    return full(as_node(x).shape, fill_value, dtype=dtype or as_node(x).dtype)


xp.empty, xp.empty_like = zeros, zeros_like


@standard
def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Traced:
    first, last = (0, start) if stop is None else (start, stop)
    if not all(type(n) in {int, float} for n in (first, last, step)):
        refuse(f"xp.arange({start!r}, {stop!r}, {step!r}): the shape would depend on values", "sizes read off a shape")
    if step == 0:
        raise TraceError("trace: xp.arange cannot go in steps of 0; got step=0")
    default = "int64" if all(isinstance(n, int) for n in (first, last, step)) else "float64"
    shape = (max(ceil((last - first) / step), 0),)
    return _made("arange", (first, last, step), shape, dtype, default)


@standard
def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Traced:
    if not is_number(start) or not is_number(stop):
        raise TraceError(f"trace: xp.linspace takes numbers; got start={start!r}, stop={stop!r}")
    default = "complex128" if complex in {type(start), type(stop)} else "float64"
    return _made("linspace", (start, stop, num), shape_of("linspace", num), dtype, default, endpoint=endpoint)


@standard
def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Traced:
    shape = shape_of("eye", (n_rows, n_rows if n_cols is None else n_cols))
    return _made("eye", shape, shape, dtype, "float64", k=k)


@standard
def asarray(x: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Traced:
    if is_number(x):
        return full((), x, dtype=dtype)
    if not hasattr(x, "shape"):
        refuse(f"xp.asarray of a {type(x).__name__} has no rule", "an argument, or xp.full, xp.stack and xp.arange")
    return x if dtype in {None, as_node(x).dtype} and isinstance(x, Traced) else xp.astype(x, dtype or as_node(x).dtype)


@standard
def tril(x: Any, /, *, k: int = 0) -> Traced:
    return _triangle("tril", x, k)


@standard
def triu(x: Any, /, *, k: int = 0) -> Traced:
    return _triangle("triu", x, k)


def _triangle(op: str, x: Any, k: int) -> Traced:
    node = as_node(x)
    if len(node.shape) < 2:
        raise ShapeError(f"trace: xp.{op} needs two axes or more; got shape={node.shape}")
    return write(op, (node,), node.shape, node.dtype, k=k)


@standard
def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Traced, ...]:
    sizes = tuple(as_node(x).shape for x in arrays)
    if any(len(size) != 1 for size in sizes) or len({as_node(x).dtype for x in arrays}) > 1:
        raise ShapeError(f"trace: xp.meshgrid takes vectors of one dtype; got shapes {sizes}")
    n = len(arrays)
    place = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    shape: list[int] = [0] * n
    for i, (size,) in zip(place, sizes, strict=True):
        shape[i] = size
    spread = [reshape(x, tuple(-1 if j == i else 1 for j in range(n))) for i, x in zip(place, arrays, strict=True)]
    return tuple(broadcast_to(x, tuple(shape)) for x in spread)
