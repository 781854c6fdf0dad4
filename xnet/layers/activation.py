"""Activation functions, applied number by number (softmax: column by column)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from xnet import guards, names
from xnet.backends import HOST
from xnet.backends import backend as find_backend
from xnet.kernels import activation as kernels
from xnet.layers.layer import Layer
from xnet.types import Array, Shape, Tree


@dataclass(frozen=True, repr=False, init=False)
class Activation(Layer):
    """A = g(Z), with g by its name in xnet.kernels: Activation("leaky_relu", slope=0.2).   (C19)"""

    name: str
    hyper: Mapping[str, Any] = field(default_factory=dict)

    # Written out so that hyper-parameters may be given by keyword.
    def __init__(self, name: str, hyper: Mapping[str, Any] | None = None, **more: Any) -> None:
        g = names.find("activation", name, kernels)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "hyper", names.hyper_parameters("activation", g, {**(hyper or {}), **more}))

    def __hash__(self) -> int:
        return hash((self.name, *sorted(self.hyper.items())))

    @property
    def kernel(self) -> Any:
        """The kernel from Z to A and its cache."""
        f = getattr(kernels, self.name)
        return partial(f, **self.hyper) if self.hyper else f

    @property
    def kernel_backward(self) -> Any:
        """The kernel from dA and the cache to dZ."""
        return getattr(kernels, self.name + "_backward")

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        return {}, in_shape

    def forward(self, params: Tree, X: Array) -> tuple[Array, Any]:
        guards.array(self, X=X)
        guards.floating(self, X=X)
        return self.kernel(X)  # type: ignore[no-any-return]

    def backward(self, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        return self.kernel_backward(dY, cache), {}


@cache
def activation(given: "str | Activation | None") -> Activation:
    """The layer for a layer's argument `activation`; None is the identity."""
    return given if isinstance(given, Activation) else Activation("identity" if given is None else given)


@cache
def is_rectifier(g: Activation) -> bool:
    """Whether g is 0 at 0, near z far to the right, and small far to the left, as relu, elu and gelu are.

    Such a g halves E[z²] or nearly so, which the initializer `he` makes up for.
    """
    xp = find_backend(HOST).xp
    left, middle, right = (float(x) for x in g.kernel(xp.asarray([[-10.0, 0.0, 10.0]]))[0][0])
    return middle == 0 and abs(left) < 2.5 and abs(right - 10) < 0.1
