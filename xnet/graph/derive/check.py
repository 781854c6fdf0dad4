"""The check that a gradient is the slope of its function."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise, product
from math import isfinite, prod
from random import Random
from typing import Any, Literal

from array_api_compat import array_namespace, device, is_array_api_obj

from xnet import trees
from xnet.errors import DtypeError, GradientError, TraceError
from xnet.graph.derive.gradients import grad, is_floating
from xnet.graph.ir import describe
from xnet.types import Array, Shape, Tree

ROUNDING = 100 * 2.0**-52  # by how much a sum of terms that add up to one may be wrong
KINK = 1e-4  # a relative difference between the slopes to the two sides that no smooth function has
MOVES, MOVE = 5, 1e-3  # how often a point at a kink is moved, and how far


@dataclass(frozen=True)
class Checked:
    """How many entries were compared beside a random direction, and how many were skipped because of kinks."""

    entries: int
    skipped: int


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

    Without `backward` the derivative is `grad(f)`; f returns one array, of any shape, and J = Σ dY f for a random dY.
    With it, the derivative is written by hand: f(*args) -> (Y, cache) and backward(dY, cache) -> dX, or (dX, dW, …) in
    the order of the arguments, as kernels have it: `check_gradients(linear, A, W, b, backward=linear_backward)`.

    All arguments of floating arrays are checked, or `argnums`; with `backward` as many of the first as it returns.
    A random direction is checked first, and then each entry, unless there are more than `entries`.  A point at a
    kink is moved a little; an entry that is still at a kink is skipped, and counted in the result.
    """
    random = Random(seed)
    args = trees.map(_in_float64, args)
    for _ in range(1 + MOVES):
        point = _point(f, args, backward, argnums, random)
        check = _Check(*point, rtol, step)
        along = _random_like(check.x, random)
        verdict = check.verdict(along)
        if verdict != "kink":
            break
        args = trees.map(lambda x: x + MOVE * _random_like(x, random) if is_floating(x) else x, args)
    n = check.x.shape[0]
    verdicts = [check.verdict(check.entry(i)) for i in range(n)] if n <= entries else []
    wrong = [i for i, one in enumerate(verdicts) if one == "wrong"]
    if wrong:
        worst = max(wrong, key=lambda i: check.error(check.entry(i)))
        raise check.refusal(worst, f"{len(wrong)} of {n} entries are wrong, this one most")
    if verdict == "wrong":
        raise check.refusal(check.search(along), "a random direction is wrong, and this entry most")
    skipped = verdicts.count("kink")
    if verdict == "kink" and skipped == len(verdicts):
        raise GradientError(
            f"check_gradients: away from kinks a derivative is a slope; got a kink in the direction and at "
            f"skipped={skipped} of {len(verdicts)} entries; check it at other arguments"
        )
    return Checked(len(verdicts) - skipped, skipped)


def _point(
    f: Callable[..., Any], args: tuple[Tree, ...], backward: Callable[..., Any] | None, argnums: Any, random: Random
) -> tuple[Callable[[Array], float], Array, Array, float, dict[str, Shape]]:
    """J = Σ dY f as a function of the vector x of all entries, with x, dJ/dx, Σ |dY f| and the arguments' shapes."""
    where = [i for i, arg in enumerate(args) if trees.leaves(arg) and all(map(is_floating, trees.leaves(arg)))]
    if argnums is not None:
        where = [i % len(args) for i in (argnums if isinstance(argnums, tuple) else (argnums,))]
    Y, cache = f(*args) if backward else (f(*args), None)
    if not is_array_api_obj(Y):
        raise TraceError(
            f"check_gradients: f must give one array, and (Y, cache) with a backward; got {type(Y).__name__}; "
            f"lambda x: f(x)[0] takes the first of several"
        )
    xp, dY = array_namespace(Y), _random_like(Y, random)
    if backward:
        grads = backward(dY, cache)
        grads = grads if isinstance(grads, tuple) else (grads,)
        where = where[: len(grads)] if argnums is None else where
    else:
        grads = where and grad(lambda *args: xp.sum(dY * f(*args)), tuple(where))(*args)
    if len(grads) != len(where) or not where:
        raise GradientError(
            f"check_gradients: each argument must have a gradient; got {len(grads)} of them for argnums={where}; "
            f"argnums=(0, 1) says which arguments they are of"
        )
    xs = dict(trees.named_leaves({f"argument {i}": args[i] for i in where}))
    dxs = dict(trees.named_leaves({f"argument {i}": dx for i, dx in zip(where, grads, strict=True)}))
    for name in {**xs, **dxs}:
        like, got = (describe(leaves.get(name)) for leaves in (xs, dxs))
        if like != got:
            raise GradientError(
                f"check_gradients: a gradient must have the shape and the dtype of its argument; got {got} for "
                f"{name}, which is {like}; sum over the axes that were broadcast"
            )
    shapes = {name: tuple(x.shape) for name, x in xs.items()}
    slices = [slice(*ends) for ends in pairwise(accumulate(map(prod, shapes.values()), initial=0))]

    def J(x: Array) -> float:
        parts = iter([xp.reshape(x[part], shape) for part, shape in zip(slices, shapes.values(), strict=True)])
        moved = [trees.map(lambda _: next(parts), arg) if i in where else arg for i, arg in enumerate(args)]
        return _sum(dY * (f(*moved)[0] if backward else f(*moved)))

    x, dx = (xp.concat([xp.reshape(leaves[name], (-1,)) for name in xs]) for leaves in (xs, dxs))
    return J, x, dx, _sum(abs(dY * Y)), shapes


@dataclass(frozen=True)
class _Check:
    """Compares the derivative dx of J at x with slopes; `size` is that of the terms which J adds up."""

    J: Callable[[Array], float]
    x: Array
    dx: Array
    size: float
    shapes: dict[str, Shape]
    rtol: float
    step: float

    def verdict(self, along: Array) -> Literal["right", "wrong", "kink"]:
        """A kink is where slopes do not settle as the step shrinks, or where those to the two sides stay apart."""
        expected, size = _sum(self.dx * along), _sum(abs(self.dx * along))
        before = None
        for h in (self.step, self.step / 10, self.step / 100):
            slope, sides = self.slope(along, h)
            rounding = ROUNDING * self.size / h
            allowed = self.rtol * max(size, abs(slope)) + rounding
            if abs(slope - expected) <= allowed:
                return "right"
            if before and abs(slope - before[0]) <= allowed:
                return "kink" if sides > max(before[1] / 2, KINK * max(size, abs(slope)), rounding) else "wrong"
            before = slope, sides
        return "kink"

    def slope(self, along: Array, h: float) -> tuple[float, float]:
        """(J(x + hv) - J(x - hv)) / 2h, and the difference between the slopes to the two sides."""
        below, here, above = (self.J(self.x + t * along) for t in (-h, 0.0, h))
        if not isfinite(above - below):
            raise GradientError(
                f"check_gradients: f must be finite around the point; got {below}, {here} and {above} in steps of {h}; "
                f"check it at other arguments, or with a smaller step="
            )
        return (above - below) / (2 * h), abs(above - 2 * here + below) / h

    def error(self, along: Array) -> float:
        return abs(self.slope(along, self.step)[0] - _sum(self.dx * along))

    def entry(self, start: int, stop: int | None = None) -> Array:
        """The direction in which one entry moves, or those from start to stop."""
        xp = array_namespace(self.x)
        i = xp.arange(self.x.shape[0], device=device(self.x))
        return xp.astype((i >= start) & (i < (start + 1 if stop is None else stop)), xp.float64)

    def search(self, along: Array) -> int:
        """The entry that is wrong, by bisection."""
        start, stop = 0, self.x.shape[0]
        while stop - start > 1:
            middle = (start + stop) // 2
            start, stop = max((start, middle), (middle, stop), key=lambda half: self.error(along * self.entry(*half)))
        return start

    def refusal(self, i: int, which: str) -> GradientError:
        along = self.entry(i)
        entries = (f"{name}{list(k)}" for name, shape in self.shapes.items() for k in product(*map(range, shape)))
        return GradientError(
            f"check_gradients: the derivative must be the slope; got derivative={_sum(self.dx * along):.10g}, "
            f"slope={self.slope(along, self.step)[0]:.10g} at {next(islice(entries, i, None))}; {which}; "
            f"see what backward or the table of derivatives has for it"
        )


def _sum(x: Array) -> float:
    return float(array_namespace(x).sum(x))


def _in_float64(x: Any) -> Any:
    """A floating array in float64, where it is; all else as it is."""
    if not is_floating(x):
        return x
    xp, where = array_namespace(x), device(x)
    if "float64" not in xp.__array_namespace_info__().dtypes(device=where, kind="real floating"):
        raise DtypeError(
            f"check_gradients: slopes must be computed in float64; got arrays of {xp.__name__} on device={where!r}, "
            f"which has none; give it arrays of a library and on a device that has float64"
        )
    return xp.astype(x, xp.float64)


def _random_like(x: Array, random: Random) -> Array:
    """No entry near 0, where a wrong derivative would not count."""
    xp = array_namespace(x)
    numbers = [random.choice((-1, 1)) * random.uniform(0.5, 1.5) for _ in range(prod(x.shape))]
    return xp.reshape(xp.asarray(numbers, dtype=xp.float64, device=device(x)), tuple(x.shape))
