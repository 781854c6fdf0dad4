"""The comparison of whole epochs: what each peer does, the processes, and the report."""

import sys
from importlib.util import find_spec
from typing import Any

import epochs
import numpy as np
import peers
import pytest
from steps import Task


@pytest.fixture
def task() -> Any:
    return Task((6, 5, 3), 8)


@pytest.mark.parametrize("name", epochs.PEERS)
def test_each_peer_ticks_after_every_epoch(name: str, task: Any) -> None:
    library = "torch" if "torch" in name else "jax" if "JAX" in name else "numpy"
    if find_spec(library) is None:
        with pytest.raises(Exception, match=library):
            epochs.run(name, task, 20, 2)
        return
    found = epochs.run(name, task, 20, 2)
    assert len(found.seconds) == 2
    assert min(found.seconds) > 0
    assert found.megabytes >= 0


def test_the_examples_lie_together(task: Any) -> None:
    data = epochs.Data.of(task, 20)
    assert data.X.shape == (20, 6)
    assert data.X.flags.c_contiguous
    assert {*np.unique(data.y)} <= {0, 1, 2}


def test_each_has_a_process_of_its_own(task: Any) -> None:
    found = epochs.compare(task, ["fit", "steps"], 20, 1, 1)
    assert {name: [len(one.seconds) for one in rounds] for name, rounds in found.items()} == {"fit": [1], "steps": [1]}


def test_a_process_that_ends_is_an_error(task: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^epochs: the process of nobody must stay alive on 6-5-3; it ended"):
        epochs.alone("nobody", task, 20, 1)
    assert "KeyError" in capfd.readouterr().err


def test_the_report(task: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "fit": [epochs.Epochs([1.0, 0.5], 9.0), epochs.Epochs([0.6, 0.7], 7.0)],
        "torch loop": [epochs.Epochs([2.0], 20.0)],
    }
    peers.show(epochs.report(task, 20, found))
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["fit", "0.5", "7"] in rows
    assert "fit / torch loop: 0.25" in out
    assert "steps" not in out


def test_the_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["epochs.py", "--network=784-100-10", "--peer=fit", "--peer=steps", "--examples=64", "--epochs=1"]
    monkeypatch.setattr(sys, "argv", [*argv, "--rounds=1"])
    monkeypatch.setattr(epochs, "restart_in_environment", lambda threads: None)
    epochs.main()
    out = capsys.readouterr().out
    assert "784-100-10, batches of 32, 64 examples" in out
    assert "fit / steps: " in out
