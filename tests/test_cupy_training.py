"""Training on CuPy, on the fake one: on which device it works, how often the host waits, and what is copied."""

import copy
import importlib
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import is_array_api_obj
from backends import counting

import xnet as xn
from xnet import trees
from xnet.backends import backend, backend_of
from xnet.train.evaluate import evaluate
from xnet.train.evaluate import figures as figures_of

pytestmark = [pytest.mark.gpu, pytest.mark.fake_cupy]

# Which device: everything on cupy:1, while device 0 is the current one.

NET = xn.Network([xn.Dense(4, "tanh"), xn.Dense(3)])
X = np.random.default_rng(0).normal(size=(5, 40)).astype("float32")
Y = np.arange(40)[None, :] % 3
THERE = "cupy:1"


def there(A: Any) -> Any:
    return backend(THERE).asarray(A)


def fitted(**options: Any) -> xn.Fit:
    return xn.fit(NET, there(X), there(Y), epochs=2, batch_size=16, **options)


def loaded(folder: Path) -> xn.Model:
    return xn.load(xn.save(folder / "net.safetensors", fitted()), backend=THERE)


def places(tree: Any) -> set[str]:
    return {str(backend_of(leaf)) for leaf in trees.leaves(tree) if is_array_api_obj(leaf)}


WEIGHTS = np.linspace(0.5, 1.5, 40, dtype="float32")[None, :]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"compile": True},
    {"sample_weight": WEIGHTS, "l2": 0.1, "clip_norm": 1.0, "clip_value": 1.0},
    {"validation": 0.25, "patience": 1},
    {"validation": (X, Y), "backend": THERE},
    {"optimizer": xn.Momentum(0.1)},
    {"callbacks": [lambda fit: bool(fit.predict(X)[0, 0] > 2)]},
]
ON_DEVICE_1: dict[str, Callable[[Path], Any]] = {
    "fit-moves": lambda _: xn.fit(NET, X, Y, epochs=1, backend=THERE).params,
    "state": lambda _: fitted().state,
    "predict": lambda _: fitted().predict(there(X)),
    "predict-host": lambda _: fitted().predict(X),
    "load": lambda folder: loaded(folder).params,
    "load-predict": lambda folder: loaded(folder).predict(there(X)),
    "load-predict-host": lambda folder: loaded(folder).predict(X),
    "optimizer": lambda _: xn.Adam().init(NET.init((5,), backend=THERE)),
    "unpickled": lambda _: [(fit := pickle.loads(pickle.dumps(fitted()))).params, fit.state, fit.predict(X)],
    "copied": lambda _: copy.deepcopy(fitted()).params,
}


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_training_on_another_device_than_the_current_one(options: dict[str, Any], cp: Any) -> None:
    fit = fitted(**options)
    assert places([fit.params, fit.state]) == {THERE}
    assert cp.cuda.Device().id == 0, "the current device is as it was"


@pytest.mark.parametrize("name", ON_DEVICE_1)
def test_another_device_than_the_current_one(name: str, tmp_path: Path, cp: Any) -> None:
    assert places(ON_DEVICE_1[name](tmp_path)) == {THERE}
    assert cp.cuda.Device().id == 0, "the current device is as it was"


def test_evaluating_on_another_device() -> None:
    fit, here = fitted(), xn.fit(NET, X, Y, epochs=2, batch_size=16, backend="numpy")
    for figures in (fit.evaluate(X, Y), fit.evaluate(there(X), there(Y))):
        assert figures == pytest.approx(here.evaluate(X, Y), rel=1e-5)
    assert fit.history["cost"] == pytest.approx(here.history["cost"], rel=1e-5)
    assert backend(THERE).to_numpy(there(X)).tolist() == X.tolist()


# How often the host waits, and what is copied.


STEPS = 5


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"sample_weight": WEIGHTS[:, :32]}, {"clip_norm": 1.0, "clip_value": 1.0, "l2": 0.1}],
    ids=lambda options: "-".join(options) or "plain",
)
def test_a_step_waits_once_and_copies_only_its_cost(compiled: bool, options: dict[str, Any]) -> None:
    """The difference between more epochs and fewer: per step an event is awaited and J comes to the host."""

    def counted(epochs: int) -> Counter[str]:
        A, B = backend("cupy").asarray(X[:, :32]), backend("cupy").asarray(Y[:, :32])
        with counting() as counts:
            xn.fit(NET, A, B, epochs=epochs, batch_size=8, shuffle=False, compile=compiled, **options)
        return counts

    one, more = counted(1), counted(1 + STEPS)
    steps = 4 * STEPS
    waits = {kind: (more[kind] - one[kind]) / steps for kind in ("synchronize", "event wait", "to host", "to device")}
    assert waits == {"synchronize": 0, "event wait": 1, "to host": 1, "to device": 0}
    assert more["between devices"] == 0


@pytest.mark.parametrize(
    ("net", "products"),
    [(NET, 5), (xn.Network([xn.Flatten(), xn.Dense(3)]), 2), (xn.Network([NET, xn.Dense(3)]), 8)],
    ids=str,
)
def test_the_first_layer_with_parameters_computes_no_dx(net: xn.Network, products: int) -> None:
    """A product forward and two backward for each layer, less one."""
    step, b = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.SGD()), backend("cupy")
    params, A, B = net.init((5,), backend=b), b.asarray(X), b.asarray(Y)
    state = step.optimizer.init(params)
    with counting() as counts:
        step(params, state, A, B)
    assert counts["product"] == products


def test_the_order_of_an_epoch_is_one_copy() -> None:
    def counted(epochs: int) -> Counter[str]:
        A, B = backend("cupy").asarray(X), backend("cupy").asarray(Y)
        with counting() as counts:
            xn.fit(NET, A, B, epochs=epochs, batch_size=8, compile=False)
        return counts

    one, two = counted(1), counted(2)
    assert two["to device"] - one["to device"] == 1
    assert two["synchronize"] == one["synchronize"]


def test_evaluating_reads_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("xnet.train.evaluate"), "CHUNK", 8)
    fit = xn.fit(NET, X, Y, epochs=1, backend="cupy")
    judge = figures_of(NET, fit.cost)
    A, B = backend("cupy").asarray(X), backend("cupy").asarray(Y)
    with counting() as counts:
        evaluate(fit.cost, fit.params, A, B, judge, judge)
    assert counts["synchronize"] + counts["event wait"] == 1
