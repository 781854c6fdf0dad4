"""A graph as text: a line a node, in an order in which they can be worked out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from xnet.graph.ir import GraphData, Node, Slot, describe, position
from xnet.types import Tree


def text(graph: GraphData) -> str:
    """`Z = add(%1, b)   float32[4, 5]   # file.py:7`, the inputs first, and what is returned last."""
    shown = [*graph.inputs, *(node for node in graph.nodes if node.op not in {"input", "scalar"})]
    words = labels(graph, shown)
    rows = [(words[node], operation(node, words), describe(node), position(node.line)) for node in shown]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    lines = [
        f"{name:{widths[0]}} = {work:{widths[1]}}  {kind:{widths[2]}}  {line and f'# {line}'}".rstrip()
        for name, work, kind, line in rows
    ]
    return "\n".join([*lines, f"return {_tree(graph.out_tree, [words[node] for node in graph.outputs])}"])


def labels(graph: GraphData, nodes: Iterable[Node]) -> dict[Node, str]:
    """A word for each node, no two alike: its name, `Z_2` for the second of that name, or %n."""
    taken = set(graph.names.values())
    numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))
    words: dict[Node, str] = {}
    for node in nodes:
        name = graph.names.get(node, "")
        k = next(k for k in numbers[name] if k == 1 or f"{name}_{k}" not in taken)
        words[node] = f"%{k}" if not name else name if k == 1 else f"{name}_{k}"
    return words


def operation(node: Node, words: dict[Node, str]) -> str:
    """What is done, as one would write it: `sum(E, axis=(0,), keepdims=True)`."""
    arguments = [repr(x.attrs["value"]) if x.op == "scalar" else words.get(x, x.op) for x in node.inputs]
    if node.op in {"input", "constant"}:
        return node.op
    if node.op == "index":
        return f"{arguments[0]}[{key(node.attrs['key'])}]"
    arguments += map(repr, node.attrs.get("args", ()))
    for name, value in node.attrs.items():
        if name != "args" and value is not None:
            shown = f"[{key(value)}]" if name == "key" else value
            arguments.append(f"{name}={shown}")
    return f"{node.op}({', '.join(arguments)})"


def key(parts: tuple[Any, ...]) -> str:
    """`1:, None` as it stands between the brackets of an index."""
    return ", ".join(_slice(part) if isinstance(part, slice) else str(part) for part in parts)


def _slice(part: slice) -> str:
    start, stop, step = ("" if n is None else str(n) for n in (part.start, part.stop, part.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")


def _tree(tree: Tree, words: list[str]) -> str:
    """What is returned, with names in the place of arrays."""
    if isinstance(tree, Slot):
        return words[tree.index]
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key!r}: {_tree(value, words)}" for key, value in tree.items()) + "}"
    if hasattr(tree, "_fields"):
        fields = zip(tree._fields, tree, strict=True)
        return f"{type(tree).__name__}({', '.join(f'{name}={_tree(value, words)}' for name, value in fields)})"
    if isinstance(tree, list | tuple):
        inside = ", ".join(_tree(value, words) for value in tree)
        return f"[{inside}]" if isinstance(tree, list) else f"({inside}{',' if len(tree) == 1 else ''})"
    return repr(tree)
