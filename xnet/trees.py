"""Maps over trees: arrays nested in dicts, lists and tuples, and in subclasses of these."""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import count
from typing import Any

from xnet.errors import ShapeError
from xnet.types import Tree

__all__ = ["KINDS", "leaves", "like", "map", "map_named", "named_leaves"]

KINDS = (dict, list, tuple)


def map(f: Callable[..., Any], tree: Tree, *rest: Tree) -> Tree:
    """A tree with each leaf x replaced by f(x, …), where … are the leaves of `rest` at the same path."""
    return map_named(lambda _, *leaves: f(*leaves), tree, *rest)


def map_named(f: Callable[..., Any], tree: Tree, *rest: Tree, name: str = "") -> Tree:
    """As `map`, with f(name, x, …).   The name is the path of the leaf: `0.W`."""
    if not isinstance(tree, KINDS):
        return f(name, tree, *rest)
    others = [_along(tree, other, name) for other in rest]
    branches = zip(_branches(tree, name), *others, strict=True)
    return like(tree, [map_named(f, branch, *along, name=path) for (path, branch), *along in branches])


def named_leaves(tree: Tree, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf with its path: `0.W`, `0.b`, `1.inner.W`."""
    if isinstance(tree, KINDS):
        for path, branch in _branches(tree, name):
            yield from named_leaves(branch, path)
    else:
        yield name, tree


def leaves(tree: Tree) -> list[Any]:
    return [leaf for _, leaf in named_leaves(tree)]


def like(tree: Tree, branches: Iterable[Tree]) -> Tree:
    """A tree of the same type and with the same keys, made of these branches."""
    if isinstance(tree, dict):
        made = copy(tree)  # keeps the attributes of a subclass
        made.update(zip(tree, branches, strict=True))
        return made
    return tree._make(branches) if hasattr(tree, "_make") else type(tree)(branches)


def _branches(tree: Tree, name: str) -> Iterator[tuple[str, Tree]]:
    """Each branch with its path.   The keys of a named tuple are its field names."""
    keys, values = (tree, tree.values()) if isinstance(tree, dict) else (getattr(tree, "_fields", count()), tree)
    return ((f"{name}.{key}" if name else str(key), value) for key, value in zip(keys, values, strict=False))


def _along(tree: Tree, other: Tree, name: str) -> Iterable[Tree]:
    """The branches of another tree in the order of this one's."""
    if isinstance(tree, dict):
        return [other[key] for key in tree]
    if not isinstance(other, list | tuple):
        kinds = f"{type(tree).__name__} and {type(other).__name__} at {name or 'the top'}"
        raise ShapeError(f"trees.map: trees must branch alike; got {kinds}; give the tree with fewer branches first")
    return other
