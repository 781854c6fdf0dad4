"""Neural networks written once against the Python Array API, for the array library of your choice.

    import xnet as xn

    X, Y = xn.data.digits()
    net = xn.Network([xn.Dense(64, "relu"), xn.Dense(10)])
    fit = xn.fit(net, X, Y, epochs=20)
    print(fit, fit.evaluate(X, Y))

Examples are columns: X (features, m), Y (1, m).  `xn.kernels` has the functions beneath, each with its backward,
`xn.loops` the same as plain loops; `xn.backend()` says where arrays are made, `xnet info` what is usable here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xnet import errors, kernels, loops, operations, random, trees
from xnet.backends import Backend, backend, backends, set_backend, use
from xnet.compile import compile
from xnet.errors import XnetError
from xnet.kernels.primitive import primitive
from xnet.layers import Activation, Becomes, Dense, Flatten, Lambda, Layer, Network, initializers, map_gradients
from xnet.operations import scan
from xnet.train import Fit, Step, costs, fit, optimizers, schedules, transforms
from xnet.train.costs import Cost
from xnet.train.optimizers import SGD, Adam, AdamW, Momentum, Optimizer, RMSprop
from xnet.version import __version__

if TYPE_CHECKING:
    from xnet import data, plot
    from xnet.compile.compiled import Compiled
    from xnet.graph.derive.check import check_gradients
    from xnet.graph.derive.gradients import grad, value_and_grad
    from xnet.graph.tracing.trace import spec, trace
    from xnet.train.model import Model, load, save

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "AdamW",
    "Backend",
    "Becomes",
    "Compiled",
    "Cost",
    "Dense",
    "Fit",
    "Flatten",
    "Lambda",
    "Layer",
    "Model",
    "Momentum",
    "Network",
    "Optimizer",
    "RMSprop",
    "Step",
    "XnetError",
    "__version__",
    "backend",
    "backends",
    "check_gradients",
    "compile",
    "costs",
    "data",
    "errors",
    "fit",
    "grad",
    "initializers",
    "kernels",
    "load",
    "loops",
    "map_gradients",
    "operations",
    "optimizers",
    "plot",
    "primitive",
    "random",
    "save",
    "scan",
    "schedules",
    "set_backend",
    "spec",
    "trace",
    "transforms",
    "trees",
    "use",
    "value_and_grad",
]

# Modules that training does not need are imported at the first access.
_LATER = {
    "data": "data",
    "plot": "plot",
    **dict.fromkeys(("Model", "load", "save"), "train.model"),
    "Compiled": "compile.compiled",
    **dict.fromkeys(("check_gradients", "grad", "spec", "trace", "value_and_grad"), "graph"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'xnet' has no attribute {name!r}")
    module = import_module(f"xnet.{_LATER[name]}")
    return module if _LATER[name] == name else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
