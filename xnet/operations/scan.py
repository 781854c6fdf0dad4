"""A loop over the steps of sequences, with a state that is carried from each step to the next."""

from collections.abc import Callable
from itertools import repeat
from typing import Any

from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.backends import Scan, backend_of
from xnet.errors import DtypeError, ShapeError
from xnet.operations.recording import recorder
from xnet.types import Array, Tree


class _Recording(Exception):  # noqa: N818  (scan catches it)
    """A step on arrays returned stand-ins, because f closes over some; the exception holds the module that records."""


def scan(
    f: Callable[[Tree, Tree], tuple[Tree, Tree]], carry: Tree, xs: Tree, *, axis: int = 1, reverse: bool = False
) -> tuple[Tree, Tree]:
    """Call (carry, y) = f(carry, x) for each step x of the sequences xs; return the last carry and the stacked ys.

        def cell(A, X_t):
            A = xp.tanh(Wa @ A + Wx @ X_t + b)
            return A, A

        A_last, A_all = xn.scan(cell, A_0, X)      # X (n, time, m) → A_all (k, time, m)

    `axis` is the axis of time, in the xs and in the ys.  `carry`, `xs` and `y` are arrays, or trees of arrays; y may be
    None.  The carry keeps its shapes and its dtypes.  With `reverse` the last step comes first, and the ys stay in the
    order of the xs.  f must be pure.  In a graph this is one loop, however many steps there are.
    """
    length = steps(carry, xs, axis)
    record = recorder(*trees.leaves((carry, xs)))
    if record is not None:
        return record.scan(f, carry, xs, axis=axis, reverse=reverse, length=length)  # type: ignore[no-any-return]
    sequences, y_tree = trees.leaves(xs), [None]

    def step(carries: list[Array], x: list[Array]) -> tuple[list[Array], list[Array]]:
        result = f(filled(carry, carries), filled(xs, x))
        found = recorder(*trees.leaves(result))
        if found is not None:
            raise _Recording(found)
        after, y = checked(result, carry, axis)
        y_tree[:] = [y]
        return trees.leaves(after), arrays(y)

    loop = Scan(step, trees.leaves(carry), sequences, [axis] * len(sequences), repeat(axis), length, reverse)
    try:
        last, ys = backend_of(*arrays((carry, xs))).scan(loop)
    except _Recording as recording:
        (record,) = recording.args
        return record.scan(f, carry, xs, axis=axis, reverse=reverse, length=length)  # type: ignore[no-any-return]
    return filled(carry, last), filled(y_tree[0], ys)


def arrays(tree: Tree) -> list[Array]:
    """The leaves of the tree that are arrays."""
    return [x for x in trees.leaves(tree) if is_array_api_obj(x)]


def filled(tree: Tree, leaves: list[Array]) -> Tree:
    """The tree with its arrays replaced by these; other leaves stay."""
    left = iter(leaves)
    return trees.map(lambda x: next(left) if is_array_api_obj(x) else x, tree)


def steps(carry: Tree, xs: Tree, axis: int) -> int:
    """The number of steps; an error if the arguments disagree on it."""
    for name, x in trees.named_leaves({"carry": carry, "xs": xs}):
        if not is_array_api_obj(x):
            raise DtypeError(
                f"scan: carry and xs must be arrays, or trees of arrays; got {name}={x!r}; xp.asarray makes one of a "
                f"number"
            )
    shapes = {name: tuple(x.shape) for name, x in trees.named_leaves(xs, "xs")}
    if any(not -len(shape) <= axis < len(shape) for shape in shapes.values()):
        raise ShapeError(f"scan: each of the xs must have the axis; got axis={axis}, {listed(shapes)}; pass axis=")
    lengths = {shape[axis] for shape in shapes.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ShapeError(
            f"scan: the xs must have one number of steps, at least one; got {listed(shapes)}, axis={axis}; "
            f"pass the axis of time as axis="
        )
    return int(lengths.pop())


def listed(shapes: dict[str, Any]) -> str:
    return ", ".join(f"{name}.shape={shape}" for name, shape in shapes.items()) or "no xs"


def checked(result: Any, carry: Tree, axis: int) -> tuple[Tree, Tree]:
    """The result of f, checked: a carry like the one before, and a y that can be stacked."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise ShapeError(
            f"scan: f must return (carry, y); got {type(result).__name__}; return (carry, None) where there is no y"
        )
    after, y = result
    before, now = ({name: like(x) for name, x in trees.named_leaves(tree, "carry")} for tree in (carry, after))
    if before != now:
        name = next(name for name in (*before, *now) if before.get(name) != now.get(name))
        raise ShapeError(
            f"scan: f must return a carry of the same tree, shapes and dtypes that it is given; got "
            f"{name}={now.get(name, 'nothing')} where it was {before.get(name, 'nothing')}; "
            f"begin with a carry of the shape and the dtype that f returns"
        )
    for name, x in trees.named_leaves(y, "y"):
        if x is not None and not is_array_api_obj(x):
            raise DtypeError(f"scan: y must be an array, a tree of arrays, or None; got {name}={x!r}; xp.asarray it")
        if x is not None and not -len(x.shape) - 1 <= axis <= len(x.shape):
            raise ShapeError(
                f"scan: the ys are stacked along the axis, so a y must have that many axes; got axis={axis}, "
                f"{name}.shape={tuple(x.shape)}; xp.reshape y, or use axis=0"
            )
    return after, y


def like(x: Any) -> str:
    """`float32[3, 4]`"""
    return f"{str(x.dtype).rpartition('.')[2]}{list(x.shape)}" if is_array_api_obj(x) else repr(x)
