"""Initial weights W (k, n, …): k units, each fed by n (…) numbers.  `f(key, shape, **hyper) -> W`.   (C23)

Drawn on the host and rounded once to float32, so the same seed gives the same weights, bit for bit, on every
backend and in every dtype.
"""

from math import prod, sqrt

from array_api_compat import array_namespace

from xnet import random
from xnet.types import Array, Shape


def zeros(key: Array, shape: Shape) -> Array:
    """W = 0, for biases.  As weights it keeps the units of a layer equal for ever."""
    return array_namespace(key).zeros(shape, dtype=array_namespace(key).float32)


def normal(key: Array, shape: Shape, scale: float = 0.01) -> Array:
    """W ~ N(0, scale²), the course's small random weights"""
    xp = array_namespace(key)
    return xp.astype(scale * random.normal(key, shape), xp.float32)


def he(key: Array, shape: Shape) -> Array:
    """W ~ N(0, 2/n), which keeps the size of A through ReLU layers   (He et al. 2015)"""
    return normal(key, shape, sqrt(2 / max(_fan_in(shape), 1)))


def lecun(key: Array, shape: Shape) -> Array:
    """W ~ N(0, 1/n)   (LeCun et al. 1998)"""
    return normal(key, shape, sqrt(1 / max(_fan_in(shape), 1)))


def xavier(key: Array, shape: Shape) -> Array:
    """W ~ N(0, 2/(n + k)), a balance between A forward and dA backward   (Glorot and Bengio 2010)"""
    return normal(key, shape, sqrt(2 / max(_fan_in(shape) + shape[0] * prod(shape[2:]), 1)))


def orthogonal(key: Array, shape: Shape, gain: float = 1.0) -> Array:
    """W Wᵀ = gain² I, or WᵀW where W has more rows than columns   (Saxe, McClelland and Ganguli 2014)"""
    xp = array_namespace(key)
    rows, columns = shape[0], _fan_in(shape)
    Q, R = xp.linalg.qr(random.normal(key, (max(rows, columns), min(rows, columns))))
    # The signs of R's diagonal are a library's choice; with them folded in, Q depends on the draw alone.
    Q = Q * xp.sign(xp.linalg.diagonal(R))
    W = Q if rows >= columns else xp.matrix_transpose(Q)
    return xp.astype(gain * xp.reshape(W, shape), xp.float32)


def _fan_in(shape: Shape) -> int:
    return prod(shape[1:])
