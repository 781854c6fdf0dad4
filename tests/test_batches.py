"""Batches: every example once an epoch, in an order that the seed decides."""

import tracemalloc
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pytest
from backends import Bench, selected
from hypothesis import given, settings
from hypothesis import strategies as st
from train_cases import NET, xor

import xnet as xn
from xnet import random
from xnet.backends import backend
from xnet.train.batches import batches, parts


@given(m=st.integers(1, 40), size=st.integers(1, 45), seed=st.integers(0, 2**64 - 1), shuffle=st.booleans())
@settings(max_examples=60, deadline=None)
def test_each_example_is_once_in_a_batch(m: int, size: int, seed: int, shuffle: bool) -> None:
    X = np.arange(m)[None, None, :] + np.zeros((2, 3, 1))
    Y = 10 * np.arange(m)[None, :]
    key = random.key(seed) if shuffle else None
    found = list(batches((X, Y), size, backend("numpy"), shuffle)(key))
    assert [A.shape[-1] for A, _ in found] == [min(size, m - start) for start in range(0, m, size)]
    assert all(A.shape[:2] == (2, 3) and np.array_equal(10 * A[0, 0], B[0]) for A, B in found)
    order = np.concatenate([B[0] for _, B in found]) // 10
    assert sorted(order) == list(range(m))
    if not shuffle or size >= m:
        assert list(order) == list(range(m))


def test_the_seed_decides_the_order(xb: Bench) -> None:
    X = xb.asarray(np.arange(50)[None, :])

    def order(seed: int) -> list[int]:
        found = batches((X,), 8, xb.backend, True)(random.key(seed))
        return [int(x) for (A,) in found for x in xb.to_numpy(A)[0]]

    by_numpy = [A for (A,) in batches((np.arange(50)[None, :],), 8, backend("numpy"), True)(random.key(1))]
    assert order(1) == order(1) == np.concatenate(by_numpy, axis=1)[0].tolist() != order(2)


@pytest.mark.parametrize("shape", [(5, 300), (2, 3, 300)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_batches_are_the_examples_in_their_order(shape: tuple[int, ...], order: Any, xb: Bench) -> None:
    """Whether or not the numbers of an example are contiguous in memory, on every backend."""
    X = np.asarray(np.random.default_rng(0).standard_normal(shape), "float32", order=order)
    A, B = xb.asarray(X), xb.asarray(np.arange(300)[None, :])
    epoch = batches((A, B), 64, xb.backend, True)
    wanted = random.permutation(random.key(3), 300)
    for key, order_of_epoch in ((random.key(3), wanted), (None, np.arange(300))):
        found = [tuple(map(xb.to_numpy, batch)) for batch in epoch(key)]
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found], axis=-1), X[..., order_of_epoch])
        np.testing.assert_array_equal(np.concatenate([y for _, y in found], axis=-1)[0], order_of_epoch)


@pytest.mark.parametrize(("contiguous", "copies"), [(True, 0), (False, 1)])
def test_the_memory_of_shuffled_batches(contiguous: bool, copies: int) -> None:
    """Of X at most one copy, and none where the numbers of each example are contiguous; then a batch at a time."""
    m, n, size = 4000, 100, 50
    rows = np.ones((m, n), "float32")
    X = rows.T if contiguous else np.ascontiguousarray(rows.T)
    small = 12 * 8 * m + 4 * X[:, :size].nbytes  # random words and their order; batches
    tracemalloc.start()
    try:
        epoch = batches((X, X[:1, :]), size, backend("numpy"), True)
        for key in (random.key(1), random.key(2)):
            for _ in epoch(key):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert copies * X.nbytes <= peak < copies * X.nbytes + small < (copies + 0.5) * X.nbytes


@pytest.mark.parametrize("m", [4000, 600])
def test_one_copy_serves_all_epochs(m: int) -> None:
    b = backend("numpy")
    X = np.ones((3, m), "float32")
    rows = b.examples_first(X)
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, X.T)
    assert np.shares_memory(b.examples_first(rows.T), rows)


@pytest.mark.skipif("jax" not in {row.name for row in selected()}, reason="jax was not asked for")
@pytest.mark.parametrize("shuffle", [True, False])
def test_jax_compiles_a_program_for_each_size_of_a_batch(shuffle: bool) -> None:
    """And none for each place at which a batch begins."""
    b = backend("jax")
    epoch = batches((b.asarray(np.ones((3, 101), "float32")),), 10, b, shuffle)
    key = random.key(1) if shuffle else None
    jitted = b._gather if shuffle else b._cut  # type: ignore[attr-defined]
    before = jitted._cache_size()
    assert [A.shape[-1] for _ in range(2) for (A,) in epoch(key)] == [*[10] * 10, 1] * 2
    assert jitted._cache_size() == before + 2


@given(st.integers(0, 100), st.integers(1, 30))
def test_parts_cover_all(m: int, size: int) -> None:
    assert [i for part in parts(m, size) for i in range(m)[part]] == list(range(m))


@dataclass(frozen=True, repr=False)
class Watched(xn.Layer):
    """The identity, which writes down what passes."""

    seen: list[Any] = field(default_factory=list, compare=False)

    def build(self, key: Any, in_shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
        return {}, in_shape

    def forward(self, params: Any, X: Any) -> tuple[Any, Any]:
        self.seen.append(np.asarray(X[0, :]).tolist())
        return X, None

    def backward(self, params: Any, dY: Any, cache: Any) -> tuple[Any, Any]:
        return dY, {}


def passed(m: int, **options: Any) -> list[list[float]]:
    """The first feature of each batch: 0 … m-1 by example."""
    watched = Watched()
    X = np.arange(m, dtype="float32")[None, :] / 100
    xn.fit(xn.Network([watched, xn.Dense(1)]), X, X, **options)
    return [[round(100 * x) for x in batch] for batch in watched.seen]


@pytest.mark.parametrize(
    ("m", "batch_size", "sizes"),
    [
        (10, 4, [4, 4, 2]),
        (10, 5, [5, 5]),
        (10, 3, [3, 3, 3, 1]),
        (10, 64, [10]),
        (10, None, [10]),
        (1, 1, [1]),
        (1, 9, [1]),
    ],
)
def test_batch_sizes(m: int, batch_size: int | None, sizes: list[int]) -> None:
    seen = passed(m, epochs=2, batch_size=batch_size)
    assert [len(batch) for batch in seen] == 2 * sizes
    for epoch in (seen[: len(sizes)], seen[len(sizes) :]):
        assert sorted(chain(*epoch)) == list(range(m))


def test_each_epoch_has_its_own_order() -> None:
    first, second = (passed(20, epochs=2, batch_size=5, seed=seed) for seed in (0, 1))
    orders = [tuple(chain(*part)) for part in (first[:4], first[4:], second[:4], second[4:])]
    assert len(set(orders)) == 4
    assert first == passed(20, epochs=2, batch_size=5, seed=0)
    assert passed(6, epochs=1, batch_size=2, shuffle=False) == [[0, 1], [2, 3], [4, 5]]


def test_the_cost_of_an_epoch_is_the_mean_over_examples() -> None:
    """Of batches of 4, 4 and 2; the parameters do not move at so small a rate."""
    X, Y = xor(10, "float64")
    start = NET.init((3,), dtype="float64", backend="numpy")
    fit = xn.fit(NET, X, Y, params=start, optimizer=xn.SGD(1e-12), epochs=1, batch_size=4)
    Z, _ = NET.forward(start, X)
    assert fit.history["cost"] == [pytest.approx(float(xn.Cost("sigmoid_cross_entropy").forward(Z, Y)[0]))]
    assert fit.steps == 3


def test_validation_by_a_share_holds_examples_out() -> None:
    seen = passed(20, epochs=1, batch_size=None, validation=0.25)
    train, held = seen
    assert (len(train), len(held)) == (15, 5)
    assert sorted(train + held) == list(range(20))
    assert passed(20, epochs=1, batch_size=None, validation=0.25) == seen
    assert passed(20, epochs=1, batch_size=None, validation=0.25, seed=1) != seen
