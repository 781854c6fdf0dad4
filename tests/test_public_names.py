"""The names that people and tests rely on, as docs/architecture.md pins them."""

from importlib import import_module
from pkgutil import resolve_name

import pytest

import xnet

PUBLIC = {
    "xnet": "backend set_backend use backends Network Dense Activation Flatten SGD Momentum RMSprop Adam AdamW fit",
    "xnet.kernels": "linear sigmoid tanh relu leaky_relu elu gelu silu softplus softmax identity"
    " binary_cross_entropy sigmoid_cross_entropy softmax_cross_entropy mean_squared_error logistic",
    "xnet.operations": "patches fold scatter_add scatter_add_along_axis scan",
    "xnet.loops": "dot matvec exp logistic_two_loops logistic_one_loop dense_per_unit network_per_example",
    "xnet:Network": "init forward backward summary",
    "xnet:Dense": "init build forward backward units activation",
    "xnet.train:Fit": "params history predict",
}


@pytest.mark.parametrize(("place", "names"), PUBLIC.items())
def test_public_names_are_there(place: str, names: str) -> None:
    thing = resolve_name(place)
    there = {*dir(thing), *getattr(thing, "__annotations__", ())}
    assert set(names.split()) - there == set()


def test_a_backend_answers_to_its_pinned_names() -> None:
    pinned = {"name", "device", "xp", "asarray", "to_numpy", "synchronize", "memory"}
    assert pinned - {*dir(xnet.backend("numpy"))} == set()


MODULES = [
    "xnet",
    "xnet.data",
    "xnet.kernels",
    "xnet.loops",
    "xnet.operations",
    "xnet.plot",
    "xnet.trees",
]


@pytest.mark.parametrize("module", MODULES)
def test_all_lists_names_that_exist_once(module: str) -> None:
    there = import_module(module)
    assert [name for name in there.__all__ if not hasattr(there, name)] == []
    assert len(set(there.__all__)) == len(there.__all__)
