"""Rules that turn gradients into updates: each written for one array, lifted to a network's parameters once.

Immutable: `init(params) -> state`, `update(params, grads, state) -> (params, state)`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf, log
from typing import Any

from array_api_compat import array_namespace, device

from xnet import guards, trees
from xnet.errors import ValueRangeError
from xnet.train.schedules import Rate, plain_numbers, rate
from xnet.types import Array, Tree

Memory = dict[str, Array]

BOUNDS = {
    "lr": "above 0",
    "eps": "above 0",
    "beta": "in [0, 1)",
    "beta1": "in [0, 1)",
    "beta2": "in [0, 1)",
    "decay": "at least 0",
}


class Optimizer(ABC):
    """`remembers` names what a rule keeps of each parameter from step to step; all of it starts at 0."""

    lr: Rate
    remembers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        plain_numbers(self)
        for field, value in vars(self).items():
            if field in BOUNDS and not callable(value):
                guards.number(type(self).__name__, field, value, BOUNDS[field])

    @abstractmethod
    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, t: Array) -> tuple[Array, Memory]:
        """One parameter's new value and memory at the update t = 1, 2, …"""

    def init(self, params: Tree) -> dict[str, Any]:
        memory = trees.map(lambda W: {name: array_namespace(W).zeros_like(W) for name in self.remembers}, params)
        first = next(iter(trees.leaves(params)), None)
        if first is None:
            raise ValueRangeError(f"{type(self).__name__}.init: needs at least one parameter; got params={params!r}")
        xp = array_namespace(first)
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
                f"{', '.join(f'{name} {shape}' for name, shape in got.items()) if memory else 'nothing'}; "
                f"{type(self).__name__}().init(params) begins anew"
            )
        return state

    def update(self, params: Tree, grads: Tree, state: dict[str, Any]) -> tuple[Tree, dict[str, Any]]:
        t = state["t"]
        first = trees.leaves(params)[0]
        xp = array_namespace(first)
        updates = xp.astype(t, first.dtype)
        lr = rate(self.lr, updates)
        both = trees.map(
            lambda W, dW, memory: Both(*self.rule(W, dW, memory, lr, updates + 1)), params, grads, state["memory"]
        )
        params = trees.map(lambda both: both.W, both)
        memory = trees.map(lambda both: both.memory, both)
        return params, {"t": t + 1, "memory": memory}


@dataclass(frozen=True)
class Both:
    """A parameter with its memory: a leaf, where a tuple would be a branch."""

    W: Array
    memory: Memory


@dataclass(frozen=True)
class SGD(Optimizer):
    """W := W - α dW"""

    lr: Rate = 0.1

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, t: Array) -> tuple[Array, Memory]:
        return W - lr * dW, {}


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v := β v + (1 - β) dW;  W := W - α v   (the course's form; PyTorch leaves out the 1 - β, so its α is smaller)"""

    lr: Rate = 0.1
    beta: float = 0.9
    remembers = ("v",)

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, t: Array) -> tuple[Array, Memory]:
        v = self.beta * memory["v"] + (1 - self.beta) * dW
        return W - lr * v, {"v": v}


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """s := β s + (1 - β) dW²;  W := W - α dW / (√s + ε)   (Tieleman and Hinton 2012)"""

    lr: Rate = 1e-3
    beta: float = 0.9
    eps: float = 1e-8
    remembers = ("s",)

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, t: Array) -> tuple[Array, Memory]:
        s = self.beta * memory["s"] + (1 - self.beta) * dW * dW
        return W - lr * dW / (array_namespace(W).sqrt(s) + self.eps), {"s": s}


@dataclass(frozen=True)
class Adam(Optimizer):
    """v := β₁v + (1 - β₁)dW;  s := β₂s + (1 - β₂)dW²;  W := W - α v̂ / (√ŝ + ε) with v̂ = v/(1 - β₁ᵗ), ŝ = s/(1 - β₂ᵗ)
    (Kingma and Ba 2015)
    """

    lr: Rate = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    remembers = ("v", "s")

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, t: Array) -> tuple[Array, Memory]:
        v = self.beta1 * memory["v"] + (1 - self.beta1) * dW
        s = self.beta2 * memory["s"] + (1 - self.beta2) * dW * dW
        v_hat = v / _one_minus_power(self.beta1, t)
        s_hat = s / _one_minus_power(self.beta2, t)
        return W - lr * v_hat / (array_namespace(W).sqrt(s_hat) + self.eps), {"v": v, "s": s}


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam after W := W - α decay W   (Loshchilov and Hutter 2019)"""

    lr: Rate = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    decay: float = 0.01
    remembers = ("v", "s")

    def rule(self, W: Array, dW: Array, memory: Memory, lr: float | Array, t: Array) -> tuple[Array, Memory]:
        adam = Adam(self.lr, self.beta1, self.beta2, self.eps)
        return adam.rule(W - lr * self.decay * W, dW, memory, lr, t)


def clip_by_value(grads: Tree, limit: float) -> Tree:
    """Each number of each gradient brought into [-limit, limit]."""
    return trees.map(lambda dW: array_namespace(dW).clip(dW, -limit, limit), grads)


def clip_by_norm(grads: Tree, limit: float) -> Tree:
    """All gradients scaled by min(1, limit / ‖g‖), with ‖g‖ over all of them together   (Pascanu et al. 2013)"""
    leaves = trees.leaves(grads)
    xp = array_namespace(*leaves)
    norm = xp.sqrt(sum(xp.sum(dW * dW) for dW in leaves))
    scale = limit / xp.maximum(norm, limit)
    return trees.map(lambda dW: scale * dW, grads)


def _one_minus_power(beta: float, t: Array) -> Array:
    """1 - βᵗ, as -(e^(t ln β) - 1): in float32 the plain form loses half its digits at β = 0.999, t = 1."""
    return -array_namespace(t).expm1(t * (log(beta) if beta else -inf))
