"""Activation functions a = g(z) (C19), each with its derivative below it: dZ = dA * g'(Z).

At z = 0 the derivative is 0 for ReLU, as in PyTorch and JAX (the course's notes take 1), and the left derivative for
leaky ReLU and ELU.  At NaN the value and the derivative are NaN, but the derivative of ReLU is 1 and that of leaky ReLU
is its slope, as in PyTorch.
"""

from math import pi, sqrt

from array_api_compat import array_namespace

from xnet.kernels.erf import erf
from xnet.kernels.primitive import primitive
from xnet.types import Array


@primitive
def identity(Z: Array) -> tuple[Array, tuple[()]]:
    """a = z"""
    return Z, ()


def identity_backward(dA: Array, cache: tuple[()]) -> Array:
    """dz = da"""
    return dA


@primitive
def sigmoid(Z: Array) -> tuple[Array, Array]:
    """a = 1 / (1 + e⁻ᶻ)   (C19)

    Computed as e^min(z,0) / (1 + e^-|z|): no exponential overflows, and both tails keep their digits.
    """
    xp = array_namespace(Z)
    A = xp.exp(xp.minimum(Z, 0.0)) / (1 + xp.exp(-xp.abs(Z)))
    return A, A


def sigmoid_backward(dA: Array, cache: Array) -> Array:
    """dz = da · a (1 - a)   (C19)"""
    A = cache
    return dA * A * (1 - A)


@primitive
def tanh(Z: Array) -> tuple[Array, Array]:
    """a = tanh z   (C19)"""
    xp = array_namespace(Z)
    A = xp.tanh(Z)
    return A, A


def tanh_backward(dA: Array, cache: Array) -> Array:
    """dz = da (1 - a²)   (C19)"""
    A = cache
    return dA * (1 - A * A)


@primitive
def relu(Z: Array) -> tuple[Array, Array]:
    """a = max(0, z)   (C19)"""
    xp = array_namespace(Z)
    # Of two equal arguments NumPy returns the second, so -0.0 stays -0.0, as in PyTorch.
    A = xp.maximum(0.0, Z)
    return A, A


def relu_backward(dA: Array, cache: Array) -> Array:
    """dz = da · [z > 0]   (C19)"""
    A = cache
    xp = array_namespace(dA)
    # a ≠ 0 where z > 0, and where z is NaN.
    return dA * xp.astype(A != 0, dA.dtype)


@primitive
def leaky_relu(Z: Array, slope: float = 0.01) -> tuple[Array, tuple[Array, float]]:
    """a = z where z > 0, else slope · z   (C19)

    Computed as max(z, slope · z), or min where slope > 1.
    """
    xp = array_namespace(Z)
    larger = xp.maximum if slope <= 1 else xp.minimum
    return larger(Z, slope * Z), (Z, slope)


def leaky_relu_backward(dA: Array, cache: tuple[Array, float]) -> Array:
    """dz = da · (1 where z > 0, else slope)   (C19)"""
    Z, slope = cache
    xp = array_namespace(dA)
    return dA * (slope + (1 - slope) * xp.astype(Z > 0, dA.dtype))


@primitive
def elu(Z: Array, alpha: float = 1.0) -> tuple[Array, tuple[Array, float]]:
    """a = z where z > 0, else α (eᶻ - 1)   (Clevert, Unterthiner and Hochreiter 2015)

    Computed as max(z, 0) + α (e^min(z,0) - 1), which has the sign of z.
    """
    xp = array_namespace(Z)
    A = xp.maximum(Z, 0.0) + alpha * xp.expm1(xp.minimum(Z, 0.0))
    return xp.copysign(A, Z), (Z, alpha)


def elu_backward(dA: Array, cache: tuple[Array, float]) -> Array:
    """dz = da · (1 where z > 0, else α eᶻ)"""
    Z, alpha = cache
    xp = array_namespace(dA)
    return dA * xp.where(Z > 0, 1.0, alpha * xp.exp(xp.minimum(Z, 0.0)))


@primitive
def gelu(Z: Array) -> tuple[Array, tuple[Array, Array]]:
    """a = z Φ(z),  Φ(z) = ½ (1 + erf(z/√2))   (Hendrycks and Gimpel 2016, the exact form)"""
    Phi = 0.5 * (1 + erf(Z / sqrt(2))[0])
    return Z * Phi, (Z, Phi)


def gelu_backward(dA: Array, cache: tuple[Array, Array]) -> Array:
    """dz = da (Φ + z φ),  φ(z) = e^(-z²/2) / √(2π)"""
    Z, Phi = cache
    xp = array_namespace(dA)
    phi = xp.exp(-0.5 * Z * Z) / sqrt(2 * pi)
    return dA * (Phi + Z * phi)


@primitive
def silu(Z: Array) -> tuple[Array, tuple[Array, Array]]:
    """a = z σ(z)"""
    S = sigmoid(Z)[0]
    return Z * S, (Z, S)


def silu_backward(dA: Array, cache: tuple[Array, Array]) -> Array:
    """dz = da · σ (1 + z (1 - σ))"""
    Z, S = cache
    return dA * S * (1 + Z * (1 - S))


@primitive
def softplus(Z: Array) -> tuple[Array, Array]:
    """a = ln(1 + eᶻ) = max(z, 0) + ln(1 + e^-|z|)"""
    xp = array_namespace(Z)
    return xp.maximum(Z, 0.0) + xp.log1p(xp.exp(-xp.abs(Z))), Z


def softplus_backward(dA: Array, cache: Array) -> Array:
    """dz = da · σ(z)"""
    Z = cache
    return dA * sigmoid(Z)[0]


@primitive
def softmax(Z: Array) -> tuple[Array, Array]:
    """aᵢ = e^zᵢ / Σⱼ e^zⱼ, over the first axis: one distribution an example.   Z (classes, m) → A (classes, m)."""
    xp = array_namespace(Z)
    E = xp.exp(Z - xp.max(Z, axis=0, keepdims=True))
    A = E / xp.sum(E, axis=0, keepdims=True)
    return A, A


def softmax_backward(dA: Array, cache: Array) -> Array:
    """dz = a (da - Σⱼ aⱼ daⱼ)"""
    A = cache
    xp = array_namespace(dA)
    return A * (dA - xp.sum(A * dA, axis=0, keepdims=True))
