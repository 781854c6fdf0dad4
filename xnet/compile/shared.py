"""Programs for NumPy's arrays, run on arrays of another library in the same memory: PyTorch's on the processor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.backends import Backend
from xnet.compile.target import Code, Run, Target
from xnet.types import Array, Tree


def is_shared(library: Backend, args: Sequence[Tree]) -> bool:
    """Whether all arrays are the library's, and NumPy can read each of them where it lies."""
    arrays = filter(is_array_api_obj, trees.leaves(args))
    return all(library.owns(x) and library.host_view(x) is not None for x in arrays)


@dataclass(frozen=True)
class SharedMemory:
    """A library's arrays as arguments and results of a target's programs, which read and write NumPy's views of them.

    It has the methods of a target that calls need.
    """

    target: Target
    backend: Backend

    def takes(self, x: Array) -> bool:
        return self.backend.owns(x) and self.backend.host_view(x) is not None

    def dtype(self, name: str) -> Any:
        return getattr(self.backend.xp, name)

    def copy_into(self, out: Array, x: Array) -> None:
        self.target.copy_into(self.backend.host_view(out), self.backend.host_view(x))

    def code(self, code: Code) -> Code:
        """The same program for the library's arrays.  Donated memory keeps its array, by which calls recognise it."""
        view, array = self.backend.host_view, self.backend.from_host

        def make() -> tuple[Run, tuple[Array, ...]]:
            program, memory = code.make()
            donated = tuple(array(out, None) for out in memory)
            known = dict(zip(map(id, memory), donated, strict=True))

            def run(*others: Array) -> list[Array]:
                return [known[id(y)] if id(y) in known else array(y, None) for y in program(*[view(x) for x in others])]

            return run, donated

        return Code(code.source, f"{code.how}, on arrays of {self.backend}", make)
