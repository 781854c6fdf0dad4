"""The data sets: the same columns on every backend, each from its seed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import Bench

from xnet import data
from xnet.data.sets import SETS
from xnet.errors import ValueRangeError

Host = Any

pytestmark = pytest.mark.usefixtures("numpy_by_default")


@pytest.mark.parametrize(
    ("name", "n", "classes"), [("digits", 64, 10), ("flower", 2, 2), ("moons", 2, 2), ("spirals", 2, 3)]
)
def test_each_set_is_the_same_columns_on_every_backend(name: str, n: int, classes: int, xb: Bench) -> None:
    X, Y, *_ = data.load(name, backend=str(xb.backend))
    host_X, host_Y = SETS[name](backend="numpy")
    m = host_Y.shape[1]
    assert (host_X.dtype, host_Y.dtype, host_X.shape, host_Y.shape) == (np.float32, np.int32, (n, m), (1, m))
    assert xb.backend.owns(X)
    assert xb.backend.owns(Y)
    np.testing.assert_array_equal(xb.to_numpy(X), host_X)
    np.testing.assert_array_equal(xb.to_numpy(Y), host_Y)
    assert sorted(set(host_Y[0].tolist())) == list(range(classes))


def test_digits_are_the_ones_of_uci() -> None:
    X, Y = data.digits()
    assert X.shape == (64, 1797)
    assert np.bincount(Y[0]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (X * 16).sum(dtype=np.float64) == 561718
    assert (X.min(), X.max()) == (0, 1)
    assert data.sets.DIGITS.stat().st_size < 50_000


@pytest.mark.parametrize("make", [data.flower, data.moons, data.spirals])
def test_a_seed_gives_its_set_and_no_other(make: Callable[..., tuple[Host, Host]]) -> None:
    (X, Y), (again, _), (other, _) = make(m=90, seed=3), make(m=90, seed=3), make(m=90, seed=4)
    np.testing.assert_array_equal(X, again)
    assert not np.array_equal(X, other)
    assert len(set(np.bincount(Y[0]).tolist())) == 1
    assert set(Y[0, :45].tolist()) == set(Y[0].tolist())
    assert np.abs(X).max() < 4


def test_flower_has_six_petals_by_turns() -> None:
    X, Y = data.flower(m=600)
    far = np.hypot(X[0], X[1]) > 1
    np.testing.assert_array_equal(Y[0, far], np.sin(3 * np.arctan2(X[1], X[0]))[far] < 0)


def test_moons_without_noise_are_two_circles() -> None:
    X, Y = data.moons(m=50, noise=0)
    np.testing.assert_allclose(np.hypot(X[0] - Y[0], X[1] - 0.5 * Y[0]), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: data.flower(m=1), "flower: m must be an integer of at least 2; got m=1;"),
        (lambda: data.spirals(m=2.5), "spirals: m must be an integer of at least 3; got m=2.5;"),  # type: ignore[arg-type]
        (lambda: data.spirals(classes=0), "classes must be an integer of at least 1; got classes=0;"),
        (lambda: data.moons(seed=-1), "moons: seed must be an integer of at least 0; got seed=-1; try seed=0"),
        (lambda: data.moons(noise=-1.0), "moons: noise must be a number of at least 0; got noise=-1.0;"),
        (lambda: data.moons(noise=float("nan")), "got noise=nan;"),
    ],
)
def test_sets_refuse(call: Callable[[], object], text: str) -> None:
    with pytest.raises(ValueRangeError) as error:
        call()
    assert text in str(error.value)
