"""Statistics of layers: `Becomes`, which holds a new value in grads, and maps over gradients that leave it alone."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, NoReturn

from xnet import guards, trees
from xnet.errors import StatisticError
from xnet.types import Array, Tree


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise StatisticError(
        "grads: a statistic is replaced and not stepped; got arithmetic with Becomes(new_value); "
        "optimizer.update(params, grads, state) does both, "
        "xn.map_gradients(f, grads, params) maps gradients and leaves statistics alone"
    )


class _Value(NamedTuple):
    value: Array


class Becomes(_Value):
    """In grads, in place of a gradient: the value that this entry of params has after the step.

    It is a tuple of one array, so trees, JAX and tracing see the array.  Arithmetic with it is an error.
    """

    __slots__ = ()

    # With None, NumPy's arrays leave an operation with this object to the methods below.
    __array_ufunc__: Any = None

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __matmul__ = __rmatmul__ = __pow__ = __rpow__ = __neg__ = __array__ = _refuse

    @classmethod
    def __torch_function__(cls, *arguments: object, **options: object) -> NoReturn:
        _refuse(cls)


def map_gradients(f: Callable[..., Array], grads: Tree, params: Tree, *rest: Tree) -> Tree:
    """f(dW, W, …) at each gradient; a statistic's `Becomes` stays as it is."""

    def one(W: Array, dW: Any, *others: Any) -> Any:
        return dW if isinstance(dW, Becomes) else f(dW, W, *others)

    return trees.map(one, params, grads, *rest)


def with_statistics_checked(backward: Callable[..., Any]) -> Callable[..., Any]:
    """The backward of a layer, with a check of its grads: each statistic's is `Becomes` of the same shape and dtype."""

    @wraps(backward)
    def checked(layer: Any, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        dX, grads = backward(layer, params, dY, cache)

        def check(name: str, old: Array, new: Any) -> None:
            found = _shape_and_dtype(new.value) if isinstance(new, Becomes) else None
            if found != _shape_and_dtype(old):
                got = f"grads[{name!r}] of type {type(new).__name__}" if found is None else f"Becomes of {found}"
                raise StatisticError(
                    f"{layer}: backward must give Becomes(new_value) for each statistic, of its shape and dtype; got "
                    f"{got} for params[{name!r}] of {_shape_and_dtype(old)}; return grads with "
                    f"{name!r}: Becomes(new_value)"
                )

        for name in layer.statistics:
            trees.map_named(check, params[name], grads.get(name), name=name)
        return dX, grads

    return checked


def _shape_and_dtype(x: Array) -> str:
    return f"shape {tuple(x.shape)} and dtype {guards.dtype_name(x)}"
