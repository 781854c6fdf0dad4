"""Predictions and figures of many examples: in chunks, compiled where the steps are."""

import importlib
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from backends import Bench
from train_cases import CLASSES, NET, corners, xor

import xnet as xn
from xnet.compile import compiled

evaluation = importlib.import_module("xnet.train.evaluate")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions of which programs are made."""
    made: list[str] = []

    class Program(compiled.Program):
        def __init__(self, graph: Any, given: Any, title: str, *arguments: Any, **options: Any) -> None:
            made.append(title)
            super().__init__(graph, given, title, *arguments, **options)

    monkeypatch.setattr(compiled, "Program", Program)
    monkeypatch.setattr(evaluation, "CHUNK", 16)
    return made


@pytest.mark.parametrize("compile", [True, False])
def test_chunks_give_what_all_examples_give(compile: bool, xb: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = corners(40)
    A, B = xb.asarray(X), xb.asarray(Y, None)
    fit = xn.fit(CLASSES, A, B, epochs=2, batch_size=16, compile=compile)
    P, figures = xb.to_numpy(fit.predict(A)), fit.evaluate(A, B)
    monkeypatch.setattr(evaluation, "CHUNK", 16)
    np.testing.assert_allclose(xb.to_numpy(fit.predict(A)), P, rtol=1e-5)
    assert fit.evaluate(A, B) == pytest.approx(figures, rel=1e-5)
    assert fit.predict(A[:, :0]).shape == (3, 0)


def test_whole_chunks_run_compiled(programs: list[str]) -> None:
    """The last chunk has another shape, for which another program would be made."""
    X, Y = corners(40)
    fit = xn.fit(CLASSES, X, Y, epochs=1, compile=True)
    programs.clear()
    for _ in range(2):
        fit.predict(X[:, :15])
        fit.evaluate(X[:, :15], Y[:, :15])
    assert programs == []
    for _ in range(2):
        fit.predict(X)
        fit.evaluate(X, Y)
    assert programs == ["prediction", "figures"]


@pytest.mark.parametrize(("compile", "made"), [(True, ["figures", "figures"]), (False, [])])
def test_validation_runs_compiled_with_the_steps(compile: bool, made: list[str], programs: list[str]) -> None:
    """The last chunk too, since it comes again each epoch."""
    X, Y = corners(40)
    xn.fit(CLASSES, X, Y, epochs=3, validation=(X, Y), compile=compile)
    assert [name for name in programs if name != "Step"] == made


def test_a_fit_that_predicted_can_be_pickled(programs: list[str]) -> None:
    X, Y = xor()
    fit = xn.fit(NET, X, Y, epochs=1, compile=True)
    P = fit.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fit)).predict(X), P)
    assert programs.count("prediction") == 2


class Inspecting(xn.Lambda):
    """Reads a number of the array, but in prediction only."""

    def forward(self, params: Any, X: Any, training: bool = False) -> Any:
        return (X if training or float(X[0, 0]) > 0 else X * 1.0), None

    def backward(self, params: Any, dY: Any, cache: Any) -> Any:
        return dY, {}

    def build(self, key: Any, in_shape: Any) -> Any:
        return {}, in_shape


def test_a_prediction_that_cannot_be_traced_runs_as_written(programs: list[str]) -> None:
    X, Y = xor()
    fit = xn.fit(xn.Network([xn.Dense(4), Inspecting(abs), xn.Dense(1)]), X, Y, epochs=1, compile=True)
    with pytest.warns(UserWarning, match="evaluate: the network runs as written, for it cannot be compiled; trace: "):
        P = fit.predict(X)
    np.testing.assert_allclose(P[:, :8], fit.predict(X[:, :8]), rtol=1e-5)
    assert fit.predict(X).shape == (1, 40)


def test_the_memory_of_a_prediction_is_bounded() -> None:
    X, Y = xor(20_000)
    net = xn.Network([xn.Dense(200, "tanh"), xn.Dense(1)])
    fit = xn.fit(net, X[:, :50], Y[:, :50], epochs=1, compile=True)
    tracemalloc.start()
    try:
        fit.predict(X)
        fit.evaluate(X, Y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * 200 * 4 * evaluation.CHUNK < 200 * 4 * 20_000
