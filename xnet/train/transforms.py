"""Transformations of gradients between the backward pass and the optimizer: (grads, params) → grads.

A chain of them is a tuple; each is applied to what the one before gave.  Their numbers may be schedules.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from math import inf

from array_api_compat import array_namespace

from xnet import trees
from xnet.layers.state import map_gradients
from xnet.train.schedules import Rate, rate
from xnet.train.settings import ABOVE_0, AT_LEAST_0, Settings
from xnet.types import Array, Tree


class Transform(Settings, ABC):
    """A transformation of gradients: a frozen dataclass, called with trees.

    `roles=net.roles(params)` says what each leaf is for; without it, every parameter counts as decayed.  `t` is the
    number of updates made so far, which schedules need.  Statistics pass through.
    """

    @abstractmethod
    def __call__(self, grads: Tree, params: Tree, roles: Tree = None, t: Array | float = 0.0) -> Tree: ...

    def penalty(self, params: Tree, roles: Tree = None, t: Array | float = 0.0) -> Array | float:
        """The term of J whose gradient this transformation adds; 0 if there is none."""
        return 0.0


def chain(transforms: Iterable[Transform], grads: Tree, params: Tree, roles: Tree, t: Array) -> Tree:
    """The gradients after all of the transformations, in their order."""
    for transform in transforms:
        grads = transform(grads, params, roles, t)
    return grads


@dataclass(frozen=True)
class L2(Transform):
    """J + (λ/2) Σ W², so dW + λ W, over the decayed parameters.   (C27)

    The course divides λ by m: l2 = λ/m gives its numbers.
    """

    l2: Rate = field(metadata=AT_LEAST_0)

    def __call__(self, grads: Tree, params: Tree, roles: Tree = None, t: Array | float = 0.0) -> Tree:
        l2 = rate(self.l2, t)
        decayed = _decayed(params, roles)
        return map_gradients(lambda dW, W, is_decayed: dW + l2 * W if is_decayed else dW, grads, params, decayed)

    def penalty(self, params: Tree, roles: Tree = None, t: Array | float = 0.0) -> Array | float:
        pairs = zip(trees.leaves(params), trees.leaves(_decayed(params, roles)), strict=True)
        return rate(self.l2, t) / 2 * sum(array_namespace(W).sum(W * W) for W, is_decayed in pairs if is_decayed)


@dataclass(frozen=True)
class ClipValue(Transform):
    """Each number of each gradient brought into [-limit, limit]."""

    limit: Rate = field(metadata=ABOVE_0)

    def __call__(self, grads: Tree, params: Tree, roles: Tree = None, t: Array | float = 0.0) -> Tree:
        limit = rate(self.limit, t)

        # Not xp.clip: CuPy's reads its limits on the host, two synchronisations for each parameter.
        def clipped(dW: Array, W: Array) -> Array:
            xp = array_namespace(dW)
            return xp.minimum(xp.maximum(dW, -limit), limit)

        return map_gradients(clipped, grads, params)


@dataclass(frozen=True)
class ClipNorm(Transform):
    """All gradients times min(1, limit / ‖g‖), with ‖g‖ over all of them together.   (Pascanu et al. 2013)"""

    limit: Rate = field(metadata=ABOVE_0)

    def __call__(self, grads: Tree, params: Tree, roles: Tree = None, t: Array | float = 0.0) -> Tree:
        limit = rate(self.limit, t)
        leaves: list[Array] = []
        map_gradients(lambda dW, W: leaves.append(dW), grads, params)
        if not leaves:
            return grads
        xp = array_namespace(*leaves)
        scale = limit / xp.maximum(norm(leaves), limit)
        return map_gradients(lambda dW, W: scale * dW, grads, params)


def norm(leaves: list[Array]) -> Array:
    """√(Σ dW²) over all arrays, which overflows only where the norm itself does.

    The squares are of dW / c with c the largest |dW|; c is 1 where that is 0 or infinite, for 0/0 and ∞/∞ are NaN.
    """
    xp = array_namespace(*leaves)
    largest = reduce(xp.maximum, [xp.max(xp.abs(dW)) for dW in leaves])
    c = xp.where((largest > 0) & (largest < inf), largest, 1.0)
    return c * xp.sqrt(sum(xp.sum((dW / c) * (dW / c)) for dW in leaves))


def _decayed(params: Tree, roles: Tree) -> Tree:
    """Whether each parameter is decayed."""
    if roles is None:
        return trees.map(lambda W: True, params)
    return trees.map(lambda role: role == "decayed", roles)
