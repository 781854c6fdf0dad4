"""Maps over trees: arrays nested in dicts, lists and tuples."""

from collections.abc import Callable, Iterator
from typing import Any

from xnet.types import Tree


def map(f: Callable[..., Any], tree: Tree, *rest: Tree) -> Tree:
    """The same tree with each leaf x replaced by f(x, …); the other trees go along in step."""
    return map_named(lambda _, *leaves: f(*leaves), tree, *rest)


def map_named(f: Callable[..., Any], tree: Tree, *rest: Tree, name: str = "") -> Tree:
    """The same with f(name, x, …), the name being the leaf's path: `0.W`."""
    if isinstance(tree, dict):
        return {
            key: map_named(f, value, *(other[key] for other in rest), name=_join(name, key))
            for key, value in tree.items()
        }
    if isinstance(tree, list | tuple):
        branches = zip(tree, *rest, strict=True)
        return type(tree)(map_named(f, *branch, name=_join(name, i)) for i, branch in enumerate(branches))
    return f(name, tree, *rest)


def named_leaves(tree: Tree, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf with its path: `0.W`, `0.b`, `1.inner.W`."""
    if isinstance(tree, dict | list | tuple):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from named_leaves(value, _join(name, key))
    else:
        yield name, tree


def leaves(tree: Tree) -> list[Any]:
    return [leaf for _, leaf in named_leaves(tree)]


def _join(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)
