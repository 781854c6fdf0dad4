"""The arrays out of trees of arguments, and results into trees, by functions written for the trees' shapes.

A general walk through the parameters of a small network would take longer than the network.
"""

from collections.abc import Callable, Container
from typing import Any, TypeAlias

import numpy as np

from xnet import trees
from xnet.graph.ir import Graph, Slot
from xnet.types import Array, Tree

Leaves: TypeAlias = tuple[tuple[Array, ...], tuple[Array, ...]]


def unpacker(graph: Graph, homes: Container[int]) -> Callable[..., Leaves | None]:
    """leaves(*args): the arrays that are not and those that are of these numbers; None when the graph is of others."""
    known: dict[str, Any] = {"array": (np.ndarray, np.generic)}
    lines: list[str] = []
    arrays: dict[int, str] = {}

    def walk(tree: Tree, path: str) -> None:
        x = f"x{len(lines)}"
        lines.append(f"{x} = {path}")
        if isinstance(tree, Slot):
            node = graph.inputs[tree.index]
            arrays[tree.index] = x
            known[node.dtype] = np.dtype(node.dtype)
            dtype = f"({x}.dtype is {node.dtype} or {x}.dtype == {node.dtype})"  # mostly one object, which is soon seen
            like = f"isinstance({x}, array) and {x}.shape == {node.shape} and {dtype}"
        elif isinstance(tree, trees.KINDS):
            known[f"{x}_type"] = type(tree)
            like = f"type({x}) is {x}_type and len({x}) == {len(tree)}"
            if isinstance(tree, dict) and type(tree) is not dict:  # some kinds make what one asks for
                known[f"{x}_keys"] = tree.keys()
                like += f" and {x}.keys() == {x}_keys"
        elif isinstance(tree, float):  # 0.0 is not -0.0
            like = f"type({x}) is float and {x}.hex() == {tree.hex()!r}"
        else:
            known[f"{x}_known"] = tree
            like = f"({x} is {x}_known or type({x}) is type({x}_known) and {x} == {x}_known)"
        lines.append(f"if not ({like}): return None")
        if isinstance(tree, trees.KINDS):
            for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
                walk(branch, f"{x}[{key!r}]")

    for i, tree in enumerate(graph.in_tree):
        walk(tree, f"args[{i}]")
    body = [f"if len(args) != {len(graph.in_tree)}: return None", "try:", *(f"    {line}" for line in lines)]
    body += ["except KeyError:", "    return None"] if lines else ["    pass", "finally:", "    pass"]
    others, donated = (
        "".join(f"{arrays[i]}, " for i in sorted(arrays) if (i in homes) == donated) for donated in (False, True)
    )
    text = "\n".join(["def leaves(*args):", *(f"    {line}" for line in (*body, f"return ({others}), ({donated})"))])
    exec(text, known)
    return known["leaves"]  # type: ignore[no-any-return]


def packer(tree: Tree) -> Callable[[tuple[Array, ...]], Tree]:
    """tree(results): the tree with each slot replaced by the result of its number."""
    known: dict[str, Any] = {"like": trees.like}

    def written(tree: Tree) -> str:
        if isinstance(tree, Slot):
            return f"results[{tree.index}]"
        if type(tree) is dict:
            return "{" + ", ".join(f"{key!r}: {written(branch)}" for key, branch in tree.items()) + "}"
        if type(tree) is list:
            return f"[{', '.join(map(written, tree))}]"
        if type(tree) is tuple:
            return f"({''.join(f'{written(branch)}, ' for branch in tree)})"
        known[word := f"known{len(known)}"] = tree
        if isinstance(tree, trees.KINDS):
            branches = tree.values() if isinstance(tree, dict) else tree
            return f"like({word}, [{', '.join(map(written, branches))}])"
        return word

    return eval(f"lambda results: {written(tree)}", known)  # type: ignore[no-any-return]
