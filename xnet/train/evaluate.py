"""Predictions of a network with its parameters, and the figures that judge them."""

from array_api_compat import array_namespace

from xnet.layers.layer import Layer
from xnet.train.batches import parts
from xnet.train.costs import Cost
from xnet.types import Array, Tree

CHUNK = 8192  # examples at a time, which bounds the memory of a forward pass over everything


def predict(net: Layer, params: Tree, cost: Cost, X: Array) -> Array:
    """The prediction for each example: σ(Z), softmax(Z), or Z, as the cost says."""
    outputs = [cost.predict(net(params, X[..., part])) for part in parts(X.shape[-1], CHUNK) or [slice(0)]]
    return outputs[0] if len(outputs) == 1 else array_namespace(X).concat(outputs, axis=-1)


def evaluate(net: Layer, params: Tree, cost: Cost, X: Array, Y: Array) -> dict[str, float]:
    """J without a penalty on the weights, and the figures of the cost (accuracy), over all examples."""
    figures = {"cost": 0.0}
    m = X.shape[-1]
    for part in parts(m, CHUNK):
        Z, Y_part = net(params, X[..., part]), Y[..., part]
        share = Z.shape[-1] / m
        figures["cost"] += share * float(cost.forward(Z, Y_part)[0])
        for name, figure in cost.figures.items():
            figures[name] = figures.get(name, 0.0) + share * float(figure(cost.predict(Z), Y_part))
    return figures
