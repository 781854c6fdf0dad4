"""The nodes of a computation graph, the order in which they can be evaluated, and how they are described in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from linecache import getline
from pathlib import Path
from typing import Any

from array_api_compat import is_array_api_obj

from xnet.types import Shape, Tree

_numbers = count()


@dataclass(frozen=True, eq=False, slots=True, repr=False)
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

    def __repr__(self) -> str:
        """Another one for every node, and without its inputs."""
        return f"<{self.op} {describe(self)} at {id(self):#x}>"


@dataclass(frozen=True)
class Slot:
    """A placeholder for an array in a tree: the input or output of this number."""

    index: int


@dataclass(frozen=True, eq=False)
class GraphData:
    """What tracing records of a function: its nodes, the trees of its arguments and results, the variables' names.

    `outputs` are simplified and consist of the standard's functions alone.  `recorded` are the same outputs as the
    function computed them, with the nodes of kernels; they are recorded again where the graph is called on stand-ins.
    `simple` has the simplified node for each node of these.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    in_tree: Tree
    out_tree: Tree
    names: dict[Node, str]
    recorded: tuple[Node, ...] = ()
    simple: dict[Node, Node] = field(default_factory=dict)
    nodes: tuple[Node, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(in_order(self.outputs)))


def in_order(outputs: Iterable[Node], known: Iterable[Node] = (), derivatives: bool = False) -> Iterator[Node]:
    """Every node that the outputs need, each after its inputs.  (A stack, for a deep graph would exhaust Python's.)

    With `derivatives` also what only the derivatives of kernels need: their arguments and caches.
    """
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
                inputs = node.inputs[:1] if node.op == "kernel" and not derivatives else node.inputs
                stack.extend((x, False) for x in reversed(inputs) if x not in seen)


def dtype_of(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


def describe(x: Any) -> str:
    """`float32[3, 4]` for an array or a node, and the repr of anything else."""
    return f"{dtype_of(x)}{list(x.shape)}" if isinstance(x, Node) or is_array_api_obj(x) else repr(x)


def position(line: tuple[str, int]) -> str:
    """`model.py:7`"""
    file, number = line
    return f"{Path(file).name}:{number}" if number else ""


def source_line(line: tuple[str, int]) -> str:
    """`model.py:7: Z = W @ A + b`"""
    return ": ".join(filter(None, (position(line), getline(*line).strip())))
