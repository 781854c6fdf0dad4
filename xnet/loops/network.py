"""A two-layer network, one example at a time (C18, C22)."""

from typing import Any

import numpy as np

from xnet.loops.activation import activate, sigmoid, tanh
from xnet.loops.dtypes import common_dtype
from xnet.loops.linear import dense_per_unit, matmul
from xnet.loops.logistic import cross_entropy
from xnet.types import Array


def network_one_example(x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    """z1 = W1 x + b1, a1 = tanh(z1), z2 = W2 a1 + b2, ŷ = a2 = σ(z2)   (C18).   x (n0, 1) → a2 (n2, 1)."""
    z1 = dense_per_unit(x, W1, b1)
    a1 = activate(tanh, z1)
    z2 = dense_per_unit(a1, W2, b2)
    return activate(sigmoid, z2)


def network_per_example(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    """The same for i = 1…m, one column after the other   (C18).   X (n0, m) → A2 (n2, m)."""
    n2, m = W2.shape[0], X.shape[1]
    A2 = np.empty((n2, m), dtype=common_dtype(X, W1, b1, W2, b2))
    for i in range(m):
        A2[:, i : i + 1] = network_one_example(X[:, i : i + 1], W1, b1, W2, b2)
    return A2


def backprop_one_example(
    x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """dz2 = a2 - y, dW2 = dz2 a1ᵀ, db2 = dz2, dz1 = W2ᵀ dz2 * (1 - a1²), dW1 = dz1 xᵀ, db1 = dz1   (C22)

    x (n0, 1), y (n2, 1) → L, dW1, db1, dW2, db2.  Losses of several units are added.
    """
    z1 = dense_per_unit(x, W1, b1)
    a1 = activate(tanh, z1)
    z2 = dense_per_unit(a1, W2, b2)
    a2 = activate(sigmoid, z2)
    L = 0.0
    dz2 = np.empty(z2.shape, dtype=z2.dtype)
    for i in range(len(z2)):
        L += cross_entropy(float(z2[i, 0]), float(y[i, 0]))
        dz2[i, 0] = float(a2[i, 0]) - float(y[i, 0])
    dW2 = matmul(dz2, a1.T)
    da1 = matmul(W2.T, dz2)
    dz1 = np.empty(z1.shape, dtype=z1.dtype)
    for i in range(len(z1)):
        dz1[i, 0] = float(da1[i, 0]) * (1 - float(a1[i, 0]) ** 2)
    dW1 = matmul(dz1, x.T)
    return np.asarray(L, dtype=z2.dtype), dW1, dz1, dW2, dz2


def backprop_per_example(
    X: Array, Y: Array, W1: Array, b1: Array, W2: Array, b2: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """J += L, dW1 += …, db2 += … for i = 1…m; then / m   (C22).   X (n0, m), Y (n2, m) → J, dW1, … db2."""
    m = X.shape[1]
    J = 0.0
    dW1, db1, dW2, db2 = np.zeros(W1.shape), np.zeros(b1.shape), np.zeros(W2.shape), np.zeros(b2.shape)
    for i in range(m):
        L, *one = backprop_one_example(X[:, i : i + 1], Y[:, i : i + 1], W1, b1, W2, b2)
        J += float(L)
        _add_to(dW1, one[0])
        _add_to(db1, one[1])
        _add_to(dW2, one[2])
        _add_to(db2, one[3])
    return (
        np.asarray(J / m, dtype=common_dtype(X, W1, b1, W2, b2)),
        _divided(dW1, m, common_dtype(W1)),
        _divided(db1, m, common_dtype(b1)),
        _divided(dW2, m, common_dtype(W2)),
        _divided(db2, m, common_dtype(b2)),
    )


def _add_to(total: Array, V: Array) -> None:
    """totalᵢⱼ += Vᵢⱼ"""
    rows, columns = total.shape
    for i in range(rows):
        for j in range(columns):
            total[i, j] += float(V[i, j])


def _divided(total: Array, m: int, dtype: Any) -> Array:
    """totalᵢⱼ / m"""
    rows, columns = total.shape
    mean = np.empty((rows, columns), dtype=dtype)
    for i in range(rows):
        for j in range(columns):
            mean[i, j] = total[i, j] / m
    return mean
