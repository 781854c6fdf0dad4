"""The activations: the course's formulas, their limits, and the digits of their tails."""

import math
from typing import Any

import numpy as np
import pytest
from cases import CLASSES, EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import dtypes, finest

from xnet import kernels

few = settings(max_examples=50, deadline=None)
INF = math.inf


def both(xb: Any, name: str, Z: Any, dtype: str, **hyper: float) -> tuple[Any, Any]:
    """The activation and its derivative, on the host."""
    Z = xb.asarray(np.asarray(Z, dtype="float64"), dtype=dtype)
    A, cache = getattr(kernels, name)(Z, **hyper)
    dZ = getattr(kernels, name + "_backward")(xb.xp.ones_like(A), cache)
    assert A.dtype == dZ.dtype == Z.dtype
    return xb.to_numpy(A), xb.to_numpy(dZ)


def each(xb: Any, name: str, z: list[float], dtype: str, **hyper: float) -> tuple[Any, Any]:
    """The same for a few numbers, repeated to the shape of cases.py: JAX compiles anew for each shape."""
    A, dZ = both(xb, name, np.resize(z, (CLASSES, EXAMPLES)), dtype, **hyper)
    return A.flat[: len(z)], dZ.flat[: len(z)]


# The course's formulas (C19), z → a and a, z → g'(z)

FORMULAS: dict[str, tuple[Any, Any]] = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "tanh": (lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)), lambda z, a: 1 - a**2),
    "relu": (lambda z: np.maximum(0, z), lambda z, a: np.where(z > 0, 1, 0)),
    "leaky_relu": (lambda z: np.maximum(0.01 * z, z), lambda z, a: np.where(z > 0, 1, 0.01)),
    "elu": (lambda z: np.where(z > 0, z, np.exp(z) - 1), lambda z, a: np.where(z > 0, 1, np.exp(z))),
    "silu": (
        lambda z: z / (1 + np.exp(-z)),
        lambda z, a: (1 + np.exp(-z) + z * np.exp(-z)) / (1 + np.exp(-z)) ** 2,
    ),
    "softplus": (lambda z: np.log(1 + np.exp(z)), lambda z, a: 1 / (1 + np.exp(-z))),
    "identity": (lambda z: z, lambda z, a: np.ones_like(z)),
    "gelu": (
        lambda z: z * np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(z),
        lambda z, a: a / z + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_textbook_formula_and_its_derivative(name: str, xb: Any) -> None:
    rtol = {"float64": 1e-12, "float32": 1e-5}[finest(xb)]
    z = np.linspace(-5, 5, 14)
    g, derivative = FORMULAS[name]
    a, slope = each(xb, name, list(z), finest(xb))
    np.testing.assert_allclose(a, g(z), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(slope, derivative(z, g(z)), rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    ("name", "hyper", "a", "slope"),
    [
        ("relu", {}, 0, 0),
        ("leaky_relu", {}, 0, 0.01),
        ("leaky_relu", {"slope": 0.25}, 0, 0.25),
        ("elu", {"alpha": 1.5}, 0, 1.5),
    ],
)
def test_at_the_kink(name: str, hyper: dict[str, float], a: float, slope: float, xb: Any) -> None:
    at, slopes = each(xb, name, [0.0, -0.0], finest(xb), **hyper)
    assert list(at) == [a, a]
    assert list(slopes) == pytest.approx([slope, slope], rel=1e-6, abs=0)


# Limits, exact in both dtypes: nothing overflows, no warning, no NaN

ENDS = [-1e4, 0, 1e4]
LIMITS = [  # name, z, a, slope
    ("identity", [*ENDS, -INF, INF], [*ENDS, -INF, INF], [1, 1, 1, 1, 1]),
    ("sigmoid", [*ENDS, -INF, INF], [0, 0.5, 1, 0, 1], [0, 0.25, 0, 0, 0]),
    ("tanh", [*ENDS, -INF, INF], [-1, 0, 1, -1, 1], [0, 1, 0, 0, 0]),
    ("relu", [*ENDS, -INF, INF], [0, 0, 1e4, 0, INF], [0, 0, 1, 0, 1]),
    ("leaky_relu", [*ENDS, -INF, INF], [-100, 0, 1e4, -INF, INF], [0.01, 0.01, 1, 0.01, 1]),
    ("elu", [*ENDS, -INF, INF], [-1, 0, 1e4, -1, INF], [0, 1, 1, 0, 1]),
    ("gelu", ENDS, [0, 0, 1e4], [0, 0.5, 1]),
    ("silu", ENDS, [0, 0, 1e4], [0, 0.5, 1]),
    ("softplus", [*ENDS, -INF, INF], [0, math.log(2), 1e4, 0, INF], [0, 0.5, 1, 0, 1]),
    ("erf", [*ENDS, -INF, INF], [-1, 0, 1, -1, 1], [0, 2 / math.sqrt(math.pi), 0, 0, 0]),
]


@pytest.mark.parametrize(("name", "z", "a", "slope"), LIMITS, ids=[row[0] for row in LIMITS])
def test_limits(name: str, z: list[float], a: list[float], slope: list[float], xb: Any) -> None:
    for dtype in dtypes(xb):
        A, dZ = each(xb, name, z, dtype)
        one_step = 2 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(A, a, rtol=one_step, atol=0)
        np.testing.assert_allclose(dZ, slope, rtol=one_step, atol=0)


def test_every_activation_has_its_limits() -> None:
    from xnet import names
    from xnet.kernels import activation

    assert {row[0] for row in LIMITS} | {"softmax"} == {*names.public(activation), "erf"}


TAILS = [  # name, dtype, z, exact a: an absolute tolerance would let a lost tail pass
    ("sigmoid", "float32", -80, math.exp(-80)),
    ("sigmoid", "float64", -700, math.exp(-700)),
    ("silu", "float32", -80, -80 * math.exp(-80)),
    ("silu", "float64", -700, -700 * math.exp(-700)),
    ("softplus", "float32", -80, math.exp(-80)),
    ("softplus", "float64", -700, math.exp(-700)),
    ("softplus", "float64", 30, 30 + math.exp(-30)),
    ("elu", "float32", -1e-6, math.expm1(-1e-6)),
    ("elu", "float64", -1e-12, math.expm1(-1e-12)),
]


@pytest.mark.parametrize(("name", "dtype", "z", "a"), TAILS)
def test_tails_keep_their_digits(name: str, dtype: str, z: float, a: float, xb: Any) -> None:
    if dtype in dtypes(xb):
        A, _ = each(xb, name, [z], dtype)
        assert A.item() == pytest.approx(a, rel={"float32": 1e-6, "float64": 1e-12}[dtype], abs=0)


def test_erf_is_right_to_the_last_digits(xb: Any) -> None:
    Z = np.concatenate([np.linspace(-7, 7, 1401), [1e-300, -1e-300, 1e-9, 30]])[None, :]
    for dtype, atol in [("float32", 3e-7), ("float64", 1e-15)][: len(dtypes(xb))]:
        rounded = Z.astype(dtype).astype("float64")
        exact = np.vectorize(math.erf)(rounded)
        np.testing.assert_allclose(both(xb, "erf", Z, dtype)[0], exact, rtol=0, atol=atol)


# Softmax


def test_softmax_of_extremes_and_ties(xb: Any) -> None:
    Z = np.asarray([[1e4, 0, 7, -1e4, 2, 1e4], [-1e4, 0, 7, -1e4, 2, 1e4], [0, 0, 7, -1e4, -INF, -1e4]])
    third, half = [1 / 3] * 3, [0.5, 0.5, 0]
    expected = np.transpose([[1, 0, 0], third, third, third, half, half])
    for dtype in dtypes(xb):
        A, dZ = both(xb, "softmax", Z, dtype)
        eps = float(np.finfo(dtype).eps)
        np.testing.assert_allclose(A, expected, rtol=eps, atol=0)
        np.testing.assert_allclose(dZ, np.zeros_like(Z), rtol=0, atol=eps)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(-1e3, 1e3), st.sampled_from([1, 100, 1e4]))
@few
def test_softmax_is_a_distribution_that_a_shift_leaves_alone(
    seed: int, classes: int, shift: float, size: float
) -> None:
    # Whole numbers, so that the shift itself rounds nothing.
    Z, c = np.round(np.random.default_rng(seed).normal(size=(classes, 4), scale=size)), round(shift)
    A, moved = kernels.softmax(Z)[0], kernels.softmax(Z + c)[0]
    np.testing.assert_array_equal(A, moved)
    np.testing.assert_allclose(A.sum(axis=0), np.ones(4), rtol=1e-14)
    assert np.all(A >= 0)


def test_softmax_of_two_classes_is_the_sigmoid_of_their_difference() -> None:
    Z = np.random.default_rng(0).normal(size=(2, 6))
    np.testing.assert_allclose(kernels.softmax(Z)[0][:1], kernels.sigmoid(Z[:1] - Z[1:])[0], rtol=1e-13)
