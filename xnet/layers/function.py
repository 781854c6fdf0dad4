"""A layer of any function of arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from array_api_compat import is_array_api_obj

from xnet import guards
from xnet.errors import ShapeError, ValueRangeError
from xnet.layers.layer import Layer
from xnet.types import Array, Shape, Tree


@dataclass(frozen=True, repr=False)
class Lambda(Layer):
    """Y = f(X), for any function of arrays that gives one: Lambda(lambda X: X * X).   X (…, m) → Y (…, m)."""

    f: Callable[[Array], Array]

    def __post_init__(self) -> None:
        if not callable(self.f):
            raise ValueRangeError(f"Lambda: f must be a function of X; got f={self.f!r}; Lambda(lambda X: X * X)")

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        from xnet.graph.tracing.trace import spec, trace

        m = 1 + max(in_shape)  # unlike every other axis, so that only the examples' axis can have this size
        (Y,) = trace(lambda X: self({}, X), spec((*in_shape, m))).outputs
        return {}, Y.shape[:-1]

    def forward(self, params: Tree, X: Array) -> Any:
        guards.array(self, X=X)
        guards.floating(self, X=X)
        Y = self.f(X)
        if not is_array_api_obj(Y) or Y.ndim < 2 or Y.shape[-1] != X.shape[-1]:
            got = f"Y.shape={tuple(Y.shape)}" if is_array_api_obj(Y) else f"Y of type {type(Y).__name__}"
            raise ShapeError(
                f"{self}: f must give one array, examples last; got {got} for X.shape={tuple(X.shape)}; "
                f"f(X)[0] takes the first of several, keepdims=True keeps an axis"
            )
        return Y
