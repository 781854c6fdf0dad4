"""Matrix times vector, matrix product, and a layer unit by unit (C12)."""

import numpy as np

from xnet.loops.dtypes import common_dtype
from xnet.types import Array


def matvec(W: Array, x: Array) -> Array:
    """uᵢ = Σⱼ Wᵢⱼ xⱼ   (C12).   W (k, n), x (n, 1) → u (k, 1)."""
    k, n = W.shape
    u = np.empty((k, 1), dtype=common_dtype(W, x))
    for i in range(k):
        s = 0.0
        for j in range(n):
            s += float(W[i, j]) * float(x[j, 0])
        u[i, 0] = s
    return u


def matmul(W: Array, A: Array) -> Array:
    """Zᵢⱼ = Σₖ Wᵢₖ Aₖⱼ   (C12).   W (k, n), A (n, m) → Z (k, m)."""
    (rows, inner), columns = W.shape, A.shape[1]
    Z = np.empty((rows, columns), dtype=common_dtype(W, A))
    for i in range(rows):
        for j in range(columns):
            s = 0.0
            for k in range(inner):
                s += float(W[i, k]) * float(A[k, j])
            Z[i, j] = s
    return Z


def dense_per_unit(A: Array, W: Array, b: Array) -> Array:
    """A layer unit by unit: zᵢ = wᵢᵀ a + bᵢ, for each example   (C12)

    A (n, m), W (k, n), b (k, 1) → Z (k, m).
    """
    (k, n), m = W.shape, A.shape[1]
    Z = np.empty((k, m), dtype=common_dtype(A, W, b))
    for i in range(k):
        for example in range(m):
            z = float(b[i, 0])
            for j in range(n):
                z += float(W[i, j]) * float(A[j, example])
            Z[i, example] = z
    return Z
