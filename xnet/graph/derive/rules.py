"""The table of derivatives: the function on the left, and for each of its arguments dJ/dx on the right.

A rule is given g = dJ/dy, then y, the arguments x and the attributes of the node.  It is written in the same
operations, so that a derivative is a graph too and has a derivative of its own.  A rule need not sum back what was
broadcast, nor spread out what was reduced: `fitted` does both, for all of them.
"""

from collections.abc import Callable
from math import log, nan, prod
from typing import Any, TypeAlias

from xnet.graph.tracing.manipulation import scatter
from xnet.graph.tracing.trace import Traced, xp
from xnet.types import Shape

Rule: TypeAlias = Callable[..., Any]

# Steps, which are flat on both sides; None adds nothing.
STEP = None

# fmt: off
RULES: dict[str, tuple[Rule | None, ...] | Rule] = {
    # One number
    "positive":     (lambda g, y, x: g,),
    "negative":     (lambda g, y, x: -g,),
    "conj":         (lambda g, y, x: g,),
    "real":         (lambda g, y, x: g,),
    "astype":       (lambda g, y, x, dtype: g,),
    "abs":          (lambda g, y, x: g * xp.sign(x),),  # 0 at 0
    "square":       (lambda g, y, x: g * (2 * x),),
    "sqrt":         (lambda g, y, x: g / (2 * y),),
    "reciprocal":   (lambda g, y, x: -g * y * y,),
    "exp":          (lambda g, y, x: g * y,),
    "expm1":        (lambda g, y, x: g * (y + 1),),
    "log":          (lambda g, y, x: g / x,),
    "log1p":        (lambda g, y, x: g / (1 + x),),
    "log2":         (lambda g, y, x: g / (log(2) * x),),
    "log10":        (lambda g, y, x: g / (log(10) * x),),
    "sin":          (lambda g, y, x: g * xp.cos(x),),
    "cos":          (lambda g, y, x: -g * xp.sin(x),),
    "tan":          (lambda g, y, x: g * (1 + y * y),),
    "asin":         (lambda g, y, x: g / xp.sqrt(1 - x * x),),
    "acos":         (lambda g, y, x: -g / xp.sqrt(1 - x * x),),
    "atan":         (lambda g, y, x: g / (1 + x * x),),
    "sinh":         (lambda g, y, x: g * xp.cosh(x),),
    "cosh":         (lambda g, y, x: g * xp.sinh(x),),
    "tanh":         (lambda g, y, x: g * (1 - y * y),),
    "asinh":        (lambda g, y, x: g / xp.sqrt(x * x + 1),),
    "acosh":        (lambda g, y, x: g / (xp.sqrt(x - 1) * xp.sqrt(x + 1)),),
    "atanh":        (lambda g, y, x: g / (1 - x * x),),
    "sign":         (STEP,),
    "floor":        (STEP,),
    "ceil":         (STEP,),
    "trunc":        (STEP,),
    "round":        (STEP,),

    # Two numbers
    "add":          (lambda g, y, a, b: g,                     lambda g, y, a, b: g),
    "subtract":     (lambda g, y, a, b: g,                     lambda g, y, a, b: -g),
    "multiply":     (lambda g, y, a, b: g * b,                 lambda g, y, a, b: g * a),
    "divide":       (lambda g, y, a, b: g / b,                 lambda g, y, a, b: -g * y / b),
    "pow":          (lambda g, y, a, b: g * power_below(a, b), lambda g, y, a, b: g * y * log_of(a)),
    "remainder":    (lambda g, y, a, b: g,                     lambda g, y, a, b: -g * xp.floor_divide(a, b)),
    "floor_divide": (STEP,                                     STEP),
    "maximum":      (lambda g, y, a, b: of_larger(g, a, b),    lambda g, y, a, b: of_larger(g, b, a)),
    "minimum":      (lambda g, y, a, b: of_larger(g, b, a),    lambda g, y, a, b: of_larger(g, a, b)),
    "atan2":        (lambda g, y, a, b: g * b / (a*a + b*b),   lambda g, y, a, b: -g * a / (a*a + b*b)),
    "hypot":        (lambda g, y, a, b: g * a / y,             lambda g, y, a, b: g * b / y),
    "logaddexp":    (lambda g, y, a, b: g * xp.exp(a - y),     lambda g, y, a, b: g * xp.exp(b - y)),
    "copysign":     (lambda g, y, a, b: xp.where(xp.signbit(a) == xp.signbit(y), g, -g), STEP),
    "where":        (STEP, lambda g, y, c, a, b: xp.where(c, g, 0.0), lambda g, y, c, a, b: xp.where(c, 0.0, g)),

    # Many numbers to few: g stands again where the numbers were
    "sum":          (lambda g, y, x, axis, keepdims, **_: kept(g, x, axis),),
    "mean":         (lambda g, y, x, axis, keepdims: kept(g, x, axis) / (count(x, axis) or 1),),
    "max":          (lambda g, y, x, axis, keepdims: of_extreme(g, y, x, axis),),
    "min":          (lambda g, y, x, axis, keepdims: of_extreme(g, y, x, axis),),
    "prod":         (lambda g, y, x, axis, keepdims, **_: kept(g, x, axis) * others(x, axis),),
    "var":          (lambda g, y, x, axis, keepdims, correction: kept(g, x, axis) * of_var(x, axis, correction),),
    "std":          (lambda g, y, x, axis, keepdims, correction:
                     kept(g, x, axis) * of_var(x, axis, correction) / (2 * kept(y, x, axis)),),
    "cumulative_sum":  (lambda g, y, x, axis, include_initial, **_: of_running_sum(g, axis, include_initial),),
    "cumulative_prod": (lambda g, y, x, axis, include_initial, **_: of_running_product(g, x, axis, include_initial),),

    # Linear algebra
    "matmul":       (lambda g, y, a, b: of_matmul_left(g, a, b), lambda g, y, a, b: of_matmul_right(g, a, b)),
    "vecdot":       (lambda g, y, a, b, axis: xp.expand_dims(g, axis=axis) * b,
                     lambda g, y, a, b, axis: xp.expand_dims(g, axis=axis) * a),
    "tensordot":    (lambda g, y, a, b, axes: of_tensordot(g, b, axes[0], axes[1], first=True),
                     lambda g, y, a, b, axes: of_tensordot(g, a, axes[1], axes[0], first=False)),
    "matrix_transpose": (lambda g, y, x: g.mT,),

    # The same numbers elsewhere
    "reshape":      (lambda g, y, x, shape: xp.reshape(g, x.shape),),
    "expand_dims":  (lambda g, y, x, axis: xp.reshape(g, x.shape),),
    "squeeze":      (lambda g, y, x, axis: xp.reshape(g, x.shape),),
    "broadcast_to": (lambda g, y, x, shape: g,),
    "permute_dims": (lambda g, y, x, axes: xp.permute_dims(g, inverse(axes)),),
    "flip":         (lambda g, y, x, axis: xp.flip(g, axis=axis),),
    "roll":         (lambda g, y, x, shift, axis: xp.roll(g, back(shift), axis=axis),),
    "repeat":       (lambda g, y, x, args, axis: of_repeat(g, x, axis, *args),),
    "tile":         (lambda g, y, x, args: of_tile(g, x, *args),),
    "tril":         (lambda g, y, x, k: xp.tril(g, k=k),),
    "triu":         (lambda g, y, x, k: xp.triu(g, k=k),),
    "index":        (lambda g, y, x, key: of_index(g, x, key),),
    "scatter":      (lambda g, y, x, key: g[key],),
    "take":         (lambda g, y, x, i, axis: of_take(g, x, i, axis), STEP),
    "take_along_axis": (lambda g, y, x, i, axis: of_take_along(g, x, i, axis), STEP),

    # Any number of arguments: one rule gives all of their derivatives
    "concat":       lambda g, y, *xs, axis: pieces(g, [x.shape[axis] for x in xs], axis),
    "stack":        lambda g, y, *xs, axis: xp.unstack(g, axis=axis),
}
# fmt: on


def fitted(g: Traced, x: Traced) -> Traced:
    """g in the shape and the type of x.  Broadcasting is undone here: what went to many places comes back as a sum."""
    more = max(g.ndim - x.ndim, 0)
    axes = [*range(more)]
    if g.ndim >= x.ndim:
        axes += [more + i for i, n in enumerate(x.shape) if n == 1 != g.shape[more + i]]
    if axes:
        g = xp.sum(g, axis=tuple(axes), keepdims=not more)
        g = g if g.shape == x.shape else xp.reshape(g, x.shape)
    elif g.shape != x.shape:
        g = xp.broadcast_to(g, x.shape)
    return g if g.dtype == x.dtype else xp.astype(g, x.dtype)


def kept(g: Any, x: Any, axis: Shape) -> Any:
    """The result of a reduction of x, with the axes it lost as axes of size 1 where broadcasting does not add them."""
    shape = tuple(1 if i in axis else n for i, n in enumerate(x.shape))
    lost_first = g.ndim < x.ndim and axis == tuple(range(len(axis)))
    return g if g.shape == shape or lost_first else xp.reshape(g, shape)


def count(x: Any, axis: Shape) -> int:
    return prod(x.shape[i] for i in axis)


def of_larger(g: Any, a: Any, b: Any) -> Any:
    """To the larger one; when both are equal, half to each."""
    return xp.where(a == b, 0.5 * g, xp.where(a > b, g, 0.0))


def of_extreme(g: Any, y: Any, x: Any, axis: Shape) -> Any:
    """To the largest; when several are equal, to all of them in equal shares."""
    hit = xp.astype(x == kept(y, x, axis), x.dtype)
    return kept(g, x, axis) * hit / xp.sum(hit, axis=axis, keepdims=True)


def power_below(a: Any, b: Any) -> Any:
    """b aᵇ⁻¹, and 0 where b is 0, even at a = 0."""
    if isinstance(b, int | float):
        return (b * a if b == 2 else b * a ** (b - 1)) if b else xp.zeros_like(a)
    return b * a ** xp.where(b == 0, 1.0, b - 1)


def log_of(a: Any) -> Any:
    """ln a, but 0 at 0, where aᵇ stays 0 when b moves."""
    if isinstance(a, int | float):
        return log(a) if a > 0 else nan if a else 0.0
    return xp.log(xp.where(a == 0, 1.0, a))


def of_var(x: Any, axis: Shape, correction: float) -> Any:
    return (2 / (count(x, axis) - correction or nan)) * (x - xp.mean(x, axis=axis, keepdims=True))


def others(x: Any, axis: Shape) -> Any:
    """At each place the product of all the others along these axes."""
    order = (*axis, *(i for i in range(x.ndim) if i not in axis))
    front = xp.permute_dims(x, order)
    rows = xp.reshape(front, (count(x, axis), prod(front.shape[len(axis) :])))
    return xp.permute_dims(xp.reshape(_others(rows), front.shape), inverse(order))


def _others(x: Any) -> Any:
    """By halves: the other half's partner times all other pairs.  No division, so zeros are exact at every order."""
    n, half = x.shape[0], (x.shape[0] + 1) // 2
    if n < 2:
        return xp.ones_like(x)
    a, b = x[:half, :], x[half:, :]
    if n % 2:
        b = xp.concat([b, xp.ones_like(a[:1, :])])
    pairs = _others(a * b)
    return xp.concat([pairs * b, pairs * a])[:n, :]


def of_running_sum(g: Any, axis: int, initial: bool) -> Any:
    g = _without_initial(g, axis, initial)
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=axis), axis=axis), axis=axis)


def of_running_product(g: Any, x: Any, axis: int, initial: bool) -> Any:
    """Each product by each of its factors: n² numbers for n along the axis."""
    g = xp.moveaxis(_without_initial(g, axis, initial), axis, -1)
    x, n = xp.moveaxis(x, axis, -1), x.shape[axis]
    factor = xp.arange(n)[:, None] >= xp.arange(n)[None, :]
    rows = xp.where(factor, x[..., None, :], 1.0)
    dx = xp.sum(xp.where(factor, g[..., :, None] * others(rows, (rows.ndim - 1,)), 0.0), axis=-2)
    return xp.moveaxis(dx, -1, axis)


def _without_initial(g: Any, axis: int, initial: bool) -> Any:
    return g[(*(slice(None),) * axis, slice(1, None), ...)] if initial else g


def of_matmul_left(g: Any, a: Any, b: Any) -> Any:
    """da = g bᵀ; a vector stands as a row before a matrix and as a column after one."""
    if b.ndim == 1:
        return xp.expand_dims(g, axis=-1) * b
    return (xp.expand_dims(g, axis=-2) if a.ndim == 1 else g) @ b.mT


def of_matmul_right(g: Any, a: Any, b: Any) -> Any:
    """db = aᵀ g"""
    if a.ndim == 1:
        return a * g if b.ndim == 1 else xp.expand_dims(a, axis=-1) * xp.expand_dims(g, axis=-2)
    if b.ndim == 1:
        return xp.squeeze(a.mT @ xp.expand_dims(g, axis=-1), axis=-1)
    return a.mT @ g


def of_tensordot(g: Any, other: Any, mine: Shape, theirs: Shape, first: bool) -> Any:
    """g times the other over the axes that the other brought, and then the axes back to where mine were."""
    free = tuple(i for i in range(other.ndim) if i not in theirs)
    own = g.ndim - len(free)
    shared = tuple(range(own, g.ndim)) if first else tuple(range(len(free)))
    back_in_order = (mine[theirs.index(i)] for i in sorted(theirs))
    order = (*(i for i in range(own + len(mine)) if i not in mine), *back_in_order)
    return xp.permute_dims(xp.tensordot(g, other, axes=(shared, free)), inverse(order))


def inverse(order: Shape) -> Shape:
    return tuple(order.index(i) for i in range(len(order)))


def back(shift: Any) -> Any:
    return tuple(-n for n in shift) if isinstance(shift, tuple) else -shift


def of_repeat(g: Any, x: Any, axis: int | None, repeats: int) -> Any:
    i, shape = (0, (x.size,)) if axis is None else (axis, x.shape)
    each = xp.reshape(g, (*shape[: i + 1], repeats, *shape[i + 1 :]))
    return xp.reshape(xp.sum(each, axis=i + 1), x.shape)


def of_tile(g: Any, x: Any, repetitions: Shape) -> Any:
    sizes = [n // times if times else 0 for n, times in zip(g.shape, repetitions, strict=True)]
    pairs = [n for pair in zip(repetitions, sizes, strict=True) for n in pair]
    tiles = xp.reshape(g, tuple(pairs))
    return xp.reshape(xp.sum(tiles, axis=tuple(range(0, tiles.ndim, 2))), x.shape)


def of_index(g: Any, x: Any, key: tuple[Any, ...]) -> Any:
    """Zeros, and g where x was read."""
    key = tuple(one for one in key if one is not None)
    picked = [len(range(*one.indices(n))) for one, n in zip(key, x.shape, strict=True) if isinstance(one, slice)]
    return scatter(xp.reshape(g, tuple(picked)), key, x.shape)


def of_take(g: Any, x: Any, indices: Any, axis: int) -> Any:
    """Entries taken twice add up: a product with the one-hot matrix of the indices, as large as x's axis times them."""
    n = x.shape[axis]
    hot = xp.remainder(indices, n)[None, :] == xp.arange(n, dtype=indices.dtype)[:, None]
    return xp.moveaxis(xp.tensordot(xp.astype(hot, g.dtype), g, axes=((1,), (axis,))), 0, axis)


def of_take_along(g: Any, x: Any, indices: Any, axis: int) -> Any:
    """The same with indices of their own at every place."""
    n = x.shape[axis]
    along = tuple(n if i == axis else 1 for i in range(x.ndim + 1))
    hot = xp.expand_dims(xp.remainder(indices, n), axis=axis) == xp.reshape(xp.arange(n, dtype=indices.dtype), along)
    return xp.sum(xp.where(hot, xp.expand_dims(g, axis=axis), 0.0), axis=axis + 1)


def pieces(g: Any, sizes: list[int], axis: int) -> list[Any]:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    whole = (slice(None),) * axis
    return [g[(*whole, slice(end - n, end), ...)] for n, end in zip(sizes, ends, strict=True)]
