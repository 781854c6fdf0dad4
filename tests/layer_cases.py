"""One row a layer: what it is fed, what it gives, and the shapes of what it learns.

A new layer needs a row here, and is then under every law of test_layers.py.  Activations bring their own rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

import xnet as xn
from xnet import names
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

    def __str__(self) -> str:
        return self.name


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
class Gain(xn.Layer):
    """Y = g X, by a forward alone that has a cache all the same."""

    def build(self, key: Any, in_shape: Shape) -> tuple[Any, Shape]:
        return {"g": np.ones((*in_shape, 1), "float32")}, in_shape

    def forward(self, params: Any, X: Any) -> Any:
        return params["g"] * X, X


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
    Case("Forward-cache", Gain(), (4,), (4,), {"g": (4, 1)}),
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
]
