"""The graph: small immutable nodes, each an operation on others, in an order in which they can be worked out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from linecache import getline
from pathlib import Path
from typing import Any

import array_api_extra as xpx
from array_api_compat import array_namespace, device, is_array_api_obj

from xnet import trees
from xnet.errors import ShapeError
from xnet.types import Array, Namespace, Shape, Tree

CREATION = {"zeros", "ones", "full", "arange", "linspace", "eye"}
_numbers = count()


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """op(*inputs, **attrs), of this shape and dtype; `line` is where the user wrote it, a file and a number."""

    op: str
    inputs: "tuple[Node, ...]"
    attrs: dict[str, Any]
    shape: Shape
    dtype: str
    line: tuple[str, int] = ("", 0)
    place: int = 0  # within the line: the instruction
    caller: tuple[str, int] = ("", 0)  # the line that called the function of this line
    number: int = field(default_factory=_numbers.__next__)  # nodes are numbered as they are made


@dataclass(frozen=True)
class Slot:
    """The place of an array in a tree: the input or output of this number."""

    index: int


@dataclass(frozen=True, eq=False)
class Graph:
    """A traced function.  `graph(*args)` works it out on the library of the arguments; `print(graph)` reads it."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    in_tree: Tree
    out_tree: Tree
    names: dict[Node, str]
    nodes: tuple[Node, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(in_order(self.outputs)))

    def __call__(self, *args: Tree) -> Tree:
        values = self.values(*args)
        return trees.map(
            lambda leaf: values[self.outputs[leaf.index]] if isinstance(leaf, Slot) else leaf, self.out_tree
        )

    def values(self, *args: Tree) -> dict[Node, Array]:
        """What each node is worth for these arguments, from left to right."""
        if len(args) != len(self.in_tree):
            raise ShapeError(f"graph: it takes {len(self.in_tree)} arguments, as traced; got {len(args)}")
        given: dict[Node, Array] = {}
        trees.map(lambda slot, x: self._take(slot, x, given), self.in_tree, args)
        return worked_out(self.nodes, given)

    def _take(self, slot: Any, x: Any, given: dict[Node, Array]) -> None:
        if not isinstance(slot, Slot):
            if is_array_api_obj(x) or (x is not slot and x != slot):
                raise ShapeError(f"graph: {slot!r} was traced as a part of the function; got {x!r}; trace it again")
            return
        node = self.inputs[slot.index]
        if said(x) != said(node):
            raise ShapeError(
                f"graph: {self.names.get(node, 'an input')} must be {said(node)}, as it was traced; got {said(x)}; "
                f"trace the function again for other shapes"
            )
        given[node] = x

    def draw(self, values: Any = None, derivatives: Any = None) -> str:
        """The graph as a picture, in SVG."""
        from xnet.graph.show.draw import draw

        return draw(self, values=values, derivatives=derivatives)

    def _repr_svg_(self) -> str:
        return self.draw()

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{self.draw()}</div>'

    def __str__(self) -> str:
        from xnet.graph.show.text import text

        return text(self)

    __repr__ = __str__


def in_order(outputs: Iterable[Node], known: Iterable[Node] = ()) -> Iterator[Node]:
    """Every node that the outputs need, each after its inputs.  (A stack, for a deep graph would exhaust Python's.)"""
    seen = set(known)
    for output in outputs:
        stack: list[tuple[Node, bool]] = [(output, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                yield node
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((x, False) for x in reversed(node.inputs) if x not in seen)


def worked_out(nodes: Sequence[Node], given: dict[Node, Array]) -> dict[Node, Array]:
    """The value of every node; for stand-ins, what another trace writes down."""
    from xnet.graph.tracing.traced import Traced

    outside = [node for node in nodes if node.op == "input" and node not in given]
    values = dict(given)
    if outside or any(isinstance(x, Traced) for x in given.values()):
        return _written_again(nodes, values)
    arrays = list(given.values()) or [node.attrs["value"] for node in nodes if node.op == "constant"]
    if not nodes:
        return values
    xp, where = array_namespace(*arrays), device(arrays[0])
    for node in nodes:
        if node not in values:
            values[node] = apply(node, [values[x] for x in node.inputs], xp, where)
    return values


def _written_again(nodes: Sequence[Node], values: dict[Node, Array]) -> dict[Node, Array]:
    """The same nodes on other inputs, for a graph that is worked out while a function around it is traced."""
    from xnet.graph.tracing.traced import Traced, as_node

    for node in nodes:
        if node not in values:
            inputs = tuple(as_node(values[x]) for x in node.inputs)
            values[node] = Traced(node if inputs == node.inputs else replace(node, inputs=inputs))
    return values


def apply(node: Node, xs: list[Array], xp: Namespace, where: Any) -> Array:
    """One node's value, from its inputs' values."""
    op, attrs = node.op, dict(node.attrs)
    if op in {"constant", "scalar"}:
        return attrs["value"]
    if op == "index":
        return xs[0][attrs["key"]]
    if op == "scatter":
        empty = xp.zeros(node.shape, dtype=getattr(xp, node.dtype), device=where)
        return xpx.at(empty)[attrs["key"]].set(xs[0])
    if op == "astype":
        return xp.astype(xs[0], getattr(xp, node.dtype))
    arguments = [xs] if op in {"concat", "stack"} else [*xs, *attrs.pop("args", ())]
    if attrs.get("dtype"):
        attrs["dtype"] = getattr(xp, attrs["dtype"])
    if op in CREATION:
        attrs["device"] = where
    return getattr(xp, op)(*arguments, **attrs)


def dtype_of(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


def said(x: Any) -> str:
    """`float32[3, 4]` for an array or a node; what it is when it is neither."""
    return f"{dtype_of(x)}{list(x.shape)}" if isinstance(x, Node) or is_array_api_obj(x) else repr(x)


def at(line: tuple[str, int]) -> str:
    """`model.py:7`"""
    file, number = line
    return f"{Path(file).name}:{number}" if number else ""


def quoted(line: tuple[str, int]) -> str:
    """`model.py:7: Z = W @ A + b`"""
    return ": ".join(filter(None, (at(line), getline(*line).strip())))
