"""The course's for-loops as it first writes them: the slow twin of each kernel, and its oracle.

One number at a time, in Python's own float; NumPy only holds the arrays.  Results have the arguments' dtype.
ln 0, 1/0, e¹⁰⁰⁰ and a mean over no examples raise, as Python has it.  Shapes are taken at their word.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xnet.types import Array


def _dtype(*arrays: Any) -> Any:
    """float32 stays float32; lists and whole numbers become float64."""
    return np.result_type(np.float32, *(getattr(array, "dtype", float) for array in arrays))


# Vectors (C10, C11)


def dot(a: Array, b: Array) -> Array:
    """C10.  c = Σ aᵢ bᵢ.   a, b: n numbers each → one number."""
    c = 0.0
    for i in range(len(a)):
        c += float(a[i]) * float(b[i])
    return np.asarray(c, dtype=_dtype(a, b))


def exp(v: Array) -> Array:
    """C11.  uᵢ = e^vᵢ.   v (n,) → u (n,), here and below."""
    u = np.empty(len(v), dtype=_dtype(v))
    for i in range(len(v)):
        u[i] = math.exp(v[i])
    return u


def log(v: Array) -> Array:
    """C11.  uᵢ = ln vᵢ"""
    u = np.empty(len(v), dtype=_dtype(v))
    for i in range(len(v)):
        u[i] = math.log(v[i])
    return u


def abs(v: Array) -> Array:
    """C11.  uᵢ = |vᵢ|"""
    u = np.empty(len(v), dtype=_dtype(v))
    for i in range(len(v)):
        u[i] = math.fabs(v[i])
    return u


def square(v: Array) -> Array:
    """C11.  uᵢ = vᵢ²"""
    u = np.empty(len(v), dtype=_dtype(v))
    for i in range(len(v)):
        u[i] = float(v[i]) ** 2
    return u


def add(a: Array, b: Array) -> Array:
    """C11.  uᵢ = aᵢ + bᵢ"""
    u = np.empty(len(a), dtype=_dtype(a, b))
    for i in range(len(a)):
        u[i] = float(a[i]) + float(b[i])
    return u


def divide(a: Array, b: Array) -> Array:
    """C11.  uᵢ = aᵢ / bᵢ"""
    u = np.empty(len(a), dtype=_dtype(a, b))
    for i in range(len(a)):
        u[i] = float(a[i]) / float(b[i])
    return u


def maximum(a: Array, b: Array) -> Array:
    """C11.  uᵢ = max(aᵢ, bᵢ)"""
    u = np.empty(len(a), dtype=_dtype(a, b))
    for i in range(len(a)):
        # A NaN in either is handed on, as array libraries do; Python's max would lose one in b.
        u[i] = a[i] if a[i] >= b[i] or math.isnan(a[i]) else b[i]
    return u


def zeros(n: int, dtype: Any = "float64") -> Array:
    """C11.  uᵢ = 0"""
    u = np.empty(n, dtype=dtype)
    for i in range(n):
        u[i] = 0.0
    return u


# Matrices and layers (C12)


def matvec(W: Array, x: Array) -> Array:
    """C12.  uᵢ = Σⱼ Wᵢⱼ xⱼ.   W (k, n), x (n, 1) → u (k, 1)."""
    k, n = W.shape
    u = np.empty((k, 1), dtype=_dtype(W, x))
    for i in range(k):
        s = 0.0
        for j in range(n):
            s += float(W[i, j]) * float(x[j, 0])
        u[i, 0] = s
    return u


def matmul(W: Array, A: Array) -> Array:
    """C12.  Zᵢⱼ = Σₖ Wᵢₖ Aₖⱼ.   W (k, n), A (n, m) → Z (k, m)."""
    (rows, inner), columns = W.shape, A.shape[1]
    Z = np.empty((rows, columns), dtype=_dtype(W, A))
    for i in range(rows):
        for j in range(columns):
            s = 0.0
            for k in range(inner):
                s += float(W[i, k]) * float(A[k, j])
            Z[i, j] = s
    return Z


def dense_per_unit(A: Array, W: Array, b: Array) -> Array:
    """C12.  A layer unit by unit: zᵢ = wᵢᵀ a + bᵢ, for each example.

    A (n, m), W (k, n), b (k, 1) → Z (k, m).
    """
    (k, n), m = W.shape, A.shape[1]
    Z = np.empty((k, m), dtype=_dtype(A, W, b))
    for i in range(k):
        for example in range(m):
            z = float(b[i, 0])
            for j in range(n):
                z += float(W[i, j]) * float(A[j, example])
            Z[i, example] = z
    return Z


# The functions of one number z (C19) and the loss of one example (C2)


def sigmoid(z: float) -> float:
    """C19.  a = 1 / (1 + e⁻ᶻ); below zero eᶻ / (1 + eᶻ), for e⁻ᶻ overflows there."""
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    e = math.exp(z)
    return e / (1 + e)


def tanh(z: float) -> float:
    """C19.  a = tanh z"""
    return math.tanh(z)


def relu(z: float) -> float:
    """C19.  a = max(z, 0)"""
    return max(z, 0.0)


def leaky_relu(z: float, slope: float = 0.01) -> float:
    """C19.  a = z where z > 0, else slope · z"""
    return z if z > 0 else slope * z


def activate(g: Callable[[float], float], Z: Array) -> Array:
    """C19.  aᵢⱼ = g(zᵢⱼ).   `activate(relu, Z)`: Z (n, m) → A (n, m)."""
    n, m = Z.shape
    A = np.empty((n, m), dtype=_dtype(Z))
    for i in range(n):
        for j in range(m):
            A[i, j] = g(float(Z[i, j]))
    return A


def cross_entropy(z: float, y: float) -> float:
    """C2.  L = -(y ln a + (1 - y) ln(1 - a)) of a = σ(z), from z: max(z, 0) - y z + ln(1 + e^-|z|)."""
    return max(z, 0.0) - y * z + math.log1p(math.exp(-math.fabs(z)))


# Logistic regression, from two loops to one (C7, C8); without any it is `xnet.kernels.logistic` (C9)


def logistic_two_loops(w: Array, b: Array, X: Array, Y: Array) -> tuple[Array, Array, Array]:
    """C7.  dz = a - y, dwⱼ += xⱼ dz, db += dz: a loop over examples, in it one over features; then / m.

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
    mean_dw = np.empty((n, 1), dtype=_dtype(w))
    for j in range(n):
        mean_dw[j, 0] = dw[j] / m
    return np.asarray(J / m, dtype=_dtype(w, X)), mean_dw, np.full(np.shape(b), db / m, dtype=_dtype(w))


def logistic_one_loop(w: Array, b: Array, X: Array, Y: Array) -> tuple[Array, Array, Array]:
    """C8.  z = wᵀx + b, dz = a - y, dw += x dz with dw a vector: one loop, over the examples; then / m."""
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
    mean_dw = (dw / m).astype(_dtype(w))
    return np.asarray(J / m, dtype=_dtype(w, X)), mean_dw, np.full(np.shape(b), db / m, dtype=_dtype(w))


# A network of two layers, tanh and σ (C18, C22)


def network_one_example(x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    """C18.  z1 = W1 x + b1, a1 = tanh(z1), z2 = W2 a1 + b2, ŷ = a2 = σ(z2).   x (n0, 1) → a2 (n2, 1)."""
    z1 = dense_per_unit(x, W1, b1)
    a1 = activate(tanh, z1)
    z2 = dense_per_unit(a1, W2, b2)
    return activate(sigmoid, z2)


def network_per_example(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    """C18.  The same for i = 1…m, one column after the other.   X (n0, m) → A2 (n2, m)."""
    n2, m = W2.shape[0], X.shape[1]
    A2 = np.empty((n2, m), dtype=_dtype(X, W1, b1, W2, b2))
    for i in range(m):
        A2[:, i : i + 1] = network_one_example(X[:, i : i + 1], W1, b1, W2, b2)
    return A2


def backprop_one_example(
    x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """C22.  dz2 = a2 - y, dW2 = dz2 a1ᵀ, db2 = dz2, dz1 = W2ᵀ dz2 * (1 - a1²), dW1 = dz1 xᵀ, db1 = dz1.

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
    """C22.  J += L, dW1 += …, db2 += … for i = 1…m; then / m.   X (n0, m), Y (n2, m) → J, dW1, … db2."""
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
        np.asarray(J / m, dtype=_dtype(X, W1, b1, W2, b2)),
        _divided(dW1, m, _dtype(W1)),
        _divided(db1, m, _dtype(b1)),
        _divided(dW2, m, _dtype(W2)),
        _divided(db2, m, _dtype(b2)),
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
