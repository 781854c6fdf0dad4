"""How training ends: patience, callbacks, Ctrl-C, a cost that is no number; and the line that shows it going."""

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from backends import Bench
from train_cases import CLASSES, LINE, NET, POINTS, Scripted, corners, same, scripted, weight, xor

import xnet as xn
from xnet import trees
from xnet.errors import DivergedError
from xnet.train.progress import bar

# Patience and callbacks


def test_patience_ends_training_and_gives_the_best_back() -> None:
    fit = scripted(1.0, 4.5, 2.5, 5.0, 3.6, 3.0, patience=2)
    assert fit.stopped == "after epoch 5, no better validation cost for 2 epochs"
    assert weight(fit) == 2.5
    assert int(fit.state["t"]) == 3
    assert fit.steps == 5
    assert len(fit.history["cost"]) == len(fit.history["validation_cost"]) == 5
    assert fit.evaluate(POINTS, 3 * POINTS + 3)["cost"] == pytest.approx(min(fit.history["validation_cost"]))


def test_patience_starts_again_at_each_best() -> None:
    fit = scripted(1.0, 5.0, 2.0, 5.0, 3.0, 5.0, patience=2)
    assert fit.stopped is None
    assert weight(fit) == 3.0


def test_an_equal_cost_is_no_better_one() -> None:
    assert scripted(2.0, 2.0, 2.0, patience=1).stopped == "after epoch 2, no better validation cost for 1 epoch"


def test_without_patience_the_last_parameters_come_back() -> None:
    fit = scripted(1.0, 3.0, 5.0)
    assert weight(fit) == 5.0
    assert fit.stopped is None


def test_a_callback_sees_each_epoch_and_can_end_training() -> None:
    seen: list[xn.Fit] = []

    def look(fit: xn.Fit) -> None:
        seen.append(fit)

    def enough(fit: xn.Fit) -> bool:
        return len(fit.history["cost"]) == 2

    fit = scripted(1.0, 2.0, 3.0, 4.0, callbacks=[enough, look])
    assert fit.stopped == "after epoch 2, by a callback"
    assert [weight(each) for each in seen] == [1.0, 2.0]
    assert [len(each.history["cost"]) for each in seen] == [1, 2]
    assert weight(fit) == 2.0


# Ctrl-C


def test_ctrl_c_in_the_middle_of_a_step_keeps_the_last_whole_one() -> None:
    fit = scripted(1.0, 2.0, KeyboardInterrupt(), 4.0)
    assert fit.stopped == "in epoch 3, by Ctrl-C"
    assert [W.item() for W in trees.leaves(fit.params)] == [2.0, 2.0]
    assert fit.steps == int(fit.state["t"]) == 2
    assert [len(values) for values in fit.history.values()] == [2, 2, 2]
    assert fit.predict(POINTS).shape == (1, 3)


def test_ctrl_c_between_the_batches_of_an_epoch() -> None:
    X, Y = xor(16)
    steps: dict[str, Any] = {"batch_size": 4, "epochs": 2, "shuffle": False, "cost": "sigmoid_cross_entropy"}
    fit = xn.fit(LINE, X, Y, optimizer=Scripted((1, 2, 3, 4, 5, KeyboardInterrupt())), **steps)
    assert fit.stopped == "in epoch 2, by Ctrl-C"
    assert fit.steps == int(fit.state["t"]) == 5
    assert {W.dtype.name for W in trees.leaves(fit.params)} == {"float32"}
    assert [len(values) for values in fit.history.values()] == [1, 1]


def test_ctrl_c_at_once() -> None:
    fit = scripted(KeyboardInterrupt())
    assert (fit.stopped, fit.steps, fit.seconds) == ("in epoch 1, by Ctrl-C", 0, 0)
    same(fit.params, LINE.init((1,), backend="numpy"))


def test_ctrl_c_in_a_callback() -> None:
    def interrupt(fit: xn.Fit) -> None:
        if fit.steps == 2:
            raise KeyboardInterrupt

    fit = scripted(1.0, 2.0, 3.0, callbacks=[interrupt])
    assert fit.stopped == "in epoch 2, by Ctrl-C"
    assert weight(fit) == 2.0
    assert [len(values) for values in fit.history.values()] == [2, 2, 2]


def test_ctrl_c_during_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch is in the history when all of it is there."""
    calls = []

    def interrupted(*arguments: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"cost": 1.0}

    monkeypatch.setattr("xnet.train.loop.evaluate", interrupted)
    fit = scripted(1.0, 2.0, 3.0)
    assert fit.stopped == "in epoch 2, by Ctrl-C"
    assert weight(fit) == 2.0
    assert {name: len(values) for name, values in fit.history.items()} == {
        "cost": 1,
        "seconds": 1,
        "validation_cost": 1,
    }


# When the cost is no number

NO_NUMBER = (
    r"^fit: the cost must stay finite; got J=(nan|inf) in epoch \d+, batch \d+, "
    r"first seen in the (parameters|output) of layer \d, Dense\(.*\); "
    r"try a smaller learning rate than lr=1e\+30, clip_norm=1.0, or inputs of mean 0 and variance 1$"
)


@pytest.mark.parametrize("epochs", [1, 2, 20])
def test_too_large_a_rate_ends_with_a_clear_error(epochs: int, xb: Bench) -> None:
    """And NumPy's warnings of overflow do not escape: here they would be errors."""
    X, Y = corners(12)
    with pytest.raises(DivergedError, match=NO_NUMBER):
        xn.fit(CLASSES, X, Y, epochs=epochs, batch_size=4, optimizer=xn.SGD(1e30), backend=xb.backend)


@pytest.mark.parametrize(
    ("values", "when", "where"),
    [
        ((1.0, math.nan, 1.0, 1.0), "J=nan in epoch 2, batch 1", "the parameters of layer 1, Dense(units=1)"),
        ((1.0, 1.0, 1.0, math.inf), "J=nan after the last update", "the parameters of layer 1, Dense(units=1)"),
        ((1e30, 1.0), "J=inf in epoch 1, batch 2", "the cost itself, of finite outputs"),
        ((3e38, 1.0), "J=inf in epoch 1, batch 2", "the output of layer 1, Dense(units=1)"),
    ],
    ids=["parameters", "last-update", "cost", "output"],
)
def test_the_error_names_the_batch_and_the_layer(values: tuple[float, ...], when: str, where: str) -> None:
    X = np.asarray([[1.0, 2.0, 3.0, 2.0]], "float32")
    options: dict[str, Any] = {"cost": "mean_squared_error", "batch_size": 2, "epochs": len(values) // 2}
    with pytest.raises(DivergedError) as diverged:
        xn.fit(LINE, X, X, optimizer=Scripted(values), **options)
    assert str(diverged.value).startswith(f"fit: the cost must stay finite; got {when}, first seen in {where};")


def test_a_validation_cost_that_is_no_number_ends_training_too() -> None:
    far = np.full((1, 4), 1e38, "float32")
    with pytest.raises(
        DivergedError, match=r"got J=inf on the validation set of epoch 1, first seen in the cost itself"
    ):
        xn.fit(LINE, far / 1e38, far / 1e38, epochs=1, cost="mean_squared_error", validation=(far, -far))


def test_weights_that_start_as_nan_are_found() -> None:
    X, Y = xor(12)
    start = NET.init((3,), backend="numpy")
    start[1]["b"] = start[1]["b"] * np.float32(math.nan)
    with pytest.raises(
        DivergedError, match="in epoch 1, batch 1, first seen in the parameters of layer 2, Dense"
    ) as diverged:
        xn.fit(NET, X, Y, params=start, epochs=1)
    assert "lr=0.001" in str(diverged.value)


def test_after_the_last_update_no_warning_escapes() -> None:
    """Layer 1 is finite and overflows, layer 2 is not finite: looking for the first must be quiet too."""
    X, Y = xor(12)
    net = xn.Network([xn.Dense(8), xn.Dense(1)])

    @dataclass(frozen=True)
    class Breaks(Scripted):
        def rule(self, W: Any, dW: Any, memory: Any, lr: Any, t: Any) -> tuple[Any, Any]:
            return 0 * W + (3e38 if W.shape[0] == 8 else math.nan), {}

    with pytest.raises(DivergedError, match="after the last update, first seen in the output of layer 1, Dense"):
        xn.fit(net, 10 * X, Y, epochs=1, optimizer=Breaks(()), batch_size=None)


# The progress bar


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("plain_terminal")
@pytest.mark.parametrize("progress", [None, False])
def test_silent_where_no_one_watches(progress: bool | None, capfd: pytest.CaptureFixture[str]) -> None:
    scripted(1.0, 2.0, progress=progress)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("plain_terminal")
def test_progress_is_drawn_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    scripted(1.0, 2.0, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2/2" in err
    assert "cost" in err


def test_progress_is_drawn_some_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """And always after an epoch."""
    from rich.progress import Progress

    drawn: list[float] = []
    clock = iter(x / 100 for x in range(1000))  # 10 ms from one report to the next
    monkeypatch.setattr(Progress, "update", lambda self, task, completed, **more: drawn.append(completed))
    monkeypatch.setattr("xnet.train.progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with bar(2, True) as report:
        for step in range(1, 101):
            report(step / 50, {"cost": 1.0})
    assert {1.0, 2.0} <= {*drawn}
    assert 10 <= len(drawn) <= 14


def test_progress_is_drawn_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    scripted(1.0, 2.0)
    assert "epoch" in capsys.readouterr().err
    scripted(1.0, 2.0, progress=False)
    assert capsys.readouterr().err == ""
