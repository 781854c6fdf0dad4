"""The standard's chapters on where numbers stand: manipulation, indexing, and creation."""

import operator
from collections.abc import Callable
from math import ceil, prod
from typing import Any

from xnet.errors import TraceError
from xnet.graph.dtypes import ANY, INTEGRAL, NUMBERS, NUMERIC, check_scalar, is_number, named
from xnet.graph.ir import Node
from xnet.graph.tracing.checks import (
    arrays,
    axes_of,
    axis_of,
    broadcast,
    only_axis,
    require,
    shape_of,
    whole,
    with_size,
)
from xnet.graph.tracing.elementwise import Elementwise
from xnet.graph.tracing.traced import Traced, as_node, refuse, write
from xnet.types import Shape


def moved(op: str, node: Node, shape: Shape, /, **attrs: Any) -> Traced:
    """The node's own numbers, in another shape."""
    return write(op, (node,), shape, node.dtype, **attrs)


def scatter(x: Any, key: Any, shape: Shape) -> Traced:
    """Zeros of that shape with x at [key]: what indexing undoes.  Not of the standard; derivatives need it."""
    return moved("scatter", as_node(x), shape, key=key)


def triangle(op: str) -> Callable[..., Traced]:
    def f(self: Elementwise, x: Any, /, *, k: int = 0) -> Traced:
        node = as_node(x)
        require(len(node.shape) > 1, "xp.{} needs two axes or more; got shape={}", op, node.shape)
        return moved(op, node, node.shape, k=k)

    return f


class Manipulation(Elementwise):
    def reshape(self, x: Any, /, shape: Any, *, copy: bool | None = None) -> Traced:
        node, sizes = as_node(x), shape_of("reshape", shape, least=-1)
        rest = prod(n for n in sizes if n != -1)
        if sizes.count(-1) == 1 and rest:
            sizes = tuple(prod(node.shape) // rest if n == -1 else n for n in sizes)
        same = prod(sizes) == prod(node.shape) and -1 not in sizes
        require(same, "xp.reshape keeps the number of numbers; got {} into {}", node.shape, shape)
        return moved("reshape", node, sizes, shape=sizes)

    def broadcast_to(self, x: Any, /, shape: Any) -> Traced:
        node, sizes = as_node(x), shape_of("broadcast_to", shape)
        require(broadcast(node.shape, sizes) == sizes, "xp.broadcast_to only adds; got {} to {}", node.shape, sizes)
        return moved("broadcast_to", node, sizes, shape=sizes)

    def broadcast_arrays(self, *arrays: Any) -> tuple[Traced, ...]:
        shape = broadcast(*(as_node(x).shape for x in arrays))
        return tuple(self.broadcast_to(x, shape) for x in arrays)

    def expand_dims(self, x: Any, /, axis: int = 0) -> Traced:
        node = as_node(x)
        i = axis_of("expand_dims", axis, len(node.shape) + 1)
        return moved("expand_dims", node, (*node.shape[:i], 1, *node.shape[i:]), axis=i)

    def squeeze(self, x: Any, /, axis: Any) -> Traced:
        node = as_node(x)
        axes = axes_of("squeeze", axis, len(node.shape))
        ones = axis is not None and all(node.shape[i] == 1 for i in axes)
        require(ones, "xp.squeeze takes axes of size 1 away; got axis={}, shape={}", axis, node.shape)
        return moved("squeeze", node, tuple(n for i, n in enumerate(node.shape) if i not in axes), axis=axes)

    def permute_dims(self, x: Any, /, axes: Any) -> Traced:
        node = as_node(x)
        order = axes_of("permute_dims", tuple(axes), len(node.shape))
        every = len(order) == len(node.shape)
        require(every, "xp.permute_dims must name every axis once; got axes={}, shape={}", axes, node.shape)
        return moved("permute_dims", node, tuple(node.shape[i] for i in order), axes=order)

    def moveaxis(self, x: Any, source: Any, destination: Any, /) -> Traced:
        ndim = len(as_node(x).shape)
        start, end = axes_of("moveaxis", source, ndim), axes_of("moveaxis", destination, ndim)
        require(len(start) == len(end), "xp.moveaxis needs a place for each axis; got {} to {}", source, destination)
        order = [i for i in range(ndim) if i not in start]
        for to, i in sorted(zip(end, start, strict=True)):
            order.insert(to, i)
        return self.permute_dims(x, order)

    def flip(self, x: Any, /, *, axis: Any = None) -> Traced:
        node = as_node(x)
        return moved("flip", node, node.shape, axis=axes_of("flip", axis, len(node.shape)))

    def roll(self, x: Any, /, shift: Any, *, axis: Any = None) -> Traced:
        node = as_node(x)
        if axis is None:
            return moved("roll", node, node.shape, shift=whole("roll", shift), axis=None)
        axes = tuple(axis_of("roll", one, len(node.shape)) for one in (axis if isinstance(axis, tuple) else (axis,)))
        shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
        require(len(shifts) == len(axes), "xp.roll needs a shift for each axis; got shift={}, axis={}", shift, axis)
        return moved("roll", node, node.shape, shift=tuple(whole("roll", n) for n in shifts), axis=axes)

    def repeat(self, x: Any, repeats: Any, /, *, axis: int | None = None) -> Traced:
        node, (count,) = as_node(x), shape_of("repeat", repeats)
        i = None if axis is None else axis_of("repeat", axis, len(node.shape))
        shape = (prod(node.shape) * count,) if i is None else with_size(node.shape, i, node.shape[i] * count)
        return moved("repeat", node, shape, args=(count,), axis=i)

    def tile(self, x: Any, repetitions: Any, /) -> Traced:
        node, counts = as_node(x), shape_of("tile", repetitions)
        ndim = max(len(node.shape), len(counts))
        sizes, times = ((1,) * (ndim - len(each)) + each for each in (node.shape, counts))
        return moved("tile", node, tuple(map(operator.mul, sizes, times)), args=(times,))

    def concat(self, arrays: Any, /, *, axis: int | None = 0) -> Traced:
        if axis is None:
            return self.concat([self.reshape(x, (-1,)) for x in arrays])
        nodes, shapes, dtype = _together("concat", arrays)
        i = axis_of("concat", axis, len(shapes[0]))
        one = len({with_size(shape, i) for shape in shapes}) == 1
        require(one, "xp.concat needs sizes that are equal but along its axis; got axis={}, shapes {}", axis, shapes)
        return write("concat", nodes, with_size(shapes[0], i, sum(shape[i] for shape in shapes)), dtype, axis=i)

    def stack(self, arrays: Any, /, *, axis: int = 0) -> Traced:
        nodes, shapes, dtype = _together("stack", arrays)
        require(len({*shapes}) == 1, "xp.stack needs arrays of one shape; got shapes {}", shapes)
        i = axis_of("stack", axis, len(shapes[0]) + 1)
        return write("stack", nodes, (*shapes[0][:i], len(nodes), *shapes[0][i:]), dtype, axis=i)

    def unstack(self, x: Any, /, *, axis: int = 0) -> tuple[Traced, ...]:
        shape = as_node(x).shape
        i = axis_of("unstack", axis, len(shape))
        return tuple(self.index(x, (slice(None),) * i + (k, ...)) for k in range(shape[i]))

    tril, triu = triangle("tril"), triangle("triu")

    def diff(self, x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Traced:
        """Each number less the one before it, n times."""
        (node,), _ = arrays("diff", NUMERIC, x)
        parts = [one for one in (prepend, x, append) if one is not None]
        y: Any = self.concat(parts, axis=axis) if len(parts) > 1 else Traced(node)
        before = (slice(None),) * axis_of("diff", axis, y.ndim)
        for _ in range(*shape_of("diff", n)):
            y = y[(*before, slice(1, None), ...)] - y[(*before, slice(-1), ...)]
        return y  # type: ignore[no-any-return]


def _together(op: str, xs: Any) -> tuple[list[Node], list[Shape], str]:
    if isinstance(xs, Traced) or not len(xs):
        raise TraceError(f"trace: xp.{op} takes a list of arrays, at least one; got {xs!r}")
    nodes, dtype = arrays(op, ANY, *xs)
    shapes = [node.shape for node in nodes]
    require(len({*map(len, shapes)}) == 1, "xp.{} needs as many axes in each; got shapes {}", op, shapes)
    return nodes, shapes, dtype


class Indexing(Manipulation):
    def index(self, x: Any, key: Any, /) -> Traced:
        """x[key]; in the node the key says something of every axis: an integer, a slice, or None for a new one."""
        node, keys = as_node(x), list(key) if isinstance(key, tuple) else [key]
        dots = [i for i, one in enumerate(keys) if one is ...] or [len(keys)]
        missing = len(node.shape) - sum(one is not None and one is not ... for one in keys)
        fit = missing >= 0 and len(dots) == 1
        require(fit, "x[…] takes one index an axis, and one ...; got {} indices, shape={}", len(keys), node.shape)
        keys[dots[0] : dots[0] + 1] = [slice(None)] * missing
        rows = [i for i, one in enumerate(keys) if isinstance(one, Traced) or getattr(one, "shape", None)]
        if rows:
            return self._rows(node, keys, rows[0])
        left = iter(node.shape)
        sizes = [1 if one is None else next(left) for one in keys]
        said = [_said(one, size) for one, size in zip(keys, sizes, strict=True)]
        parts = [(one or slice(None), size) for one, size in zip(said, sizes, strict=True) if not isinstance(one, int)]
        return moved("index", node, tuple(len(range(*part.indices(size))) for part, size in parts), key=tuple(said))

    def _rows(self, node: Node, keys: list[Any], axis: int) -> Traced:
        """x[:, i] with an array i of integers: what `take` gives along that axis, in the shape of i."""
        chosen = as_node(keys[axis])
        if chosen.dtype == "bool":
            refuse("x[…] with a mask: the shape would depend on values", "xp.where")
        if any(not isinstance(one, slice) or one != slice(None) for i, one in enumerate(keys) if i != axis):
            refuse("x[…] with an array and other indices: libraries differ in what it means", "xp.take, index by index")
        rows = self.take(Traced(node), self.reshape(Traced(chosen), (-1,)), axis=axis)
        return self.reshape(rows, with_size(node.shape, axis, *chosen.shape))

    def take(self, x: Any, indices: Any, /, *, axis: int | None = None) -> Traced:
        node, ((chosen,), _) = as_node(x), arrays("take", INTEGRAL, indices)
        require(len(chosen.shape) == 1, "xp.take needs indices of one axis; got shape={}", chosen.shape)
        i = only_axis("take", axis, node.shape)
        return write("take", (node, chosen), with_size(node.shape, i, *chosen.shape), node.dtype, axis=i)

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Traced:
        node, ((chosen,), _) = as_node(x), arrays("take_along_axis", INTEGRAL, indices)
        a, b, i = node.shape, chosen.shape, axis_of("take_along_axis", axis, len(node.shape))
        require(len(a) == len(b), "xp.take_along_axis needs as many axes in both; got shapes {} and {}", a, b)
        shape = with_size(broadcast(with_size(a, i, 1), with_size(b, i, 1)), i, b[i])
        return write("take_along_axis", (node, chosen), shape, node.dtype, axis=i)


def _said(one: Any, size: int) -> int | slice | None:
    if isinstance(one, bool | list) or str(getattr(one, "dtype", "")).endswith("bool"):
        refuse("x[…] with a list or a truth: libraries differ in what it means", "xp.take, or xp.where for a mask")
    if isinstance(one, slice):
        require(one.step != 0, "x[…] cannot go in steps of 0; got step=0")
        return slice(*(None if n is None else whole("index", n) for n in (one.start, one.stop, one.step)))
    if one is None:
        return None
    i = whole("index", one)
    require(-size <= i < size, "x[…] needs integers from {} to {} here; got {}", -size, size - 1, i)
    return i % size


def like(op: str) -> Callable[..., Traced]:
    def f(self: Indexing, x: Any, /, *value: Any, dtype: Any = None, **options: Any) -> Traced:
        node = as_node(x)
        return getattr(self, op)(node.shape, *value, dtype=dtype or node.dtype, **options)  # type: ignore[no-any-return]

    return f


class Creation(Indexing):
    """Nodes without inputs, on the device of the arrays that the graph is given."""

    def zeros(self, shape: Any, *, dtype: Any = None, device: Any = None) -> Traced:
        sizes = shape_of("zeros", shape)
        return _made("zeros", (sizes,), sizes, dtype, "float64")

    def ones(self, shape: Any, *, dtype: Any = None, device: Any = None) -> Traced:
        sizes = shape_of("ones", shape)
        return _made("ones", (sizes,), sizes, dtype, "float64")

    def full(self, shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Traced:
        sizes = shape_of("full", shape)
        if isinstance(fill_value, Traced):
            return self.broadcast_to(self.astype(fill_value, dtype or fill_value.dtype), sizes)
        if not is_number(fill_value):
            raise TraceError(f"trace: xp.full takes a number; got fill_value={fill_value!r}")
        if dtype is not None:
            check_scalar(fill_value, named(dtype))
        return _made("full", (sizes, fill_value), sizes, dtype, NUMBERS[type(fill_value)])

    zeros_like, ones_like, full_like = like("zeros"), like("ones"), like("full")
    empty, empty_like = zeros, zeros_like

    def arange(
        self, start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
    ) -> Traced:
        first, last = (0, start) if stop is None else (start, stop)
        kinds = {type(n) for n in (first, last, step)}
        if not kinds <= {int, float}:
            refuse(f"xp.arange({first!r}, {last!r}, {step!r}): the shape would depend on values", "sizes off a shape")
        require(step != 0, "xp.arange cannot go in steps of 0; got step=0")
        shape = (max(ceil((last - first) / step), 0),)
        return _made("arange", (first, last, step), shape, dtype, "float64" if float in kinds else "int64")

    def linspace(
        self, start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
    ) -> Traced:
        if not is_number(start) or not is_number(stop):
            raise TraceError(f"trace: xp.linspace takes numbers; got start={start!r}, stop={stop!r}")
        default = "complex128" if complex in {type(start), type(stop)} else "float64"
        return _made("linspace", (start, stop, num), shape_of("linspace", num), dtype, default, endpoint=endpoint)

    def eye(
        self, n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None
    ) -> Traced:
        shape = shape_of("eye", (n_rows, n_rows if n_cols is None else n_cols))
        return _made("eye", shape, shape, dtype, "float64", k=k)

    def asarray(self, x: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Traced:
        if is_number(x):
            return self.full((), x, dtype=dtype)
        if not hasattr(x, "shape"):
            refuse(f"xp.asarray of a {type(x).__name__} has no rule", "an argument, or xp.full, xp.stack and xp.arange")
        node = as_node(x)
        same = isinstance(x, Traced) and dtype in {None, node.dtype}
        return x if same else self.astype(Traced(node), dtype or node.dtype)

    def meshgrid(self, *arrays: Any, indexing: str = "xy") -> tuple[Traced, ...]:
        nodes = [as_node(x) for x in arrays]
        n, shapes = len(nodes), [node.shape for node in nodes]
        alike = {*map(len, shapes)} <= {1} and len({node.dtype for node in nodes}) <= 1
        require(alike, "xp.meshgrid takes vectors of one dtype; got shapes {}", shapes)
        axes = (1, 0, *range(2, n)) if indexing == "xy" and n > 1 else range(n)
        spread = (self.reshape(x, (1,) * i + (-1,) + (1,) * (n - 1 - i)) for i, x in zip(axes, arrays, strict=True))
        return self.broadcast_arrays(*spread)


def _made(op: str, args: tuple[Any, ...], shape: Shape, dtype: Any, default: str, /, **options: Any) -> Traced:
    """Without a dtype the library's own default is taken, as it would be without tracing."""
    asked = None if dtype is None else named(dtype)
    return write(op, (), shape, asked or default, args=args, dtype=asked, **options)
