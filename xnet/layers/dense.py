"""The dense layer: every unit reads every output of the layer before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from xnet import guards, names
from xnet.errors import ShapeError
from xnet.kernels import activation as kernels
from xnet.kernels import linear, linear_backward
from xnet.layers.activation import Activation, activation, is_rectifier
from xnet.layers.layer import Layer
from xnet.layers.weights import Initializer, check_initializer, draw
from xnet.types import Array, Shape, Tree


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """A = g(W X + b).   (C12, C24)

    The weights start as `he` before a rectifier and as `xavier` elsewhere, unless `kernel_init` names an initializer.
    """

    units: int
    activation: str | Activation | None = None
    kernel_init: Initializer | None = None

    decayed = ("W",)
    renamed: ClassVar[Mapping[str, str]] = {"init": "kernel_init"}

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", guards.whole("Dense", "units", self.units))
        if not isinstance(self.activation, Activation | None):
            names.find("activation", self.activation, kernels)
        check_initializer("kernel_init", self.kernel_init)

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        if len(in_shape) != 1:
            raise ShapeError(f"{self}: inputs must be columns (n, m); got in_shape={in_shape}; put Flatten() before it")
        suited = "he" if is_rectifier(activation(self.activation)) else "xavier"
        W = draw("kernel_init", self.kernel_init or suited, key, (self.units, *in_shape))
        b = draw("b", "zeros", key, (self.units, 1))
        return {"W": W, "b": b}, (self.units,)

    def forward(self, params: Tree, X: Array) -> tuple[Array, Any]:
        guards.parameters(self, params, ("W", "b"))
        W, b = params["W"], params["b"]
        if W.shape[0] != self.units or tuple(b.shape) != (self.units, 1):
            raise ShapeError(
                f"{self}: params must be its own; got W.shape={tuple(W.shape)}, b.shape={tuple(b.shape)}; "
                f"net.init(in_shape) makes them"
            )
        guards.features(self, X, (W.shape[1],))
        guards.floating(self, X=X)
        guards.together(self, X=X, W=W, b=b)
        g = activation(self.activation)
        Z, cache = linear(X, W, b)
        A, g_cache = g.kernel(Z)
        return A, (cache, g_cache)

    def backward(self, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        g = activation(self.activation)
        linear_cache, g_cache = cache
        dZ = g.kernel_backward(dY, g_cache)
        dX, dW, db = linear_backward(dZ, linear_cache)
        return dX, {"W": dW, "b": db}

    def gradients(self, params: Tree, dY: Array, cache: Any) -> Tree:
        (X, W), g_cache = cache
        # dW and db do not depend on W: for a W without columns, dX is empty and costs nothing.
        return self.backward(params, dY, ((X, W[:, :0]), g_cache))[1]

    def absorb_input(self, params: Tree, mean: Array, scale: Array) -> Tree:
        """W (x - μ)/σ + b = (W/σ) x + (b - (W/σ) μ)"""
        W = params["W"] / scale.mT
        return {"W": W, "b": params["b"] - W @ mean}

    def absorb_output(self, params: Tree, mean: Array, scale: Array) -> Tree:
        """σ (W a + b) + μ = (σ W) a + (σ b + μ), where no activation follows"""
        if activation(self.activation) != Activation("identity"):
            return super().absorb_output(params, mean, scale)
        return {"W": scale * params["W"], "b": scale * params["b"] + mean}
