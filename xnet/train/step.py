"""One training step in two halves: the gradients of J, and the update that they make."""

from dataclasses import dataclass, field
from numbers import Real

from array_api_compat import array_namespace

from xnet import guards, random, trees
from xnet.layers.layer import Layer
from xnet.layers.state import Becomes
from xnet.train.batches import parts
from xnet.train.costs import Cost
from xnet.train.optimizers import Optimizer, updates_so_far
from xnet.train.settings import ABOVE_0, AT_LEAST_0, Settings
from xnet.train.transforms import L2, ClipNorm, ClipValue, Transform, chain
from xnet.types import Array, Tree


@dataclass(frozen=True)
class Step(Settings):
    """One update, pure: step(params, state, X, Y) → (params, state, J).   (C4, C21)

    `gradients` and `apply` are its halves.  Between them, gradients of several micro-batches or processes are added
    up, each computed with its `share` of the examples: `add_up`.  `accumulate=4` does so for four parts of (X, Y).

    `l2`, `clip_value` and `clip_norm` are short for transformations of gradients; `transforms` come after them.
    """

    net: Layer
    cost: Cost
    optimizer: Optimizer
    l2: float = field(default=0.0, metadata=AT_LEAST_0)
    clip_value: float | None = field(default=None, metadata=ABOVE_0)
    clip_norm: float | None = field(default=None, metadata=ABOVE_0)
    transforms: tuple[Transform, ...] = ()
    accumulate: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        guards.whole("Step", "accumulate", self.accumulate)

    def __call__(
        self,
        params: Tree,
        state: Tree,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        key: Array | None = None,
    ) -> tuple[Tree, Tree, Array]:
        J, grads = self._accumulated(params, X, Y, sample_weight, key)
        if self.chain:
            roles, t = self.net.roles(params), updates_so_far(params, state)
            J = J + sum(transform.penalty(params, roles, t) for transform in self.chain)
        return *self.apply(params, grads, state), J

    def gradients(
        self,
        params: Tree,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        key: Array | None = None,
        share: Array | float | None = None,
    ) -> tuple[Array, Tree]:
        """J of these examples, and its gradients: of the cost alone, without l2 and before clipping.

        With `share`, both are those of share · J: the examples are that share of a larger batch.  A statistic's new
        value is weighed by it too, so that `add_up` gives the mean of the new values.
        """
        Z, caches = self.net.run(params, X, training=True, key=key)
        J, cache = self.cost.forward(Z, Y, sample_weight)
        dJ = array_namespace(J).ones_like(J)
        if share is not None:
            share = float(share) if isinstance(share, Real) else share  # a NumPy float64 would promote float32
            J, dJ = share * J, share * dJ
        dZ = self.cost.backward(dJ, cache)
        grads = self.net.gradients(params, dZ, caches)
        return J, grads if share is None else _weighed_statistics(grads, params, share)

    def apply(self, params: Tree, grads: Tree, state: Tree) -> tuple[Tree, Tree]:
        """The parameters and the optimizer's state after one update with these gradients."""
        roles = self.net.roles(params) if self.chain or self.optimizer.decay else None
        if self.chain:
            grads = chain(self.chain, grads, params, roles, updates_so_far(params, state))
        return self.optimizer.update(params, grads, state, roles)

    @property
    def chain(self) -> tuple[Transform, ...]:
        """The transformations of gradients in their order."""
        given = [
            L2(self.l2) if self.l2 else None,
            None if self.clip_value is None else ClipValue(self.clip_value),
            None if self.clip_norm is None else ClipNorm(self.clip_norm),
        ]
        return (*(transform for transform in given if transform is not None), *self.transforms)

    def _accumulated(
        self, params: Tree, X: Array, Y: Array, sample_weight: Array | None, key: Array | None
    ) -> tuple[Array, Tree]:
        """J and the gradients of all examples, from the parts of `accumulate`."""
        m = X.shape[-1]
        pieces = parts(m, -(-m // self.accumulate)) if self.accumulate > 1 else []
        if len(pieces) < 2:
            return self.gradients(params, X, Y, sample_weight, key)
        keys = [None] * len(pieces) if key is None else random.split(key, len(pieces))
        found = []
        for piece, piece_key in zip(pieces, keys, strict=True):
            weights = None if sample_weight is None else sample_weight[..., piece]
            share = share_of(weights, sample_weight) if weights is not None else (piece.stop - piece.start) / m
            found.append(self.gradients(params, X[..., piece], Y[..., piece], weights, piece_key, share))
        return add_up(found)


def share_of(weights: Array, all_weights: Array) -> Array:
    """Σ w over a part / Σ w over the whole, and 0 where all weights are 0."""
    xp = array_namespace(weights)
    return xp.sum(weights) / xp.maximum(xp.sum(all_weights), xp.finfo(weights.dtype).smallest_normal)


def add_up(parts: list[tuple[Array, Tree]]) -> tuple[Array, Tree]:
    """J and the gradients of a whole batch, from those of its parts that were given their shares."""
    (J, grads), *rest = parts
    for J_part, grads_part in rest:
        J, grads = J + J_part, trees.map(lambda one, other: one + other, grads, grads_part)
    return J, grads


def _weighed_statistics(grads: Tree, params: Tree, share: Array | float) -> Tree:
    """The new value of each statistic times the share; gradients as they are."""
    return trees.map(lambda W, dW: Becomes(share * dW.value) if isinstance(dW, Becomes) else dW, params, grads)
