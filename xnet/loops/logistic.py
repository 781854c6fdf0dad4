"""Logistic regression: its loss (C2), and its gradient with two loops (C7) and with one (C8)."""

import math

import numpy as np

from xnet.loops.activation import sigmoid
from xnet.loops.dtypes import common_dtype
from xnet.types import Array


def cross_entropy(z: float, y: float) -> float:
    """L = -(y ln a + (1 - y) ln(1 - a)) of a = σ(z), from z: max(z, 0) - y z + ln(1 + e^-|z|)   (C2)"""
    return max(z, 0.0) - y * z + math.log1p(math.exp(-math.fabs(z)))


def logistic_two_loops(w: Array, b: Array, X: Array, Y: Array) -> tuple[Array, Array, Array]:
    """dz = a - y, dwⱼ += xⱼ dz, db += dz: a loop over examples that contains a loop over features; then / m   (C7)

    w (n, 1), b (1, 1) or a number, X (n, m), Y (1, m) → J, dw, db.
    """
    n, m = X.shape
    bias = np.asarray(b).item()
    J, db = 0.0, 0.0
    dw = [0.0] * n
    for i in range(m):
        z = bias
        for j in range(n):
            z += float(w[j, 0]) * float(X[j, i])
        y = float(Y[0, i])
        J += cross_entropy(z, y)
        dz = sigmoid(z) - y
        for j in range(n):
            dw[j] += float(X[j, i]) * dz
        db += dz
    mean_dw = np.empty((n, 1), dtype=common_dtype(w))
    for j in range(n):
        mean_dw[j, 0] = dw[j] / m
    return np.asarray(J / m, dtype=common_dtype(w, X)), mean_dw, np.full(np.shape(b), db / m, dtype=common_dtype(w))


def logistic_one_loop(w: Array, b: Array, X: Array, Y: Array) -> tuple[Array, Array, Array]:
    """z = wᵀx + b, dz = a - y, dw += x dz with dw a vector: one loop, over the examples; then / m   (C8)"""
    n, m = X.shape
    bias = np.asarray(b).item()
    J, db = 0.0, 0.0
    dw = np.zeros((n, 1))
    for i in range(m):
        x = X[:, i : i + 1]
        z = (w.T @ x).item() + bias
        y = float(Y[0, i])
        J += cross_entropy(z, y)
        dz = sigmoid(z) - y
        dw += x * dz
        db += dz
    mean_dw = (dw / m).astype(common_dtype(w))
    return np.asarray(J / m, dtype=common_dtype(w, X)), mean_dw, np.full(np.shape(b), db / m, dtype=common_dtype(w))
