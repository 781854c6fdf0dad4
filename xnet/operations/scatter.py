"""Sums of entries that have one index: the adjoints of `take` and `take_along_axis`."""

from math import prod

from array_api_compat import array_namespace, device

from xnet.backends import backend_of
from xnet.errors import DtypeError, ShapeError
from xnet.operations.recording import recorder
from xnet.types import Array


def scatter_add(G: Array, indices: Array, n: int, axis: int = 0) -> Array:
    """Zeros of size n along the axis, with each entry of G added at its index: Y[i, …] = Σ G[k, …], indices[k] = i.

    `indices` has one axis, and as many numbers as G has along its axis; they may be negative, as in `take`, and an
    index out of range is an error where the library looks.  Sums are always added up in the same order.
    """
    i = checked("scatter_add", G, indices, n, axis)
    if tuple(indices.shape) != (G.shape[i],):
        raise ShapeError(
            f"scatter_add: indices must be one for each entry of G along the axis; got indices.shape="
            f"{tuple(indices.shape)}, G.shape={tuple(G.shape)}, axis={axis}; xp.reshape them to ({G.shape[i]},)"
        )
    record = recorder(G, indices)
    if record is not None:
        return record.scatter_add(G, indices, n, i)
    return backend_of(G, indices).scatter_add(G, indices, n, i)


def scatter_add_along_axis(G: Array, indices: Array, n: int, axis: int = -1) -> Array:
    """As `scatter_add`, with an index for each entry of G; indices broadcast along the other axes."""
    i = checked("scatter_add_along_axis", G, indices, n, axis)
    fits = len(indices.shape) == len(G.shape) and all(
        b in {a, 1} if j != i else a == b for j, (a, b) in enumerate(zip(G.shape, indices.shape, strict=True))
    )
    if not fits:
        raise ShapeError(
            f"scatter_add_along_axis: indices must have the size of G along the axis, and its sizes or 1 along the "
            f"others; got indices.shape={tuple(indices.shape)}, G.shape={tuple(G.shape)}, axis={axis}; xp.reshape them"
        )
    record = recorder(G, indices)
    if record is not None:
        return record.scatter_add_along_axis(G, indices, n, i)
    xp, library = array_namespace(G), backend_of(G, indices)
    rows = xp.moveaxis(G, i, -1)
    places = xp.broadcast_to(xp.moveaxis(indices, i, -1), rows.shape)
    others = rows.shape[:-1]
    first = n * xp.reshape(xp.arange(prod(others), dtype=indices.dtype, device=device(G)), (*others, 1))
    places = xp.where(places < 0, places + n, places) + first
    Y = library.scatter_add(xp.reshape(rows, (-1,)), xp.reshape(places, (-1,)), n * prod(others), 0)
    return xp.moveaxis(xp.reshape(Y, (*others, n)), -1, i)


def checked(what: str, G: Array, indices: Array, n: int, axis: int) -> int:
    """The axis counted from 0; an error where the arguments are not what both functions take."""
    xp = array_namespace(G)
    if not xp.isdtype(G.dtype, "numeric"):
        raise DtypeError(
            f"{what}: G must be of numbers, which can be added; got G.dtype={G.dtype}; xp.astype(G, xp.float32)"
        )
    if not array_namespace(indices).isdtype(indices.dtype, "integral"):
        raise DtypeError(
            f"{what}: indices must be integers; got indices.dtype={indices.dtype}; xp.astype(indices, xp.int64)"
        )
    if type(n) is not int or n < 0:
        raise ShapeError(f"{what}: n must be a whole number from 0; got n={n!r}; n=W.shape[axis] for the array W")
    if not -len(G.shape) <= axis < len(G.shape):
        raise ShapeError(
            f"{what}: the axis must be one of G; got axis={axis}, G.shape={tuple(G.shape)}; the first is axis=0"
        )
    return axis % len(G.shape)
