"""The learning rate as a function of t, the number of updates made so far: pure, so that it compiles."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi
from typing import TypeAlias

from array_api_compat import array_namespace

from xnet import guards
from xnet.types import Array

BOUNDS = {"lr": "above 0", "every": "above 0", "factor": "above 0", "steps": "above 0", "floor": "at least 0"}


class Schedule(ABC):
    def __post_init__(self) -> None:
        plain_numbers(self)
        for field, value in vars(self).items():
            if field in BOUNDS:
                guards.number(type(self).__name__, field, value, BOUNDS[field])

    @abstractmethod
    def __call__(self, t: Array) -> Array:
        """lr(t), with t an array without axes."""


Rate: TypeAlias = float | Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """lr(t) = lr"""

    lr: float

    def __call__(self, t: Array) -> Array:
        return 0 * t + self.lr


@dataclass(frozen=True)
class Step(Schedule):
    """lr(t) = lr · factor^⌊t / every⌋"""

    lr: float
    every: int
    factor: float = 0.1

    def __call__(self, t: Array) -> Array:
        xp = array_namespace(t)
        return self.lr * self.factor ** xp.floor(t / self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """lr(t) = lr · factor^(t / every)"""

    lr: float
    every: int
    factor: float = 0.5

    def __call__(self, t: Array) -> Array:
        return self.lr * self.factor ** (t / self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    """lr(t) = floor + ½ (lr - floor)(1 + cos(π t/steps)), and floor after that   (Loshchilov and Hutter 2017)"""

    lr: float
    steps: int
    floor: float = 0.0

    def __call__(self, t: Array) -> Array:
        xp = array_namespace(t)
        done = xp.minimum(t / self.steps, 1.0)
        return self.floor + 0.5 * (self.lr - self.floor) * (1 + xp.cos(pi * done))


@dataclass(frozen=True)
class WarmUp(Schedule):
    """lr(t) = then(t - steps), on the first `steps` updates scaled up in a straight line to then(0)"""

    then: Rate
    steps: int

    def __call__(self, t: Array) -> Array:
        xp = array_namespace(t)
        return xp.minimum((t + 1) / self.steps, 1.0) * rate(self.then, xp.maximum(t - self.steps, 0.0))


def rate(lr: Rate, t: Array) -> float | Array:
    """lr at t, whether a number or a schedule."""
    return lr(t) if callable(lr) else lr


def plain_numbers(settings: object) -> None:
    """Fields as Python's own numbers: a scalar of NumPy would promote the float32 arrays that it meets."""
    for name, value in vars(settings).items():
        if hasattr(value, "item"):
            object.__setattr__(settings, name, value.item())
