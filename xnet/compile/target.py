"""What a target can do, and the table of targets."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, TypeAlias

from xnet.compile.plan import Kind, Plan
from xnet.graph.ir import Node
from xnet.names import unknown
from xnet.types import Array

# A row adds a target: its module and the object in it.
TABLE = {"numpy": "xnet.compile.numpy.target:NUMPY", "c": "xnet.compile.c.target:C"}

Run: TypeAlias = Callable[..., list[Array]]


@dataclass(frozen=True)
class Code:
    """What a target writes for a plan.  `make` gives run(*arrays) -> results, and the donated arrays' new memory."""

    source: str
    how: str
    make: Callable[[], tuple[Run, tuple[Array, ...]]]


@dataclass(frozen=True)
class Target(ABC):
    """How programs are planned, written and run for one kind of array.

    The fields and the first methods are for the planner, `build` writes the code, and the rest is for each call.
    """

    name: ClassVar[str]
    # The target that makes a program faster after many calls, and roughly the seconds that it takes to make one.
    followed_by: ClassVar[tuple[str, float] | None] = None
    alignment: int = 64  # bytes; every array begins at a multiple of it
    fixed_addresses: bool = False  # whether arguments and returned results have allocations too
    several_results: bool = True  # whether one loop may write several results; where not, it is split

    @abstractmethod
    def kind(self, node: Node) -> Kind: ...

    @abstractmethod
    def fuses(self, x: Node, node: Node) -> bool:
        """Whether one loop may compute the node and its operand x."""

    def writes_early(self, node: Node) -> bool:
        """Whether the node's memory is written before the last read of its operands."""
        return False

    @abstractmethod
    def evaluate(self, node: Node) -> Array:
        """The value of a node whose operands are constants."""

    @abstractmethod
    def build(self, plan: Plan, names: dict[Node, str], title: str) -> Code: ...

    @property
    @abstractmethod
    def array_types(self) -> tuple[type, ...]:
        """The classes of the arrays that the programs take."""

    @abstractmethod
    def dtype(self, name: str) -> Any:
        """The library's object for a type of the standard."""

    @abstractmethod
    def copy_into(self, out: Array, x: Array) -> None: ...


def find_target(target: str | Target) -> Target:
    """The target of that name.  Its module is imported now."""
    if isinstance(target, Target):
        return target
    if target not in TABLE:
        raise unknown("target", target, TABLE)
    module, _, name = TABLE[target].partition(":")
    found: Target = getattr(import_module(module), name)
    return found
