"""A graph as text: a line a node, in an order in which they can be evaluated."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from xnet import trees
from xnet.graph.ir import GraphData, Node, Slot, describe, position
from xnet.graph.loop import Body, results_of

INDENT = "    "  # of the body of a loop


def text(graph: GraphData) -> str:
    """`Z = add(%1, b)   float32[4, 5]   # file.py:7`, the inputs first, and the returned values last.

    The body of a loop is written once, indented below the line of the loop.
    """
    shown = [*graph.inputs, *(node for node in graph.nodes if node.op not in {"input", "scalar"})]
    words = labels(graph.names, shown)
    rows = list(_rows(shown, words))
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    lines = [
        f"{name:{widths[0]}} = {work:{widths[1]}}  {kind:{widths[2]}}  {line and f'# {line}'}".rstrip()
        for name, work, kind, line in rows
    ]
    returned = trees.map(lambda x: _Word(words[graph.outputs[x.index]]) if isinstance(x, Slot) else x, graph.out_tree)
    return "\n".join([*lines, f"return {returned!r}"])


class _Word(str):
    """Printed without quotation marks, also within a tree."""

    __slots__ = ()
    __repr__ = str.__str__


def _rows(nodes: Sequence[Node], words: dict[Node, str], indent: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Name, operation, kind of array and line of each node; `words` grows by those of the loops' bodies."""
    for node in nodes:
        yield indent + words[node], operation(node, words), describe(node), position(node.line)
        if node.op != "scan":
            continue
        body: Body = node.attrs["body"]
        outside, inner = dict(zip(body.inputs, node.inputs, strict=True)), indent + INDENT
        words |= {x: words.get(outside[x], outside[x].op) for x in body.constants}
        steps = [x for x in body.nodes(results_of(node, nodes)) if x.op not in {"input", "scalar"}]
        words |= labels(body.names, [*body.carries, *body.slices, *steps], set(words.values()))
        for x, after in zip(body.carries, body.after, strict=True):
            yield inner + words[x], f"{words[outside[x]]} at first, then {words[after]}", describe(x), ""
        for x, axis in zip(body.slices, node.attrs["axes"], strict=True):
            yield inner + words[x], f"{words[outside[x]]}[{':, ' * axis}t, ...]", describe(x), ""
        yield from _rows(steps, words, inner)


def labels(names: dict[Node, str], nodes: Iterable[Node], others: Collection[str] = ()) -> dict[Node, str]:
    """A different word for each node: its name, `Z_2` for the second of that name, or %n."""
    taken = {*names.values(), *others}
    numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))
    words: dict[Node, str] = {}
    for node in nodes:
        name = names.get(node, "")
        written = (f"%{k}" if not name else name if k == 1 else f"{name}_{k}" for k in numbers[name])
        words[node] = next(word for word in written if word not in taken or (word == name and word not in others))
    return words


def operation(node: Node, words: dict[Node, str]) -> str:
    """The call as code: `sum(E, axis=(0,), keepdims=True)`."""
    arguments = [repr(x.attrs["value"]) if x.op == "scalar" else words.get(x, x.op) for x in node.inputs]
    if node.op in {"input", "constant"}:
        return node.op
    if node.op == "scan":
        reverse = ", reverse=True" * node.attrs["reverse"]
        return f"scan({', '.join(arguments)}, steps={node.shape[0]}{reverse})"
    if node.op == "scan_result":
        return _of_loop(node, arguments[0], words)
    if node.op == "index":
        return f"{arguments[0]}[{key(node.attrs['key'])}]"
    arguments += map(repr, node.attrs.get("args", ()))
    for name, value in node.attrs.items():
        if name != "args" and value is not None:
            shown = f"[{key(value)}]" if name == "key" else value
            arguments.append(f"{name}={shown}")
    return f"{node.op}({', '.join(arguments)})"


def _of_loop(result: Node, loop: str, words: dict[Node, str]) -> str:
    if "step" in result.attrs:
        return f"{words.get(result.attrs['step'], 'a value')} of each step of {loop}, axis={result.attrs['axis']}"
    body: Body = result.inputs[0].attrs["body"]
    return f"{words.get(body.after[result.attrs['carry']], 'a carry')} of the last step of {loop}"


def key(parts: tuple[Any, ...]) -> str:
    """`1:, None`, the text between the brackets of an index."""
    return ", ".join(_slice(part) if isinstance(part, slice) else str(part) for part in parts)


def _slice(part: slice) -> str:
    start, stop, step = ("" if n is None else str(n) for n in (part.start, part.stop, part.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")
