"""Costs J = (1/m) Σ L over the examples (C3).  A backward returns dZ with the factor 1/m included.

With `weights` (1, m), J = Σ w L / Σ w.  The share of an example is 1/m or w / Σ w; the shares add up to one.
"""

from array_api_compat import array_namespace, device

from xnet.kernels.activation import sigmoid
from xnet.kernels.primitive import primitive
from xnet.types import Array


def _share(Z: Array, weights: Array | None) -> Array:
    """The share of each example in J: w / Σ w, which is 1/m without weights."""
    xp = array_namespace(Z)
    w = xp.ones_like(Z[:1, ...]) if weights is None else xp.astype(weights, Z.dtype)
    # Where all weights are 0, the shares are 0 and not 0/0.
    return w / xp.maximum(xp.sum(w), xp.finfo(w.dtype).smallest_normal)


def _weighted(L: Array, share: Array) -> Array:
    """J = Σ share · L.   The losses of the units of one example are added up first."""
    xp = array_namespace(L)
    return xp.sum(share * xp.sum(L, axis=0, keepdims=True))


def _one_hot(Y: Array, like: Array) -> Array:
    """Integer labels (1, m) → bool (classes, m).   Columns (classes, m) are returned as they are."""
    if Y.shape[0] != 1 or not array_namespace(Y).isdtype(Y.dtype, "integral"):
        return Y
    xp = array_namespace(like)
    classes = xp.arange(like.shape[0], device=device(like))
    return classes[:, None] == xp.astype(Y, classes.dtype)


@primitive
def binary_cross_entropy(A: Array, Y: Array, weights: Array | None = None) -> tuple[Array, tuple[Array, ...]]:
    """L = -(y ln a + (1 - y) ln(1 - a)), the negative log-likelihood of y under P(y = 1) = a   (C2, C3)

    `a` is clipped to [eps, 1 - eps], so that a wrong prediction of exactly 0 or 1 has a large cost instead of ∞.
    """
    xp = array_namespace(A)
    eps = xp.finfo(A.dtype).eps
    A, Y, share = xp.minimum(xp.maximum(A, eps), 1 - eps), xp.astype(Y, A.dtype), _share(A, weights)
    L = -(Y * xp.log(A) + (1 - Y) * xp.log1p(-A))
    return _weighted(L, share), (A, Y, share)


def binary_cross_entropy_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """da = (-y/a + (1 - y)/(1 - a)) / m   (C6)"""
    A, Y, share = cache
    return dJ * share * ((1 - Y) / (1 - A) - Y / A)


@primitive
def sigmoid_cross_entropy(Z: Array, Y: Array, weights: Array | None = None) -> tuple[Array, tuple[Array, ...]]:
    """Binary cross-entropy of a = σ(z), from z: L = ln(1 + eᶻ) - y z.   Losses of several units are added.

    Computed as L = d z + ln(1 + e^-|z|) with d = [z > 0] - y.
    """
    xp = array_namespace(Z)
    Y, share = xp.astype(Y, Z.dtype), _share(Z, weights)
    D = 0.5 * (1 + xp.sign(Z)) - Y
    # d = 0 where z = ±∞ agrees with y: the loss is then 0, and 0 · ∞ would be NaN.
    L = D * xp.where(D != 0, Z, 0.0) + xp.log1p(xp.exp(-xp.abs(Z)))
    return _weighted(L, share), (Z, Y, share)


def sigmoid_cross_entropy_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """dz = (a - y) / m   (C6)"""
    Z, Y, share = cache
    return dJ * share * (sigmoid(Z)[0] - Y)


@primitive
def softmax_cross_entropy(
    Z: Array, Y: Array, weights: Array | None = None, smoothing: float = 0.0
) -> tuple[Array, tuple[Array, ...]]:
    """L = -Σ y ln a with a = softmax(z), from z   (C3)

    Y: integer labels (1, m), or columns (classes, m) that add up to one.
    `smoothing` ε replaces y by (1 - ε) y + ε / classes.
    """
    xp = array_namespace(Z)
    target, share = _one_hot(Y, Z), _share(Z, weights)
    Y = (1 - smoothing) * xp.astype(target, Z.dtype) + smoothing / Z.shape[0]
    Z = Z - xp.max(Z, axis=0, keepdims=True)
    E = xp.exp(Z)
    S = xp.sum(E, axis=0, keepdims=True)
    L = xp.log(S) - Z
    if not smoothing:  # a class with y = 0 costs nothing even at z = -∞, where 0 · ∞ would be NaN
        L = xp.where(xp.astype(target, xp.bool), L, 0.0)
    return _weighted(Y * L, share), (E / S, Y, share)


def softmax_cross_entropy_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """dz = (a - y) / m   (C21)"""
    A, Y, share = cache
    return dJ * share * (A - Y)


@primitive
def mean_squared_error(A: Array, Y: Array, weights: Array | None = None) -> tuple[Array, tuple[Array, ...]]:
    """L = (1/n) Σ (a - y)² over the n outputs of an example"""
    xp = array_namespace(A)
    n, share = A.shape[0], _share(A, weights)
    D = A - xp.astype(Y, A.dtype)
    return _weighted(D * D / n, share), (D, share)


def mean_squared_error_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """da = (2/n) (a - y) / m"""
    D, share = cache
    return dJ * share * (2 / D.shape[0]) * D


@primitive
def huber(A: Array, Y: Array, weights: Array | None = None, delta: float = 1.0) -> tuple[Array, tuple[Array, ...]]:
    """L = (1/n) Σ h(a - y): h(d) = d²/2 where |d| ≤ δ, and δ (|d| - δ/2) beyond   (Huber 1964)"""
    xp = array_namespace(A)
    n, share = A.shape[0], _share(A, weights)
    D = A - xp.astype(Y, A.dtype)
    C = xp.minimum(xp.maximum(D, -delta), delta)
    return _weighted(C * (D - C / 2) / n, share), (C, share)


def huber_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """da = (1/n) c / m, with c = a - y brought into [-δ, δ]"""
    C, share = cache
    return dJ * share * C / C.shape[0]
