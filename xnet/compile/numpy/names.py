"""Names in the text of a program: the user's names where there are any; each name stands for one thing."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count
from keyword import iskeyword
from linecache import getline

import array_api_compat.numpy as xp

from xnet.compile.numpy.runtime import NAMES
from xnet.graph.ir import Node

# What the text calls so itself, and what it calls.
TAKEN = {"donated", "arena", "scratch", "make", "run", "commit", "staged", "rows", "own", "block", "slice", *NAMES}
COUNTED = {"t", "s", "block", "blocks", "steps", "pair"}  # what has no name but a number


class Names:
    """`given` are the user's."""

    def __init__(self, given: Mapping[Node, str]) -> None:
        self.given = dict(given)
        self.taken: set[str] = set()
        self.numbers: dict[str, Iterator[int]] = defaultdict(partial(count, 2))

    def of(self, node: Node) -> str:
        return self.free(self.wish(node))

    def wish(self, node: Node) -> str:
        """The user's name, or one made of the variable that the user's line assigns."""
        if node in self.given:
            return self.given[node]
        target = re.match(r"\s*([^\W\d]\w*) = ", getline(*node.line))
        return "known" if node.op == "constant" else f"for_{target[1]}" if target else "t1"

    def short(self, node: Node) -> str:
        """The last part of it: W for params.0.W."""
        return self.free(self.given.get(node, "t1").rpartition(".")[2])

    def free(self, name: str) -> str:
        """The name, or the next like it that nothing else has."""
        name = re.sub(r"\W+", "_", name)
        name = name if name.isidentifier() else f"x{name}"
        stem, number = re.fullmatch(r"(.*?_?)(\d*)", name).groups()  # type: ignore[union-attr]
        if name in self.taken or name in TAKEN or iskeyword(name) or hasattr(xp, name):
            stem = stem if number and stem in COUNTED else f"{name}_"
            name = next(word for i in self.numbers[stem] if (word := f"{stem}{i}") not in self.taken)
        self.taken.add(name)
        return name
