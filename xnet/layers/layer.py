"""Layers: frozen dataclasses whose fields are their configuration.  What they learn is passed in and out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, partial, wraps
from math import prod
from operator import index
from types import FunctionType
from typing import Any, Self, TypeAlias

from array_api_compat import array_namespace, is_array_api_obj

from xnet import guards, names, random, trees
from xnet.backends import HOST, Backend
from xnet.backends import backend as find_backend
from xnet.errors import DtypeError, ShapeError, ValueRangeError
from xnet.kernels import activation as activations
from xnet.kernels import linear, linear_backward
from xnet.layers import initializers
from xnet.types import Array, Shape, Tree

Initializer: TypeAlias = str | Callable[..., Array]

FLOATING = ("float16", "bfloat16", "float32", "float64")
RECTIFIERS = {"relu", "leaky_relu", "elu", "gelu", "silu"}


class Layer(ABC):
    """What maps X to Y, and dY back to dX.

    A subclass has `build` and `forward`, and beside forward its `backward`.  Where there is none, forward gives Y alone
    and backward is its graph's.
    """

    # Whether forward does something else in training: only then does `fit` make keys.
    uses_key: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "forward" in vars(cls) and "backward" not in vars(cls):
            cls.forward, cls.backward = from_graph(cls.forward), Layer.backward  # type: ignore[method-assign]

    @abstractmethod
    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        """First parameters, on the host, and the shape of one output.  Without a key their shapes alone are right."""

    @abstractmethod
    def forward(self, params: Tree, X: Array, key: Array | None = None) -> Any:
        """Y and what backward needs.  A key means training."""

    def backward(self, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        """dX and the gradients, a tree of the shape of params."""
        graphs, kept = cache
        _, grads, dX, _ = graphs.backward(dY, kept)
        return dX, grads

    def init(
        self,
        in_shape: Shape | int,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> Tree:
        """The first parameters for inputs of this shape (without the examples), the same on every backend."""
        if dtype not in FLOATING:
            raise DtypeError(f"init: dtype must be one of {', '.join(FLOATING)}; got dtype={dtype!r}; dtype='float32'")
        chosen = find_backend(backend)
        params, _ = self.build(random.key(seed), shape_of_one(in_shape))
        return trees.map(partial(chosen.asarray, dtype=dtype), params)

    def arguments(self) -> dict[str, Any]:
        """What to call the class with to have this layer again."""
        return {f.metadata.get("argument", f.name): getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def replace(self, **changes: Any) -> Self:
        """The same layer but for some of its arguments."""
        return type(self)(**{**self.arguments(), **changes})

    def __repr__(self) -> str:
        given = [
            f"{name}={value.__name__ if isinstance(value, FunctionType) else repr(value)}"
            for f, (name, value) in zip(fields(self), self.arguments().items(), strict=True)  # type: ignore[arg-type]
            if value != f.default and not (f.default_factory is not MISSING and value == f.default_factory())
        ]
        return f"{type(self).__name__}({', '.join(given)})"


def from_graph(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's forward, worked out by its graph, with the graphs and what the one back needs for a cache."""

    def output(layer: Layer, params: Tree, X: Array, key: Array | None) -> Array:
        Y = forward(layer, params, X, key)
        Y = Y[0] if isinstance(Y, tuple) else Y
        guards.array(layer, Y=Y)
        return Y

    @cache
    def graphed() -> Callable[..., Any]:
        from xnet.graph.derive.gradients import pullback  # once a layer needs it, for `import xnet` does not

        return pullback(output)[0]

    @wraps(forward)
    def with_cache(self: Layer, params: Tree, X: Array, key: Array | None = None) -> tuple[Array, Any]:
        return graphed()(self, params, X, key)  # type: ignore[no-any-return]

    return with_cache


@dataclass(frozen=True, repr=False, init=False)
class Dense(Layer):
    """A = g(W X + b).   The weights start as `he` before a rectifier and as `xavier` elsewhere, unless named."""

    units: int
    activation: str | None = None
    initializer: Initializer | None = field(default=None, metadata={"argument": "init"})

    # Written out because the argument `init` would hide the method of that name, were it a field.
    def __init__(self, units: int, activation: str | None = None, init: Initializer | None = None) -> None:
        units = guards.whole("Dense", "units", units)
        names.find("activation", "identity" if activation is None else activation, activations)
        if isinstance(init, str):
            names.find("init", init, initializers)
        for name, value in {"units": units, "activation": activation, "initializer": init}.items():
            object.__setattr__(self, name, value)

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        if len(in_shape) != 1:
            raise ShapeError(f"{self}: inputs must be columns (n, m); got in_shape={in_shape}; put Flatten() before it")
        init = self.initializer or ("he" if self.activation in RECTIFIERS else "xavier")
        W = draw(init, key, (self.units, *in_shape))
        b = draw("zeros", key, (self.units, 1))
        return {"W": W, "b": b}, (self.units,)

    def forward(self, params: Tree, X: Array, key: Array | None = None) -> tuple[Array, Any]:
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
        Z, cache = linear(X, W, b)
        A, g_cache = self._g(Z)
        return A, (cache, g_cache)

    def backward(self, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        linear_cache, g_cache = cache
        dZ = self._g_backward(dY, g_cache)
        dX, dW, db = linear_backward(dZ, linear_cache)
        return dX, {"W": dW, "b": db}

    @property
    def _g(self) -> Callable[..., Any]:
        return getattr(activations, self.activation or "identity")  # type: ignore[no-any-return]

    @property
    def _g_backward(self) -> Callable[..., Any]:
        return getattr(activations, (self.activation or "identity") + "_backward")  # type: ignore[no-any-return]


@dataclass(frozen=True, repr=False)
class Activation(Layer):
    """A = g(Z), with g by its name in xnet.kernels: Activation("leaky_relu", {"slope": 0.2})."""

    name: str
    hyper: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyper", {name: float(value) for name, value in self.hyper.items()})
        names.find_with("activation", self.name, activations, self.hyper)

    def __hash__(self) -> int:
        return hash((self.name, *sorted(self.hyper.items())))

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        return {}, in_shape

    def forward(self, params: Tree, X: Array, key: Array | None = None) -> tuple[Array, Any]:
        guards.array(self, X=X)
        guards.floating(self, X=X)
        return getattr(activations, self.name)(X, **self.hyper)  # type: ignore[no-any-return]

    def backward(self, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        return getattr(activations, self.name + "_backward")(dY, cache), {}


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """(height, width, 3, m) → (height · width · 3, m): each example becomes a column."""

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        return {}, (prod(in_shape),)

    def forward(self, params: Tree, X: Array, key: Array | None = None) -> tuple[Array, Any]:
        guards.array(self, X=X)
        *in_shape, _ = X.shape
        return array_namespace(X).reshape(X, (prod(in_shape), -1)), tuple(in_shape)

    def backward(self, params: Tree, dY: Array, cache: Shape) -> tuple[Array, Tree]:
        return array_namespace(dY).reshape(dY, (*cache, -1)), {}


@dataclass(frozen=True, repr=False)
class Lambda(Layer):
    """Y = f(X), for any function of arrays that gives one: Lambda(lambda X: X * X).   X (…, m) → Y (…, m)."""

    f: Callable[[Array], Array]

    def __post_init__(self) -> None:
        if not callable(self.f):
            raise ValueRangeError(f"Lambda: f must be a function of X; got f={self.f!r}; Lambda(lambda X: X * X)")

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        from xnet.graph.tracing.trace import spec, trace

        m = 1 + max(in_shape)  # as no other axis, so that none is taken for the examples'
        (Y,) = trace(lambda X: self.forward({}, X)[0], spec((*in_shape, m))).outputs
        return {}, Y.shape[:-1]

    def forward(self, params: Tree, X: Array, key: Array | None = None) -> Any:
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


def draw(init: Initializer, key: Array | None, shape: Shape) -> Array:
    """First weights of this shape; without a key one zero seen everywhere, which takes no memory."""
    if key is None:
        xp = find_backend(HOST).xp
        return xp.broadcast_to(xp.zeros((), dtype=xp.float32), shape)
    f = getattr(initializers, init) if isinstance(init, str) else init
    W = f(key, shape)
    guards.array("init", W=W)
    if W.shape != shape:
        raise ShapeError(f"init: must return the shape it is asked for; got W.shape={W.shape}, shape={shape}")
    return W


def shape_of_one(in_shape: Any) -> Shape:
    """in_shape as a tuple of sizes, (784,) for columns of 784."""
    sizes = in_shape if isinstance(in_shape, Iterable) else (in_shape,)
    try:
        shape = tuple(map(index, sizes))
    except TypeError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ShapeError(
            f"in_shape: the sizes of one example, without the examples' axis; got in_shape={in_shape!r}; "
            f"(784,) for columns of 784 numbers, (1, 28, 28) for images"
        )
    return shape
