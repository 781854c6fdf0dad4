"""Trees keep their shape, and every leaf has a path."""

from typing import Any

import pytest

from xnet import trees

TREE: dict[str, Any] = {"0": {"W": 1, "b": 2}, "list": [3, (4, {"x": 5})], "none": {}}
NAMED = [("0.W", 1), ("0.b", 2), ("list.0", 3), ("list.1.0", 4), ("list.1.1.x", 5)]


def test_leaves_come_in_order_and_with_their_paths() -> None:
    assert list(trees.named_leaves(TREE)) == NAMED
    assert trees.leaves(TREE) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("leaf", [7, None, "text", 0.5])
def test_a_leaf_alone_is_a_tree(leaf: object) -> None:
    assert trees.leaves(leaf) == [leaf]
    assert list(trees.named_leaves(leaf)) == [("", leaf)]
    assert trees.map(lambda x: (x, x), leaf) == (leaf, leaf)


def test_map_keeps_the_shape_and_the_kinds_of_the_tree() -> None:
    before = repr(TREE)
    doubled = trees.map(lambda x: 2 * x, TREE)
    assert doubled == {"0": {"W": 2, "b": 4}, "list": [6, (8, {"x": 10})], "none": {}}
    assert repr(TREE) == before


def test_other_trees_go_along_in_step() -> None:
    sums = trees.map(lambda x, y, z: x + y + z, TREE, TREE, trees.map(lambda x: 100 * x, TREE))
    assert trees.leaves(sums) == [102, 204, 306, 408, 510]


def test_what_stands_at_a_leaf_of_the_first_tree_is_handed_over_whole() -> None:
    moments = {"W": ("m", "v")}
    assert trees.map(lambda x, pair: (x, *pair), {"W": 1}, moments) == {"W": (1, "m", "v")}


def test_map_named_gives_each_leaf_its_path() -> None:
    assert trees.leaves(trees.map_named(lambda name, x: f"{name}={x}", TREE)) == [f"{n}={x}" for n, x in NAMED]
    assert trees.map_named(lambda name, x: name, {"W": 1}, name="3") == {"W": "3.W"}


@pytest.mark.parametrize(
    ("tree", "other", "error"),
    [
        ({"W": 1, "b": 2}, {"W": 1}, KeyError),
        ([1, 2], [1], ValueError),
        ([1], [1, 2], ValueError),
        ((1, (2, 3)), (1, (2,)), ValueError),
    ],
)
def test_trees_of_other_shapes_do_not_pass(tree: Any, other: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        trees.map(lambda x, y: x, tree, other)
