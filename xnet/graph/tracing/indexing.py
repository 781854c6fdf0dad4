"""Functions for stand-ins that read entries by their index, sort them, or search for them."""

from collections.abc import Callable
from typing import Any

from xnet.graph.dtypes import ANY, INTEGRAL, REAL, is_kind
from xnet.graph.ir import Node
from xnet.graph.tracing.checks import arrays, axis_of, broadcast_shapes, only_axis, require, whole, with_size
from xnet.graph.tracing.manipulation import reshape
from xnet.graph.tracing.traced import Traced, as_node, record, refuse


def index(x: Any, key: Any, /) -> Traced:
    """x[key]; in the node the key has a part for every axis: an integer, a slice, or None for a new axis."""
    node, keys = as_node(x), list(key) if isinstance(key, tuple) else [key]
    dots = [i for i, one in enumerate(keys) if one is ...] or [len(keys)]
    missing = len(node.shape) - sum(one is not None and one is not ... for one in keys)
    fit = missing >= 0 and len(dots) == 1
    require(fit, "x[…] takes one index an axis, and one ...; got {} indices, shape={}", len(keys), node.shape)
    keys[dots[0] : dots[0] + 1] = [slice(None)] * missing
    rows = [i for i, one in enumerate(keys) if isinstance(one, Traced) or getattr(one, "shape", None)]
    if rows:
        return _rows(node, keys, rows[0])
    left = iter(node.shape)
    sizes = [1 if one is None else next(left) for one in keys]
    plain = [_plain_key(one, size) for one, size in zip(keys, sizes, strict=True)]
    parts = [(one or slice(None), size) for one, size in zip(plain, sizes, strict=True) if not isinstance(one, int)]
    shape = tuple(len(range(*part.indices(size))) for part, size in parts)
    return record("index", (node,), shape, node.dtype, key=tuple(plain))


def _rows(node: Node, keys: list[Any], axis: int) -> Traced:
    """x[:, i] with an array i of integers: what `take` gives along that axis, in the shape of i."""
    chosen = as_node(keys[axis])
    if chosen.dtype == "bool":
        refuse("x[…] with a mask: the shape would depend on values", "xp.where")
    if any(not isinstance(one, slice) or one != slice(None) for i, one in enumerate(keys) if i != axis):
        refuse("x[…] with an array and other indices: libraries differ in what it means", "xp.take, index by index")
    rows = take(Traced(node), reshape(Traced(chosen), (-1,)), axis=axis)
    return reshape(rows, with_size(node.shape, axis, *chosen.shape))


def _plain_key(one: Any, size: int) -> int | slice | None:
    """One part of a key in Python's integers, an integer counted from 0."""
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


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Traced:
    node, ((chosen,), _) = as_node(x), arrays("take", INTEGRAL, indices)
    require(len(chosen.shape) == 1, "xp.take needs indices of one axis; got shape={}", chosen.shape)
    i = only_axis("take", axis, node.shape)
    return record("take", (node, chosen), with_size(node.shape, i, *chosen.shape), node.dtype, axis=i)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Traced:
    node, ((chosen,), _) = as_node(x), arrays("take_along_axis", INTEGRAL, indices)
    a, b, i = node.shape, chosen.shape, axis_of("take_along_axis", axis, len(node.shape))
    require(len(a) == len(b), "xp.take_along_axis needs as many axes in both; got shapes {} and {}", a, b)
    shape = with_size(broadcast_shapes(with_size(a, i, 1), with_size(b, i, 1)), i, b[i])
    return record("take_along_axis", (node, chosen), shape, node.dtype, axis=i)


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Traced:
    nodes, _ = arrays("searchsorted", REAL, x1 if sorter is None else take(x1, sorter), x2)
    row, sought = (node.shape for node in nodes)
    require(len(row) == 1, "xp.searchsorted looks into one row of numbers; got shape={}; xp.reshape it", row)
    require(side in {"left", "right"}, "xp.searchsorted goes to the left or the right; got side={!r}", side)
    return record("searchsorted", nodes, sought, "int64", side=side)


def _sorted(op: str) -> Callable[..., Traced]:
    def f(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Traced:
        (node,), dtype = arrays(op, REAL, x)
        options = {"axis": axis_of(op, axis, len(node.shape)), "descending": bool(descending), "stable": bool(stable)}
        return record(op, (node,), node.shape, dtype if op == "sort" else "int64", **options)

    return f


sort, argsort = _sorted("sort"), _sorted("argsort")


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Traced:
    """Whether each entry of x1 is in x2: by a search if the dtype has an order, else by comparing all pairs."""
    (a, b), dtype = arrays("isin", ANY, x1, x2)
    xp, (x, y) = Traced.xp, (Traced.xp.astype(Traced(node), dtype) for node in (a, b))
    row = reshape(y, (-1,))
    if is_kind(dtype, REAL) and row.size:
        ordered = sort(row)
        places = xp.minimum(searchsorted(ordered, x), row.size - 1)
        found = reshape(take(ordered, reshape(places, (-1,))), x.shape) == x
    else:
        found = xp.any(xp.expand_dims(x, axis=-1) == row, axis=-1)
    return xp.logical_not(found) if invert else found  # type: ignore[no-any-return]
