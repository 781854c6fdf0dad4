"""Activation functions of one number, and of each number of an array (C19)."""

import math
from collections.abc import Callable

import numpy as np

from xnet.loops.dtypes import common_dtype
from xnet.types import Array


def sigmoid(z: float) -> float:
    """a = 1 / (1 + e⁻ᶻ); for z < 0, where e⁻ᶻ overflows, eᶻ / (1 + eᶻ)   (C19)"""
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    e = math.exp(z)
    return e / (1 + e)


def tanh(z: float) -> float:
    """a = tanh z   (C19)"""
    return math.tanh(z)


def relu(z: float) -> float:
    """a = max(z, 0)   (C19)"""
    return max(z, 0.0)


def leaky_relu(z: float, slope: float = 0.01) -> float:
    """a = z where z > 0, else slope · z   (C19)"""
    return z if z > 0 else slope * z


def activate(g: Callable[[float], float], Z: Array) -> Array:
    """aᵢⱼ = g(zᵢⱼ)   (C19).   `activate(relu, Z)`: Z (n, m) → A (n, m)."""
    n, m = Z.shape
    A = np.empty((n, m), dtype=common_dtype(Z))
    for i in range(n):
        for j in range(m):
            A[i, j] = g(float(Z[i, j]))
    return A
