"""Loops that read or write where indices or a moving window say: take, scatter_add, patches and fold."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from xnet.compile.c.loops import Function, at, nested
from xnet.compile.c.place import Place
from xnet.compile.c.text import Parameter, value
from xnet.compile.expression import TYPES
from xnet.graph.ir import Node
from xnet.operations.patches import Window

Row: TypeAlias = Callable[[Sequence[str], Sequence[str]], list[str]]  # from the counters in X and in the patches


def added(dtype: str, a: str, b: str) -> str:
    """a + b, where integers wrap around."""
    one = Node("input", (), {}, (), dtype)
    return value(Node("add", (one, one), {}, (), dtype), [a, b])


def checked(indices: Place, pointer: str, size: int, number: int) -> str:
    """The line that ends the step with this number if an index is out of range."""
    index = f"(long long){at(pointer, indices.strides, ['i'])}"
    head = f"for (long long i = 0; i < {indices.size}; i++)"
    return f"{head} if ({index} < -{size}LL || {index} >= {size}LL) return {number};"


def take(node: Node, x: Place, indices: Place, out: Place) -> Function:
    axis = node.attrs["axis"]
    size, counters = x.shape[axis], [f"i{k}" for k in range(len(out.shape))]

    def body(pointers: Sequence[str]) -> list[str]:
        source, chosen, to = pointers
        row = [*counters[:axis], "row", *counters[axis + 1 :]]
        entry = f"{at(to, out.strides, counters)} = {at(source, x.strides, row)};"
        inner = nested(counters[axis + 1 :], out.shape[axis + 1 :], [entry])
        lines = [_row(chosen, indices, counters[axis], size), *inner]
        return nested(counters[: axis + 1], out.shape[: axis + 1], lines)

    parameters = (Parameter("x", x.dtype), Parameter("indices", indices.dtype), Parameter("out", x.dtype, True))
    return Function("take", parameters, body, (x, indices, out), (node,))


def scatter_add(node: Node, G: Place, indices: Place, out: Place) -> Function:
    axis = node.attrs["axis"]
    counters = [f"i{k}" for k in range(len(out.shape))]

    def body(pointers: Sequence[str]) -> list[str]:
        source, chosen, to = pointers
        total = at(to, out.strides, [*counters[:axis], "row", *counters[axis + 1 :]])
        entry = f"{total} = {added(node.dtype, total, at(source, G.strides, counters))};"
        inner = nested(counters[axis + 1 :], G.shape[axis + 1 :], [entry])
        row = _row(chosen, indices, counters[axis], node.attrs["n"])
        lines = nested(counters[: axis + 1], G.shape[: axis + 1], [row, *inner])
        return [_cleared(to, out), *lines]

    parameters = (Parameter("G", G.dtype), Parameter("indices", indices.dtype), Parameter("out", G.dtype, True))
    return Function("scatter_add", parameters, body, (G, indices, out), (node,))


def patches(node: Node, X: Place, out: Place) -> Function:
    window = _window(node)

    def body(pointers: Sequence[str]) -> list[str]:
        source, to = pointers

        def row(x: Sequence[str], p: Sequence[str]) -> list[str]:
            number, patch = at(source, X.strides, ["c", *x, "j"]), at(to, out.strides, [*p, "j"])
            copy = nested(["j"], out.shape[-1:], [f"{patch} = {number};"])
            clear = nested(["j"], out.shape[-1:], [f"{patch} = 0;"])
            return ["if (inside) {", *_in(copy), "} else {", *_in(clear), "}"]

        return _windows(window, X.shape, row)

    parameters = (Parameter("X", X.dtype), Parameter("P", X.dtype, True))
    return Function("patches", parameters, body, (X, out), (node,))


def fold(node: Node, P: Place, out: Place) -> Function:
    window = _window(node)

    def body(pointers: Sequence[str]) -> list[str]:
        source, to = pointers

        def row(x: Sequence[str], p: Sequence[str]) -> list[str]:
            number, patch = at(to, out.strides, ["c", *x, "j"]), at(source, P.strides, [*p, "j"])
            add = nested(["j"], out.shape[-1:], [f"{number} = {added(node.dtype, number, patch)};"])
            return ["if (inside) {", *_in(add), "}"]

        return [_cleared(to, out), *_windows(window, out.shape, row)]

    parameters = (Parameter("P", P.dtype), Parameter("X", P.dtype, True))
    return Function("fold", parameters, body, (P, out), (node,))


def _windows(window: Window, shape: Sequence[int], row: Row) -> list[str]:
    """For each channel, place in the window and position: `inside` says whether a number of X lies there."""
    spatial, axes = tuple(shape[1:-1]), range(len(shape) - 2)
    counts = window.counts(spatial)
    x = [f"x{k}" for k in axes]
    place = "c"
    for k in axes:
        place = f"({place} * {window.size[k]} + w{k})"
    lines = [
        f"const long long x{k} = p{k} * {window.stride[k]} + w{k} * {window.dilation[k]} - {window.padding[k][0]};"
        for k in axes
    ]
    inside = " && ".join(f"x{k} >= 0 && x{k} < {spatial[k]}" for k in axes)
    lines += [f"const bool inside = {inside};", *row(x, ["q", *(f"p{k}" for k in axes)])]
    positions = nested([f"p{k}" for k in axes], counts, lines)
    places = ["c", *(f"w{k}" for k in axes)]
    return nested(places, (shape[0], *window.size), [f"const long long q = {place};", *positions])


def _window(node: Node) -> Window:
    return Window(*(node.attrs[name] for name in Window._fields))


def _row(indices: str, place: Place, counter: str, size: int) -> str:
    index = f"(long long){at(indices, place.strides, [counter])}"
    return f"const long long row = {index} + ({index} < 0 ? {size} : 0);"


def _cleared(pointer: str, out: Place) -> str:
    return f"memset({pointer}, 0, {out.size} * sizeof({TYPES[out.dtype]}));"


def _in(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
