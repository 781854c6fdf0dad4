"""Columns of very different sizes, brought to mean 0 and variance 1 to train on; the weights then take the raw ones."""

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from xnet.backends import HOST, of
from xnet.backends import backend as find_backend
from xnet.types import Array, Tree


@dataclass(frozen=True, eq=False)
class Scaling:
    """x → (x - mean) / scale, for each row of X."""

    mean: Array
    scale: Array

    @classmethod
    def of(cls, X: Array) -> "Scaling":
        """Mean and standard deviation over the examples; a row that is the same everywhere is only shifted."""
        X = wide(X)
        xp = array_namespace(X)
        scale = xp.std(X, axis=-1, keepdims=True)
        return cls(xp.mean(X, axis=-1, keepdims=True), xp.where(scale > 0, scale, 1.0))

    def __call__(self, X: Array) -> Array:
        return array_namespace(X).astype((wide(X) - self.mean) / self.scale, X.dtype)


def into_first(params: list[Tree], x: Scaling) -> list[Tree]:
    """W (x - μ)/σ + b = (W/σ) x + (b - (W/σ) μ): the first layer of a row takes the raw x."""
    first = params[0]
    W = wide(first["W"]) / x.scale.T
    return [{"W": like(W, first["W"]), "b": like(wide(first["b"]) - W @ x.mean, first["b"])}, *params[1:]]


def into_last(params: list[Tree], y: Scaling) -> list[Tree]:
    """σ (W a + b) + μ = (σ W) a + (σ b + μ): the last layer of a row, which has no activation, gives the raw y."""
    last = params[-1]
    W, b = y.scale * wide(last["W"]), y.scale * wide(last["b"]) + y.mean
    return [*params[:-1], {"W": like(W, last["W"]), "b": like(b, last["b"])}]


def wide(X: Any) -> Array:
    """On the host in float64, where a mean far from 0 costs no digits and every backend's numbers fit."""
    return find_backend(HOST).asarray(X, dtype="float64")


def like(X: Array, other: Array) -> Array:
    backend, dtype = of(other), str(other.dtype).rpartition(".")[2]
    return backend.asarray(find_backend(HOST).asarray(X, dtype=dtype))
