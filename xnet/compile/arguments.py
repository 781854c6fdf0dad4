"""Take the arrays out of trees of arguments, and put results into trees, by functions written for the trees.

A general walk through the parameters of a small network would take longer than the network.
"""

from collections.abc import Callable, Container
from itertools import count
from typing import Any, TypeAlias

from xnet import trees
from xnet.compile.shared import SharedMemory
from xnet.compile.target import Target
from xnet.graph.graph import Graph
from xnet.graph.ir import Slot
from xnet.types import Array, Tree

Leaves: TypeAlias = tuple[tuple[Array, ...], tuple[Array, ...]]


def unpacker(graph: Graph, donated: Container[int], target: Target | SharedMemory) -> Callable[..., Leaves | None]:
    """leaves(*args): the arrays that are not donated, and those that are; None for arguments of another kind."""
    known: dict[str, Any]
    if isinstance(target, SharedMemory):
        known, is_array = {"takes": target.takes}, "takes({})"
    else:
        known, is_array = {"array": target.array_types}, "isinstance({}, array)"
    names = map("x{}".format, count())
    lines: list[str] = []
    arrays: dict[int, str] = {}

    def walk(tree: Tree, x: str) -> None:
        if isinstance(tree, Slot):
            node = graph.inputs[tree.index]
            arrays[tree.index] = x
            known[node.dtype] = target.dtype(node.dtype)
            dtype = f"({x}.dtype is {node.dtype} or {x}.dtype == {node.dtype})"  # mostly one object, which is soon seen
            like = f"{is_array.format(x)} and {x}.shape == {node.shape} and {dtype}"
        elif isinstance(tree, trees.KINDS):
            known.update({f"{x}_type": type(tree), f"{x}_keys": [*tree]})
            branches = f"[*{x}] == {x}_keys" if isinstance(tree, dict) else f"len({x}) == {len(tree)}"
            like = f"type({x}) is {x}_type and {branches}"
        elif isinstance(tree, float):  # 0.0 is not -0.0
            like = f"type({x}) is float and {x}.hex() == {tree.hex()!r}"
        else:
            known[f"{x}_known"] = tree
            like = f"({x} is {x}_known or type({x}) is type({x}_known) and {x} == {x}_known)"
        lines.append(f"if not ({like}): return None")
        if isinstance(tree, trees.KINDS):
            for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
                y = next(names)
                known[f"{y}_key"] = key
                lines.append(f"{y} = {x}[{y}_key]")
                walk(branch, y)

    walk(graph.in_tree, "args")
    others, given = ("".join(f"{arrays[i]}, " for i in sorted(arrays) if (i in donated) == is_donated)
                     for is_donated in (False, True))  # fmt: skip
    exec("\n    ".join(["def leaves(*args):", *lines, f"return ({others}), ({given})"]), known)
    return known["leaves"]  # type: ignore[no-any-return]


def packer(tree: Tree) -> Callable[[list[Array]], Tree]:
    """tree(results): the tree with each slot replaced by the result of its number."""
    known: dict[str, Any] = {"like": trees.like}

    def constant(x: Any) -> str:
        known[name := f"known{len(known)}"] = x
        return name

    def written(tree: Tree) -> str:
        if isinstance(tree, Slot):
            return f"results[{tree.index}]"
        if type(tree) is dict:
            return "{" + ", ".join(f"{constant(key)}: {written(branch)}" for key, branch in tree.items()) + "}"
        if type(tree) is list:
            return f"[{', '.join(map(written, tree))}]"
        if type(tree) is tuple:
            return f"({''.join(f'{written(branch)}, ' for branch in tree)})"
        if isinstance(tree, trees.KINDS):
            branches = tree.values() if isinstance(tree, dict) else tree
            return f"like({constant(tree)}, [{', '.join(map(written, branches))}])"
        return constant(tree)

    return eval(f"lambda results: {written(tree)}", known)  # type: ignore[no-any-return]
