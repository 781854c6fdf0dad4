"""Data sets: the digits that the package contains, and points of the plane drawn from a seed."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from xnet.backends import Backend
from xnet.backends import backend as find_backend
from xnet.errors import ValueRangeError
from xnet.types import Array

Pair: TypeAlias = tuple[Array, Array]
Choice: TypeAlias = str | Backend | None

DIGITS = Path(__file__).parent / "datasets" / "digits.npz"


def digits(backend: Choice = None) -> Pair:
    """1,797 handwritten digits of 8×8 pixels: X (64, 1797) in [0, 1], Y (1, 1797) from 0 to 9."""
    with np.load(DIGITS, allow_pickle=False) as file:
        return _placed(file["X"].T / np.float32(16), file["Y"], backend)


def flower(m: int = 400, seed: int = 0, backend: Choice = None) -> Pair:
    """(r cos θ, r sin θ) with r = 2 |sin 3θ| + N(0, 0.1²): six petals.   The label is 1 where sin 3θ < 0."""
    rng = generator("flower", m, seed, classes=2)
    petal = rng.permutation(np.arange(m) % 6)
    angle = np.pi / 3 * (petal + rng.uniform(size=m))
    r = 2 * np.abs(np.sin(3 * angle)) + 0.1 * rng.normal(size=m)
    return _placed(np.stack([r * np.cos(angle), r * np.sin(angle)]), petal % 2, backend)


def moons(m: int = 400, noise: float = 0.1, seed: int = 0, backend: Choice = None) -> Pair:
    """(cos t, sin t) and (1 - cos t, ½ - sin t), t ~ U(0, π), each plus N(0, noise²): two interleaved half circles."""
    rng = generator("moons", m, seed, classes=2, noise=noise)
    label = rng.permutation(np.arange(m) % 2)
    t = rng.uniform(0, np.pi, size=m)
    upper, lower = np.stack([np.cos(t), np.sin(t)]), np.stack([1 - np.cos(t), 0.5 - np.sin(t)])
    return _placed(np.where(label == 0, upper, lower) + noise * rng.normal(size=(2, m)), label, backend)


def spirals(m: int = 600, classes: int = 3, noise: float = 0.15, seed: int = 0, backend: Choice = None) -> Pair:
    """(r cos θ, r sin θ) with θ = 2πk/classes + 4r + N(0, noise²), r ~ U(0, 1): an arm for each class k."""
    rng = generator("spirals", m, seed, classes=classes, noise=noise)
    label = rng.permutation(np.arange(m) % classes)
    r = rng.uniform(size=m)
    angle = 2 * np.pi * label / classes + 4 * r + noise * rng.normal(size=m)
    return _placed(np.stack([r * np.cos(angle), r * np.sin(angle)]), label, backend)


SETS: dict[str, Callable[..., Pair]] = {f.__name__: f for f in (digits, flower, moons, spirals)}


def generator(what: str, m: int, seed: int, classes: int = 1, noise: float = 0.0) -> "np.random.Generator":
    """The random generator of a seed, after a check of the arguments."""
    for name, value, least in (("seed", seed, 0), ("classes", classes, 1), ("m", m, classes)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            fix = f"try {name}={max(least, 0) if name == 'seed' else 100 * least}"
            raise ValueRangeError(f"{what}: {name} must be an integer of at least {least}; got {name}={value!r}; {fix}")
    if not 0 <= noise < math.inf:
        raise ValueRangeError(f"{what}: noise must be a number of at least 0; got noise={noise!r}; try noise=0.1")
    return np.random.Generator(np.random.PCG64(seed))


def _placed(X: Array, labels: Array, backend: Choice) -> Pair:
    b = find_backend(backend)
    return b.asarray(X.astype(np.float32, copy=False)), b.asarray(labels[None, :].astype(np.int32))
