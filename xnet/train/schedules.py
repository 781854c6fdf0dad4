"""The learning rate as a function of t, the number of updates made so far: pure, so that it compiles."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import pi
from typing import TypeAlias

from array_api_compat import array_namespace

from xnet.train.settings import ABOVE_0, AT_LEAST_0, Settings
from xnet.types import Array


class Schedule(Settings, ABC):
    """A function of t that an optimizer's lr, or a number of a transformation of gradients, may be."""

    @abstractmethod
    def __call__(self, t: Array) -> Array:
        """lr(t), with t an array without axes."""


Rate: TypeAlias = float | Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """lr(t) = lr"""

    lr: float = field(metadata=ABOVE_0)

    def __call__(self, t: Array) -> Array:
        return 0 * t + self.lr


@dataclass(frozen=True)
class Step(Schedule):
    """lr(t) = lr · factor^⌊t / every⌋"""

    lr: float = field(metadata=ABOVE_0)
    every: int = field(metadata=ABOVE_0)
    factor: float = field(default=0.1, metadata=ABOVE_0)

    def __call__(self, t: Array) -> Array:
        xp = array_namespace(t)
        return self.lr * self.factor ** xp.floor(t / self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """lr(t) = lr · factor^(t / every)"""

    lr: float = field(metadata=ABOVE_0)
    every: int = field(metadata=ABOVE_0)
    factor: float = field(default=0.5, metadata=ABOVE_0)

    def __call__(self, t: Array) -> Array:
        return self.lr * self.factor ** (t / self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    """lr(t) = floor + ½ (lr - floor)(1 + cos(π t/steps)), and floor after that   (Loshchilov and Hutter 2017)"""

    lr: float = field(metadata=ABOVE_0)
    steps: int = field(metadata=ABOVE_0)
    floor: float = field(default=0.0, metadata=AT_LEAST_0)

    def __call__(self, t: Array) -> Array:
        xp = array_namespace(t)
        done = xp.minimum(t / self.steps, 1.0)
        return self.floor + 0.5 * (self.lr - self.floor) * (1 + xp.cos(pi * done))


@dataclass(frozen=True)
class WarmUp(Schedule):
    """lr(t) = then(t - steps), on the first `steps` updates scaled up in a straight line to then(0)"""

    then: Rate = field(metadata=ABOVE_0)
    steps: int = field(metadata=ABOVE_0)

    def __call__(self, t: Array) -> Array:
        xp = array_namespace(t)
        return xp.minimum((t + 1) / self.steps, 1.0) * rate(self.then, xp.maximum(t - self.steps, 0.0))


def rate(lr: Rate, t: Array) -> float | Array:
    """The number at t, of a number or of a schedule."""
    return lr(t) if callable(lr) else lr
