"""Predictions of a network with its parameters, and the figures that judge them."""

from array_api_compat import array_namespace

from xnet.backends import backend_of
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
    pieces = parts(X.shape[-1], CHUNK)
    found: list[Array] = []
    for part in pieces:
        Z, Y_part = net(params, X[..., part]), Y[..., part]
        P = cost.predict(Z)
        found += [cost.forward(Z, Y_part)[0], *(figure(P, Y_part) for figure in cost.figures.values())]
    # All figures of all parts come to the host together: a device need not wait after each part.
    values = backend_of(X).to_numpy(array_namespace(X).stack(found)).astype(float)
    shares = [(part.stop - part.start) / X.shape[-1] for part in pieces]
    means = shares @ values.reshape(len(pieces), -1)
    return dict(zip(("cost", *cost.figures), means.tolist(), strict=True))
