"""Counter-based random numbers in plain Array API: one key gives the same bits on every library and device.

Threefry-2×32 with 20 rounds (Salmon, Moraes, Dror and Shaw 2011).  A key is an array of two int32 words; a draw
is a pure function of a key and a shape.  For two independent draws, split the key first.
"""

from collections.abc import Iterator
from math import pi, prod
from operator import index

from array_api_compat import array_namespace, device

from xnet.backends import HOST, backend
from xnet.errors import ValueRangeError
from xnet.types import Array, Shape

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def key(seed: int, stream: int = 0) -> Array:
    """The key of a seed 0 ≤ seed < 2⁶⁴, on the host.  The streams of one seed are independent."""
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= index(seed) < 2**64:
        raise ValueRangeError(f"seed: an integer from 0 to 2**64 - 1; got seed={seed!r}; try seed=0")
    seed = index(seed)
    words = [seed >> 32, seed & 0xFFFFFFFF]
    host = backend(HOST).asarray([word - (word >> 31 << 32) for word in words], dtype="int32")
    return split(host, stream + 1)[stream]


def split(key: Array, n: int) -> list[Array]:
    """N keys, independent of each other and of the draws of this key."""
    xp = array_namespace(key)
    counter = xp.arange(n, dtype=xp.int32, device=device(key))
    # The high word of the counter is 0 for draws and 1 for keys, so that no counter is used twice.
    x0, x1 = threefry(key, xp.ones_like(counter), counter)
    return [xp.stack([x0[i], x1[i]]) for i in range(n)]


def keys(key: Array) -> Iterator[Array]:
    """An endless sequence of independent keys."""
    while True:
        key, *block = split(key, 65)
        yield from block


def bits(key: Array, shape: Shape) -> Array:
    """int32 numbers of 32 random bits each."""
    xp = array_namespace(key)
    x0, x1 = _pairs(key, (prod(shape) + 1) // 2)
    return xp.reshape(xp.concat([x0, x1])[: prod(shape)], shape)


def uniform(key: Array, shape: Shape) -> Array:
    """float32 in [0, 1), multiples of 2⁻²⁴: each number is exact."""
    xp = array_namespace(key)
    return xp.astype((bits(key, shape) >> 8) & 0xFFFFFF, xp.float32) * 2.0**-24


def normal(key: Array, shape: Shape) -> Array:
    """float64 of mean 0 and variance 1: r cos θ and r sin θ with r = √(-2 ln u₁), θ = 2π u₂   (Box and Muller 1958)."""
    xp = array_namespace(key)
    x0, x1 = _pairs(key, (prod(shape) + 1) // 2)
    u1, u2 = ((xp.astype(x, xp.float64) + (2.0**31 + 0.5)) * 2.0**-32 for x in (x0, x1))
    r, theta = xp.sqrt(-2 * xp.log(u1)), 2 * pi * u2
    return xp.reshape(xp.concat([r * xp.cos(theta), r * xp.sin(theta)])[: prod(shape)], shape)


def permutation(key: Array, m: int) -> Array:
    """0 … m-1 in the order of m random words.   The words are sorted by their low halves, then by their high halves."""
    xp = array_namespace(key)
    words = bits(key, (m,))
    # NumPy sorts 16 bits by radix, which is several times faster than to sort 32 bits once.
    low, high = (xp.astype(half, xp.int16) for half in ((words & 0xFFFF) - 0x8000, words >> 16))
    order = xp.argsort(low, stable=True)
    return xp.take(order, xp.argsort(xp.take(high, order), stable=True))


def threefry(key: Array, x0: Array, x1: Array) -> tuple[Array, Array]:
    """The counters (x0, x1) encrypted with the key.  All are int32; sums overflow and wrap round."""
    words = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    x0, x1 = x0 + words[0], x1 + words[1]
    for i in range(5):
        for r in _ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = x0 ^ ((x1 << r) | ((x1 >> (32 - r)) & ((1 << r) - 1)))
        x0, x1 = x0 + words[(i + 1) % 3], x1 + words[(i + 2) % 3] + (i + 1)
    return x0, x1


def _pairs(key: Array, n: int) -> tuple[Array, Array]:
    xp = array_namespace(key)
    counter = xp.arange(n, dtype=xp.int32, device=device(key))
    return threefry(key, xp.zeros_like(counter), counter)
