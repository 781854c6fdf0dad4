"""One row a function to differentiate: arrays of what shapes and between what bounds it takes.

A new derivative needs a row here, and is then under every law of test_derive.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from hypothesis import strategies as st
from numpy.typing import NDArray

from xnet import kernels
from xnet.operations import fold, patches, scan, scatter_add, scatter_add_along_axis

Shape = tuple[int, ...]
F = Callable[..., Any]


@dataclass(frozen=True)
class Row:
    """f(xp, *arrays) gives one array.  `integers` are given to it after the arrays, and have no derivative."""

    name: str
    f: F
    shapes: tuple[Shape, ...] = ((3, 4),)
    low: float = -2.0
    high: float = 2.0
    integers: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.name

    def arrays(self, seed: int = 0) -> list[NDArray[Any]]:
        rng = np.random.default_rng([seed, *map(ord, self.name)])
        return [rng.uniform(self.low, self.high, size=shape) for shape in self.shapes]

    def indices(self) -> list[NDArray[Any]]:
        return [np.asarray(i) for i in self.integers]


def one(name: str, low: float = -2.0, high: float = 2.0) -> Row:
    return Row(name, lambda xp, x: getattr(xp, name)(x), low=low, high=high)


def two(name: str, *shapes: Shape, low: float = -2.0, high: float = 2.0) -> Row:
    return Row(f"{name}-{shapes}", lambda xp, a, b: getattr(xp, name)(a, b), shapes or ((3, 4), (3, 4)), low, high)


def reduces(name: str, note: str, low: float = -2.0, **options: Any) -> Row:
    return Row(f"{name}-{note}", lambda xp, x: getattr(xp, name)(x, **options), ((2, 3, 4),), low)


def moves(name: str, f: F, *shapes: Shape) -> Row:
    return Row(name, f, shapes or ((2, 3, 4),))


EVERYWHERE = "positive negative abs square exp expm1 sin cos tan atan sinh cosh tanh asinh real conj"
ABOVE = "sqrt reciprocal log log2 log10"
INSIDE = "asin acos atanh log1p"
BROADCAST = "add subtract multiply maximum minimum logaddexp hypot atan2"

ONE = [
    *map(one, EVERYWHERE.split()),
    *(one(name, 0.2, 3.0) for name in ABOVE.split()),
    *(one(name, -0.8, 0.8) for name in INSIDE.split()),
    one("acosh", 1.2, 3.0),
]
TWO = [
    *(
        two(name, *shapes)
        for name in BROADCAST.split()
        for shapes in (((3, 4), (3, 4)), ((3, 4), (3, 1)), ((4,), (3, 1)), ((), (2, 3)))
    ),
    *(two(name, (3, 4), (1, 4), low=0.3) for name in ("divide", "pow", "copysign")),
    two("remainder", (3, 4), (3, 1), low=0.6, high=0.9),
    Row("scalars", lambda xp, x: 2 - x * 3 + 1 / (4 + x) + (x + 3) ** 2 + 2.0**x + (x + 3) ** 0.5),
    Row("pow-whole", lambda xp, x: x**3 + x**2 + x**1 + x**0 + (x + 3) ** -1),
    Row("clip", lambda xp, x: xp.clip(x, -0.51, 0.73)),
    Row("where", lambda xp, a, b: xp.where(a > b, a * b, b), ((3, 4), (4,))),
    Row("where-scalar", lambda xp, a: xp.where(a > 0.1, a, 0.0)),
    Row("same-twice", lambda xp, x: x * x + x / (x + 5)),
]
AXES: list[tuple[str, dict[str, Any]]] = [
    ("all", {}),
    ("axis", {"axis": 1}),
    ("last", {"axis": -1, "keepdims": True}),
    ("two", {"axis": (0, 2)}),
    ("first", {"axis": (0, 1)}),
    ("two-kept", {"axis": (0, -1), "keepdims": True}),
]
REDUCTIONS = [
    *(reduces(name, note, **o) for name in ["sum", "mean", "max", "min", "var", "std"] for note, o in AXES),
    *(reduces("prod", note, low=0.5, **o) for note, o in AXES if not isinstance(o.get("axis"), tuple)),
    *(reduces(name, "correction", axis=1, correction=1) for name in ("var", "std")),
    *(
        reduces("cumulative_sum", f"{axis}-{i}", axis=axis, include_initial=i)
        for axis in (0, -1)
        for i in (False, True)
    ),
    Row("cumulative_sum", lambda xp, x: xp.cumulative_sum(x), ((5,),)),
]
LINEAR = [
    *(
        Row(f"matmul-{a}-{b}", lambda xp, a, b: a @ b, (a, b))
        for a, b in [
            ((3, 4), (4, 2)), ((4,), (4,)), ((4,), (4, 2)), ((3, 4), (4,)), ((5, 3, 4), (5, 4, 2)), ((3, 4), (5, 4, 2)),
            ((5, 1, 3, 4), (2, 4, 2)), ((4,), (5, 4, 2)), ((5, 3, 4), (4,)), ((5, 3, 4), (4, 2)),
        ]
    ),
    two("vecdot", (3, 4), (3, 4)),
    two("vecdot", (3, 4), (4,)),
    Row("vecdot-axis", lambda xp, a, b: xp.vecdot(a, b, axis=-2), ((3, 4), (5, 3, 4))),
    *(
        Row(f"tensordot-{axes}", lambda xp, a, b, axes=axes: xp.tensordot(a, b, axes=axes), (a, b))
        for axes, a, b in [
            (0, (2,), (3, 4)), (1, (2, 3), (3, 4)), (2, (5, 2, 3), (2, 3, 4)),
            (((0, 2), (2, 1)), (3, 4, 2), (5, 2, 3)), (((2, 0, 1), (0, 1, 2)), (3, 4, 2), (2, 3, 4)),
        ]
    ),
    moves("matrix_transpose", lambda xp, x: xp.matrix_transpose(x)),
    moves("tril", lambda xp, x: xp.tril(x, k=-1)),
    moves("triu", lambda xp, x: xp.triu(x, k=1)),
]  # fmt: skip


def regular(xp: Any, x: Any) -> Any:
    """Far from singular: x and 3 on the diagonal."""
    return x + 3 * xp.eye(x.shape[-1], dtype=x.dtype)


def definite(xp: Any, x: Any) -> Any:
    return x @ xp.matrix_transpose(x) + xp.eye(x.shape[-1], dtype=x.dtype)


SQUARE = (2, 3, 3)
SOLVING = [
    Row("linalg.inv", lambda xp, x: xp.linalg.inv(regular(xp, x)), (SQUARE,), low=-1, high=1),
    Row("linalg.det", lambda xp, x: xp.linalg.det(regular(xp, x)), (SQUARE,), low=-1, high=1),
    Row("linalg.slogdet", lambda xp, x: xp.linalg.slogdet(regular(xp, x))[1], (SQUARE,), low=-1, high=1),
    Row("linalg.cholesky", lambda xp, x: xp.linalg.cholesky(definite(xp, x)), (SQUARE,)),
    Row("linalg.cholesky-upper", lambda xp, x: xp.linalg.cholesky(definite(xp, x), upper=True), ((3, 3),)),
    *(
        Row(f"linalg.solve-{a}-{b}", lambda xp, a, b: xp.linalg.solve(regular(xp, a), b), (a, b), low=-1, high=1)
        for a, b in [((3, 3), (3,)), ((3, 3), (3, 2)), (SQUARE, SQUARE), ((3, 3), (2, 3, 1)), (SQUARE, (3,))]
    ),
    *(
        moves(f"linalg.{name}-{offset}", lambda xp, x, f=name, k=offset: getattr(xp.linalg, f)(x, offset=k))
        for name in ("diagonal", "trace")
        for offset in (0, 2, -1)
    ),
    *(
        Row(f"linalg.cross-{axis}", lambda xp, a, b, axis=axis: xp.linalg.cross(a, b, axis=axis), ((3, 3), other))
        for axis, other in ((-1, (1, 3)), (-2, (3, 1)))
    ),
    Row("linalg.outer", lambda xp, a, b: xp.linalg.outer(a, b), ((3,), (4,))),
    Row("linalg.vector_norm", lambda xp, x: xp.linalg.vector_norm(x, axis=1), ((3, 4),)),
    Row("linalg.matmul", lambda xp, a, b: xp.linalg.matmul(a, b), ((3, 4), (4, 2))),
    *(
        moves(f"sort-{axis}-{down}", lambda xp, x, axis=axis, down=down: xp.sort(x, axis=axis, descending=down))
        for axis in (-1, 1)
        for down in (False, True)
    ),
    Row(
        "isin",
        lambda xp, x, i: x * xp.astype(xp.isin(i, xp.argsort(x[0, :]) - 1), x.dtype),
        ((2, 3),),
        integers=([[2, 0, 1], [-1, 0, 1]],),
    ),
]
MOVES = [
    moves("reshape", lambda xp, x: xp.reshape(x, (4, -1))),
    moves("expand_dims", lambda xp, x: xp.expand_dims(x, axis=1)),
    moves("squeeze", lambda xp, x: xp.squeeze(x, axis=(0, 2)), (1, 3, 1)),
    moves("broadcast_to", lambda xp, x: xp.broadcast_to(x, (5, 3, 4)), (3, 1)),
    moves("broadcast_to-scalar", lambda xp, x: xp.broadcast_to(x, (3, 4)), ()),
    moves("permute_dims", lambda xp, x: xp.permute_dims(x, (2, 0, 1))),
    moves("moveaxis", lambda xp, x: xp.moveaxis(x, 0, -1)),
    moves("flip", lambda xp, x: xp.flip(x, axis=1)),
    moves("flip-all", lambda xp, x: xp.flip(x)),
    moves("roll", lambda xp, x: xp.roll(x, 5)),
    moves("roll-axes", lambda xp, x: xp.roll(x, (1, -2), axis=(0, 2))),
    moves("repeat", lambda xp, x: xp.repeat(x, 3, axis=1)),
    moves("repeat-flat", lambda xp, x: xp.repeat(x, 2), (4,)),
    moves("tile", lambda xp, x: xp.tile(x, (2, 1, 3))),
    moves("tile-more", lambda xp, x: xp.tile(x, (2, 3)), (4,)),
    moves("concat", lambda xp, a, b: xp.concat([a, b, a], axis=1), (2, 3), (2, 1)),
    moves("concat-flat", lambda xp, a, b: xp.concat([a, b], axis=None), (2, 3), (4,)),
    moves("stack", lambda xp, a, b: xp.stack([a, b, a], axis=1), (2, 3), (2, 3)),
    moves("unstack", lambda xp, x: xp.unstack(x, axis=1)[1] * xp.unstack(x, axis=1)[0]),
    moves("index", lambda xp, x: x[1, ..., 2]),
    moves("index-slices", lambda xp, x: x[:, 1:, ::2]),
    moves("index-new", lambda xp, x: x[None, -1, :, None, :2]),
    moves("index-all", lambda xp, x: x[0, 1, 2]),
    Row("take", lambda xp, x, i: xp.take(x, i, axis=1), ((2, 3, 4),), integers=([2, 0, 2, 2],)),
    Row(
        "take_along_axis",
        lambda xp, x, i: xp.take_along_axis(x, i, axis=1),
        ((2, 3),),
        integers=([[2, 2, 0, 1], [0, 1, 1, 1]],),
    ),
    Row("scatter_add", lambda xp, x, i: scatter_add(x, i, 5, axis=1), ((2, 4, 3),), integers=([2, 0, 2, -1],)),
    Row(
        "scatter_add_along_axis",
        lambda xp, x, i: scatter_add_along_axis(x, i, 3, axis=1),
        ((2, 4),),
        integers=([[2, 2, 0, 1], [0, 1, 1, -1]],),
    ),
    moves("patches", lambda xp, x: patches(x, 2, (2, 1), (1, (0, 1)), (1, 2)), (2, 3, 4, 2)),
    moves("patches-sequence", lambda xp, x: patches(x, 3, padding=1), (2, 5, 3)),
    moves("fold", lambda xp, x: fold(x, (2, 4, 3, 2), 2, padding=((1, 0), 0)), (8, 4, 2, 2)),
    moves("astype", lambda xp, x: xp.astype(x, xp.float64)),
]


def scanned(xp: Any, W: Any, A: Any, X: Any, **options: Any) -> Any:
    """The states of a recurrent layer."""
    return scan(lambda A, X: (xp.tanh(W @ A + X),) * 2, A, X, **options)[1]


def accumulated(xp: Any, A: Any, X: Any) -> Any:
    """The last of two carries, one of which is linear in the other."""

    def step(carry: Any, X: Any) -> Any:
        return {"A": carry["A"] * xp.cos(X), "sum": carry["sum"] + carry["A"]}, None

    return scan(step, {"A": A, "sum": A}, X, axis=-1, reverse=True)[0]["sum"]


LOOPS = [
    Row("scan", scanned, ((3, 3), (3, 2), (3, 4, 2))),
    Row("scan-reverse", lambda xp, *xs: scanned(xp, *xs, reverse=True), ((3, 3), (3, 2), (3, 4, 2))),
    Row("scan-axis", lambda xp, *xs: scanned(xp, *xs, axis=0), ((3, 3), (3, 2), (4, 3, 2))),
    Row("scan-tree", accumulated, ((2, 3), (2, 3, 3))),
    Row(
        "scan-nested",
        lambda xp, W, A, X: scan(lambda A, X: (A / 2, scanned(xp, W, A, X)), A, X, axis=-1)[1],
        ((2, 2), (2, 1), (2, 3, 1, 2)),
    ),
]
ROWS = [*ONE, *TWO, *REDUCTIONS, *LINEAR, *MOVES, *SOLVING, *LOOPS]
NOT_ON_DASK = ("take_along_axis", "scatter_add_along_axis", "sort", "isin", "linalg.")
# Those that PyTorch or JAX do not differentiate so, or not have: slopes and other rows are their judges.
ALONE = [
    Row("cumulative_prod", lambda xp, x: xp.cumulative_prod(x, axis=1), ((2, 3),)),
    Row("cumulative_prod-initial", lambda xp, x: xp.cumulative_prod(x, axis=0, include_initial=True), ((3, 2),)),
    reduces("prod", "two", axis=(0, 2)),
    reduces("prod", "two-kept", axis=(0, -1), keepdims=True),
]


# Compositions at random, of what is smooth and keeps numbers small

STEPS: dict[str, Callable[..., Any]] = {
    "tanh": lambda xp, a, b: xp.tanh(a),
    "sin": lambda xp, a, b: xp.sin(a + b),
    "add": lambda xp, a, b: a + 0.5 * b,
    "multiply": lambda xp, a, b: xp.tanh(a) * b,
    "divide": lambda xp, a, b: a / (1 + b * b),
    "exp": lambda xp, a, b: xp.exp(-a * a),
    "log": lambda xp, a, b: xp.log(1 + a * a) - xp.log1p(b * b),
    "sqrt": lambda xp, a, b: xp.sqrt(1 + xp.square(a)),
    "pow": lambda xp, a, b: (1.5 + xp.tanh(a)) ** xp.sin(b),
    "logaddexp": lambda xp, a, b: xp.logaddexp(a, b),
    "atan": lambda xp, a, b: xp.atan(a) + xp.sinh(xp.tanh(b)),
    "softmax": lambda xp, a, b: kernels.softmax(a)[0] * b,
    "gelu": lambda xp, a, b: kernels.gelu(a)[0],
    "centred": lambda xp, a, b: a - xp.mean(a, axis=0, keepdims=True),
    "normed": lambda xp, a, b: a / xp.std(a + 3 * b, axis=1, keepdims=True, correction=1) / 9,
    "spread": lambda xp, a, b: xp.var(a, axis=1, keepdims=True) / 9 + xp.tanh(b),
    "matmul": lambda xp, a, b: xp.tanh(a) @ xp.tanh(b),
    "affine": lambda xp, a, b: a @ xp.sin(b).mT + xp.sum(b, axis=-1, keepdims=True),
    "vector": lambda xp, a, b: a[:, 0] @ xp.tanh(b) + a,
    "turned": lambda xp, a, b: xp.matrix_transpose(a),
    "reshaped": lambda xp, a, b: xp.reshape(xp.flip(xp.reshape(xp.sin(a), (9,))), (3, 3)),
    "halves": lambda xp, a, b: xp.concat([a[1:, :], b[:1, :]], axis=0),
    "stacked": lambda xp, a, b: xp.stack([a[0, :], b[:, 1], a[2, :]], axis=1),
    "rolled": lambda xp, a, b: xp.roll(a, 1, axis=0) - xp.flip(b, axis=1),
    "running": lambda xp, a, b: xp.cumulative_sum(xp.tanh(a), axis=1),
    "product": lambda xp, a, b: xp.prod(xp.tanh(a), axis=0) + b,
    "outer": lambda xp, a, b: xp.tensordot(xp.tanh(a[0, :]), b[:, 2], axes=0),
    "picked": lambda xp, a, b: xp.where(a > 100.0, b, a * xp.tril(b)),
}


def composed(program: list[tuple[str, int, int]]) -> Callable[..., Any]:
    """Each step takes two of the arrays so far and adds one; all are 3 by 3."""

    def J(*xs: Any) -> Any:
        xp = array_namespace(*xs)
        values = list(xs)
        for name, i, j in program:
            step = STEPS[name](xp, values[i % len(values)], values[j % len(values)])
            values.append(xp.broadcast_to(step, (3, 3)))
        return sum(xp.mean(x) for x in values)

    return J


PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7
)
