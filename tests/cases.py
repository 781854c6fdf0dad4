"""One row a kernel: its arguments, which of them it gives derivatives for, and where those jump.

A new kernel needs a row here, and is then under every law of test_kernels.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xnet import kernels

Inputs = dict[str, NDArray[Any]]
Make = Callable[[np.random.Generator, int], Inputs]

EXAMPLES, CLASSES, FEATURES = 5, 3, 4
GAP = 0.1  # how far from a kink an entry stays


@dataclass(frozen=True)
class Case:
    """`make` gives the arguments in their order, in float64, labels and the like as integers."""

    kernel: str
    make: Make
    wrt: tuple[str, ...] = ("Z",)
    hyper: Mapping[str, float] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()
    note: str = ""
    module: Any = kernels  # has the two functions; a test of a law puts wrong ones here

    def __str__(self) -> str:
        return f"{self.kernel} {self.note}".strip().replace(" ", "-")

    def inputs(self, seed: int = 0, m: int = EXAMPLES) -> Inputs:
        made = self.make(np.random.default_rng(seed), m)
        for kink in self.kinks:
            for name in self.wrt:
                away = made[name] - kink
                made[name] = kink + np.copysign(np.maximum(np.abs(away), GAP), away)
        return made

    def forward(self, *arguments: Any) -> tuple[Any, Any]:
        Y, cache = getattr(self.module, self.kernel)(*arguments, **self.hyper)
        return Y, cache

    def backward(self, dY: Any, cache: Any) -> tuple[Any, ...]:
        """The derivatives in the order of `wrt`, as a tuple even when there is one."""
        given = getattr(self.module, self.kernel + "_backward")(dY, cache)
        return given if isinstance(given, tuple) else (given,)


def with_z(rng: np.random.Generator, m: int) -> Inputs:
    return {"Z": rng.normal(size=(CLASSES, m), scale=2)}


def with_affine(rng: np.random.Generator, m: int) -> Inputs:
    shapes = {"A": (FEATURES, m), "W": (CLASSES, FEATURES), "b": (CLASSES, 1)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def with_probabilities(rng: np.random.Generator, m: int) -> Inputs:
    return {"A": rng.uniform(0.05, 0.95, size=(CLASSES, m))}


def with_outputs(rng: np.random.Generator, m: int) -> Inputs:
    return {"A": rng.normal(size=(CLASSES, m))}


def with_regression(rng: np.random.Generator, m: int) -> Inputs:
    shapes = {"w": (FEATURES, 1), "b": (1, 1), "X": (FEATURES, m)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()} | {
        "Y": rng.integers(0, 2, size=(1, m)).astype(float)
    }


def bits(rng: np.random.Generator, m: int) -> NDArray[Any]:
    """Zeros and ones as floats, one for each unit."""
    return rng.integers(0, 2, size=(CLASSES, m)).astype(float)


def whole_bits(rng: np.random.Generator, m: int) -> NDArray[Any]:
    return rng.integers(0, 2, size=(CLASSES, m))


def soft_bits(rng: np.random.Generator, m: int) -> NDArray[Any]:
    return rng.uniform(size=(CLASSES, m))


def labels(rng: np.random.Generator, m: int) -> NDArray[Any]:
    return rng.integers(0, CLASSES, size=(1, m))


def one_hot(rng: np.random.Generator, m: int) -> NDArray[Any]:
    return np.eye(CLASSES)[:, labels(rng, m)[0]]


def soft_columns(rng: np.random.Generator, m: int) -> NDArray[Any]:
    return rng.dirichlet(np.ones(CLASSES), size=m).T


def numbers(rng: np.random.Generator, m: int) -> NDArray[Any]:
    return rng.normal(size=(CLASSES, m))


def against(make: Make, targets: Callable[..., NDArray[Any]], weights: bool = False) -> Make:
    """Arguments of a cost: what it judges, the targets, and perhaps what each example weighs."""

    def made(rng: np.random.Generator, m: int) -> Inputs:
        inputs = make(rng, m) | {"Y": targets(rng, m)}
        return inputs | {"weights": rng.uniform(0.5, 2, size=(1, m))} if weights else inputs

    return made


CASES = [
    Case("linear", with_affine, wrt=("A", "W", "b")),
    # Activations
    Case("identity", with_z),
    Case("sigmoid", with_z),
    Case("tanh", with_z),
    Case("relu", with_z, kinks=(0,)),
    Case("leaky_relu", with_z, kinks=(0,)),
    Case("leaky_relu", with_z, kinks=(0,), hyper={"slope": 0.3}, note="slope"),
    Case("elu", with_z, kinks=(0,)),
    Case("elu", with_z, kinks=(0,), hyper={"alpha": 1.5}, note="alpha"),
    Case("gelu", with_z),
    Case("silu", with_z),
    Case("softplus", with_z),
    Case("softmax", with_z),
    Case("erf", with_z),
    # Costs
    Case("binary_cross_entropy", against(with_probabilities, bits), ("A",)),
    Case("binary_cross_entropy", against(with_probabilities, whole_bits), ("A",), note="integers"),
    Case("binary_cross_entropy", against(with_probabilities, soft_bits, True), ("A",), note="weights"),
    Case("sigmoid_cross_entropy", against(with_z, bits)),
    Case("sigmoid_cross_entropy", against(with_z, whole_bits), note="integers"),
    Case("sigmoid_cross_entropy", against(with_z, soft_bits, True), note="weights"),
    Case("softmax_cross_entropy", against(with_z, labels), note="labels"),
    Case("softmax_cross_entropy", against(with_z, one_hot), note="one-hot"),
    Case("softmax_cross_entropy", against(with_z, soft_columns), note="soft"),
    Case("softmax_cross_entropy", against(with_z, labels, True), note="weights"),
    Case("softmax_cross_entropy", against(with_z, labels), hyper={"smoothing": 0.1}, note="smoothing"),
    Case("mean_squared_error", against(with_outputs, numbers), ("A",)),
    Case("mean_squared_error", against(with_outputs, numbers, True), ("A",), note="weights"),
    Case("huber", against(with_outputs, numbers), ("A",)),
    Case("huber", against(with_outputs, numbers, True), ("A",), hyper={"delta": 0.3}, note="delta"),
    # Both in one step
    Case("logistic", with_regression, wrt=("w", "b")),
]


def missing(rows: list[Case], public: list[str]) -> set[str]:
    """The public kernels without a row, and the rows without a kernel."""
    return {case.kernel for case in rows} ^ {name for name in public if not name.endswith("_backward")}
