"""What the loops are called with: numbers for each built-in function, logistic regression, a network of two layers."""

import math
from typing import Any

import numpy as np

Case = dict[str, Any]

BUILT_INS = [
    ("exp", [[-800.0, -1.0, -0.0, 0.5, 80.0, -math.inf, math.inf, math.nan]]),
    ("log", [[1e-30, 0.5, 1.0, 1e30, math.inf, math.nan]]),
    ("abs", [[-2.5, -0.0, 0.0, 3.0, -math.inf, math.nan]]),
    ("square", [[-2.5, 0.0, 3.0, 1e-10, math.inf, math.nan]]),
    ("add", [[1.0, -1.0, math.inf, math.nan], [0.5, 1.0, 1.0, 1.0]]),
    ("divide", [[1.0, -1.0, math.inf, math.nan], [3.0, 0.1, 2.0, 1.0]]),
    ("maximum", [[1.0, -1.0, 2.0, math.nan, 0.0, -math.inf], [3.0, -2.0, 2.0, 0.0, math.nan, math.inf]]),
]


def logistic_case(n: int, m: int, seed: int, dtype: str = "float64") -> Case:
    rng = np.random.default_rng(seed)
    case = {
        "w": rng.normal(size=(n, 1)),
        "b": rng.normal(size=(1, 1)),
        "X": rng.normal(size=(n, m)),
        "Y": rng.integers(0, 2, (1, m)),
    }
    return {name: V.astype(dtype) for name, V in case.items()}


def network_case(n: int, m: int, seed: int, dtype: str = "float64") -> Case:
    rng = np.random.default_rng(seed)
    hidden, units = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    case = {
        "X": rng.normal(size=(n, m)),
        "Y": rng.integers(0, 2, (units, m)),
        "W1": rng.normal(size=(hidden, n)),
        "b1": rng.normal(size=(hidden, 1)),
        "W2": rng.normal(size=(units, hidden)),
        "b2": rng.normal(size=(units, 1)),
    }
    return {name: V.astype(dtype) for name, V in case.items()}


def without_y(case: Case) -> Case:
    return {name: V for name, V in case.items() if name != "Y"}


def example(case: Case, i: int) -> list[Any]:
    """The case's arguments with column i of X, and of Y where there is one, in place of them all."""
    return [V[:, i : i + 1] if name in "XY" else V for name, V in case.items()]
