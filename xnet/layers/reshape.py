"""Layers that change the shape of an example and nothing else."""

from dataclasses import dataclass
from math import prod

from array_api_compat import array_namespace

from xnet import guards
from xnet.layers.layer import Layer
from xnet.types import Array, Shape, Tree


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """(height, width, 3, m) → (height · width · 3, m): each example becomes a column.   (C1)"""

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        return {}, (prod(in_shape),)

    def forward(self, params: Tree, X: Array) -> tuple[Array, Shape]:
        guards.array(self, X=X)
        *in_shape, _ = X.shape
        return array_namespace(X).reshape(X, (prod(in_shape), -1)), tuple(in_shape)

    def backward(self, params: Tree, dY: Array, cache: Shape) -> tuple[Array, Tree]:
        return array_namespace(dY).reshape(dY, (*cache, -1)), {}
