"""The comparison with other libraries: each that is here takes xnet's own step, and one that does not is an error."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import peers
import pytest
from steps import Runner, Task, products, xnet_plain

import xnet as xn

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def task() -> Any:
    return Task((6, 5, 3), 8)


SMALL: dict[str, dict[str, Any]] = {
    "relu, Adam": {"sizes": (6, 5, 4, 3), "m": 8, "optimizer": xn.Adam(0.01)},
    "tanh, Momentum": {"sizes": (6, 5, 3), "m": 8, "activation": "tanh", "optimizer": xn.Momentum(0.5, 0.8)},
    "logistic, SGD": {"sizes": (6, 1), "m": 8, "optimizer": xn.SGD(0.5)},
    "two classes": {"sizes": (6, 2), "m": 8},
}


@pytest.mark.parametrize("name", SMALL)
def test_all_take_the_same_steps(name: str) -> None:
    """All but torch.compile, which compiles C++ for as long as all the other tests take."""
    task = Task(**SMALL[name])
    runners, left_out = peers.begin(task, [name for name in peers.PEERS if name != "torch.compile"])
    costs = peers.check(task, runners)
    assert {*costs, peers.FLOOR} == {*runners}
    assert {*runners} | {*left_out} == {*peers.PEERS} - {"torch.compile"}
    assert costs[peers.YARDSTICK] < first_cost(task)
    for peer, why in left_out.items():
        assert "not installed: pip install" in why or (peer, name) == ("scikit-learn", "two classes")


def first_cost(task: Any) -> float:
    runner: Any = xnet_plain(task)
    runner.step()
    return float(runner.cost())


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": xn.Adam(1.01e-3)},
        {"optimizer": xn.Adam(1e-3, eps=1e-2)},
        {"activation": "tanh"},
        {"m": 9},
    ],
)
def test_another_step_is_an_error(other: dict[str, Any], task: Any) -> None:
    odd = xnet_plain(Task(**{"sizes": task.sizes, "m": task.m, **other}))
    with pytest.raises(ValueError, match=r"^6-5-3: after 20 steps the costs must agree to 0\.0001; got odd="):
        peers.check(task, {"xnet plain": xnet_plain(task), "odd": odd})


def test_a_cost_that_is_no_number_is_an_error(task: Any) -> None:
    with pytest.raises(ValueError, match="got odd=nan"):
        peers.check(task, {"xnet plain": xnet_plain(task), "odd": Runner(list, lambda: np.nan)})


def test_the_products_of_a_step(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def matmul(a: Any, b: Any, out: Any) -> None:
        assert a.dtype == b.dtype == out.dtype == np.float32
        shapes.append((*a.shape, b.shape[1]))

    runner = products(task)
    monkeypatch.setattr(np, "matmul", matmul)
    runner.step()
    # W A and dZ Aᵀ of the first layer; W A, dZ Aᵀ and Wᵀ dZ of the second
    assert shapes == [(5, 6, 8), (5, 8, 6), (3, 5, 8), (3, 8, 5), (5, 3, 8)]


def test_turns_are_taken_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "SETTLE", 0.0)
    steps: list[str] = []
    finished: list[str] = []

    def runner(name: str) -> Any:
        return Runner(lambda: steps.append(name), None, lambda: finished.append(name))

    times = peers.measure({name: runner(name) for name in "AB"}, 3, 1e-9)
    assert "".join(steps) == "AAABBB" * 3  # two to warm up, then one that fills so short a turn
    assert finished == steps
    assert {name: len(rounds) for name, rounds in times.items()} == {"A": 3, "B": 3}
    assert all(ms > 0 for rounds in times.values() for ms in rounds)


def result(**ms: float) -> Any:
    task = Task((784, 256, 128, 10), 128, floor=1.6)
    named = {name.replace("_", " "): [0.9 * t, t, 100 * t] for name, t in ms.items()}
    return peers.Result(task, {}, named, {"JAX jit": "jax not installed: pip install it[here]"})


def test_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    timed = result(xnet_plain=4, xnet_compiled=2, torch_eager=2.5, products=1)
    peers.show(peers.report([timed], list(peers.PEERS)))
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines() if line.strip().startswith("784")]
    assert rows[0] == ["784-256-128-10,", "128", "4", "2", "2.5", "1"]
    assert rows[1] == ["784-256-128-10,", "128", "0.50", "0.80", "met", "(0.8)", "2.00", "missed", "(1.6)"]
    assert "JAX jit is left out: jax not installed: pip install it[here]" in out


def test_a_disturbed_peer_is_not_judged() -> None:
    task = Task((2, 2), 4)
    times = {"xnet compiled": [1.0, 1.0, 5.0], "torch eager": [2.0, 9.0, 8.0], "JAX jit": [2.0, 2.0, 2.0]}
    timed = peers.Result(task, {}, times, {})
    assert (timed.target("torch eager"), timed.target("JAX jit")) == (None, 1.0)
    *_, last = peers.report([timed], list(peers.PEERS))
    assert last == ("2-2 was disturbed, so time it again on an idle computer: rounds of torch eager 2 to 9 ms")


def test_plain_expressions_have_no_targets(capsys: pytest.CaptureFixture[str]) -> None:
    peers.show(peers.report([result(xnet_plain=4, torch_eager=2.5)], list(peers.PEERS)))
    out = capsys.readouterr().out
    assert "1.60" in out
    assert "met" not in out
    assert "missed" not in out


@pytest.mark.parametrize("missing", ["torch", "jax", "sklearn"])
def test_a_missing_library_is_left_out(missing: str, task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name == missing else object())
    runners, left_out = peers.begin(task, ["products", *(n for n in peers.PEERS if missing in peers.PEERS[n].needs)])
    assert list(runners) == ["products"]
    assert left_out
    assert all(why == f'{missing} not installed: pip install ".[peers]" in xnet\'s clone' for why in left_out.values())


def test_the_program(tmp_path: Path) -> None:
    """It begins itself again where the shell would slow one library down."""
    command = [sys.executable, str(BENCHMARKS / "peers.py"), "--quick", "--threads=1", "--network=2-4-2"]
    command += ["--peer=products", f"--json={tmp_path / 'peers.json'}"]
    home = str(Path(xn.__file__).parent.parent)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    env |= {"OPENBLAS_CORETYPE": "Nehalem", "OMP_NUM_THREADS": "2", "PYTHONPATH": home}
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "milliseconds a step" in run.stdout
    told = json.loads((tmp_path / "peers.json").read_text("utf-8"))
    assert told["threads"] == 1
    blas = told["machine"]["blas"]
    if blas is not None and blas["name"] == "OpenBLAS":
        assert blas["kernel"] != "Nehalem"
        assert blas["threads"] == 1
    (network,) = told["networks"]
    assert (network["network"], network["batch"]) == ("2-4-2", 400)
    assert network["milliseconds"].keys() == {"xnet plain", "products"}
    assert all(len(rounds) == 3 for rounds in network["rounds"].values())
