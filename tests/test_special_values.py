"""Activations and costs at ±0, ±∞, NaN and the ends of the dtype: explicit values, and PyTorch's on a grid."""

import math
from typing import Any

import numpy as np
import pytest
from backends import selected
from laws import dtypes

from xnet import kernels
from xnet.backends import backend

SELECTED = {row.name for row in selected()}
INF, NAN = math.inf, math.nan
HOST = backend("numpy")


def run(name: str, Z: Any, dtype: str, xb: Any = HOST, **hyper: float) -> tuple[Any, Any]:
    """The values and the derivatives at dA = 1, on the host."""
    A, cache = getattr(kernels, name)(xb.asarray(np.asarray(Z), dtype=dtype), **hyper)
    dZ = getattr(kernels, name + "_backward")(xb.asarray(np.ones(A.shape), dtype=dtype), cache)
    return xb.to_numpy(A), xb.to_numpy(dZ)


def identical(actual: Any, expected: Any, eps: float, sign: bool = True, atol: float = 0) -> None:
    """Equal to a few roundings, NaN where NaN is expected, and zeros of the same sign."""
    np.testing.assert_allclose(actual, expected, rtol=8 * eps, atol=atol)
    if sign:
        zero = np.asarray(expected) == 0
        np.testing.assert_array_equal(np.signbit(actual)[zero], np.signbit(np.asarray(expected))[zero])


# Activations

POINTS = [0.0, -0.0, INF, -INF, NAN]
HALF, ROOT = 0.5, 2 / math.sqrt(math.pi)
ACTIVATIONS = [  # name, a at the five points, dz at them.  ReLU and leaky ReLU hand dA on at NaN as PyTorch does.
    ("identity", POINTS, [1, 1, 1, 1, 1]),
    ("sigmoid", [0.5, 0.5, 1, 0, NAN], [0.25, 0.25, 0, 0, NAN]),
    ("tanh", [0.0, -0.0, 1, -1, NAN], [1, 1, 0, 0, NAN]),
    ("relu", [0.0, 0.0, INF, 0, NAN], [0, 0, 1, 0, 1]),
    ("leaky_relu", [0.0, -0.0, INF, -INF, NAN], [0.01, 0.01, 1, 0.01, 0.01]),
    ("elu", [0.0, -0.0, INF, -1, NAN], [1, 1, 1, 0, NAN]),
    ("gelu", [0.0, -0.0, INF, NAN, NAN], [HALF, HALF, NAN, NAN, NAN]),
    ("silu", [0.0, -0.0, INF, NAN, NAN], [HALF, HALF, NAN, NAN, NAN]),
    ("softplus", [math.log(2)] * 2 + [INF, 0, NAN], [HALF, HALF, 1, 0, NAN]),
    ("erf", [0.0, -0.0, 1, -1, NAN], [ROOT, ROOT, 0, 0, NAN]),
]


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # 0 · ∞ of GELU and SiLU
@pytest.mark.parametrize(("name", "a", "slope"), ACTIVATIONS, ids=[row[0] for row in ACTIVATIONS])
def test_activations_at_special_points(name: str, a: list[float], slope: list[float], xb: Any) -> None:
    for dtype in dtypes(xb):
        eps = float(np.finfo(dtype).eps)
        A, dZ = run(name, [POINTS], dtype, xb)
        identical(A, [a], eps, sign=name != "relu")
        identical(dZ, [slope], eps, sign=False)


def test_relu_gives_the_zero_of_the_librarys_maximum(xb: Any) -> None:
    """−0.0 on NumPy with x86, as PyTorch's own relu; +0.0 where `maximum` orders the zeros, as JAX's."""
    Z = xb.asarray(np.full((3, 5), -0.0))
    expected = xb.to_numpy(xb.xp.maximum(0.0, Z))
    np.testing.assert_array_equal(np.signbit(xb.to_numpy(kernels.relu(Z)[0])), np.signbit(expected))


@pytest.mark.parametrize("slope", [-0.5, 0.01, 1.0, 2.0])
def test_leaky_relu_takes_any_slope(slope: float, xb: Any) -> None:
    Z = [[-INF, -3.0, -0.0, 0.0, 3.0, INF]]
    A, dZ = run("leaky_relu", Z, "float32", xb, slope=slope)
    identical(A, np.where(np.asarray(Z) > 0, Z, slope * np.asarray(Z)), 1e-7, sign=slope > 0)
    np.testing.assert_allclose(dZ, [[slope] * 4 + [1, 1]], rtol=1e-6)


def test_erf_keeps_its_digits_near_0(xb: Any) -> None:
    for dtype in dtypes(xb):
        info = np.finfo(dtype)
        Z = np.asarray([[float(info.tiny), -float(info.tiny), float(info.eps), -1e-3, 0.5, -0.9, 3.0]], dtype)
        expected = np.vectorize(math.erf)(Z.astype("float64"))
        np.testing.assert_allclose(run("erf", Z, dtype, xb)[0], expected, rtol=4 * float(info.eps), atol=0)


# Costs, with one example alone: J, dZ

COSTS = [  # name, z, y, J, dZ.  Two equal infinities have no difference: softmax gives NaN, as in PyTorch.
    ("sigmoid_cross_entropy", [INF], [0], INF, [1]),
    ("sigmoid_cross_entropy", [INF], [1], 0, [0]),
    ("sigmoid_cross_entropy", [-INF], [0], 0, [0]),
    ("sigmoid_cross_entropy", [-INF], [1], INF, [-1]),
    ("sigmoid_cross_entropy", [INF], [0.5], INF, [0.5]),
    ("sigmoid_cross_entropy", [-INF], [0.5], INF, [-0.5]),
    ("sigmoid_cross_entropy", [NAN], [0], NAN, [NAN]),
    ("sigmoid_cross_entropy", [NAN], [1], NAN, [NAN]),
    ("softmax_cross_entropy", [0, -INF, 1], [[0]], math.log(1 + math.e), [-math.e / (1 + math.e), 0, None]),
    ("softmax_cross_entropy", [0, -INF, 0], [0.5, 0, 0.5], math.log(2), [0, 0, 0]),
    ("softmax_cross_entropy", [0, -INF, 0], [[1]], INF, [0.5, -1, 0.5]),
    ("softmax_cross_entropy", [0, -INF, 0], [0.5, 0.5, 0], INF, [0, -0.5, 0.5]),
    ("softmax_cross_entropy", [-INF, -INF, -INF], [[0]], NAN, [NAN, NAN, NAN]),
    ("softmax_cross_entropy", [INF, 0, 0], [[0]], NAN, [NAN, NAN, NAN]),
    ("softmax_cross_entropy", [0, NAN, 0], [[0]], NAN, [NAN, NAN, NAN]),
    ("mean_squared_error", [INF, 0], [0, 0], INF, [INF, 0]),
    ("mean_squared_error", [NAN, 0], [0, 0], NAN, [NAN, 0]),
    ("binary_cross_entropy", [NAN], [1], NAN, [NAN]),
]


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # ∞ - ∞ of the softmax
@pytest.mark.parametrize(("name", "z", "y", "J", "slope"), COSTS)
def test_costs_at_special_points(name: str, z: Any, y: Any, J: float, slope: list[float | None], xb: Any) -> None:
    labels = isinstance(y[0], list)
    for dtype in dtypes(xb):
        eps = float(np.finfo(dtype).eps)
        Y = xb.asarray(np.asarray(y if labels else np.asarray(y)[:, None]), None if labels else dtype)
        found, cache = getattr(kernels, name)(xb.asarray(np.asarray(z)[:, None], dtype), Y)
        dZ = xb.to_numpy(getattr(kernels, name + "_backward")(xb.asarray(np.ones(()), dtype), cache))[:, 0]
        identical(xb.to_numpy(found), J, eps, sign=False)
        for actual, expected in zip(dZ, slope, strict=True):
            if expected is not None:
                identical(actual, expected, eps, sign=False)


def test_smoothing_counts_every_class(xb: Any) -> None:
    """A class that smoothing gives a share costs ∞ at a logit of −∞."""
    Z, Y = xb.asarray(np.asarray([[0.0], [-INF]])), xb.asarray(np.asarray([[0]]), None)
    assert float(xb.to_numpy(kernels.softmax_cross_entropy(Z, Y, smoothing=0.1)[0])) == INF


# PyTorch's own functions on a grid


def grid(dtype: str) -> Any:
    info = np.finfo(dtype)
    sizes = [0.0, INF, float(info.tiny), float(info.smallest_subnormal), float(info.eps), 1e-3, 1, 2, 20, 50, 1e3]
    return np.asarray([*sizes, *(-size for size in sizes), float(info.max), -float(info.max), NAN], dtype)


@pytest.mark.skipif("torch" not in SELECTED, reason="torch was not asked for")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [row[0] for row in ACTIVATIONS])
def test_activations_are_pytorchs_on_a_grid(name: str, dtype: str) -> None:
    """On NumPy.  Left out: GELU beyond 1e3 (PyTorch returns NaN or ∞ there by vector code), ELU at NaN (1 or NaN)."""
    import torch

    own: dict[str, Any] = {"identity": torch.clone, "erf": torch.erf}
    z = grid(dtype)
    z = z[np.abs(z) <= 1e3] if name == "gelu" else z[~np.isnan(z)] if name == "elu" else z
    x = torch.tensor(z, requires_grad=True)
    y = (own.get(name) or getattr(torch.nn.functional, name))(x)
    y.sum().backward()
    with np.errstate(over="ignore", invalid="ignore"):
        A, dZ = run(name, z[None, :], dtype)
    eps = float(np.finfo(dtype).eps)
    atol = 4 * eps if name == "gelu" else 0  # 1 + erf rounds to the digits of 1, in PyTorch too
    identical(A[0], y.detach().numpy(), eps, atol=atol)
    identical(dZ[0], x.grad.numpy(), eps, sign=False, atol=atol)


@pytest.mark.skipif("torch" not in SELECTED, reason="torch was not asked for")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_costs_are_pytorchs_on_a_grid(dtype: str) -> None:
    """Each pair of logits of the grid, each target.  Where PyTorch multiplies 0 by ∞ xnet has the limit."""
    import torch

    z = grid(dtype)
    pairs = np.stack([v.ravel() for v in np.meshgrid(z, z)])
    eps = float(np.finfo(dtype).eps)
    with np.errstate(over="ignore", invalid="ignore"):
        for y in (0, 1):
            for pair in pairs.T:
                t = torch.tensor(pair[None, :], requires_grad=True)
                loss = torch.nn.functional.cross_entropy(t, torch.tensor([y]))
                loss.backward()
                J, cache = kernels.softmax_cross_entropy(pair[:, None], np.asarray([[y]]))
                dZ = kernels.softmax_cross_entropy_backward(np.ones((), dtype), cache)
                np.testing.assert_allclose(J, loss.item(), rtol=8 * eps, atol=8 * eps)
                np.testing.assert_allclose(dZ[:, 0], t.grad[0], rtol=8 * eps, atol=8 * eps)
            for v in z:
                t = torch.tensor([[v]], requires_grad=True)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(t, torch.full_like(t, y))
                loss.backward()
                J, cache = kernels.sigmoid_cross_entropy(np.asarray([[v]], dtype), np.asarray([[y]]))
                dZ = kernels.sigmoid_cross_entropy_backward(np.ones((), dtype), cache)
                if not np.isinf(v):
                    np.testing.assert_allclose(J, loss.item(), rtol=8 * eps, atol=8 * eps)
                    np.testing.assert_allclose(dZ[0], t.grad[0], rtol=8 * eps, atol=8 * eps)
