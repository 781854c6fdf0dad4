"""One row a layer: what it is fed, what it gives, and the shapes of what it learns.

A new layer needs a row here, and is then under every law of test_layers.py.  Activations bring their own rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

import xnet as xn
from xnet import names, trees
from xnet.backends import backend_of
from xnet.kernels import activation, linear

EXAMPLES = 5
ACTIVATIONS = sorted(names.public(activation))

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    name: str
    layer: xn.Layer
    in_shape: Shape
    out_shape: Shape
    shapes: dict[str, Shape]
    training: bool = False

    def __str__(self) -> str:
        return self.name

    def forward(self, params: Any, X: Any) -> tuple[Any, Any]:
        """Y and the cache, in training or in prediction; in training with the same key each time."""
        key = backend_of(X).asarray(xn.random.key(3)) if self.training else None
        return self.layer.run(params, X, self.training, key)


def by_name(params: Any, grads: Any) -> dict[str, Any]:
    """The gradient or `Becomes` of each entry of params."""
    found: dict[str, Any] = {}
    trees.map_named(lambda name, W, dW: found.update({name: dW}), params, grads)
    return found


@dataclass(frozen=True, repr=False)
class Forward(xn.Layer):
    """Dense, but with a forward alone."""

    units: int

    def build(self, key: Any, in_shape: Shape) -> tuple[Any, Shape]:
        return xn.Dense(self.units, "tanh").build(key, in_shape)

    def forward(self, params: Any, X: Any) -> Any:
        Z, _ = linear(X, params["W"], params["b"])
        return array_namespace(Z).tanh(Z)


@dataclass(frozen=True, repr=False)
class Squares(xn.Dense):
    """Dense with the squares of W for weights."""

    def forward(self, params: Any, X: Any) -> tuple[Any, Any]:
        W = params["W"]
        return W * W @ X + params["b"], (X, W)

    def backward(self, params: Any, dY: Any, cache: Any) -> tuple[Any, Any]:
        X, W = cache
        xp = array_namespace(dY)
        dW = 2 * W * (dY @ xp.matrix_transpose(X))
        return xp.matrix_transpose(W * W) @ dY, {"W": dW, "b": xp.sum(dY, axis=-1, keepdims=True)}


@dataclass(frozen=True, repr=False)
class SquaresForward(xn.Dense):
    """The same, by a forward alone."""

    def forward(self, params: Any, X: Any) -> Any:
        return params["W"] ** 2 @ X + params["b"]


@dataclass(frozen=True, repr=False)
class Gain(xn.Layer):
    """Y = g X, by a forward alone that has a cache all the same."""

    def build(self, key: Any, in_shape: Shape) -> tuple[Any, Shape]:
        return {"g": np.ones((*in_shape, 1), "float32")}, in_shape

    def forward(self, params: Any, X: Any) -> Any:
        return params["g"] * X, X


@dataclass(frozen=True, repr=False)
class BatchNorm(xn.Layer):
    """Y = γ (X - μ)/√(σ² + ε) + β: μ and σ² of the batch in training, their running means in prediction."""

    momentum: float = 0.9
    eps: float = 1e-5

    statistics = ("mean", "variance")

    def build(self, key: Any, in_shape: Shape) -> tuple[Any, Shape]:
        zeros, ones = np.zeros((*in_shape, 1), "float32"), np.ones((*in_shape, 1), "float32")
        return {"gamma": ones, "beta": zeros, "mean": zeros, "variance": ones}, in_shape

    def forward(self, params: Any, X: Any, training: bool = False) -> tuple[Any, Any]:
        xp = array_namespace(X)
        mean, variance = params["mean"], params["variance"]
        if training:
            mean = xp.mean(X, axis=-1, keepdims=True)
            variance = xp.mean((X - mean) ** 2, axis=-1, keepdims=True)
        scale = 1 / xp.sqrt(variance + self.eps)
        N = (X - mean) * scale
        return params["gamma"] * N + params["beta"], (N, scale, mean, variance, training)

    def backward(self, params: Any, dY: Any, cache: Any) -> tuple[Any, Any]:
        N, scale, mean, variance, training = cache
        xp = array_namespace(dY)
        dN = params["gamma"] * dY
        if training:
            dN = dN - xp.mean(dN, axis=-1, keepdims=True) - N * xp.mean(dN * N, axis=-1, keepdims=True)
        grads = {
            "gamma": xp.sum(dY * N, axis=-1, keepdims=True),
            "beta": xp.sum(dY, axis=-1, keepdims=True),
            "mean": xn.Becomes(self.running(params["mean"], mean)),
            "variance": xn.Becomes(self.running(params["variance"], variance)),
        }
        return scale * dN, grads

    def running(self, old: Any, new: Any) -> Any:
        return self.momentum * old + (1 - self.momentum) * new


@dataclass(frozen=True, repr=False)
class Drop(xn.Layer):
    """Dropout by a forward alone."""

    rate: float = 0.5

    def build(self, key: Any, in_shape: Shape) -> tuple[Any, Shape]:
        return {}, in_shape

    def forward(self, params: Any, X: Any, training: bool = False, key: Any = None) -> Any:
        xp = array_namespace(X)
        return xp.where(xn.random.uniform(key, X.shape) < self.rate, 0.0, X / (1 - self.rate)) if training else X


def drawn(shape: Shape, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).standard_normal(shape)


def cube(X: Any) -> Any:
    return X * X * X


def pooled(X: Any) -> Any:
    """Each channel's mean over height and width."""
    return array_namespace(X).mean(X, axis=(1, 2))


def dense(name: str, layer: xn.Dense) -> Case:
    return Case(name, layer, (4,), (3,), {"W": (3, 4), "b": (3, 1)})


def activates(name: str, layer: xn.Activation) -> Case:
    return Case(name, layer, (4,), (4,), {})


NORM: dict[str, Shape] = dict.fromkeys(("gamma", "beta", "mean", "variance"), (4, 1))

CASES = [
    dense("Dense", xn.Dense(3)),
    dense("Dense-init", xn.Dense(3, kernel_init="lecun")),
    dense("Dense-slope", xn.Dense(3, xn.Activation("leaky_relu", slope=0.2))),
    *(dense(f"Dense-{name}", xn.Dense(3, name)) for name in ACTIVATIONS),
    *(activates(f"Activation-{name}", xn.Activation(name)) for name in ACTIVATIONS),
    activates("Activation-slope", xn.Activation("leaky_relu", {"slope": 0.2})),
    activates("Activation-alpha", xn.Activation("elu", alpha=0.5)),
    Case("Flatten", xn.Flatten(), (3, 2, 2), (12,), {}),
    Case("Flatten-columns", xn.Flatten(), (4,), (4,), {}),
    Case("Lambda", xn.Lambda(cube), (4,), (4,), {}),
    Case("Lambda-shape", xn.Lambda(pooled), (3, 2, 2), (3,), {}),
    Case("Forward", Forward(3), (4,), (3,), {"W": (3, 4), "b": (3, 1)}),
    dense("Dense-subclass", Squares(3)),
    dense("Dense-subclass-forward", SquaresForward(3)),
    Case("Forward-cache", Gain(), (4,), (4,), {"g": (4, 1)}),
    Case("BatchNorm", BatchNorm(), (4,), (4,), NORM),
    Case("BatchNorm-training", BatchNorm(), (4,), (4,), NORM, training=True),
    Case("Drop", Drop(), (4,), (4,), {}),
    Case("Drop-training", Drop(), (4,), (4,), {}, training=True),
    Case("Network-empty", xn.Network([]), (4,), (4,), {}),
    Case(
        "Network",
        xn.Network([xn.Dense(3, "tanh"), xn.Dense(4)]),
        (4,),
        (4,),
        {"0.W": (3, 4), "0.b": (3, 1), "1.W": (4, 3), "1.b": (4, 1)},
    ),
    Case(
        "Network-nested",
        xn.Network([xn.Flatten(), xn.Network([xn.Dense(3), xn.Activation("tanh")]), xn.Dense(2)]),
        (2, 2),
        (2,),
        {"1.0.W": (3, 4), "1.0.b": (3, 1), "2.W": (2, 3), "2.b": (2, 1)},
    ),
    Case(
        "Network-forward",
        xn.Network([xn.Lambda(pooled), Forward(2), Gain(), xn.Dense(2)]),
        (4, 2, 1),
        (2,),
        {"1.W": (2, 4), "1.b": (2, 1), "2.g": (2, 1), "3.W": (2, 2), "3.b": (2, 1)},
    ),
    *(
        Case(
            f"Network-{kind}",
            xn.Network([xn.Dense(4, "tanh"), xn.Network([BatchNorm(0.5), Drop(0.25)]), xn.Dense(2)]),
            (4,),
            (2,),
            {
                "0.W": (4, 4),
                "0.b": (4, 1),
                **{f"1.0.{name}": NORM[name] for name in NORM},
                "2.W": (2, 4),
                "2.b": (2, 1),
            },
            training=kind == "training",
        )
        for kind in ("prediction", "training")
    ),
]
