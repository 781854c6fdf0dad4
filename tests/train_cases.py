"""Small networks, data and a scripted optimizer for the tests of training."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xnet as xn
from xnet import trees

Host = NDArray[Any]

NET = xn.Network([xn.Dense(8, "tanh"), xn.Dense(1)])
CLASSES = xn.Network([xn.Dense(8, "relu"), xn.Dense(3)])
LINE = xn.Network([xn.Dense(1)])


def xor(m: int = 40, dtype: str = "float32", seed: int = 0) -> tuple[Host, Host]:
    X = np.random.default_rng(seed).standard_normal((3, m)).astype(dtype)
    return X, (X[:1] * X[1:2] > 0).astype("int32")


def corners(m: int = 40) -> tuple[Host, Host]:
    """Three classes by the largest of three numbers."""
    X, _ = xor(m)
    return X, np.argmax(X, axis=0)[None, :].astype("int32")


def same(one: Any, other: Any) -> None:
    trees.map(np.testing.assert_array_equal, one, other)


def distance(one: Any, other: Any) -> float:
    return max(float(np.max(np.abs(A - B))) for A, B in zip(trees.leaves(one), trees.leaves(other), strict=True))


@dataclass(frozen=True)
class Scripted(xn.Optimizer):
    """Every parameter becomes values[t] at update t; a value that raises is raised in the middle of the update."""

    values: tuple[Any, ...]
    lr: float = 1.0
    calls: list[int] = field(default_factory=list, compare=False)

    def rule(self, W: Any, dW: Any, memory: Any, lr: Any, t: Any) -> tuple[Any, Any]:
        value = self.values[int(t) - 1]
        self.calls.append(int(t))
        if isinstance(value, BaseException):
            if self.calls.count(int(t)) == 2:
                raise value
            return W, {}
        return 0 * W + value, {}


POINTS = np.asarray([[1.0, 2.0, 3.0]], "float32")


def scripted(*values: Any, **options: Any) -> xn.Fit:
    """y = 3x + 3, one feature and one batch: the best value is 3."""
    Y = 3 * POINTS + 3
    settings: dict[str, Any] = {"epochs": len(values), "batch_size": None, "validation": (POINTS, Y), **options}
    return xn.fit(LINE, POINTS, Y, cost="mean_squared_error", optimizer=Scripted(values), **settings)


def weight(fit: xn.Fit) -> float:
    return float(fit.params[0]["W"][0, 0])
