"""Patches of images and sequences (im2col), and their sums (col2im)."""

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple, TypeAlias

import array_api_extra as xpx
from array_api_compat import array_namespace, device

from xnet.errors import ShapeError
from xnet.operations.recording import recorder
from xnet.types import Array, Shape

Sizes: TypeAlias = int | tuple[int, ...]
Padding: TypeAlias = int | tuple[int | tuple[int, int], ...]


class Window(NamedTuple):
    """A window that moves over the spatial axes: one number of each kind for each of these axes."""

    size: Shape
    stride: Shape
    padding: tuple[tuple[int, int], ...]
    dilation: Shape

    def padded(self, spatial: Shape) -> Shape:
        return tuple(n + low + high for n, (low, high) in zip(spatial, self.padding, strict=True))

    def counts(self, spatial: Shape) -> Shape:
        """⌊(n + padding − dilation (size − 1) − 1) / stride⌋ + 1 positions along each axis of n numbers."""
        axes = zip(self.padded(spatial), self.size, self.stride, self.dilation, strict=True)
        return tuple((n - dilation * (size - 1) - 1) // stride + 1 for n, size, stride, dilation in axes)

    def slices(self, counts: Shape) -> Iterator[tuple[slice, ...]]:
        """For each place in the window, the slices of the numbers at that place, over all positions of the window."""
        for place in product(*map(range, self.size)):
            axes = zip(place, self.dilation, self.stride, counts, strict=True)
            yield tuple(slice(i * d, i * d + s * (n - 1) + 1, s) for i, d, s, n in axes)


def window(what: str, spatial: Shape, size: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Window:
    """The window over axes of these sizes; a single number is used for each axis."""

    def each(name: str, given: Sizes, least: int) -> Shape:
        sizes = given if isinstance(given, tuple) else (given,) * len(spatial)
        if len(sizes) != len(spatial) or any(type(n) is not int or n < least for n in sizes):
            raise ShapeError(
                f"{what}: {name} must be a whole number from {least}, or one for each spatial axis; "
                f"got {name}={given!r}, {len(spatial)} spatial axes; {name}={least} for instance"
            )
        return sizes

    pads = padding if isinstance(padding, tuple) else (padding,) * len(spatial)
    pairs = [pad if isinstance(pad, tuple) else (pad, pad) for pad in pads]
    if not spatial:
        raise ShapeError(
            f"{what}: X must be of shape (channels, height, width, m), with one spatial axis or more; got 2 axes or "
            f"fewer; xp.reshape it"
        )
    if len(pairs) != len(spatial) or any(
        len(pair) != 2 or any(type(n) is not int or n < 0 for n in pair) for pair in pairs
    ):
        raise ShapeError(
            f"{what}: padding must be a whole number from 0, or a number or a pair for each spatial axis; "
            f"got padding={padding!r}, {len(spatial)} spatial axes; padding=1 for instance"
        )
    found = Window(each("size", size, 1), each("stride", stride, 1), tuple(pairs), each("dilation", dilation, 1))
    if min(found.counts(spatial)) < 1:
        raise ShapeError(
            f"{what}: the window must fit into the padded image; got size={found.size}, dilation={found.dilation}, "
            f"padded image={found.padded(spatial)}; use more padding or a smaller size"
        )
    return found


def patches(X: Array, size: Sizes, stride: Sizes = 1, padding: Padding = 0, dilation: Sizes = 1) -> Array:
    """The numbers under a moving window, as columns: X (C, H, W, m) → (C·kh·kw, H', W', m).

    The rows are in the order of `W.reshape(C_out, C * kh * kw)`, so a convolution is W · patches(X).  There may be any
    number of spatial axes: X (C, T, m) → (C·k, T', m).  Padding is with zeros.
    """
    spatial = X.shape[1:-1]
    moving = window("patches", spatial, size, stride, padding, dilation)
    record = recorder(X)
    if record is not None:
        return record.patches(X, moving)
    xp, counts = array_namespace(X), moving.counts(spatial)
    if any(map(any, moving.padding)):
        X = xpx.pad(X, [(0, 0), *moving.padding, (0, 0)])
    pieces = [X[:, *slices, :] for slices in moving.slices(counts)]
    return xp.reshape(xp.stack(pieces, axis=1), (X.shape[0] * len(pieces), *counts, X.shape[-1]))


def fold(P: Array, shape: Shape, size: Sizes, stride: Sizes = 1, padding: Padding = 0, dilation: Sizes = 1) -> Array:
    """The adjoint of `patches` for an X of this shape: each number of a patch is added where it came from."""
    spatial = tuple(shape[1:-1])
    moving = window("fold", spatial, size, stride, padding, dilation)
    counts = moving.counts(spatial)
    expected = (shape[0] * prod(moving.size), *counts, shape[-1])
    if tuple(P.shape) != expected:
        raise ShapeError(
            f"fold: P must have the shape of the patches of X; got P.shape={tuple(P.shape)} where X of "
            f"shape={tuple(shape)} has patches of shape {expected}; use the shape and the window of patches"
        )
    record = recorder(P)
    if record is not None:
        return record.fold(P, tuple(shape), moving)
    xp = array_namespace(P)
    X = xp.zeros((shape[0], *moving.padded(spatial), shape[-1]), dtype=P.dtype, device=device(P))
    pieces = xp.reshape(P, (shape[0], prod(moving.size), *counts, shape[-1]))
    for k, slices in enumerate(moving.slices(counts)):
        X = xpx.at(X)[:, *slices, :].add(pieces[:, k, ...])
    inside = [slice(low, low + n) for n, (low, _) in zip(spatial, moving.padding, strict=True)]
    return X[:, *inside, :] if any(map(any, moving.padding)) else X
