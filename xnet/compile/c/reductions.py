"""Sums, products, largest and smallest numbers along axes."""

from collections.abc import Callable, Sequence
from math import prod

from xnet.compile.c.loops import Function, at, nested
from xnet.compile.c.place import Place, collapsed, row_major
from xnet.compile.c.text import Parameter, value
from xnet.compile.expression import TYPES, C, literal
from xnet.graph.dtypes import FLOATS, info
from xnet.graph.ir import Node

COMBINED_BY = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "any": "logical_or",
               "all": "logical_and", "vecdot": "add"}  # fmt: skip
LANES = 16  # partial results along a row, so that the loop has no chain of waiting additions
BLOCK = 2048  # numbers whose partial sums are added up before the next: the rounding errors of long sums stay small


def reduction(node: Node, xs: Sequence[Place], out: Place, axes: Sequence[int], name: str) -> Function:
    """The node over these axes of one operand, or of the product of two."""
    shape = xs[0].shape
    kept = [i for i in range(len(shape)) if i not in axes]
    order = sorted(range(len(shape)), key=lambda i: -max(abs(x.strides[i]) for x in xs))
    outside = [i for i in order if i in kept]
    inside = [i for i in order if i in axes]
    to = dict(zip(kept, row_major(tuple(shape[i] for i in kept)), strict=True))
    kept_shape, kept_strides = collapsed(
        tuple(shape[i] for i in outside),
        [[x.strides[i] for i in outside] for x in xs] + [[to[i] for i in outside]],
    )
    gone_shape, gone_strides = collapsed(tuple(shape[i] for i in inside), [[x.strides[i] for i in inside] for x in xs])
    T = TYPES[node.dtype]
    k, g = [f"i{n}" for n in range(len(kept_shape))], [f"k{n}" for n in range(len(gone_shape))]
    one = Node("input", (), {}, (), node.dtype)
    combine = Node(COMBINED_BY[node.op], (one, one), {}, (), node.dtype)
    first = literal(_first(node), node.dtype, C)

    def number(pointers: Sequence[str], kept_counters: Sequence[str], gone: Sequence[str]) -> str:
        factors = [
            ("" if xs[n].dtype == node.dtype else f"({T})")
            + at(p, (*kept_strides[n], *gone_strides[n]), (*kept_counters, *gone))
            for n, p in enumerate(pointers[:-1])
        ]
        return " * ".join(factors)

    def step(total: str, x: str) -> list[str]:
        return [f"const {T} v = {x};", f"{total} = {value(combine, [total, 'v'])};"]

    total_of = f"{T} total = {first};"
    down = bool(kept_shape and gone_shape) and kept_strides[0][-1] == 1 and gone_strides[0][-1] != 1

    def down_columns(pointers: Sequence[str]) -> list[str]:
        """Row by row into all the columns, whose numbers lie side by side."""
        result = at(pointers[-1], kept_strides[-1], k)
        start = nested(k[-1:], kept_shape[-1:], [f"{result} = {first};"])
        row = nested(k[-1:], kept_shape[-1:], step(result, number(pointers, k, g)))
        return nested(k[:-1], kept_shape[:-1], [*start, *nested(g, gone_shape, row)])

    def along_rows(pointers: Sequence[str]) -> list[str]:
        n = gone_shape[-1] if gone_shape else 1
        side_by_side = bool(gone_shape) and all(s[-1] in {0, 1} for s in gone_strides)
        if side_by_side and n >= 2 * LANES and node.dtype != "bool":
            lines = nested(g[:-1], gone_shape[:-1], in_lanes(n, lambda j: number(pointers, k, [*g[:-1], j])))
        else:
            lines = nested(g, gone_shape, step("total", number(pointers, k, g)))
        return nested(k, kept_shape, [total_of, *lines, f"{at(pointers[-1], kept_strides[-1], k)} = total;"])

    def in_lanes(n: int, x: Callable[[str], str]) -> list[str]:
        whole = n // LANES * LANES
        end = f"b + {BLOCK} < {whole} ? b + {BLOCK} : {whole}" if whole > BLOCK else f"{whole}"
        rest = [f"for (long long j = {whole}; j < {n}; j++) {{", *indented(step("total", x("j"))), "}"]
        return [
            f"for (long long b = 0; b < {whole}; b += {BLOCK}) {{",
            f"  {T} lane[{LANES}];",
            f"  for (int l = 0; l < {LANES}; l++) lane[l] = {first};",
            f"  for (long long j = b, end = {end}; j < end; j += {LANES})",
            f"    for (int l = 0; l < {LANES}; l++) {{",
            *indented(step("lane[l]", x("(j + l)")), 3),
            "    }",
            f"  for (int l = 0; l < {LANES}; l++) total = {value(combine, ['total', 'lane[l]'])};",
            "}",
            *(rest if whole < n else []),
        ]

    operands = tuple(Parameter(f"x{n}" if len(xs) > 1 else "x", x.dtype) for n, x in enumerate(xs))
    body = down_columns if down else along_rows
    return Function(name, (*operands, Parameter("out", node.dtype, True)), body, (*xs, out), (node,))


def indented(lines: Sequence[str], depth: int = 1) -> list[str]:
    return [f"{'  ' * depth}{line}" for line in lines]


def _first(node: Node) -> float | int | bool:
    """What the result begins with."""
    match node.op:
        case "prod" | "all":
            return True if node.dtype == "bool" else 1
        case "max" | "min" if node.dtype in FLOATS:
            return float("-inf") if node.op == "max" else float("inf")
        case "max":
            return int(info(node.dtype).min)
        case "min":
            return int(info(node.dtype).max)
    return 0


def can_reduce(node: Node) -> bool:
    """Whether there is a first number: the largest of none is an error of NumPy's."""
    return node.op not in {"max", "min"} or bool(prod(node.inputs[0].shape))
