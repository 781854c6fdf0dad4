"""The base class of layers: frozen dataclasses whose fields are the configuration; parameters are passed in and out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache, partial, wraps
from inspect import signature
from operator import index
from types import FunctionType
from typing import Any, ClassVar, Literal, Self, TypeAlias, final

from xnet import guards, random, trees
from xnet.backends import Backend
from xnet.backends import backend as find_backend
from xnet.errors import DtypeError, ShapeError, UnknownNameError, ValueRangeError
from xnet.layers.state import with_statistics_checked
from xnet.types import Array, Shape, Tree

Role: TypeAlias = Literal["decayed", "learned", "statistic"]

FLOATING = ("float16", "bfloat16", "float32", "float64")


class Layer(ABC):
    """A function from X to Y with parameters, and its backward from dY to dX and the gradients.

    A subclass defines `build` and `forward(params, X)`.  If forward acts differently in training, its signature has
    `training=False`; if it draws random numbers, `key=None`.  With a `backward` below it, forward returns (Y, cache);
    without one, forward returns Y, and backward is derived from its graph.

    `decayed` names the parameters that weight decay and l2 shrink: weights, but not biases and gains.  `statistics`
    names the entries of params that training replaces and an optimizer must not step: for each, backward gives
    `Becomes(new_value)` in place of a gradient.
    """

    decayed: ClassVar[tuple[str, ...]] = ()
    statistics: ClassVar[tuple[str, ...]] = ()

    # Arguments that had another name in an earlier version: {"old": "new"}.
    renamed: ClassVar[Mapping[str, str]] = {}

    # Which of `training` and `key` forward has in its signature.
    forward_options: frozenset[str] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = set(vars(cls))
        if "forward" in own and "forward_options" not in own:
            cls.forward_options = frozenset({"training", "key"} & signature(cls.forward).parameters.keys())
        if "forward" in own and "backward" not in own:
            if cls.statistics:
                raise ValueRangeError(
                    f"{cls.__name__}: a layer with statistics must have a backward beside its forward; "
                    f"got statistics={cls.statistics}; its grads hold Becomes(new_value) for each of them"
                )
            cls.forward, cls.backward = from_graph(cls.forward), Layer.backward  # type: ignore[method-assign]
        # What another layer class has written for its own forward and backward does not suit these.
        if not own.isdisjoint({"forward", "backward"}):
            for name in {"gradients", "absorb_input", "absorb_output"} - own:
                setattr(cls, name, getattr(Layer, name))
        if cls.statistics and not own.isdisjoint({"statistics", "backward"}):
            cls.backward = with_statistics_checked(cls.backward)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **arguments: Any) -> Self:
        for old, new in cls.renamed.items():
            if old in arguments:
                value = arguments[old]
                raise UnknownNameError(
                    f"{cls.__name__}: {old} is now called {new}; got {old}={value!r}; {new}={value!r} replaces it"
                )
        return super().__new__(cls)

    @abstractmethod
    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        """First parameters, on the host, and the shape of one output.  Without a key, only their shapes are right."""

    @abstractmethod
    def forward(self, *arguments: Any, **options: Any) -> Any:
        """From (params, X) to Y and the cache that backward needs, or to Y alone where there is no backward."""

    def backward(self, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        """dX and the gradients, a tree like params."""
        gradients, kept = cache
        _, grads, dX, _ = gradients(dY, kept)
        return dX, grads

    def gradients(self, params: Tree, dY: Array, cache: Any) -> Tree:
        """The gradients without dX, which the first layer does not need."""
        return self.backward(params, dY, cache)[1]

    @final
    def run(self, params: Tree, X: Array, training: bool = False, key: Array | None = None) -> tuple[Array, Any]:
        """Y and the cache: forward, given those of `training` and `key` that its signature has."""
        self.check_key(training, key)
        options = {"training": training, "key": key}
        return self.forward(params, X, **{name: options[name] for name in self.forward_options})  # type: ignore[no-any-return]

    def check_key(self, training: bool, key: Array | None) -> None:
        """A layer that draws random numbers has a key in training.  A layer made of layers leaves this to them."""
        if training and key is None and "key" in self.forward_options:
            raise ValueRangeError(
                f"{self}: training draws random numbers and needs a key; got training=True, key=None; "
                f"forward(params, X, training=True, key=xn.random.key(0))"
            )

    @final
    def __call__(self, params: Tree, X: Array) -> Array:
        """Y as in prediction.  For a network whose cost applies σ or softmax, this is Z."""
        return self.run(params, X)[0]

    def roles(self, params: Tree) -> Tree:
        """A tree like params of "decayed", "learned" or "statistic".  A layer made of layers asks each of them."""

        def role(path: str) -> Role:
            name = path.partition(".")[0]
            return "statistic" if name in self.statistics else "decayed" if name in self.decayed else "learned"

        return trees.map_named(lambda path, _: role(path), params)

    def absorb_input(self, params: Tree, mean: Array, scale: Array) -> Tree:
        """Parameters for which X gives what (X - mean) / scale gives with these, where a layer can do that."""
        raise self._cannot_absorb("inputs", "(X - mean) / scale")

    def absorb_output(self, params: Tree, mean: Array, scale: Array) -> Tree:
        """Parameters for which the output is scale · Y + mean, where a layer can do that."""
        raise self._cannot_absorb("outputs", "scale · Y + mean")

    def _cannot_absorb(self, what: str, formula: str) -> ValueRangeError:
        return ValueRangeError(
            f"scaling: the layer at the {what} must be linear there, to take {formula} into its parameters; "
            f"got {self}; Dense is linear at its inputs, and without an activation at its outputs"
        )

    def init(
        self,
        in_shape: Shape | int,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> Tree:
        """The first parameters for inputs of this shape (without the examples), the same on every backend.   (C29)"""
        if dtype not in FLOATING:
            raise DtypeError(f"init: dtype must be one of {', '.join(FLOATING)}; got dtype={dtype!r}; dtype='float32'")
        chosen = find_backend(backend)
        params, _ = self.build(random.key(seed), shape_of_one(in_shape))
        return trees.map(partial(chosen.asarray, dtype=dtype), params)

    def arguments(self) -> dict[str, Any]:
        """The arguments with which the class makes this layer again."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def replace(self, **changes: Any) -> Self:
        """The same layer with some of its arguments changed."""
        return type(self)(**{**self.arguments(), **changes})

    def __repr__(self) -> str:
        given = [
            f"{f.name}={value.__name__ if isinstance(value, FunctionType) else repr(value)}"
            for f in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, f.name)) != f.default
            and not (f.default_factory is not MISSING and value == f.default_factory())
        ]
        return f"{type(self).__name__}({', '.join(given)})"


def from_graph(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A forward that gives Y alone, changed to give Y and the cache that the backward of its graph needs."""

    def output(layer: Layer, params: Tree, X: Array, options: dict[str, Any]) -> Array:
        Y = forward(layer, params, X, **options)
        Y = Y[0] if isinstance(Y, tuple) else Y
        guards.array(layer, Y=Y)
        return Y

    @cache
    def graphed() -> Callable[..., Any]:
        from xnet.graph.derive.gradients import pullback  # `import xnet` need not load it

        return pullback(output)[0]

    @wraps(forward)
    def with_cache(self: Layer, params: Tree, X: Array, **options: Any) -> tuple[Array, Any]:
        return graphed()(self, params, X, options)  # type: ignore[no-any-return]

    return with_cache


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
