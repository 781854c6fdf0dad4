"""The random bits are Threefry's, equal on every backend, and pass statistical tests."""

import math
from typing import Any

import numpy as np
import pytest
from laws import finest

from xnet import random
from xnet.errors import ValueRangeError

KNOWN = [  # key, counter, result: the known answers that the authors publish with Random123, 20 rounds
    ("00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
    ("ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
    ("13198a2e 03707344", "243f6a88 85a308d3", "c4923a9c 483df7a0"),
]


def words(text: str) -> Any:
    """Hexadecimal words as int32 with the same bits."""
    return np.asarray([int(word, 16) for word in text.split()], dtype="uint32").view("int32")


def here(xb: Any, seed: int = 0) -> Any:
    return xb.asarray(random.key(seed), "int32")


@pytest.mark.parametrize(("key", "counter", "result"), KNOWN)
def test_known_answers(key: str, counter: str, result: str, xb: Any) -> None:
    x0, x1 = (xb.asarray(word[None], "int32") for word in words(counter))
    found = [xb.to_numpy(x).item() for x in random.threefry(xb.asarray(words(key), "int32"), x0, x1)]
    assert found == list(words(result))


# A change of the stream changes everybody's networks: these numbers stay.

PINNED_KEYS = [
    (0, 0, [1351547692, -1059176654]),
    (1, 0, [1110694964, 1039769451]),
    (0, 1, [-1820994721, 935721516]),
    (2**64 - 1, 0, [-1611996831, -192222569]),
]


@pytest.mark.parametrize(("seed", "stream", "expected"), PINNED_KEYS)
def test_the_keys_stay_what_they_are(seed: int, stream: int, expected: list[int]) -> None:
    made = random.key(seed, stream)
    assert (made.tolist(), made.dtype) == (expected, "int32")


def test_the_draws_stay_what_they_are(xb: Any) -> None:
    key = here(xb)
    draws = [*random.split(key, 2), random.bits(key, (4,)), random.uniform(key, (3,)), random.permutation(key, 8)]
    splits, bits, uniform, permutation = draws[:2], *draws[2:]
    assert [xb.to_numpy(x).tolist() for x in splits] == [[96249305, 1960353825], [-671163222, -681203750]]
    assert xb.to_numpy(bits).tolist() == [-1382694655, -805858071, -1399362908, -2114611641]
    assert [x.hex() for x in xb.to_numpy(uniform).tolist()] == [
        f"0x1.{digits}0000000p-1" for digits in ("5b2b82", "9fef28", "592ed4")
    ]
    assert xb.to_numpy(permutation).tolist() == [5, 6, 4, 0, 1, 2, 7, 3]
    if finest(xb) == "float64":
        normal = xb.to_numpy(random.normal(key, (3,))).tolist()
        assert normal == pytest.approx([0.851857032797577, 1.5237278069361693, 1.6509203781534327], rel=1e-13)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 5)])
def test_the_same_bits_on_every_backend(shape: tuple[int, ...], xb: Any) -> None:
    for seed in (0, 12345678901234567890):
        key, there = random.key(seed), here(xb, seed)
        for draw, dtype in [(random.bits, "int32"), (random.uniform, "float32")]:
            host, other = draw(key, shape), xb.to_numpy(draw(there, shape))
            assert (host.shape, host.dtype) == (shape, dtype)
            np.testing.assert_array_equal(other, host, strict=True)
    if finest(xb) == "float64":
        normal = xb.to_numpy(random.normal(here(xb), shape))
        np.testing.assert_allclose(normal, random.normal(random.key(0), shape), rtol=1e-12, atol=1e-12, strict=True)


def test_keys_splits_and_draws_do_not_meet() -> None:
    """10,000 pairs of words: by chance two would be equal once in 10¹¹ runs."""
    root = random.key(0)
    child = random.split(root, 1)[0]
    pairs = [random.key(seed) for seed in range(1000)]
    pairs += [random.key(7, stream) for stream in range(1, 101)]
    pairs += [*random.split(root, 3000), *random.split(child, 3000)]
    pairs += [*random.bits(root, (2, 3000)).T, *random.bits(child, (2, 3000)).T]
    assert len(pairs) > 10_000
    assert len({tuple(pair.tolist()) for pair in pairs}) == len(pairs)


def test_a_split_into_more_begins_with_the_split_into_fewer() -> None:
    few, many = (np.asarray(random.split(random.key(3), n)) for n in (4, 9))
    np.testing.assert_array_equal(many[:4], few)
    assert random.split(random.key(3), 0) == []


def test_drawing_leaves_the_key_alone_and_repeats_itself(xb: Any) -> None:
    key = here(xb)
    first = xb.to_numpy(random.bits(key, (9,))).copy()
    np.testing.assert_array_equal(xb.to_numpy(random.bits(key, (9,))), first)
    np.testing.assert_array_equal(xb.to_numpy(key), random.key(0))


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, 3.0, True, None, "0"])
def test_a_seed_is_a_whole_number_of_64_bits(seed: Any) -> None:
    with pytest.raises(ValueRangeError, match=r"^seed: an integer from 0 to 2\*\*64 - 1; got seed=.*try seed=0$"):
        random.key(seed)


# It looks like chance.  Fixed seeds: what passes once always passes.

N = 100_000
SEEDS = [0, 1, 2**40 + 3]


def distance(sample: Any, distribution: Any) -> float:
    """The largest gap between how many fall below x and how many should (Kolmogorov and Smirnov), times √n."""
    below = distribution(np.sort(sample.ravel()))
    rank = np.arange(sample.size + 1) / sample.size
    gap = max(np.abs(below - rank[1:]).max(), np.abs(below - rank[:-1]).max())
    return float(gap * math.sqrt(sample.size))


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform(seed: int) -> None:
    U = random.uniform(random.key(seed), (N,))
    assert 0 <= U.min() < 1e-3
    assert 0.999 < U.max() < 1
    assert np.all(np.round(U * 2**24) == U * 2**24)
    assert distance(U.astype(float), lambda x: x) < 1.95
    assert abs(np.corrcoef(U[:-1], U[1:])[0, 1]) < 5 / math.sqrt(N)
    assert abs(np.corrcoef(U[: N // 2], U[N // 2 :])[0, 1]) < 5 / math.sqrt(N // 2)


def test_every_bit_is_set_half_of_the_time() -> None:
    B = random.bits(random.key(0), (N,)).view("uint32")
    share = [np.mean(B >> i & 1) for i in range(32)]
    np.testing.assert_allclose(share, 0.5, atol=5 * 0.5 / math.sqrt(N))


@pytest.mark.parametrize("seed", SEEDS)
def test_normal(seed: int) -> None:
    X = random.normal(random.key(seed), (2, N // 2))
    assert X.dtype == "float64"
    assert abs(X.mean()) < 5 / math.sqrt(N)
    assert abs(X.var() - 1) < 5 * math.sqrt(2 / N)
    assert abs(np.mean(X**3)) < 5 * math.sqrt(15 / N)
    assert abs(np.mean(X**4) - 3) < 5 * math.sqrt(96 / N)
    assert abs(np.mean(np.abs(X) > 3) - 0.0027) < 5 * math.sqrt(0.0027 / N)
    assert 3.5 < np.abs(X).max() < 6.7
    assert distance(X[:, :5000], np.vectorize(lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))))) < 1.95
    assert abs(np.corrcoef(*X)[0, 1]) < 5 / math.sqrt(N // 2)
    assert abs(np.corrcoef(*X**2)[0, 1]) < 5 / math.sqrt(N // 2)


def test_the_laws_of_chance_can_fail() -> None:
    U = random.uniform(random.key(0), (N,)).astype(float)
    assert distance(0.99 * U, lambda x: x) > 1.95
    assert distance(U**1.02, lambda x: x) > 1.95


@pytest.mark.parametrize("m", [0, 1, 2, 1000])
def test_permutation_has_every_index_once(m: int, xb: Any) -> None:
    order = xb.to_numpy(random.permutation(here(xb), m))
    assert order.dtype.kind == "i"
    np.testing.assert_array_equal(np.sort(order), np.arange(m))
    np.testing.assert_array_equal(order, random.permutation(random.key(0), m))


def test_permutation_is_the_order_of_the_words() -> None:
    """Of equal words too, which come in their order."""
    m = 200_000
    words = random.bits(random.key(1), (m,))
    assert len(set(words.tolist())) < m
    np.testing.assert_array_equal(random.permutation(random.key(1), m), np.argsort(words, kind="stable"))


def test_permutations_differ_and_are_all_as_likely() -> None:
    orders = [tuple(random.permutation(key, 4).tolist()) for key in random.split(random.key(0), 2400)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 24
    assert sum((count - 100) ** 2 / 100 for count in counts) < 49.7  # χ² of 23 degrees, once in a thousand
