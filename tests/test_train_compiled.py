"""Training with a compiled step: the same numbers, nothing of the user's written over, and a word about how it ran."""

import signal
from typing import Any

import numpy as np
import pytest
from train_cases import CLASSES, NET, corners, distance, same, xor

import xnet as xn
from xnet import trees
from xnet.errors import DivergedError, TraceError

OPTIMIZERS = [xn.SGD(0.1), xn.Momentum(0.1), xn.RMSprop(0.01), xn.Adam(0.01), xn.AdamW(xn.schedules.Cosine(0.01, 20))]


def both(*args: Any, **options: Any) -> tuple[xn.Fit, xn.Fit]:
    return xn.fit(*args, compile=True, **options), xn.fit(*args, compile=False, **options)


def agree(one: xn.Fit, other: xn.Fit, rtol: float = 1e-4) -> None:
    for name in one.history.keys() - {"seconds"}:
        np.testing.assert_allclose(one.history[name], other.history[name], rtol=rtol)
    assert distance(one.params, other.params) < 1e-4
    assert (one.steps, one.stopped) == (other.steps, other.stopped)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: type(one).__name__)
def test_the_same_numbers(optimizer: xn.Optimizer) -> None:
    """With an odd last batch, weights, a penalty, and bounds on the gradients."""
    X, Y = corners(40)
    weights = np.linspace(0.5, 1.5, 40, dtype="float32")[None, :]
    options: dict[str, Any] = {"sample_weight": weights, "l2": 0.01, "clip_norm": 0.5, "validation": (X, Y)}
    compiled, plain = both(CLASSES, X, Y, optimizer=optimizer, epochs=4, batch_size=16, **options)
    agree(compiled, plain)
    assert compiled.how.startswith("on NumPy")
    assert plain.how == "as written"


def test_how_speaks_of_whole_batches() -> None:
    """An odd last batch has a program of its own, with less memory."""
    X, Y = corners(4001)
    odd, whole = (xn.fit(CLASSES, X[:, :m], Y[:, :m], epochs=1, batch_size=4000, compile=True) for m in (4001, 4000))
    assert odd.how == whole.how


def test_every_layer_of_ones_own() -> None:
    X, Y = xor()
    net = xn.Network([xn.Dense(6), xn.Lambda(lambda Z: Z / (1 + abs(Z))), xn.Flatten(), xn.Dense(1)])
    agree(*both(net, X, Y, epochs=5, batch_size=7))


def test_the_same_seed_gives_the_same_bits() -> None:
    X, Y = xor()
    one, other = (xn.fit(NET, X, Y, epochs=3, batch_size=7, compile=True) for _ in range(2))
    same(one.params, other.params)


def test_what_was_given_and_what_was_seen_stays() -> None:
    """Parameters to begin with, those that callbacks keep, and the best."""
    X, Y = xor()
    params = NET.init(3, backend="numpy")
    begun, seen = trees.map(np.copy, params), []
    fit = xn.fit(NET, X, Y, params=params, epochs=4, callbacks=[lambda fit: seen.append(fit.params)], compile=True)
    same(params, begun)
    assert [distance(seen[i], seen[i + 1]) > 0 for i in range(3)] == [True] * 3
    same(seen[-1], fit.params)
    again = xn.fit(NET, X, Y, params=fit.params, state=fit.state, epochs=2, compile=True)
    same(seen[-1], fit.params)
    assert distance(again.params, fit.params) > 0


def test_the_best_parameters_come_back() -> None:
    X, Y = xor(64)
    options: dict[str, Any] = {"validation": 0.5, "patience": 3, "epochs": 200, "optimizer": xn.Adam(0.1)}
    compiled, plain = both(NET, X, Y, **options)
    assert compiled.stopped == plain.stopped
    assert distance(compiled.params, plain.params) < 1e-2
    best = min(compiled.history["validation_cost"])
    assert best < compiled.history["validation_cost"][-1]


@pytest.mark.parametrize("compiled", [True, False])
def test_ctrl_c_in_the_middle_of_a_step(compiled: bool) -> None:
    """The parameters and the state are those of one step, wherever the signal comes."""
    X, Y = xor(2000, dtype="float64")
    net = xn.Network([xn.Dense(64, "tanh"), xn.Dense(64, "tanh"), xn.Dense(1)])
    for delay in (0.005, 0.011, 0.017):

        def later(fit: xn.Fit, delay: float = delay) -> None:
            if len(fit.history["cost"]) == 1:
                signal.setitimer(signal.ITIMER_VIRTUAL, delay)

        before = signal.signal(signal.SIGVTALRM, signal.default_int_handler)
        try:
            options: Any = {"shuffle": False, "compile": compiled, "callbacks": [later]}
            fit = xn.fit(net, X, Y, epochs=1000, batch_size=100, **options)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)
        assert "Ctrl-C" in str(fit.stopped)
        assert distance(fit.params, _steps(net, X, Y, int(fit.state["t"])).params) < 1e-6


def _steps(net: xn.Network, X: Any, Y: Any, steps: int) -> xn.Fit:
    """So many steps over the batches in their order."""
    fit = None
    for i in range(steps):
        part = slice(100 * (i % 20), 100 * (i % 20) + 100)
        begun: Any = {} if fit is None else {"params": fit.params, "state": fit.state}
        fit = xn.fit(net, X[:, part], Y[:, part], epochs=1, batch_size=100, shuffle=False, compile=False, **begun)
    return fit or xn.fit(net, X, Y, epochs=1, optimizer=xn.SGD(1e-30), batch_size=None, compile=False)


class Doubting(xn.Lambda):
    """Looks at a value."""

    def forward(self, params: Any, X: Any) -> Any:
        return X if float(X[0, 0]) > 0 else X * 1.0, None

    def backward(self, params: Any, dY: Any, cache: Any) -> Any:
        return dY, {}

    def build(self, key: Any, in_shape: Any) -> Any:
        return {}, in_shape


def test_what_cannot_be_traced_runs_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(xn.backend("numpy")), "compiling", (1.0, 0.0, 0.0))
    X, Y = xor()
    net = xn.Network([xn.Dense(4), Doubting(abs), xn.Dense(1)])
    with pytest.warns(UserWarning, match=r"fit: the step runs as written, for it cannot be compiled; trace: float\(\)"):
        fit = xn.fit(net, X, Y, epochs=2)
    assert (fit.how, fit.steps) == ("as written", 2)
    with pytest.raises(TraceError, match=r"float\(\) needs a value"):
        xn.fit(net, X, Y, epochs=2, compile=True)


def test_a_cost_that_is_no_number() -> None:
    X, Y = corners()
    with pytest.raises(DivergedError, match=r"got J=(nan|inf) in epoch \d+, batch \d+; .*compile=False says in which"):
        xn.fit(CLASSES, X, Y, epochs=20, optimizer=xn.SGD(1e30), compile=True)


@pytest.mark.parametrize(
    ("epochs", "units", "how"), [(1, 8, "as written"), (5000, 8, "on NumPy"), (2, 8000, "as written")]
)
def test_it_is_compiled_where_that_saves_time(epochs: int, units: int, how: str) -> None:
    X, Y = xor(100)
    net = xn.Network([xn.Dense(units, "relu"), xn.Dense(1)])
    stop = [lambda fit: True]
    assert xn.fit(net, X, Y, epochs=epochs, callbacks=stop).how.startswith(how)


def test_every_backend_agrees(xb: Any) -> None:
    X, Y = xor()
    compiled = xn.fit(NET, X, Y, epochs=4, batch_size=16, backend=xb.backend, compile=True)
    plain = xn.fit(NET, X, Y, epochs=4, batch_size=16, backend="numpy", compile=False)
    np.testing.assert_allclose(compiled.history["cost"], plain.history["cost"], rtol=1e-5)
