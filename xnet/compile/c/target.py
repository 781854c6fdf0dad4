"""C as a target for NumPy's arrays: a whole step is one call, which does not hold Python's lock."""

from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from xnet.compile.c import blas
from xnet.compile.c.cache import load
from xnet.compile.c.compiler import FLAGS
from xnet.compile.c.reductions import can_reduce
from xnet.compile.c.runtime import make
from xnet.compile.c.text import without_comments
from xnet.compile.c.writer import REDUCTIONS, Written, write
from xnet.compile.expression import TYPES, has_expression
from xnet.compile.numpy.target import NUMPY, separated
from xnet.compile.plan import Kind, Plan
from xnet.compile.target import Code, Run, Target
from xnet.errors import CompilerError
from xnet.graph.dtypes import COMPLEX, FLOATS
from xnet.graph.ir import Node
from xnet.types import Array

INTO = {"matmul", "vecdot", "take", "scatter_add", "patches", "fold", *REDUCTIONS}


@dataclass(frozen=True)
class CTarget(Target):
    name = "c"
    array_types = NUMPY.array_types
    flags: tuple[str, ...] = field(default=FLAGS)

    def kind(self, node: Node) -> Kind:
        is_empty = bool(node.inputs) and 0 in node.inputs[0].shape
        return _kind(node.op, node.dtype, tuple([x.dtype for x in node.inputs]), is_empty)

    def fuses(self, x: Node, node: Node) -> bool:
        return x.op == "scan" or (x.shape == node.shape and self.kind(x) == self.kind(node) == "elementwise")

    def evaluate(self, node: Node) -> Array:
        return NUMPY.evaluate(node)

    def build(self, plan: Plan, names: dict[Node, str], title: str) -> Code:
        if any(plan.flow.kind[node] == "loop" for node in plan.flow.nodes):
            return self._on_numpy(plan, names, title, "a scan is not written in C")
        products = blas.find()
        written = write(plan, names, title, products if isinstance(products, blas.Blas) else None)
        try:
            loaded = load(without_comments(written.source), self.flags)
        except CompilerError as error:
            return self._on_numpy(plan, names, title, str(error))
        how = f"on NumPy in C, {loaded.how}, {written.bytes / 1e6:.3g} MB of memory made once"
        if isinstance(products, blas.NoBlas) and any(node.op == "matmul" for node in plan.flow.nodes):
            how += f"; products are calls from Python, since {products}"
        return Code(written.source, how, lambda: _ready(written, loaded.functions))

    def _on_numpy(self, plan: Plan, names: dict[Node, str], title: str, reason: str) -> Code:
        code = NUMPY.build(plan, names, title)
        return Code(code.source, f"{code.how}; not in C, since {reason}", code.make)

    def dtype(self, name: str) -> Any:
        return NUMPY.dtype(name)

    def copy_into(self, out: Array, x: Array) -> None:
        NUMPY.copy_into(out, x)


C = CTarget()


@cache
def _kind(op: str, dtype: str, dtypes: tuple[str, ...], is_empty: bool) -> Kind:
    """The kind of all nodes of these types."""
    node = Node(op, tuple(Node("input", (), {}, (0,) if is_empty else (), x) for x in dtypes), {}, (), dtype)
    kind = NUMPY.kind(node)
    if kind == "view" and op in {"real", "imag"} and dtypes[0] in COMPLEX:
        return "other"
    if kind == "elementwise":
        return kind if has_expression(node) else "other"
    if kind == "into" and op != "scan_result":
        return kind if _has_loops(node) else "other"
    return kind


def _has_loops(node: Node) -> bool:
    """Whether the node is written in C: its numbers are real, and a product of floats has a BLAS."""
    dtypes = {node.dtype, *(x.dtype for x in node.inputs)}
    if not dtypes <= TYPES.keys() or dtypes & {*COMPLEX} or node.op not in INTO:
        return False
    if node.op == "matmul" and node.dtype in FLOATS:
        return isinstance(blas.find(), blas.Blas) and dtypes == {node.dtype}
    return can_reduce(node)


def _ready(written: Written, library: Any) -> tuple[Run, tuple[Array, ...]]:
    run, donated = make(written.layout, written.parts, written.results, written.checks, library)
    if len(written.parts) > 1:
        quiet = copy_context()
        quiet.run(partial(np.seterr, all="ignore"))
        run = partial(quiet.run, run)
    return separated(run, donated), donated
