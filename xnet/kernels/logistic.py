"""Logistic regression without loops (C2, C9).  `xnet.loops` has it with two loops and with one."""

from array_api_compat import array_namespace

from xnet.kernels.cost import sigmoid_cross_entropy, sigmoid_cross_entropy_backward
from xnet.kernels.primitive import primitive
from xnet.types import Array


@primitive
def logistic(w: Array, b: Array, X: Array, Y: Array) -> tuple[Array, tuple[Array, ...]]:
    """Z = wᵀX + b, A = σ(Z), J = -(1/m) Σ (y ln a + (1 - y) ln(1 - a))   (C2, C9)

    w (n, 1), b (1, 1), X (n, m), Y (1, m) → J ().
    """
    xp = array_namespace(X)
    Z = xp.matrix_transpose(w) @ X + b
    J, cache = sigmoid_cross_entropy(Z, Y)
    return J, (X, *cache)


def logistic_backward(dJ: Array, cache: tuple[Array, ...]) -> tuple[Array, Array]:
    """dZ = (A - Y)/m, dw = X dZᵀ, db = Σ dZ   (C9)"""
    X, *cost_cache = cache
    xp = array_namespace(X)
    dZ = sigmoid_cross_entropy_backward(dJ, tuple(cost_cache))
    dw = X @ xp.matrix_transpose(dZ)
    db = xp.sum(dZ, axis=-1, keepdims=True)
    return dw, db
