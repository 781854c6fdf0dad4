"""NumPy as a target: what it can write into given memory, and its programs as Python functions."""

import linecache
import weakref
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from xnet.compile.numpy.calls import PRODUCTS, REDUCED_BY
from xnet.compile.numpy.loops import Tuning
from xnet.compile.numpy.runtime import NAMES
from xnet.compile.numpy.source import write
from xnet.compile.numpy.variables import VIEWS
from xnet.compile.plan import Kind, Plan
from xnet.compile.target import Code, Run, Target
from xnet.graph.evaluate import apply
from xnet.graph.ir import Node
from xnet.types import Array

KINDS: dict[str, Kind] = {
    "input": "input",
    "scan": "loop",
    **dict.fromkeys(("constant", "scalar"), "known"),
    **dict.fromkeys(("where", "astype", "round"), "elementwise"),
    **dict.fromkeys((*VIEWS, "reshape", "expand_dims", "squeeze", "index"), "view"),
    **dict.fromkeys((*PRODUCTS, *REDUCED_BY, "take", "scatter_add", "patches", "fold", "scan_result"), "into"),
}

_programs = count(1)


@cache
def _kind(op: str) -> Kind:
    """What KINDS does not list is elementwise if it is a ufunc, which can write into memory that it is given."""
    return KINDS.get(op) or ("elementwise" if isinstance(getattr(np, op, None), np.ufunc) else "other")


@dataclass(frozen=True)
class NumPyTarget(Target):
    name = "numpy"
    followed_by = ("c", 0.5)
    array_types = (np.ndarray, np.generic)
    tuning: Tuning = field(default_factory=Tuning)

    def kind(self, node: Node) -> Kind:
        return _kind(node.op)

    def fuses(self, x: Node, node: Node) -> bool:
        return x.op == "scan" or (x.shape == node.shape and _kind(x.op) == _kind(node.op) == "elementwise")

    def writes_early(self, node: Node) -> bool:
        """`where` is written in two passes."""
        return node.op == "where"

    def evaluate(self, node: Node) -> Array:
        values = [np.asarray(x.attrs["value"], dtype=x.dtype) for x in node.inputs]
        with np.errstate(all="ignore"):
            return np.broadcast_to(apply(node, values, xp, None), node.shape).copy()

    def build(self, plan: Plan, names: dict[Node, str], title: str) -> Code:
        source, values, total = write(plan, names, title, self, self.tuning)
        file = f"<{title}, compiled by xnet, {next(_programs)}>"
        namespace = {**NAMES, **values}
        exec(compile(source, file, "exec"), namespace)
        make = namespace["make"]
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        weakref.finalize(make, linecache.cache.pop, file, None)
        how = f"on NumPy, {total / 1e6:.3g} MB of memory made once"
        return Code(source, how, lambda: _ready(*make()))

    def dtype(self, name: str) -> Any:
        return np.dtype(name)

    def copy_into(self, out: Array, x: Array) -> None:
        np.copyto(out, x)


NUMPY = NumPyTarget()


def _ready(run: Run, donated: tuple[Array, ...]) -> tuple[Run, tuple[Array, ...]]:
    """The function without warnings, given copies of arguments that lie in donated memory."""
    quiet = copy_context()  # which costs less to enter than `np.errstate`
    quiet.run(partial(np.seterr, all="ignore"))
    return separated(partial(quiet.run, run), donated), donated


def separated(run: Run, donated: tuple[Array, ...]) -> Run:
    """The function, given copies of arguments that lie in donated memory."""
    if not donated:
        return run
    memory = donated[0].base

    def separated(*others: Array) -> list[Array]:
        return run(*[x.copy() if _lies_in(x, memory) else x for x in others])

    return separated


def _lies_in(x: Array, memory: Array) -> bool:
    """Whether x may look at this memory.  To ask NumPy takes longer than to see that x, or its base, has its own."""
    base = x.base
    return base is memory or (getattr(base, "base", base) is not None and np.may_share_memory(x, memory))
