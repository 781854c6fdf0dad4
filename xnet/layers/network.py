"""A network: layers in a row.  It is a layer itself, so networks nest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from xnet import random, trees
from xnet.errors import ShapeError, ValueRangeError
from xnet.layers.layer import Layer, shape_of_one
from xnet.layers.summary import Row, Summary
from xnet.types import Array, Shape, Tree


@dataclass(frozen=True, repr=False, init=False)
class Network(Layer):
    """Layers in a row: Network([Dense(64, "relu"), Dense(10)]).  It is a layer, so networks nest."""

    layers: tuple[Layer, ...]

    def __init__(self, layers: Iterable[Layer]) -> None:
        if not isinstance(layers, Iterable):
            raise ValueRangeError(
                f"Network: layers must be a list of them; got layers={layers!r}; Network([{layers!r}])"
            )
        object.__setattr__(self, "layers", tuple(layers))
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise ValueRangeError(f"Network: entries must be layers, like Dense(10); got layers[{i}]={layer!r}")

    @property
    def forward_options(self) -> frozenset[str]:  # type: ignore[override]
        """Which of `training` and `key` any of the layers takes."""
        return frozenset().union(*(layer.forward_options for layer in self.layers))

    def build(self, key: Array | None, in_shape: Shape) -> tuple[list[Tree], Shape]:
        params, shape = [], in_shape
        for i, (layer, layer_key) in enumerate(zip(self.layers, self._keys(key), strict=True)):
            try:
                layer_params, shape = layer.build(layer_key, shape)
            except ShapeError as error:
                raise ShapeError(f"layer {i + 1}, {error}") from None
            params.append(layer_params)
        return params, shape

    def forward(
        self, params: Tree, X: Array, training: bool = False, key: Array | None = None
    ) -> tuple[Array, list[Any]]:
        """A[0] = X; A[l] = g(W[l] A[l-1] + b[l]) for l = 1 … L.   (C24)"""
        if len(params) != len(self.layers):
            raise ShapeError(
                f"Network: params must have an entry a layer; got len(params)={len(params)}, "
                f"len(layers)={len(self.layers)}; params = net.init(in_shape) makes them"
            )
        keys = self._keys(key if "key" in self.forward_options else None)
        A, caches = X, []
        for i, (layer, layer_params, layer_key) in enumerate(zip(self.layers, params, keys, strict=True)):
            try:
                A, cache = layer.run(layer_params, A, training, layer_key)
            except ShapeError as error:
                raise ShapeError(f"layer {i + 1}, {error}") from None
            caches.append(cache)
        return A, caches

    def backward(self, params: Tree, dY: Array, cache: list[Any]) -> tuple[Array, list[Tree]]:
        """dA[l-1], dW[l], db[l] from dA[l] for l = L … 1.   (C24)"""
        return self._backward(0, params, dY, cache)

    def gradients(self, params: Tree, dY: Array, cache: list[Any]) -> list[Tree]:
        """As `backward`, down to the first layer that has parameters."""
        first = next((i for i, layer_params in enumerate(params) if trees.leaves(layer_params)), None)
        if first is None:
            return list(params)
        dA, grads = self._backward(first + 1, params, dY, cache)
        return [*params[:first], self.layers[first].gradients(params[first], dA, cache[first]), *grads]

    def _backward(self, first: int, params: Tree, dY: Array, cache: list[Any]) -> tuple[Array, list[Tree]]:
        """backward of the layers from that number on."""
        dA, grads = dY, []
        for i in reversed(range(first, len(self.layers))):
            dA, layer_grads = self.layers[i].backward(params[i], dA, cache[i])
            grads.append(layer_grads)
        return dA, grads[::-1]

    def check_key(self, training: bool, key: Array | None) -> None:
        """Each layer checks its own."""

    def roles(self, params: Tree) -> list[Tree]:
        return [layer.roles(layer_params) for layer, layer_params in zip(self.layers, params, strict=True)]

    def absorb_input(self, params: Tree, mean: Array, scale: Array) -> list[Tree]:
        """By the first layer."""
        if not self.layers:
            return super().absorb_input(params, mean, scale)  # type: ignore[no-any-return]
        return [self.layers[0].absorb_input(params[0], mean, scale), *params[1:]]

    def absorb_output(self, params: Tree, mean: Array, scale: Array) -> list[Tree]:
        """By the last layer."""
        if not self.layers:
            return super().absorb_output(params, mean, scale)  # type: ignore[no-any-return]
        return [*params[:-1], self.layers[-1].absorb_output(params[-1], mean, scale)]

    def summary(self, in_shape: Shape) -> Summary:
        """A table of the shapes of X, of each W and b, and of each Z and A, for print and for notebooks.   (C24)"""
        shape = shape_of_one(in_shape)
        return Summary((Row("0", "X", {}, shape, 0), *self._rows("", shape)))

    def _rows(self, prefix: str, shape: Shape) -> Iterator[Row]:
        params, _ = self.build(None, shape)
        for i, (layer, layer_params) in enumerate(zip(self.layers, params, strict=True)):
            name = f"{prefix}{i + 1}"
            if isinstance(layer, Network):
                yield from layer._rows(f"{name}.", shape)
            _, shape = layer.build(None, shape)
            if not isinstance(layer, Network):
                shapes = {path: tuple(leaf.shape) for path, leaf in trees.named_leaves(layer_params)}
                roles = dict(trees.named_leaves(layer.roles(layer_params)))
                learned = sum(prod(shapes[path]) for path, role in roles.items() if role != "statistic")
                yield Row(name, repr(layer), shapes, shape, learned)

    def _keys(self, key: Array | None) -> list[Array | None]:
        return [None] * len(self.layers) if key is None else list(random.split(key, len(self.layers)))
