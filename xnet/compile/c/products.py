"""Products of matrices: calls of the BLAS that NumPy has loaded, and loops where it has no function."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from xnet.compile.c.loops import Function, at, nested
from xnet.compile.c.place import Place, broadcast, collapsed
from xnet.compile.c.text import Parameter
from xnet.compile.expression import TYPES
from xnet.graph.ir import Node
from xnet.types import Shape

LETTERS = {"float32": "s", "float64": "d"}
ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112
SMALL = 64  # so few numbers are multiplied with the rows of another matrix sooner by a loop than by a call


class Side(NamedTuple):
    """How the BLAS reads a matrix: as it lies or transposed, and the numbers from one row to the next in memory."""

    transposed: bool
    step: int


class Matrices(NamedTuple):
    """The first product of two matrices, and the loops over all of them, with the strides of the three in each loop."""

    a: Place
    b: Place
    out: Place
    loops: Shape
    strides: list[tuple[int, ...]]

    def moved(self, pointers: Sequence[str]) -> list[str]:
        """The pointers to the matrices of one turn of the loops."""
        return [f"{p}{''.join(f' + i{k} * {s}' for k, s in enumerate(some) if s)}"
                for p, some in zip(pointers, self.strides, strict=True)]  # fmt: skip


def matrices(a: Place, b: Place, out: Place) -> Matrices:
    """The products of two matrices that a product consists of; vectors are matrices of one row or column."""
    is_row, is_column = len(a.shape) == 1, len(b.shape) == 1
    a = replace(a, shape=(1, *a.shape), strides=(0, *a.strides)) if is_row else a
    b = replace(b, shape=(*b.shape, 1), strides=(*b.strides, 0)) if is_column else b
    many = len(out.shape) - (not is_row) - (not is_column)
    ends = tuple(zip(out.shape[many:], out.strides[many:], strict=True))
    ends = ((1, 0),) * is_row + ends + ((1, 0),) * is_column
    out = replace(out, shape=(*out.shape[:many], *(n for n, _ in ends)),
                  strides=(*out.strides[:many], *(s for _, s in ends)))  # fmt: skip
    batch = out.shape[:-2]
    every = [broadcast(x.strides[:-2], x.shape[:-2], batch) for x in (a, b, out)]
    a, b, out = (replace(x, shape=x.shape[-2:], strides=x.strides[-2:]) for x in (a, b, out))
    return Matrices(a, b, out, *collapsed(batch, every))


def is_small(a: Place, b: Place) -> bool:
    """Whether a loop over the rows of b is faster than a call of the BLAS."""
    return a.size <= SMALL and b.strides[1] == 1 and 2 * SMALL <= b.shape[1] <= SMALL * SMALL


def side(x: Place) -> Side | None:
    """None where neither the rows nor the columns lie side by side."""
    (rows, columns), (down, right) = x.shape, x.strides
    down = columns if rows == 1 else down
    right = 1 if columns == 1 else right
    if right == 1 and down >= columns:
        return Side(False, max(down, 1))
    right = rows if columns == 1 else right
    if (down == 1 or rows == 1) and right >= rows:
        return Side(True, max(right, 1))
    return None


def gemm(a: Place, b: Place, pointers: Sequence[str]) -> str:
    """The call that computes the product of two matrices that have a side."""
    (m, k), n = a.shape, b.shape[1]
    at_a, at_b, out = pointers
    letter, one = LETTERS[a.dtype], "1.0f" if a.dtype == "float32" else "1.0"
    zero = one.replace("1", "0", 1)
    of_a, of_b = side(a), side(b)
    assert of_a is not None
    assert of_b is not None
    flag = {False: AS_IT_IS, True: TRANSPOSED}
    if n == 1 or m == 1:
        matrix, x, turned = (a, b, of_a.transposed) if n == 1 else (b, a, not of_b.transposed)
        of, (at_matrix, at_x) = (of_a, (at_a, at_b)) if n == 1 else (of_b, (at_b, at_a))
        rows, columns = reversed(matrix.shape) if of.transposed else matrix.shape
        along = x.strides[0] if n == 1 else x.strides[1]
        if (along > 0 or k == 1) and min(rows, columns) > 0:
            sizes = f"{rows}, {columns}, {one}, {at_matrix}, {of.step}, {at_x}, {max(along, 1)}, {zero}, {out}, 1"
            return f"cblas_{letter}gemv({ROW_MAJOR}, {flag[turned]}, {sizes});"
    sizes = f"{m}, {n}, {k}, {one}, {at_a}, {of_a.step}, {at_b}, {of_b.step}, {zero}, {out}, {n}"
    return f"cblas_{letter}gemm({ROW_MAJOR}, {flag[of_a.transposed]}, {flag[of_b.transposed]}, {sizes});"


def in_loops(node: Node, found: Matrices, name: str) -> Function:
    """The product by loops: row by row of the result."""
    a, b, out = found[:3]
    (m, k), n = a.shape, b.shape[1]
    T, word = TYPES[node.dtype], "unsigned long long" if node.dtype not in LETTERS else TYPES[node.dtype]

    def body(pointers: Sequence[str]) -> list[str]:
        at_a, at_b, to = (f"({p})" if " " in p else p for p in found.moved(pointers))
        result = at(to, out.strides, ["i", "j"])
        start = nested(["j"], [n], [f"{result} = 0;"])
        x, y = at(at_a, a.strides, ["i", "l"]), at(at_b, b.strides, ["l", "j"])
        add = nested(["l", "j"], [k, n], [f"{result} = ({T})(({word}){result} + ({word}){x} * ({word}){y});"])
        counters = [f"i{axis}" for axis in range(len(found.loops))]
        return nested([*counters, "i"], [*found.loops, m], [*start, *add])

    parameters = (Parameter("A", a.dtype), Parameter("B", b.dtype), Parameter("out", node.dtype, True))
    return Function(name, parameters, body, (a, b, out), (node,))


DECLARATIONS = """typedef void {letter}gemm(int, int, int, N, N, N, {T}, const {T} *, N, const {T} *, N, {T}, {T} *, N);
typedef void {letter}gemv(int, int, N, N, {T}, const {T} *, N, const {T} *, N, {T}, {T} *, N);
"""


def declarations(integer: int, letters: str) -> str:
    """The types of the BLAS's functions, whose integers have so many bytes."""
    types = {letter: TYPES[dtype] for dtype, letter in LETTERS.items()}
    texts = "".join(DECLARATIONS.format(letter=letter, T=types[letter]) for letter in letters)
    return f"typedef {'long long' if integer == 8 else 'int'} N;\n{texts}" if texts else ""
