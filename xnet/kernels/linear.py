"""The affine map of every layer with weights."""

from array_api_compat import array_namespace

from xnet.kernels.primitive import primitive
from xnet.types import Array


@primitive
def linear(A: Array, W: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    """Z = W A + b   (C12, C18).   A (n, m), W (k, n), b (k, 1) → Z (k, m)."""
    return W @ A + b, (A, W)


def linear_backward(dZ: Array, cache: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """dA = Wᵀ dZ, dW = dZ Aᵀ, db = Σ dZ over the examples   (C21, C22)

    The course writes dW = (1/m) dZ Aᵀ and db = (1/m) Σ dZ.  Here dZ already includes the factor 1/m of the cost.
    """
    A, W = cache
    xp = array_namespace(dZ)
    dA = xp.matrix_transpose(W) @ dZ
    dW = dZ @ xp.matrix_transpose(A)
    db = xp.sum(dZ, axis=-1, keepdims=True)
    return dA, dW, db
