"""The table of derivatives: the function on the left, and for each of its arguments dJ/dx on the right.

A rule takes g = dJ/dy, then y, the arguments x and the attributes of the node.  It is written in the same operations,
so that a derivative is a graph too and has a derivative of its own.  A rule need not sum over the axes along which x
was broadcast, nor broadcast a reduced g to the shape of x: `unbroadcast` does both, for all rules.
"""

from collections.abc import Callable
from math import log, nan, prod
from typing import Any, TypeAlias

from xnet import operations
from xnet.graph.tracing.namespace import xp
from xnet.graph.tracing.traced import Traced, record
from xnet.types import Shape

Rule: TypeAlias = Callable[..., Any]

STEP = None  # the function is flat on both sides of its steps: no gradient

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
    **dict.fromkeys(("sign", "floor", "ceil", "trunc", "round"), (STEP,)),

    # Two numbers
    "add":          (lambda g, y, a, b: g,                     lambda g, y, a, b: g),
    "subtract":     (lambda g, y, a, b: g,                     lambda g, y, a, b: -g),
    "multiply":     (lambda g, y, a, b: g * b,                 lambda g, y, a, b: g * a),
    "divide":       (lambda g, y, a, b: g / b,                 lambda g, y, a, b: -g * y / b),
    "pow":          (lambda g, y, a, b: g * power_slope(a, b), lambda g, y, a, b: g * y * log_or_zero(a)),
    "remainder":    (lambda g, y, a, b: g,                     lambda g, y, a, b: -g * xp.floor_divide(a, b)),
    "floor_divide": (STEP,                                     STEP),
    "maximum":      (lambda g, y, a, b: larger_vjp(g, a, b),    lambda g, y, a, b: larger_vjp(g, b, a)),
    "minimum":      (lambda g, y, a, b: larger_vjp(g, b, a),    lambda g, y, a, b: larger_vjp(g, a, b)),
    "atan2":        (lambda g, y, a, b: g * b / (a*a + b*b),   lambda g, y, a, b: -g * a / (a*a + b*b)),
    "hypot":        (lambda g, y, a, b: g * a / y,             lambda g, y, a, b: g * b / y),
    "logaddexp":    (lambda g, y, a, b: g * xp.exp(a - y),     lambda g, y, a, b: g * xp.exp(b - y)),
    "copysign":     (lambda g, y, a, b: xp.where(xp.signbit(a) == xp.signbit(y), g, -g), STEP),
    "where":        (STEP, lambda g, y, c, a, b: xp.where(c, g, 0.0), lambda g, y, c, a, b: xp.where(c, 0.0, g)),

    # Reductions: g gets the reduced axes back with size 1
    "sum":          (lambda g, y, x, axis, keepdims, **_: expand_reduced(g, x, axis),),
    "mean":         (lambda g, y, x, axis, keepdims: expand_reduced(g, x, axis) / (count(x, axis) or 1),),
    "max":          (lambda g, y, x, axis, keepdims: extreme_vjp(g, y, x, axis),),
    "min":          (lambda g, y, x, axis, keepdims: extreme_vjp(g, y, x, axis),),
    "prod":         (lambda g, y, x, axis, keepdims, **_: expand_reduced(g, x, axis) * product_of_others(x, axis),),
    "var":          (lambda g, y, x, axis, keepdims, correction: var_vjp(g, x, axis, correction),),
    "std":          (lambda g, y, x, axis, keepdims, correction:
                     var_vjp(g, x, axis, correction) / or_one(2 * expand_reduced(y, x, axis)),),
    "cumulative_sum": (lambda g, y, x, axis, include_initial, **_: sum_of_later(tail(g, x, axis), axis),),
    "cumulative_prod": (lambda g, y, x, axis, include_initial, **_: cumulative_prod_vjp(tail(g, x, axis), x, axis),),

    # Linear algebra
    "matmul":       (lambda g, y, a, b: matmul_vjp_left(g, a, b), lambda g, y, a, b: matmul_vjp_right(g, a, b)),
    "vecdot":       (lambda g, y, a, b, axis: xp.expand_dims(g, axis=axis) * b,
                     lambda g, y, a, b, axis: xp.expand_dims(g, axis=axis) * a),
    "tensordot":    (lambda g, y, a, b, axes: tensordot_vjp(g, b, axes[0], axes[1], first=True),
                     lambda g, y, a, b, axes: tensordot_vjp(g, a, axes[1], axes[0], first=False)),
    "matrix_transpose": (lambda g, y, x: g.mT,),
    "linalg.diagonal": (lambda g, y, x, offset: diagonal_vjp(g, x, offset),),
    "linalg.inv":      (lambda g, y, x: -y.mT @ g @ y.mT,),
    "linalg.det":      (lambda g, y, x: (g * y)[..., None, None] * xp.linalg.inv(x).mT,),
    "linalg.slogdet":  (lambda g, y, x, part: g[..., None, None] * xp.linalg.inv(x).mT if part else None,),
    "linalg.cholesky": (lambda g, y, x, upper: cholesky_vjp(g.mT, y.mT) if upper else cholesky_vjp(g, y),),
    "linalg.solve":    (lambda g, y, a, b: solve_vjp(g, y, a, b)[0], lambda g, y, a, b: solve_vjp(g, y, a, b)[1]),

    # The same numbers elsewhere
    "reshape":      (lambda g, y, x, shape: xp.reshape(g, x.shape),),
    "expand_dims":  (lambda g, y, x, axis: xp.reshape(g, x.shape),),
    "squeeze":      (lambda g, y, x, axis: xp.reshape(g, x.shape),),
    "broadcast_to": (lambda g, y, x, shape: g,),
    "permute_dims": (lambda g, y, x, axes: xp.permute_dims(g, inverse(axes)),),
    "flip":         (lambda g, y, x, axis: xp.flip(g, axis=axis),),
    "roll":         (lambda g, y, x, shift, axis: xp.roll(g, opposite(shift), axis=axis),),
    "repeat":       (lambda g, y, x, args, axis: repeat_vjp(g, x, axis, *args),),
    "tile":         (lambda g, y, x, args: tile_vjp(g, x, *args),),
    "tril":         (lambda g, y, x, k: xp.tril(g, k=k),),
    "triu":         (lambda g, y, x, k: xp.triu(g, k=k),),
    "index":        (lambda g, y, x, key: index_vjp(g, x, key),),
    "scatter":      (lambda g, y, x, key: g[key],),
    "sort":         (lambda g, y, x, axis, **order: sort_vjp(g, x, axis, order),),
    "argsort":      (STEP,),
    "searchsorted": (STEP, STEP),
    "take":         (lambda g, y, x, i, axis: operations.scatter_add(g, i, x.shape[axis], axis), STEP),
    "take_along_axis":
        (lambda g, y, x, i, axis: operations.scatter_add_along_axis(g, i, x.shape[axis], axis), STEP),
    "scatter_add":  (lambda g, y, x, i, n, axis: xp.take(g, i, axis=axis), STEP),
    "scatter_add_along_axis": (lambda g, y, x, i, n, axis: xp.take_along_axis(g, i, axis=axis), STEP),
    "patches":      (lambda g, y, x, **window: operations.fold(g, x.shape, **window),),
    "fold":         (lambda g, y, x, shape, **window: operations.patches(g, **window),),

    # Any number of arguments: one rule gives all of their derivatives
    "concat":       lambda g, y, *xs, axis: split(g, [x.shape[axis] for x in xs], axis),
    "stack":        lambda g, y, *xs, axis: xp.unstack(g, axis=axis),
}
# fmt: on


def unbroadcast(g: Traced, x: Traced) -> Traced:
    """g in the shape and the dtype of x: summed over the axes along which x was broadcast, and broadcast itself."""
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


def expand_reduced(g: Any, x: Any, axis: Shape) -> Any:
    """The result of a reduction of x with the reduced axes as axes of size 1, unless broadcasting adds them."""
    shape = tuple(1 if i in axis else n for i, n in enumerate(x.shape))
    lost_first = g.ndim < x.ndim and axis == tuple(range(len(axis)))
    return g if g.shape == shape or lost_first else xp.reshape(g, shape)


def count(x: Any, axis: Shape) -> int:
    return prod(x.shape[i] for i in axis)


def larger_vjp(g: Any, a: Any, b: Any) -> Any:
    """g where a > b, and half of it where both are equal."""
    return xp.where(a == b, 0.5 * g, xp.where(a > b, g, 0.0))


def extreme_vjp(g: Any, y: Any, x: Any, axis: Shape) -> Any:
    """g where x is the extreme, in equal shares where several are."""
    hit = xp.astype(x == expand_reduced(y, x, axis), x.dtype)
    return expand_reduced(g, x, axis) * hit / xp.sum(hit, axis=axis, keepdims=True)


def power_slope(a: Any, b: Any) -> Any:
    """b aᵇ⁻¹, and 0 where b is 0, even at a = 0."""
    if isinstance(b, int | float):
        return (b * a if b == 2 else b * a ** (b - 1)) if b else xp.zeros_like(a)
    return b * a ** xp.where(b == 0, 1.0, b - 1)


def log_or_zero(a: Any) -> Any:
    """ln a, but 0 at 0, where aᵇ stays 0 when b moves."""
    if isinstance(a, int | float):
        return log(a) if a > 0 else nan if a else 0.0
    return xp.log(or_one(a))


def or_one(x: Any) -> Any:
    """x, and 1 where x is 0.  A std of 0 has no slope; its derivative is 0, as that of abs."""
    return xp.where(x == 0, 1.0, x)


def var_vjp(g: Any, x: Any, axis: Shape, correction: float) -> Any:
    centred = x - xp.mean(x, axis=axis, keepdims=True)
    return expand_reduced(g, x, axis) * ((2 / (count(x, axis) - correction or nan)) * centred)


def product_of_others(x: Any, axis: Shape) -> Any:
    """For each entry the product of all the others along these axes."""
    order = (*axis, *(i for i in range(x.ndim) if i not in axis))
    front = xp.permute_dims(x, order)
    rows = xp.reshape(front, (count(x, axis), prod(front.shape[len(axis) :])))
    return xp.permute_dims(xp.reshape(_other_rows(rows), front.shape), inverse(order))


def _other_rows(x: Any) -> Any:
    """By halves: the partner in the other half times all other pairs.  Without division, so zeros are exact."""
    n, half = x.shape[0], (x.shape[0] + 1) // 2
    if n < 2:
        return xp.ones_like(x)
    a, b = x[:half, :], x[half:, :]
    if n % 2:
        b = xp.concat([b, xp.ones_like(a[:1, :])])
    pairs = _other_rows(a * b)
    return xp.concat([pairs * b, pairs * a])[:n, :]


def tail(g: Any, x: Any, axis: int) -> Any:
    """g without what it has for an initial value that x does not have."""
    return g[(*(slice(None),) * axis, slice(g.shape[axis] - x.shape[axis], None), ...)]


def sum_of_later(g: Any, axis: int) -> Any:
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=axis), axis=axis), axis=axis)


def cumulative_prod_vjp(g: Any, x: Any, axis: int) -> Any:
    """Each product by each of its factors: n² numbers for n along the axis."""
    g, x, n = xp.moveaxis(g, axis, -1), xp.moveaxis(x, axis, -1), x.shape[axis]
    factor = xp.arange(n)[:, None] >= xp.arange(n)[None, :]
    rows = xp.where(factor, x[..., None, :], 1.0)
    dx = xp.sum(xp.where(factor, g[..., :, None] * product_of_others(rows, (rows.ndim - 1,)), 0.0), axis=-2)
    return xp.moveaxis(dx, -1, axis)


def matmul_vjp_left(g: Any, a: Any, b: Any) -> Any:
    """da = g bᵀ; a vector is a row before a matrix and a column after one."""
    if b.ndim == 1:
        return xp.expand_dims(g, axis=-1) * b
    return (xp.expand_dims(g, axis=-2) if a.ndim == 1 else g) @ b.mT


def matmul_vjp_right(g: Any, a: Any, b: Any) -> Any:
    """db = aᵀ g"""
    if a.ndim == 1:
        return a * g if b.ndim == 1 else xp.expand_dims(a, axis=-1) * xp.expand_dims(g, axis=-2)
    return xp.squeeze(a.mT @ xp.expand_dims(g, axis=-1), axis=-1) if b.ndim == 1 else a.mT @ g


def tensordot_vjp(g: Any, other: Any, mine: Shape, theirs: Shape, first: bool) -> Any:
    """g times the other argument over its free axes; the axes are then permuted to the argument's own order."""
    free = tuple(i for i in range(other.ndim) if i not in theirs)
    own = g.ndim - len(free)
    shared = tuple(range(own, g.ndim)) if first else tuple(range(len(free)))
    summed = (mine[theirs.index(i)] for i in sorted(theirs))
    order = (*(i for i in range(own + len(mine)) if i not in mine), *summed)
    return xp.permute_dims(xp.tensordot(g, other, axes=(shared, free)), inverse(order))


def diagonal_vjp(g: Any, x: Any, offset: int) -> Any:
    """Zeros, and g on the diagonal."""
    n, i, j = g.shape[-1], max(0, -offset), max(0, offset)
    on = xp.arange(n)[:, None] == xp.arange(n)[None, :]
    key = (*[slice(None)] * (x.ndim - 2), slice(i, i + n), slice(j, j + n))
    return index_vjp(xp.where(on, g[..., None], 0.0), x, key)


def cholesky_vjp(g: Any, L: Any) -> Any:
    """dA = ½ (S + Sᵀ),  S = L⁻ᵀ Φ(Lᵀ g) L⁻¹,  where Φ keeps the lower triangle and half of the diagonal."""
    P = L.mT @ xp.tril(g)
    P = (xp.tril(P) + xp.tril(P, k=-1)) / 2
    S = xp.linalg.solve(L.mT, xp.linalg.solve(L.mT, P).mT)
    return (S + S.mT) / 2


def solve_vjp(g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """dB = A⁻ᵀ g,  dA = -dB Yᵀ"""
    if b.ndim > 1:
        db = xp.linalg.solve(a.mT, g)
        return -db @ y.mT, db
    db = xp.linalg.solve(a.mT, g[..., None])
    return -db @ y[..., None, :], db[..., 0]


def sort_vjp(g: Any, x: Any, axis: int, order: dict[str, bool]) -> Any:
    """Each entry of g back to where x had the entry that was sorted to its place."""
    back = xp.argsort(xp.argsort(x, axis=axis, **order), axis=axis)
    return xp.take_along_axis(g, back, axis=axis)


def inverse(order: Shape) -> Shape:
    return tuple(order.index(i) for i in range(len(order)))


def opposite(shift: Any) -> Any:
    return tuple(-n for n in shift) if isinstance(shift, tuple) else -shift


def repeat_vjp(g: Any, x: Any, axis: int | None, repeats: int) -> Any:
    i, shape = (0, (x.size,)) if axis is None else (axis, x.shape)
    each = xp.reshape(g, (*shape[: i + 1], repeats, *shape[i + 1 :]))
    return xp.reshape(xp.sum(each, axis=i + 1), x.shape)


def tile_vjp(g: Any, x: Any, repetitions: Shape) -> Any:
    sizes = [n // times if times else 0 for n, times in zip(g.shape, repetitions, strict=True)]
    tiles = xp.reshape(g, tuple(n for pair in zip(repetitions, sizes, strict=True) for n in pair))
    return xp.reshape(xp.sum(tiles, axis=tuple(range(0, tiles.ndim, 2))), x.shape)


def index_vjp(g: Any, x: Any, key: tuple[Any, ...]) -> Any:
    """Zeros, and g where x was read."""
    key = tuple(one for one in key if one is not None)
    picked = [len(range(*one.indices(n))) for one, n in zip(key, x.shape, strict=True) if isinstance(one, slice)]
    return record("scatter", (xp.reshape(g, tuple(picked)).node,), x.shape, g.dtype, key=key)


def split(g: Any, sizes: list[int], axis: int) -> list[Any]:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    whole = (slice(None),) * axis
    return [g[(*whole, slice(end - n, end), ...)] for n, end in zip(sizes, ends, strict=True)]
