"""The first weights of a layer, drawn by an initializer that its configuration names."""

from collections.abc import Callable
from typing import TypeAlias

from xnet import guards, names
from xnet.backends import HOST
from xnet.backends import backend as find_backend
from xnet.errors import ShapeError
from xnet.layers import initializers
from xnet.types import Array, Shape

Initializer: TypeAlias = str | Callable[..., Array]


def check_initializer(argument: str, given: Initializer | None) -> None:
    """An initializer given by its name must be one of those of xnet."""
    if isinstance(given, str):
        names.find(argument, given, initializers)


def draw(argument: str, initializer: Initializer, key: Array | None, shape: Shape) -> Array:
    """First weights of this shape.  Without a key: zeros that take no memory, for their shape alone."""
    if key is None:
        xp = find_backend(HOST).xp
        return xp.broadcast_to(xp.zeros((), dtype=xp.float32), shape)
    f = getattr(initializers, initializer) if isinstance(initializer, str) else initializer
    W = f(key, shape)
    guards.array(argument, W=W)
    if W.shape != shape:
        raise ShapeError(f"{argument}: must return the shape it is asked for; got W.shape={W.shape}, shape={shape}")
    return W
