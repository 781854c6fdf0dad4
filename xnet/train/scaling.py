"""Data brought to mean 0 and variance 1 for training, and networks that take and give the raw data afterwards."""

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from xnet import trees
from xnet.backends import HOST, backend_of
from xnet.backends import backend as find_backend
from xnet.layers.layer import Layer
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


def into_inputs(net: Layer, params: Tree, x: Scaling) -> Tree:
    """Parameters for the raw X, of a network that was trained on x(X)."""
    return trees.map(like, net.absorb_input(trees.map(wide, params), x.mean, x.scale), params)


def into_outputs(net: Layer, params: Tree, y: Scaling) -> Tree:
    """Parameters that give the raw Y, of a network that was trained on y(Y)."""
    return trees.map(like, net.absorb_output(trees.map(wide, params), y.mean, y.scale), params)


def wide(X: Any) -> Array:
    """X on the host in float64, where a mean far from 0 costs no digits."""
    return find_backend(HOST).asarray(X, dtype="float64")


def like(X: Array, other: Array) -> Array:
    """X on the backend of the other, in its dtype."""
    backend, dtype = backend_of(other), str(other.dtype).rpartition(".")[2]
    return backend.asarray(find_backend(HOST).asarray(X, dtype=dtype))
