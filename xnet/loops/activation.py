"""Activations of one number (C19), and of each number of an array."""

import math
from collections.abc import Callable

import numpy as np

from xnet.loops.dtypes import common_dtype
from xnet.types import Array


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
    A = np.empty((n, m), dtype=common_dtype(Z))
    for i in range(n):
        for j in range(m):
            A[i, j] = g(float(Z[i, j]))
    return A
