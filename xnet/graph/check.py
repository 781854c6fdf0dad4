"""The check that a gradient is the slope of its function."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, prod
from random import Random
from typing import Any, Literal, NamedTuple, TypeAlias

from array_api_compat import array_namespace, device, is_array_api_obj

from xnet import trees
from xnet.errors import DtypeError, GradientError, TraceError
from xnet.graph.derive import grad
from xnet.graph.dtypes import FLOATS
from xnet.graph.ir import dtype_of
from xnet.types import Array, Shape, Tree

Direction: TypeAlias = "list[Array | None]"  # for each leaf where it moves to, None when it stays

ROUNDING = 100 * 2.0**-52  # how far a sum of terms that add up to one may be off
KINK = 1e-4  # a relative difference of the slopes to the two sides, which a kink has however small the step
MOVES, MOVE = 5, 1e-3  # how often a point at a kink is left, and how far


@dataclass(frozen=True)
class Checked:
    """What was compared beside a random direction: so many entries one by one, and so many skipped, being at kinks."""

    entries: int
    skipped: int


class Leaf(NamedTuple):
    name: str
    x: Array
    grad: Array


class Slope(NamedTuple):
    """(J(x + hv) - J(x - hv)) / 2h, by how much the two sides differ, and the error that is allowed."""

    value: float
    sides: float
    allowed: float


def check_gradients(
    f: Callable[..., Any],
    *args: Tree,
    backward: Callable[..., Any] | None = None,
    argnums: int | tuple[int, ...] | None = None,
    rtol: float = 1e-6,
    step: float = 1e-5,
    entries: int = 200,
    seed: int = 0,
) -> Checked:
    """Compare the derivative of f with its slope, (J(x + hv) - J(x - hv)) / 2h in float64; a GradientError says where.

    Without `backward` it is the graph's, `grad(f)`; f gives one array, of any shape, and J = Σ dY f for a random dY.
    With it, the one written by hand: f(*args) -> (Y, cache) and backward(dY, cache) -> dX, or (dX, dW, …) in the order
    of the arguments, as kernels have it: `check_gradients(linear, A, W, b, backward=linear_backward)`.

    All arguments of floating arrays are checked, or `argnums`; with `backward` the first ones, as many as it gives.
    First all at once along a random direction, then each entry, if there are not more than `entries`.  A point at a
    kink is moved a little; an entry that still is at one is skipped, and counted in the result.
    """
    random = Random(seed)
    args = trees.map(_in_float64, args)
    for moves in range(MOVES + 1):
        if moves:
            args = trees.map(lambda x: x + MOVE * _random_like(x, random) if _is_floating(x) else x, args)
        check = _Check(f, args, backward, argnums, rtol, step, random)
        along = [_random_like(leaf.x, random) for leaf in check.leaves]
        verdict = check.verdict(along)
        if verdict != "kink":
            break
    places = [(k, i) for k, leaf in enumerate(check.leaves) for i in range(prod(leaf.x.shape))]
    verdicts = [check.verdict(check.entry(*place)) for place in places] if len(places) <= entries else []
    wrong = [place for place, one in zip(places, verdicts, strict=False) if one == "wrong"]
    if wrong:
        check.refuse(max(wrong, key=check.distance), f"{len(wrong)} of {len(places)} entries are wrong, this one most")
    if verdict == "wrong":
        check.refuse(check.search(along), "a random direction is wrong, and this entry most")
    skipped = verdicts.count("kink")
    if verdict == "kink" and skipped == len(verdicts):
        raise GradientError(
            f"check_gradients: away from kinks a derivative is a slope; got a kink in the direction and at "
            f"skipped={skipped} of {len(verdicts)} entries; check it at other arguments"
        )
    return Checked(len(verdicts) - skipped, skipped)


class _Check:
    """One point: J = Σ dY f(*args) there and around it, and the gradient that it should have."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Tree, ...],
        backward: Callable[..., Any] | None,
        argnums: int | tuple[int, ...] | None,
        rtol: float,
        step: float,
        random: Random,
    ) -> None:
        self.f, self.args, self.by_hand, self.rtol, self.step = f, args, backward is not None, rtol, step
        where = [i for i, arg in enumerate(args) if trees.leaves(arg) and all(map(_is_floating, trees.leaves(arg)))]
        if argnums is not None:
            where = [i % len(args) for i in (argnums if isinstance(argnums, tuple) else (argnums,))]
        Y, cache = f(*args) if backward else (f(*args), None)
        if not is_array_api_obj(Y):
            raise TraceError(
                f"check_gradients: f must give one array, and (Y, cache) with a backward; got {type(Y).__name__}; "
                f"lambda x: f(x)[0] takes the first of several"
            )
        self.dY = dY = _random_like(Y, random)
        if backward:
            grads = backward(dY, cache)
            grads = grads if isinstance(grads, tuple) else (grads,)
            where = where[: len(grads)] if argnums is None else where
        else:
            grads = where and grad(lambda *args: array_namespace(dY).sum(dY * f(*args)), tuple(where))(*args)
        if len(grads) != len(where) or not where:
            raise GradientError(
                f"check_gradients: each argument must have a gradient; got {len(grads)} of them for argnums={where}; "
                f"argnums=(0, 1) says which arguments they are of"
            )
        self.where = where
        self.leaves = [
            leaf for i, dx in zip(where, grads, strict=True) for leaf in _leaves(f"argument {i}", args[i], dx)
        ]
        xp = array_namespace(Y)
        self.size = float(xp.sum(xp.abs(dY * Y)))

    def J(self, along: Direction, t: float) -> float:
        moved = iter([leaf.x if v is None else leaf.x + t * v for leaf, v in zip(self.leaves, along, strict=True)])
        args = [trees.map(lambda _: next(moved), arg) if i in self.where else arg for i, arg in enumerate(self.args)]
        Y = self.f(*args)[0] if self.by_hand else self.f(*args)
        return float(array_namespace(Y).sum(self.dY * Y))

    def derivative(self, along: Direction) -> tuple[float, float]:
        """Σ dX V, and the same without signs."""
        terms = [leaf.grad * v for leaf, v in zip(self.leaves, along, strict=True) if v is not None]
        sums = [(array_namespace(term).sum(term), array_namespace(term).sum(abs(term))) for term in terms]
        return sum(float(one) for one, _ in sums), sum(float(one) for _, one in sums)

    def slope(self, along: Direction, h: float, size: float) -> Slope:
        below, here, above = (self.J(along, t) for t in (-h, 0.0, h))
        value = (above - below) / (2 * h)
        if not isfinite(value):
            raise GradientError(
                f"check_gradients: f must be finite around the point; got {below}, {here} and {above} in steps of {h}; "
                f"check it at other arguments, or with a smaller step="
            )
        return Slope(value, abs(above - 2 * here + below) / h, self.rtol * max(size, abs(value)) + self.rounding(h))

    def rounding(self, h: float) -> float:
        return ROUNDING * self.size / h

    def verdict(self, along: Direction) -> Literal["right", "wrong", "kink"]:
        """A kink is where slopes do not settle as the step shrinks, or where those to the two sides stay apart."""
        expected, size = self.derivative(along)
        before: Slope | None = None
        for h in (self.step, self.step / 10, self.step / 100):
            now = self.slope(along, h, size)
            if abs(now.value - expected) <= now.allowed:
                return "right"
            if before and abs(now.value - before.value) <= now.allowed:
                apart = max(before.sides / 2, KINK * max(size, abs(now.value)), self.rounding(h))
                return "kink" if now.sides > apart else "wrong"
            before = now
        return "kink"

    def entry(self, k: int, i: int) -> Direction:
        """Only entry i of leaf k moves."""
        return self.part(k, i, i + 1, [None if n != k else 1.0 for n in range(len(self.leaves))])

    def part(self, k: int, start: int, stop: int, along: list[Any]) -> Direction:
        """A direction, but only for the entries from start to stop of leaf k."""
        x = self.leaves[k].x
        xp = array_namespace(x)
        i = xp.arange(prod(x.shape), device=device(x))
        part = xp.astype((i >= start) & (i < stop), x.dtype)
        return [xp.reshape(part, x.shape) * along[n] if n == k else None for n in range(len(self.leaves))]

    def distance(self, place: tuple[int, int]) -> float:
        return self.off(self.entry(*place))

    def off(self, along: Direction) -> float:
        expected, size = self.derivative(along)
        return abs(self.slope(along, self.step, size).value - expected)

    def search(self, along: Direction) -> tuple[int, int]:
        """The entry that is wrong, by halves."""
        sizes = [prod(leaf.x.shape) for leaf in self.leaves]
        k = max(range(len(sizes)), key=lambda k: self.off(self.part(k, 0, sizes[k], along)))
        start, stop = 0, sizes[k]
        while stop - start > 1:
            middle = (start + stop) // 2
            halves = ((start, middle), (middle, stop))
            start, stop = max(halves, key=lambda half: self.off(self.part(k, half[0], half[1], along)))
        return k, start

    def refuse(self, place: tuple[int, int], which: str) -> None:
        k, i = place
        leaf, along = self.leaves[k], self.entry(k, i)
        derivative, size = self.derivative(along)
        slope = self.slope(along, self.step, size).value
        index = ", ".join(map(str, _index(i, tuple(leaf.x.shape))))
        raise GradientError(
            f"check_gradients: the derivative must be the slope; got derivative={derivative:.10g}, slope={slope:.10g} "
            f"at {leaf.name}[{index}]; {which}; see what backward or the table of derivatives has for it"
        )


def _leaves(name: str, arg: Tree, dx: Tree) -> list[Leaf]:
    """The arrays of an argument with their gradients, which must be like them."""
    xs, grads = dict(trees.named_leaves(arg, name)), dict(trees.named_leaves(dx, name))
    like = {path: f"{dtype_of(x)}{list(x.shape)}" for path, x in xs.items()}
    got = {path: f"{dtype_of(g)}{list(g.shape)}" if is_array_api_obj(g) else repr(g) for path, g in grads.items()}
    if like != got:
        raise GradientError(
            f"check_gradients: a gradient must have the shape and the dtype of its argument; got {got} for {like}; "
            f"sum over the axes that were broadcast"
        )
    return [Leaf(path, x, grads[path]) for path, x in xs.items()]


def _is_floating(x: Any) -> bool:
    return is_array_api_obj(x) and dtype_of(x) in FLOATS


def _in_float64(x: Any) -> Any:
    """A floating array in float64, where it is; all else as it is."""
    if not _is_floating(x):
        return x
    xp, where = array_namespace(x), device(x)
    if "float64" not in xp.__array_namespace_info__().dtypes(device=where, kind="real floating"):
        raise DtypeError(
            f"check_gradients: slopes must be worked out in float64; got arrays of {xp.__name__} on device={where!r}, "
            f"which has none; give it arrays of a library and on a device that has float64"
        )
    return xp.astype(x, xp.float64)


def _random_like(x: Array, random: Random) -> Array:
    """No entry near 0, where a wrong derivative would not count."""
    xp = array_namespace(x)
    numbers = [random.choice((-1, 1)) * random.uniform(0.5, 1.5) for _ in range(prod(x.shape))]
    return xp.reshape(xp.asarray(numbers, dtype=xp.float64, device=device(x)), tuple(x.shape))


def _index(i: int, shape: Shape) -> Shape:
    """The index of entry i."""
    index: list[int] = []
    for n in reversed(shape):
        i, last = divmod(i, n)
        index.insert(0, last)
    return tuple(index)
