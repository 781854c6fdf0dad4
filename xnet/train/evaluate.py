"""Predictions of a network with its parameters, and the figures that judge them: a chunk of examples at a time."""

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

from array_api_compat import array_namespace

from xnet.backends import backend_of
from xnet.compile import compile
from xnet.errors import TraceError
from xnet.layers.layer import Layer
from xnet.train.batches import cut
from xnet.train.costs import Cost
from xnet.types import Array, Tree

CHUNK = 2048  # examples at a time, which bounds the memory of a forward pass over everything

Chunk: TypeAlias = Callable[..., Any]  # what is computed of a chunk: (params, X) → P, or (params, X, Y) → the figures


def prediction(net: Layer, cost: Cost) -> Chunk:
    """(params, X) → P: σ(Z), softmax(Z), or Z, as the cost says."""

    def prediction(params: Tree, X: Array) -> Array:
        return cost.predict(net(params, X))

    return prediction


def figures(net: Layer, cost: Cost) -> Chunk:
    """(params, X, Y) → J and the figures of the cost."""

    def figures(params: Tree, X: Array, Y: Array) -> tuple[Array, ...]:
        Z = net(params, X)
        P = cost.predict(Z)
        return cost.forward(Z, Y)[0], *(figure(P, Y) for figure in cost.figures.values())

    return figures


def compiled(f: Chunk) -> Chunk:
    """The function compiled; where it cannot be, as written, with a warning."""
    program: Chunk = compile(f)

    def call(*arguments: Tree) -> Any:
        nonlocal program
        try:
            return program(*arguments)
        except TraceError as error:
            if program is f:
                raise
            warnings.warn(f"evaluate: the network runs as written, for it cannot be compiled; {error}", stacklevel=4)
            program = f
            return f(*arguments)

    return call


def predict(params: Tree, X: Array, whole: Chunk, rest: Chunk) -> Array:
    """The prediction for each example: `whole` computes that of whole chunks, `rest` that of the last, shorter one."""
    outputs = [_of(A, whole, rest)(params, A) for (A,) in cut((X,), CHUNK, backend_of(X))]
    outputs = outputs or [rest(params, X)]
    return outputs[0] if len(outputs) == 1 else array_namespace(X).concat(outputs, axis=-1)


def evaluate(cost: Cost, params: Tree, X: Array, Y: Array, whole: Chunk, rest: Chunk) -> dict[str, float]:
    """J without a penalty on the weights, and the figures of the cost (accuracy), over all examples."""
    b = backend_of(X)
    sizes: list[int] = []
    found: list[Array] = []
    for A, B in cut((X, Y), CHUNK, b):
        sizes.append(A.shape[-1])
        found += _of(A, whole, rest)(params, A, B)
    # All figures of all chunks come to the host together: a device need not wait after each chunk.
    values = b.to_numpy(array_namespace(X).stack(found)).astype(float)
    shares = [size / X.shape[-1] for size in sizes]
    means = shares @ values.reshape(len(sizes), -1)
    return dict(zip(("cost", *cost.figures), means.tolist(), strict=True))


def _of(X: Array, whole: Chunk, rest: Chunk) -> Chunk:
    return whole if X.shape[-1] == CHUNK else rest
