"""The names of nodes: those of the arguments, and those of the variables to which the user's lines assign them."""

import inspect
from collections.abc import Callable, Iterable
from functools import lru_cache
from linecache import getline
from re import match
from typing import Any

from xnet.graph.ir import Node
from xnet.graph.tracing.traced import HERE

LEAVES = {"input", "constant", "scalar"}


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}][:count]
    return names + [f"x{i}" for i in range(len(names), count)]


def assigned_names(nodes: Iterable[Node]) -> dict[Node, str]:
    """`Z = W @ A + b` names the last node that the line creates Z, each time that it runs."""
    following: dict[tuple[str, int], Node] = {}  # the next node that the line creates
    later = None
    found: dict[Node, str] = {}
    for node in sorted(nodes, key=lambda node: -node.number):
        after = following.get(node.line)
        # A line runs again when it is at an earlier instruction, or after another line at the same one.
        if after is None or after.place < node.place or (after.place == node.place and after is not later):
            name = _target(*node.line)
            if name == "return":
                name = _receiver(*node.caller)
            elif later and later.caller == node.line and _receiver(*node.line):
                name = ""  # an argument of the function that the line calls
            if name:
                found[node] = name
        following[node.line] = later = node
    return found


@lru_cache(maxsize=4096)
def _target(file: str, number: int) -> str:
    """The name to which a line assigns its value; `return` where it returns the value."""
    text = getline(file, number).strip()
    found = match(r"(return)\b|([^\W\d]\w*)\s*(?::[^=]+)?(?:\+|-|\*\*?|//?|@)?=(?!=)", text)
    return "" if not found or text.endswith(",") else found[1] or found[2]


@lru_cache(maxsize=4096)
def _receiver(file: str, number: int) -> str:
    """The name to which `Z, cache = linear(X, W, b)` assigns the first result of a function."""
    call = r"[\w.]+\((?:[^()]|\([^()]*\))*\)(?:\[0\])?"
    found = match(rf"\s*([^\W\d]\w*)\s*(?:,[\w\s,]+)?=\s*{call}\s*$", getline(file, number))
    return found[1] if found and not file.startswith(HERE) else ""
