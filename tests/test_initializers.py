"""Initial weights: the size that keeps A and dA from growing, from the seed alone."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from xnet import names, random
from xnet.errors import UnknownNameError
from xnet.layers import initializers

Shape = tuple[int, ...]
SHAPES: list[Shape] = [(200, 300), (300, 200), (64, 32, 3, 3), (10, 2000), (1, 5000)]
VARIANCE: dict[
    str, Callable[[int, int], float]
] = {  # n numbers feed a unit, and each number feeds k units; a kernel of 3 × 3 counts nine times
    "he": lambda n, k: 2 / n,
    "lecun": lambda n, k: 1 / n,
    "xavier": lambda n, k: 2 / (n + k),
    "normal": lambda n, k: 0.01**2,
}
EVERY = ["zeros", "normal", "he", "lecun", "xavier", "orthogonal"]


def drawn(name: str, shape: Shape, seed: int = 0, **hyper: float) -> Any:
    return names.find("init", name, initializers)(random.key(seed), shape, **hyper)


def test_every_initializer_is_found_by_its_name() -> None:
    assert sorted(names.public(initializers)) == sorted(EVERY)
    with pytest.raises(UnknownNameError, match="got init='kaiming'"):
        drawn("kaiming", (2, 2))
    with pytest.raises(UnknownNameError, match="did you mean 'xavier'"):
        drawn("xavjer", (2, 2))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", VARIANCE)
def test_mean_and_variance(name: str, shape: Shape) -> None:
    W = drawn(name, shape).astype(float)
    k, n, size = shape[0] * math.prod(shape[2:]), math.prod(shape[1:]), W.size
    variance = VARIANCE[name](n, k)
    assert abs(W.mean()) < 5 * math.sqrt(variance / size)
    assert W.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / size))
    assert np.abs(W).max() < 6 * math.sqrt(variance)


def test_normal_takes_its_scale() -> None:
    np.testing.assert_allclose(drawn("normal", (4, 5), scale=1.0), 100 * drawn("normal", (4, 5)), rtol=1e-6)


@pytest.mark.parametrize("m", [2000])
def test_he_keeps_the_size_of_relu_layers(m: int) -> None:
    """What the variance is for: E[A²] is the same after eight layers as before."""
    A = random.normal(random.key(1), (256, m))
    for layer in range(8):
        A = math.sqrt(2) * A if layer == 0 else A  # E[max(z, 0)²] is half of E[z²]: begin as after a layer
        A = np.maximum(drawn("he", (256, 256), seed=layer) @ A, 0)
    assert np.mean(A**2) == pytest.approx(1, rel=0.5)


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (5, 3), (3, 5), (40, 40), (4, 2, 3, 3), (30, 2, 3, 3), (6, 1)])
def test_orthogonal(shape: Shape, gain: float) -> None:
    W = drawn("orthogonal", shape, gain=gain).reshape(shape[0], -1).astype(float)
    product = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-6 * gain**2)


def test_orthogonal_prefers_no_direction() -> None:
    """With the signs of R left out, W[0, 0] would be negative every time: QR by reflections makes it so."""
    corners = [drawn("orthogonal", (3, 3), seed)[0, 0] for seed in range(200)]
    assert abs(np.mean(corners)) < 5 * math.sqrt(1 / 3 / 200)


def test_zeros() -> None:
    assert not np.any(drawn("zeros", (3, 4)))


@pytest.mark.parametrize("shape", [(3, 4), (3, 0), (0, 3), (0, 0), (3,), (1, 1), (4, 2, 3, 3), (2, 0, 3, 3)])
@pytest.mark.parametrize("name", EVERY)
def test_shape_dtype_and_the_same_from_the_same_seed(name: str, shape: Shape) -> None:
    W = drawn(name, shape)
    assert (W.shape, W.dtype) == (shape, "float32")
    assert np.all(np.isfinite(W))
    np.testing.assert_array_equal(drawn(name, shape), W)
    if name != "zeros" and W.size > 1:
        assert not np.any(drawn(name, shape, seed=1) == W)


def test_the_weights_of_a_seed_stay_what_they_are() -> None:
    he, orthogonal = drawn("he", (2, 2)), drawn("orthogonal", (2, 2))
    np.testing.assert_allclose(he, [[0.8518570, 1.5237277], [1.6509204, 0.07333116]], rtol=1e-6)
    np.testing.assert_allclose(orthogonal, [[0.45854476, 0.8886713], [0.8886713, -0.45854476]], rtol=1e-6)
