"""The plan of a program: its groups in order, and the allocation of each array.  No library is named here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal, NamedTuple, TypeAlias

from xnet.graph.ir import Node, in_order
from xnet.types import Shape

# A `view` looks at the memory of its input, `into` is written into memory that it is given, `other` makes its own.  A
# `loop` has no memory, and is in one group with its results.
Kind: TypeAlias = Literal["input", "known", "view", "elementwise", "into", "loop", "other"]


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes that one loop computes, in order; `results` are those that are needed outside the group."""

    nodes: tuple[Node, ...]
    results: tuple[Node, ...]

    @cached_property
    def shape(self) -> Shape:
        """The shape of the loop."""
        return max((node.shape for node in self.nodes), key=prod)

    @cached_property
    def reads(self) -> tuple[Node, ...]:
        """The operands from outside the group."""
        mine = set(self.nodes)
        return tuple(dict.fromkeys(x for node in self.nodes for x in node.inputs if x not in mine))


class Allocation(NamedTuple):
    """The place of an array: so many bytes into a memory."""

    memory: str
    offset: int


@dataclass(frozen=True, eq=False)
class Dataflow:
    """The nodes in order; for each its kind, and the array whose memory it looks at (itself unless it is a view)."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    kind: Mapping[Node, Kind]
    base: Mapping[Node, Node]
    contiguous: frozenset[Node]  # whose numbers follow one another as they do in their base

    @classmethod
    def of(cls, inputs: Iterable[Node], outputs: Iterable[Node], kind_of: Callable[[Node], Kind]) -> "Dataflow":
        inputs, outputs = tuple(inputs), tuple(outputs)
        nodes = tuple(in_order(outputs))
        kind: dict[Node, Kind] = {}
        base: dict[Node, Node] = {}
        contiguous: set[Node] = set()
        for node in dict.fromkeys((*inputs, *nodes)):
            kind[node] = kind_of(node)
            is_view = kind[node] == "view"
            base[node] = base[node.inputs[0]] if is_view else node
            if not is_view or (node.op in {"reshape", "expand_dims", "squeeze"} and node.inputs[0] in contiguous):
                contiguous.add(node)
        return cls(inputs, outputs, nodes, kind, base, frozenset(contiguous))


class Staged(NamedTuple):
    """An output that is copied into donated memory at the very end, and where it waits until then."""

    output: Node
    donated: Node
    waits: Allocation


@dataclass(frozen=True, eq=False)
class Plan:
    """`groups` in their order, then `commit`, which writes donated memory, and last the copies of what is `staged`.

    Donated memory is written last, without a pause, so that an interrupted call leaves it as it was before or after.
    Each entry of `commit` is a tuple of groups that do the same to different arrays.  These arrays lie side by side,
    so that one loop computes the whole tuple.
    """

    flow: Dataflow
    groups: tuple[Group, ...]
    commit: tuple[tuple[Group, ...], ...]
    staged: tuple[Staged, ...]
    donated: Mapping[int, Node]  # for an output's number the argument whose memory it takes
    returned: frozenset[Node]  # results that belong to the caller, so each call needs new memory for them
    allocations: Mapping[Node, Allocation]
    sizes: Mapping[str, int]  # the bytes of each memory


def side_by_side(groups: tuple[Group, ...]) -> list[tuple[Node, ...]]:
    """For each array that the first group reads, the arrays that the groups read in its place."""
    return [row for row in zip(*(group.reads for group in groups), strict=True) if row[0].shape]


def size(node: Node) -> int:
    """Bytes of the node's value."""
    return prod(node.shape) * itemsize(node.dtype)


def itemsize(dtype: str) -> int:
    """Bytes of one number: the bits that the name of its type ends in."""
    return 1 if dtype == "bool" else int(dtype.lstrip("abcdefghijklmnopqrstuvwxyz")) // 8


def aligned(n: int, alignment: int) -> int:
    """The next multiple of the alignment."""
    return -(-n // alignment) * alignment
