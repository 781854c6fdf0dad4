"""Vectors: the dot product (C10) and functions of each number (C11)."""

import math
from typing import Any

import numpy as np

from xnet.loops.dtypes import common_dtype
from xnet.types import Array


def dot(a: Array, b: Array) -> Array:
    """c = Σ aᵢ bᵢ   (C10).   a, b: n numbers each → one number."""
    c = 0.0
    for i in range(len(a)):
        c += float(a[i]) * float(b[i])
    return np.asarray(c, dtype=common_dtype(a, b))


def exp(v: Array) -> Array:
    """uᵢ = e^vᵢ   (C11).   v (n,) → u (n,), here and below."""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = math.exp(v[i])
    return u


def log(v: Array) -> Array:
    """uᵢ = ln vᵢ   (C11)"""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = math.log(v[i])
    return u


def abs(v: Array) -> Array:
    """uᵢ = |vᵢ|   (C11)"""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = math.fabs(v[i])
    return u


def square(v: Array) -> Array:
    """uᵢ = vᵢ²   (C11)"""
    u = np.empty(len(v), dtype=common_dtype(v))
    for i in range(len(v)):
        u[i] = float(v[i]) ** 2
    return u


def add(a: Array, b: Array) -> Array:
    """uᵢ = aᵢ + bᵢ   (C11)"""
    u = np.empty(len(a), dtype=common_dtype(a, b))
    for i in range(len(a)):
        u[i] = float(a[i]) + float(b[i])
    return u


def divide(a: Array, b: Array) -> Array:
    """uᵢ = aᵢ / bᵢ   (C11)"""
    u = np.empty(len(a), dtype=common_dtype(a, b))
    for i in range(len(a)):
        u[i] = float(a[i]) / float(b[i])
    return u


def maximum(a: Array, b: Array) -> Array:
    """uᵢ = max(aᵢ, bᵢ)   (C11)"""
    u = np.empty(len(a), dtype=common_dtype(a, b))
    for i in range(len(a)):
        # NaN in either argument gives NaN, as in array libraries; Python's max would lose a NaN in b.
        u[i] = a[i] if a[i] >= b[i] or math.isnan(a[i]) else b[i]
    return u


def zeros(n: int, dtype: Any = "float64") -> Array:
    """uᵢ = 0   (C11)"""
    u = np.empty(n, dtype=dtype)
    for i in range(n):
        u[i] = 0.0
    return u
