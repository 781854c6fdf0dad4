"""The functions of the cases: inputs of any size, the array form of each, and loops that `xnet.loops` lacks."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from array_api_compat import array_namespace

from xnet import kernels, loops
from xnet.layers import Dense, Network
from xnet.train import Step
from xnet.train.costs import Cost
from xnet.train.optimizers import SGD
from xnet.types import Array, Tree

Inputs = tuple[Tree, ...]
Random = np.random.Generator

# Vectors (C10, C11) and matrices (C12, C13, C15)


def vectors(count: int, n: int, dtype: str, rng: Random) -> Inputs:
    """Numbers from 0.5 to 1.5: their logarithms exist, and no digits cancel in their sums."""
    return tuple(rng.random(n, dtype=np.dtype(dtype)) + np.asarray(0.5, dtype) for _ in range(count))


def dot(a: Array, b: Array) -> Array:
    return a @ b


def exp(v: Array) -> Array:
    return array_namespace(v).exp(v)


def log(v: Array) -> Array:
    return array_namespace(v).log(v)


def abs(v: Array) -> Array:
    return array_namespace(v).abs(v)


def maximum(a: Array, b: Array) -> Array:
    return array_namespace(a).maximum(a, b)


def square(v: Array) -> Array:
    return v**2


def divide(a: Array, b: Array) -> Array:
    return a / b


def zeros(v: Array) -> Array:
    # Not zeros(n): for that, operating systems return pages that are cleared only at the first access.
    return array_namespace(v).zeros_like(v)


def zeros_loop(v: Array) -> Array:
    return loops.zeros(len(v), v.dtype)


def reshape(v: Array) -> Array:
    return array_namespace(v).reshape(v, (2, -1))


ROWS = 1000


def matrix_and(column: int, m: int, dtype: str, rng: Random) -> Inputs:
    """A matrix (ROWS, m), and a column of `column` numbers, or of m numbers if `column` is 0."""
    A, b = vectors(1, ROWS * m, dtype, rng), vectors(1, column or m, dtype, rng)
    return A[0].reshape(ROWS, m), b[0].reshape(-1, 1)


def add_column(A: Array, b: Array) -> Array:
    return A + b


def add_column_loop(A: Array, b: Array) -> Array:
    """`xnet.loops.add` for each column."""
    U = np.empty_like(A)
    for i in range(A.shape[1]):
        U[:, i] = loops.add(A[:, i], b[:, 0])
    return U


def matvec(W: Array, x: Array) -> Array:
    return W @ x


# Layers, networks and their gradients (C7 to C9, C12, C18, C22)

Sizes = tuple[int, ...]
FEATURES, EXAMPLES = 100, 1000
LAYER, TWO_LAYERS = (100, 100), (100, 20, 1)
FLOWER, DEEP = (2, 4, 1), (128, 64, 64, 64, 1)


def weights(sizes: Sizes, dtype: str, rng: Random) -> list[Array]:
    """W1, b1, W2, b2, … with a variance of 1/n, so that no unit saturates."""
    drawn = [
        V for n, k in pairwise(sizes) for V in (rng.standard_normal((k, n)) / n**0.5, 0.1 * rng.standard_normal((k, 1)))
    ]
    return [V.astype(dtype) for V in drawn]


def examples(n: int, m: int, dtype: str, rng: Random) -> tuple[Array, Array]:
    """X (n, m) and Y (1, m)."""
    return rng.standard_normal((n, m)).astype(dtype), rng.integers(0, 2, (1, m)).astype(dtype)


def logistic_inputs(n: int, m: int, dtype: str, rng: Random) -> Inputs:
    W, b = weights((n, 1), dtype, rng)
    return np.ascontiguousarray(W.T), b, *examples(n, m, dtype, rng)


def logistic(w: Array, b: Array, X: Array, Y: Array) -> tuple[Array, Array, Array]:
    """J, dw, db without loops   (C9)"""
    J, cache = kernels.logistic(w, b, X, Y)
    return J, *kernels.logistic_backward(array_namespace(J).ones_like(J), cache)


def logistic_bytes(n: int, m: int, itemsize: int) -> int:
    """w, b, X, Y in; J, dw, db out."""
    return itemsize * (n * m + m + 2 * (n + 1) + 1)


def layer_inputs(m: int, dtype: str, rng: Random) -> Inputs:
    return examples(LAYER[0], m, dtype, rng)[0], *weights(LAYER, dtype, rng)


def layer(A: Array, W: Array, b: Array) -> Array:
    return kernels.linear(A, W, b)[0]


def forward_inputs(m: int, dtype: str, rng: Random) -> Inputs:
    return examples(TWO_LAYERS[0], m, dtype, rng)[0], *weights(TWO_LAYERS, dtype, rng)


def forward(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    """All examples at once, as columns   (C18)"""
    A1, _ = kernels.tanh(kernels.linear(X, W1, b1)[0])
    return kernels.sigmoid(kernels.linear(A1, W2, b2)[0])[0]


def forward_one_loop(X: Array, *params: Array) -> Array:
    """A loop over the examples, with vectors   (C18)"""
    return np.concatenate([forward(X[:, i : i + 1], *params) for i in range(X.shape[1])], axis=1)


def backprop_inputs(m: int, dtype: str, rng: Random) -> Inputs:
    return *examples(TWO_LAYERS[0], m, dtype, rng), *weights(TWO_LAYERS, dtype, rng)


def backprop(X: Array, Y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, ...]:
    """J, dW1, db1, dW2, db2 of all examples at once   (C22)"""
    Z1, linear1 = kernels.linear(X, W1, b1)
    A1, tanh = kernels.tanh(Z1)
    Z2, linear2 = kernels.linear(A1, W2, b2)
    J, cost = kernels.sigmoid_cross_entropy(Z2, Y)
    dZ2 = kernels.sigmoid_cross_entropy_backward(array_namespace(J).ones_like(J), cost)
    dA1, dW2, db2 = kernels.linear_backward(dZ2, linear2)
    _, dW1, db1 = kernels.linear_backward(kernels.tanh_backward(dA1, tanh), linear1)
    return J, dW1, db1, dW2, db2


def backprop_one_loop(X: Array, Y: Array, *params: Array) -> tuple[Array, ...]:
    """The mean of J, dW1, … over a loop over the examples, with vectors   (C22)"""
    m = X.shape[1]
    each = [backprop(X[:, i : i + 1], Y[:, i : i + 1], *params) for i in range(m)]
    return tuple(sum(parts) / m for parts in zip(*each, strict=True))


# A whole step of gradient descent (C4, C21, C24)

RATE = 0.1


def step_inputs(sizes: Sizes, m: int, dtype: str, rng: Random) -> Inputs:
    flat = weights(sizes, dtype, rng)
    return [{"W": W, "b": b} for W, b in zip(flat[::2], flat[1::2], strict=True)], *examples(sizes[0], m, dtype, rng)


def step(sizes: Sizes) -> Callable[..., Tree]:
    """(params, X, Y) → (params, J), with tanh in the hidden layers and σ in the last."""
    *hidden, last = sizes[1:]
    net = Network([*(Dense(units, "tanh") for units in hidden), Dense(last)])
    descent = SGD(RATE)
    update = Step(net, Cost("sigmoid_cross_entropy"), descent)

    def f(params: Tree, X: Array, Y: Array) -> Tree:
        new, _, J = update(params, descent.init(params), X, Y)
        return new, J

    return f


def step_loop(params: Tree, X: Array, Y: Array) -> Tree:
    """The same step with loops only: forward and backward through the layers, then W := W - α dW."""
    m = X.shape[1]
    A = [X]
    for layer in params[:-1]:
        A.append(loops.activate(loops.tanh, loops.dense_per_unit(A[-1], **layer)))
    Z = loops.dense_per_unit(A[-1], **params[-1])
    J, dZ = 0.0, np.empty_like(Z)
    for i in range(m):
        z, y = float(Z[0, i]), float(Y[0, i])
        J += loops.cross_entropy(z, y)
        dZ[0, i] = (loops.sigmoid(z) - y) / m
    new = []
    for layer, a in zip(reversed(params), reversed(A), strict=True):
        dW, db = loops.matmul(dZ, a.T), loops.matmul(dZ, np.ones((m, 1), X.dtype))
        new.append({"W": descend(layer["W"], dW), "b": descend(layer["b"], db)})
        if a is not X:
            dA = loops.matmul(layer["W"].T, dZ)
            dZ = np.empty_like(dA)
            for i, j in np.ndindex(dA.shape):
                dZ[i, j] = float(dA[i, j]) * (1 - float(a[i, j]) ** 2)
    return new[::-1], np.asarray(J / m, X.dtype)


def descend(V: Array, dV: Array) -> Array:
    """vᵢⱼ := vᵢⱼ - α dvᵢⱼ"""
    new = np.empty_like(V)
    for i, j in np.ndindex(V.shape):
        new[i, j] = float(V[i, j]) - RATE * float(dV[i, j])
    return new


def numbers(sizes: Sizes) -> int:
    """The number of weights and biases."""
    return sum(k * (n + 1) for n, k in pairwise(sizes))


def products(sizes: Sizes) -> int:
    """The flops of W A for one example in every layer."""
    return sum(2 * k * n for n, k in pairwise(sizes))


def both_ways(sizes: Sizes) -> int:
    """The flops of W A, dZ Aᵀ and Wᵀ dZ for one example; the features need no gradient."""
    return 3 * products(sizes) - products(sizes[:2])
