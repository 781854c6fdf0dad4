"""Rules that turn gradients into updates: each written for one array, lifted to a network's parameters once.

Immutable: `init(params) -> state`, `update(params, grads, state) -> (params, state)`.   (C4, C27)
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import inf, log
from typing import Any, ClassVar

from array_api_compat import array_namespace, device

from xnet import trees
from xnet.backends.choose import on_device
from xnet.errors import ValueRangeError
from xnet.layers.state import Becomes
from xnet.train.schedules import Rate, rate
from xnet.train.settings import ABOVE_0, AT_LEAST_0, IN_0_1, Settings
from xnet.types import Array, Tree

Memory = dict[str, Array]


class Optimizer(Settings, ABC):
    """`remembers` names the arrays that a rule keeps for each parameter from step to step; they start at 0.

    `initial_lr` suits training in which the rate falls to 0 at the end.
    """

    lr: Rate
    decay: Rate = 0.0
    remembers: tuple[str, ...] = ()
    initial_lr: ClassVar[float] = 0.001

    @abstractmethod
    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, at: Any) -> tuple[Array, Memory]:
        """One parameter's new value and memory.  `at` is what `constants` gives for this update."""

    def constants(self, t: Array) -> Any:
        """What the rule needs of the update t = 1, 2, …: computed once for all parameters.  Here t itself."""
        return t

    def init(self, params: Tree) -> dict[str, Any]:
        first = next(iter(trees.leaves(params)), None)
        if first is None:
            raise ValueRangeError(f"{type(self).__name__}.init: needs at least one parameter; got params={params!r}")
        xp = array_namespace(first)
        with on_device(first):
            memory = trees.map(lambda W: {name: xp.zeros_like(W) for name in self.remembers}, params)
            return {"t": xp.zeros((), dtype=xp.int32, device=device(first)), "memory": memory}

    def check(self, params: Tree, state: dict[str, Any]) -> dict[str, Any]:
        """The state, if it is one of this optimizer for these parameters."""
        leaves = list(trees.named_leaves(params))
        want = {f"{name}.{kept}": tuple(W.shape) for name, W in leaves for kept in self.remembers}
        memory = state.get("memory") if isinstance(state, dict) else None
        got = {name: tuple(getattr(V, "shape", ())) for name, V in trees.named_leaves(memory)}
        if memory is None or got != want:
            raise ValueRangeError(
                f"{type(self).__name__}: state must be its own for these parameters; got memory of "
                f"{', '.join(f'{name} {shape}' for name, shape in got.items()) or 'nothing'}; "
                f"{type(self).__name__}().init(params) begins anew"
            )
        return state

    def update(
        self, params: Tree, grads: Tree, state: dict[str, Any], roles: Tree = None
    ) -> tuple[Tree, dict[str, Any]]:
        """The parameters after one step, and the state.  A statistic takes the value that its `Becomes` holds.

        `roles=net.roles(params)` has weight decay touch what the layers declare as decayed; without it, weight decay
        touches every parameter.
        """
        t = updates_so_far(params, state)
        lr, decay, at = rate(self.lr, t), rate(self.decay, t), self.constants(t + 1)

        def step(W: Array, dW: Any, memory: Memory, role: str = "decayed") -> _Pair:
            if isinstance(dW, Becomes):
                return _Pair(dW.value, memory)
            if self.decay and role == "decayed":
                W = W - lr * decay * W
            return _Pair(*self.rule(W, dW, memory, lr, at))

        pairs = trees.map(step, params, grads, state["memory"], *([] if roles is None else [roles]))
        params = trees.map(lambda pair: pair.W, pairs)
        memory = trees.map(lambda pair: pair.memory, pairs)
        return params, {"t": state["t"] + 1, "memory": memory}


def updates_so_far(params: Tree, state: dict[str, Any]) -> Array:
    """The number of updates made, in the dtype of the parameters."""
    first = trees.leaves(params)[0]
    return array_namespace(first).astype(state["t"], first.dtype)


@dataclass(frozen=True)
class _Pair:
    """A parameter with its memory.  It is a leaf, where a tuple would be a branch."""

    W: Array
    memory: Memory


@dataclass(frozen=True)
class SGD(Optimizer):
    """W := W - α dW   (C4)"""

    lr: Rate = field(default=0.1, metadata=ABOVE_0)
    initial_lr = 0.2

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, at: Any) -> tuple[Array, Memory]:
        return W - lr * dW, {}


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v := β v + (1 - β) dW;  W := W - α v.   (C27)

    This is the course's form.  PyTorch leaves out the 1 - β, so its α is smaller.
    """

    lr: Rate = field(default=0.1, metadata=ABOVE_0)
    beta: float = field(default=0.9, metadata=IN_0_1)
    remembers = ("v",)
    initial_lr = 0.2

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, at: Any) -> tuple[Array, Memory]:
        v = self.beta * memory["v"] + (1 - self.beta) * dW
        return W - lr * v, {"v": v}


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """s := β s + (1 - β) dW²;  W := W - α dW / (√s + ε)   (C27; Tieleman and Hinton 2012)"""

    lr: Rate = field(default=1e-3, metadata=ABOVE_0)
    beta: float = field(default=0.9, metadata=IN_0_1)
    eps: float = field(default=1e-8, metadata=ABOVE_0)
    remembers = ("s",)
    initial_lr = 0.002

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, at: Any) -> tuple[Array, Memory]:
        s = self.beta * memory["s"] + (1 - self.beta) * dW * dW
        return W - lr * dW / (array_namespace(W).sqrt(s) + self.eps), {"s": s}


@dataclass(frozen=True)
class Adam(Optimizer):
    """v := β₁v + (1 - β₁)dW;  s := β₂s + (1 - β₂)dW²;  W := W - α v̂ / (√ŝ + ε) with v̂ = v/(1 - β₁ᵗ), ŝ = s/(1 - β₂ᵗ).

    (C27; Kingma and Ba 2015)
    """

    lr: Rate = field(default=1e-3, metadata=ABOVE_0)
    beta1: float = field(default=0.9, metadata=IN_0_1)
    beta2: float = field(default=0.999, metadata=IN_0_1)
    eps: float = field(default=1e-8, metadata=ABOVE_0)
    remembers = ("v", "s")
    initial_lr = 0.005

    def constants(self, t: Array) -> tuple[Array, Array]:
        """1 - β₁ᵗ and 1 - β₂ᵗ"""
        return _one_minus_power(self.beta1, t), _one_minus_power(self.beta2, t)

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, at: Any) -> tuple[Array, Memory]:
        v_share, s_share = at
        v = self.beta1 * memory["v"] + (1 - self.beta1) * dW
        s = self.beta2 * memory["s"] + (1 - self.beta2) * dW * dW
        v_hat = v / v_share
        s_hat = s / s_share
        return W - lr * v_hat / (array_namespace(W).sqrt(s_hat) + self.eps), {"v": v, "s": s}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam after W := W - α decay W, for the weights that layers declare as decayed.   (Loshchilov and Hutter 2019)"""

    decay: Rate = field(default=0.01, metadata=AT_LEAST_0)


def _one_minus_power(beta: float, t: Array) -> Array:
    """1 - βᵗ, as -(e^(t ln β) - 1): in float32 the plain form loses half its digits at β = 0.999, t = 1."""
    return -array_namespace(t).expm1(t * (log(beta) if beta else -inf))
