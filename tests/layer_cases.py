"""One row a layer: what it is fed, what it gives, and the shapes of what it learns.

A new layer needs a row here, and is then under every law of test_layers.py.  Activations bring their own rows.
"""

from dataclasses import dataclass

import xnet as xn
from xnet import names
from xnet.kernels import activation

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


def dense(name: str, layer: xn.Dense) -> Case:
    return Case(name, layer, (4,), (3,), {"W": (3, 4), "b": (3, 1)})


def activates(name: str, layer: xn.Activation) -> Case:
    return Case(name, layer, (4,), (4,), {})


CASES = [
    dense("Dense", xn.Dense(3)),
    dense("Dense-init", xn.Dense(3, init="lecun")),
    *(dense(f"Dense-{name}", xn.Dense(3, name)) for name in ACTIVATIONS),
    *(activates(f"Activation-{name}", xn.Activation(name)) for name in ACTIVATIONS),
    activates("Activation-slope", xn.Activation("leaky_relu", {"slope": 0.2})),
    activates("Activation-alpha", xn.Activation("elu", {"alpha": 0.5})),
    Case("Flatten", xn.Flatten(), (3, 2, 2), (12,), {}),
    Case("Flatten-columns", xn.Flatten(), (4,), (4,), {}),
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
]
