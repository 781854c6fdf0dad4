"""The affine map, from which every layer with weights is made."""

from array_api_compat import array_namespace

from xnet.kernels.primitive import primitive
from xnet.types import Array


@primitive
def linear(A: Array, W: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    """Z = W A + b.   A (n, m), W (k, n), b (k, 1) → Z (k, m)."""
    return W @ A + b, (A, W)


def linear_backward(dZ: Array, cache: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """dA = Wᵀ dZ, dW = dZ Aᵀ, db = Σ dZ over the examples.

    The course writes dW = (1/m) dZ Aᵀ and db = (1/m) Σ dZ; here that 1/m is in dZ already, put there by the cost.
    """
    A, W = cache
    xp = array_namespace(dZ)
    dA = xp.matrix_transpose(W) @ dZ
    dW = dZ @ xp.matrix_transpose(A)
    db = xp.sum(dZ, axis=-1, keepdims=True)
    return dA, dW, db
