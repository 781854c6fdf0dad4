"""Tracing: a function is called with stand-ins for its arrays, which record the operations applied to them."""

from collections.abc import Callable
from dataclasses import dataclass
from traceback import walk_tb
from typing import Any, NoReturn

from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.errors import TraceError
from xnet.graph import dtypes
from xnet.graph.graph import Graph
from xnet.graph.ir import Node, Slot, in_order, source_line
from xnet.graph.simplify import simplified
from xnet.graph.tracing.names import LEAVES, argument_names, assigned_names
from xnet.graph.tracing.namespace import xp
from xnet.graph.tracing.traced import HERE, Traced, as_node, user_line
from xnet.types import Shape, Tree

__all__ = ["Spec", "Traced", "spec", "trace", "xp"]


@dataclass(frozen=True)
class Spec:
    """A shape and a dtype: all that tracing needs of an array."""

    shape: Shape
    dtype: str = "float32"


def spec(shape: Shape, dtype: Any = "float32") -> Spec:
    return Spec(tuple(shape), dtypes.named(dtype))


def trace(f: Callable[..., Tree], *examples: Tree) -> Graph:
    """The graph of f for arguments of these shapes and dtypes: arrays, or specs, in dicts, lists and tuples.

    Other arguments become a part of the function.
    """
    outside, *_ = user_line()  # the line that calls trace; no line of f created what has this line
    inputs: list[Node] = []
    outputs: list[Node] = []
    names: dict[Node, str] = {}

    def stand_in(name: str, x: Any) -> Any:
        if not (isinstance(x, Spec) or is_array_api_obj(x)):
            return x
        node = Node("input", (), {}, tuple(map(int, x.shape)), dtypes.named(x.dtype, f"{name}.dtype"))
        names[node] = name
        inputs.append(node)
        return Traced(node)

    def slot(x: Any) -> Any:
        if not is_array_api_obj(x):
            return x
        outputs.append(as_node(x))
        return Slot(len(outputs) - 1)

    pairs = zip(argument_names(f, len(examples)), examples, strict=True)
    arguments = tuple(trees.map_named(stand_in, example, name=name) for name, example in pairs)
    in_tree = trees.map(lambda x: Slot(inputs.index(x.node)) if isinstance(x, Traced) else x, arguments)
    try:
        results = f(*arguments)
    except TypeError as error:
        if "Multiple namespaces" in str(error):
            _refuse_two_namespaces(error)
        raise
    out_tree = trees.map(slot, results)
    within = (node for node in in_order(outputs) if node.op not in LEAVES and node.line != outside)
    names = assigned_names(within) | names
    if len(outputs) == 1:
        function = getattr(f, "__name__", "")
        names.setdefault(outputs[0], function if function.isidentifier() else "result")
    now, names = simplified(outputs, names)
    return Graph(tuple(inputs), tuple(now[x] for x in outputs), in_tree, out_tree, names, tuple(outputs), now)


def _refuse_two_namespaces(error: TypeError) -> NoReturn:
    """The arrays that a function closes over keep their library while it is traced."""
    frames = [(frame.f_code.co_filename, number) for frame, number in walk_tb(error.__traceback__)]
    line = next((line for line in reversed(frames) if not line[0].startswith(HERE)), ("", 0))
    raise TraceError(
        f"trace: array_namespace must be given arguments of the function, "
        f"without arrays that the function closes over; got it at {source_line(line)}; "
        f"use array_namespace of an argument alone, or make the other array an argument too"
    ) from error
