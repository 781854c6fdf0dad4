"""Vectors: dot products and functions of each number (C10, C11)."""

import math
from typing import Any

import numpy as np

from xnet.loops.dtypes import common_dtype
from xnet.types import Array


def dot(a: Array, b: Array) -> Array:
    """C10.  c = Σ aᵢ bᵢ.   a, b: n numbers each → one number."""
    c = 0.0
    for i in range(len(a)):
        c += float(a[i]) * float(b[i])
    return np.asarray(c, dtype=common_dtype(a, b))


def exp(v: Array) -> Array:
    """C11.  uᵢ = e^vᵢ.   v (n,) → u (n,), here and below."""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = math.exp(v[i])
    return u


def log(v: Array) -> Array:
    """C11.  uᵢ = ln vᵢ"""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = math.log(v[i])
    return u


def abs(v: Array) -> Array:
    """C11.  uᵢ = |vᵢ|"""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = math.fabs(v[i])
    return u


def square(v: Array) -> Array:
    """C11.  uᵢ = vᵢ²"""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = float(v[i]) ** 2
    return u


def add(a: Array, b: Array) -> Array:
    """C11.  uᵢ = aᵢ + bᵢ"""
    u = np.empty(len(a), dtype=common_dtype(a, b))
    for i in range(len(a)):
        u[i] = float(a[i]) + float(b[i])
    return u


def divide(a: Array, b: Array) -> Array:
    """C11.  uᵢ = aᵢ / bᵢ"""
    u = np.empty(len(a), dtype=common_dtype(a, b))
    for i in range(len(a)):
        u[i] = float(a[i]) / float(b[i])
    return u


def maximum(a: Array, b: Array) -> Array:
    """C11.  uᵢ = max(aᵢ, bᵢ)"""
    u = np.empty(len(a), dtype=common_dtype(a, b))
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
