"""The comparison with other libraries: each that is here takes xnet's own step, and one that does not is an error."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import peers
import pytest
from steps import LeftOutError, Runner, Task, products, xnet_plain

import xnet as xn

pytestmark = pytest.mark.libraries

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


def costs_of(task: Any, *names: str) -> tuple[dict[str, float], dict[str, str]]:
    """The costs after some steps, and why a peer is left out."""
    costs: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            J = peers.cost_after_steps(peers.start(name, task))
        except LeftOutError as error:
            left_out[name] = str(error)
        else:
            costs |= {} if J is None else {name: J}
    return costs, left_out


@pytest.mark.parametrize("name", SMALL)
def test_all_take_the_same_steps(name: str) -> None:
    """All but torch.compile, which compiles C++ for as long as all the other tests take."""
    task, names = Task(**SMALL[name]), {*peers.PEERS} - {"torch.compile", peers.PRODUCTS}
    costs, left_out = costs_of(task, *sorted(names))
    peers.check(task, costs)
    assert {*costs} | {*left_out} == names
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
    costs, _ = costs_of(task, "xnet plain")
    costs["odd"] = peers.cost_after_steps(odd) or np.nan
    with pytest.raises(ValueError, match=r"^6-5-3: after 20 steps the costs must agree to 0\.0001; got odd="):
        peers.check(task, costs)


def test_a_cost_that_is_no_number_is_an_error(task: Any) -> None:
    with pytest.raises(ValueError, match="got odd=nan"):
        peers.check(task, {"xnet plain": 0.5, "odd": np.nan})


@pytest.mark.parametrize(
    ("sizes", "name"), [((2, 4, 2), "2-4-2"), ((7, 5, 5, 5, 3), "7-5-5-5-3"), ((4, *[32] * 200, 2), "4-32x200-2")]
)
def test_the_name_of_a_network(sizes: tuple[int, ...], name: str) -> None:
    assert Task(sizes, 8).name == name


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


def test_a_turn_is_the_median_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 1.0, 2.0, 0.0, 8.0, 0.0, 2.0, 0.0, 4.0, 0.0, 9.0, 0.0, 1.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    done: list[str] = []
    runner = Runner(lambda: done.append("step"), None, lambda: done.append("finish"))
    assert peers.turn(runner, 10.0) == 1e3 * 4.0 / 2  # parts of two steps, which took 8, 2, 4, 9 and 1 seconds
    assert done == [*["step", "finish"] * 2, *["step", "step", "finish"] * 5]


def test_each_peer_has_a_process_of_its_own(task: Any) -> None:
    result = peers.compare(task, ["xnet plain", "xnet compiled", "products"], 2, 0.01, 1)
    assert result.costs.keys() == {"xnet plain", "xnet compiled"}
    assert {name: len(rounds) for name, rounds in result.times.items()} == dict.fromkeys(
        ("xnet plain", "xnet compiled", "products"), 2
    )
    assert all(ms > 0 for rounds in result.times.values() for ms in rounds)


class Ended:
    """The pipe of a process that ended."""

    def recv(self) -> Any:
        raise EOFError


def test_a_process_that_ends_is_an_error(task: Any) -> None:
    with pytest.raises(SystemExit, match=r"^peers: the process of torch eager must stay alive on 6-5-3; it ended"):
        peers.answer(Ended(), "torch eager", task)  # type: ignore[arg-type]


def result(**ms: float) -> Any:
    task = Task((784, 256, 128, 10), 128, to_better=0.5, to_products=1.6)
    named = {name.replace("_", " "): [1.1 * t, t, 100 * t] for name, t in ms.items()}
    return peers.Result(task, {}, named, {"JAX jit": "jax not installed: pip install it[here]"})


def test_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    timed = result(xnet_plain=4, xnet_compiled=1, torch_eager=2.5, products=0.5)
    peers.show(peers.report([timed], list(peers.PEERS)))
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines() if line.strip().startswith("784")]
    assert rows[0] == ["784-256-128-10,", "128", "4", "1", "2.5", "0.5"]
    assert rows[1] == ["784-256-128-10,", "128", "0.40", "met", "(0.5)", "0.25", "0.40", "2.00", "missed", "(1.6)"]
    assert "JAX jit is left out: jax not installed: pip install it[here]" in out


def test_the_better_rival_counts() -> None:
    best = result(xnet_compiled=1, torch_eager=2.5, JAX_jit=2.0).best
    assert best[peers.BETTER] == 2.0
    assert peers.BETTER not in result(xnet_compiled=1, products=1).best


def test_a_disturbed_peer_is_named() -> None:
    times = {"xnet compiled": [1.0, 1.0, 5.0], "torch eager": [2.0, 9.0, 8.0], "JAX jit": [2.0, 2.0, 2.0]}
    timed = peers.Result(Task((2, 2), 4), {}, times, {})
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
    _, left_out = costs_of(task, *(name for name in peers.PEERS if missing in peers.PEERS[name].needs))
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
