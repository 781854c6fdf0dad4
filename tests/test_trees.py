"""Trees keep their shape, and every leaf has a path."""

from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest
from array_api_compat import array_namespace

import xnet as xn
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


class Affine(NamedTuple):
    W: Any
    b: Any


class Row(list[Any]):
    pass


KINDS = [Affine(1, [2]), OrderedDict(W=1, b=2), defaultdict(int, W=1), Row([1, 2]), {"layers": (Affine(1, 2),)}]


@pytest.mark.parametrize("tree", KINDS, ids=repr)
def test_a_tree_keeps_the_kinds_that_people_define(tree: Any) -> None:
    doubled = trees.map(lambda x, y: x + y, tree, tree)
    assert repr(doubled) == repr(tree).replace("2", "4").replace("1", "2")
    assert type(doubled) is type(tree)


def test_the_fields_of_a_named_tuple_are_its_keys() -> None:
    assert list(trees.named_leaves([Affine(1, 2)])) == [("0.W", 1), ("0.b", 2)]
    assert trees.map_named(lambda name, x: name, Affine(1, Affine(2, 3))) == Affine("W", Affine("b.W", "b.b"))
    graph = xn.trace(lambda params: Affine(params.b, 1), Affine(np.ones(2), np.ones(3)))
    assert str(graph).splitlines()[-1] == "return Affine(W=params.b, b=1)"


@pytest.mark.parametrize("kind", [dict, OrderedDict, Affine], ids=lambda kind: kind.__name__)
def test_parameters_of_any_kind_are_traced_derived_and_compiled(kind: Any) -> None:
    params = kind(W=np.ones((2, 3)), b=np.zeros((2, 1)))
    X = np.arange(12.0).reshape(3, 4)

    def W_and_b(params: Any) -> tuple[Any, Any]:
        return params if isinstance(params, tuple) else (params["W"], params["b"])

    def J(params: Any, X: Any) -> Any:
        W, b = W_and_b(params)
        return array_namespace(X).sum((W @ X + b) ** 2)

    def step(params: Any, X: Any) -> Any:
        return trees.map(lambda W, dW: W - 0.1 * dW, params, xn.grad(J)(params, X))

    new = step(params, X)
    results = [xn.trace(step, params, X)(params, X), xn.compile(step)(params, X)]
    donating = xn.compile(step, donate="params")
    results += [donating(params, X), donating(donating(params, X), X)]
    for got, expected in zip(results, [new, new, new, step(new, X)], strict=True):
        assert type(got) is type(params)
        for W, like in zip(trees.leaves(got), trees.leaves(expected), strict=True):
            np.testing.assert_allclose(W, like)


def test_looking_whether_a_dict_fits_leaves_it_alone() -> None:
    f = xn.compile(lambda params: sum(trees.leaves(params)))
    for name in ("W", "V"):
        params: defaultdict[str, Any] = defaultdict(int, {name: np.ones(2)})
        np.testing.assert_array_equal(f(params), np.ones(2))
        assert list(params) == [name]
