"""Costs J = (1/m) Σ L over the examples, and here alone the 1/m: a backward gives dZ with it inside.

With `weights` (1, m), J = Σ w L / Σ w.  Either way each example has a share of J; the shares add up to one.
"""

from array_api_compat import array_namespace, device

from xnet.kernels.activation import sigmoid, softplus
from xnet.kernels.primitive import primitive
from xnet.types import Array


def _share(Z: Array, weights: Array | None) -> Array:
    """What each example counts for in J: w / Σ w, which is 1/m when all count alike."""
    xp = array_namespace(Z)
    w = xp.ones_like(Z[:1, ...]) if weights is None else xp.astype(weights, Z.dtype)
    # A batch whose weights are all 0 counts for nothing, and not for 0/0.
    return w / xp.maximum(xp.sum(w), xp.finfo(w.dtype).smallest_normal)


def _weighted(L: Array, share: Array) -> Array:
    """J = Σ share · L, the losses of one example added up first."""
    xp = array_namespace(L)
    return xp.sum(share * xp.sum(L, axis=0, keepdims=True))


def _one_hot(Y: Array, like: Array) -> Array:
    """Integer labels (1, m) → (classes, m) of the other's dtype; targets of that shape already keep their values."""
    xp = array_namespace(like)
    if Y.shape[0] != 1 or not array_namespace(Y).isdtype(Y.dtype, "integral"):
        return xp.astype(Y, like.dtype)
    classes = xp.arange(like.shape[0], device=device(like))
    return xp.astype(classes[:, None] == xp.astype(Y, classes.dtype), like.dtype)


@primitive
def binary_cross_entropy(A: Array, Y: Array, weights: Array | None = None) -> tuple[Array, tuple[Array, ...]]:
    """L = -(y ln a + (1 - y) ln(1 - a)), the negative log-likelihood of y under P(y = 1) = a.

    Probabilities are kept one rounding step inside (0, 1), so that a certain and wrong one costs much and not ∞.
    """
    xp = array_namespace(A)
    eps = xp.finfo(A.dtype).eps
    A, Y, share = xp.minimum(xp.maximum(A, eps), 1 - eps), xp.astype(Y, A.dtype), _share(A, weights)
    L = -(Y * xp.log(A) + (1 - Y) * xp.log1p(-A))
    return _weighted(L, share), (A, Y, share)


def binary_cross_entropy_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """da = (-y/a + (1 - y)/(1 - a)) / m"""
    A, Y, share = cache
    return dJ * share * ((1 - Y) / (1 - A) - Y / A)


@primitive
def sigmoid_cross_entropy(Z: Array, Y: Array, weights: Array | None = None) -> tuple[Array, tuple[Array, ...]]:
    """The same with a = σ(z), from z itself: L = ln(1 + eᶻ) - y z.   Losses of several units are added."""
    xp = array_namespace(Z)
    Y, share = xp.astype(Y, Z.dtype), _share(Z, weights)
    L = softplus(Z)[0] - Y * Z
    return _weighted(L, share), (Z, Y, share)


def sigmoid_cross_entropy_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """dz = (a - y) / m"""
    Z, Y, share = cache
    return dJ * share * (sigmoid(Z)[0] - Y)


@primitive
def softmax_cross_entropy(
    Z: Array, Y: Array, weights: Array | None = None, smoothing: float = 0.0
) -> tuple[Array, tuple[Array, ...]]:
    """L = -Σ y ln softmax(z), from z itself.   Y: integer labels (1, m), or columns (classes, m) that add up to one.

    `smoothing` ε mixes the target with the uniform one: (1 - ε) y + ε / classes.
    """
    xp = array_namespace(Z)
    Y, share = (1 - smoothing) * _one_hot(Y, Z) + smoothing / Z.shape[0], _share(Z, weights)
    Z = Z - xp.max(Z, axis=0, keepdims=True)
    E = xp.exp(Z)
    S = xp.sum(E, axis=0, keepdims=True)
    L = Y * (xp.log(S) - Z)
    return _weighted(L, share), (E / S, Y, share)


def softmax_cross_entropy_backward(dJ: Array, cache: tuple[Array, ...]) -> Array:
    """dz = (a - y) / m"""
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
