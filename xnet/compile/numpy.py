"""The plan as one Python function of NumPy calls that write into memory made once.  Its text can be read."""

import linecache
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, count
from math import prod
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from xnet.compile.arena import LINE
from xnet.compile.groups import Kind
from xnet.compile.names import HELPERS
from xnet.compile.plan import Plan
from xnet.compile.rewrite import Rewriter
from xnet.compile.source import Writer
from xnet.compile.threads import in_one_go, share
from xnet.graph.evaluate import apply
from xnet.graph.graph import Graph
from xnet.graph.ir import Node
from xnet.types import Array, Shape

VIEWS = {"reshape", "expand_dims", "squeeze", "broadcast_to", "permute_dims", "matrix_transpose", "index", "flip",
         "real", "imag"}  # fmt: skip
INTO = {"matmul", "vecdot", "sum", "prod", "max", "min", "any", "all"}
KINDS: dict[str, Kind] = {
    "input": "input",
    **dict.fromkeys(("constant", "scalar"), "known"),
    **dict.fromkeys(("where", "astype", "round"), "elementwise"),
    **dict.fromkeys(VIEWS, "view"),
    **dict.fromkeys(INTO, "into"),
}

_written = count(1)


def kind(node: Node) -> Kind:
    """What is not said above is elementwise if NumPy can write it into memory that it is given."""
    if node.op not in KINDS:
        KINDS[node.op] = "elementwise" if isinstance(getattr(np, node.op, None), np.ufunc) else "other"
    return KINDS[node.op]


def evaluate(node: Node) -> Array:
    """The value of a node whose inputs are known."""
    values = [np.asarray(x.attrs["value"], dtype=x.dtype) for x in node.inputs]
    with np.errstate(all="ignore"):
        return np.broadcast_to(apply(node, values, xp, None), node.shape).copy()


class Program:
    """`make()` gives the function with memory of its own: run(*others) -> results, and the donated arrays' homes."""

    def __init__(self, graph: Graph, donated: Sequence[Node], name: str) -> None:
        outputs, names = Rewriter(lambda node: kind(node) == "elementwise", evaluate)(graph)
        self.plan = Plan(graph.inputs, outputs, donated, kind)
        writer = Writer(self.plan, names)
        self.source = writer.write(name)
        self.homes = [i for i, x in enumerate(graph.inputs) if x in self.plan.donated]
        self.how = f"on NumPy, {sum(self.plan.sizes.values()) / 1e6:.3g} MB of memory made once"
        file = f"<{name}, compiled by xnet, {next(_written)}>"
        namespace = {**RUNTIME, **writer.values}
        exec(compile(self.source, file, "exec"), namespace)
        self.make: Callable[[], tuple[Callable[..., list[Array]], tuple[Array, ...]]] = namespace["make"]
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(keepends=True), file)
        weakref.finalize(self.make, linecache.cache.pop, file, None)


# What the written text calls


def memory(size: int) -> Array:
    """So many bytes, from where a line of the cache begins."""
    whole = np.zeros(size + LINE, dtype=np.uint8)
    start = -whole.ctypes.data % LINE
    return whole[start : start + size]


def part(memory: Array, offset: int, shape: Shape, dtype: str) -> Array:
    size = prod(shape) * np.dtype(dtype).itemsize
    return memory[offset : offset + size].view(dtype).reshape(shape)


def number(value: Any, dtype: str) -> Array:
    return np.asarray(value, dtype=dtype)


def cut(rows: int, block: int, columns: Sequence[Array], own: Sequence[Array], threads: int) -> list[list[Any]]:
    """The rows of the columns in blocks, for each thread beside memory of its own for the steps between."""
    return [
        [
            (slice(i, j), *(x[i:j] for x in columns), *(x[t, : j - i] for x in own))
            for i in range(0, rows, block)
            for j in [min(rows, i + block)]
        ]
        for t in range(threads)
    ]


def joined(*groups: list[list[Any]]) -> list[list[Any]]:
    """The blocks of several groups, thread by thread."""
    return [list(chain(*blocks)) for blocks in zip(*groups, strict=True)]


def filled(value: Any, shape: Shape, dtype: str) -> Array:
    """The same block for every thread."""
    return np.broadcast_to(np.full(shape[1:], value, dtype=dtype), shape)


RUNTIME = {
    **{name: f for name, f in vars(np).items() if isinstance(f, np.ufunc)},
    **{name: getattr(np, name) for name in ("dot", "copyto", "empty", "full", "ones", "broadcast_to", "flip")},
    **{name: getattr(np, name) for name in ("real", "imag")},
    **dict(zip(HELPERS, (memory, part, number, cut, filled, joined, in_one_go, share), strict=True)),
    "chain": chain,
    "partial": partial,
    "inf": np.inf,
    "nan": np.nan,
}
