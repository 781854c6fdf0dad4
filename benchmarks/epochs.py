"""Whole epochs of `fit` beside a loop of PyTorch and beside steps alone: shuffled batches, each alone in a process.

    python benchmarks/epochs.py --network 784-256-128-10 --examples 12800

The processes run one after the other, round after round.  The first epoch of each is not counted; the time of a peer is
its best epoch.  Its memory is what the process needed at most beyond what it held when the data stood ready.  `steps`
are as many compiled steps on one batch, without what `fit` does around them.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from peers import restart_in_environment, show
from rich.box import SIMPLE_HEAD
from rich.table import Table
from steps import Task

import xnet as xn
from xnet.backends.machine import usable_cores

TASKS = (Task((784, 256, 128, 10), 128), Task((784, 100, 10), 32))


@dataclass(frozen=True)
class Data:
    """Examples in rows, which lie together in memory, and their labels."""

    X: Any
    y: Any

    @classmethod
    def of(cls, task: Task, examples: int) -> "Data":
        rng = np.random.default_rng(1)
        X = rng.standard_normal((examples, task.sizes[0]), dtype=np.float32)
        return cls(X, rng.integers(0, task.classes, examples))


# The peers: each calls `tick` after every epoch.


Peer = Callable[[Task, Data, int, Callable[[], object]], None]


def xnet_fit(task: Task, data: Data, epochs: int, tick: Callable[[], object], library: str = "numpy") -> None:
    b = xn.backend(library)
    X, Y = b.asarray(data.X.T), b.asarray(data.y[None, :])
    options: dict[str, Any] = {"optimizer": task.optimizer, "cost": task.cost, "callbacks": [lambda fit: tick()]}
    xn.fit(task.net, X, Y, epochs=epochs, batch_size=task.m, compile=True, **options)


def xnet_steps(task: Task, data: Data, epochs: int, tick: Callable[[], object], library: str = "numpy") -> None:
    b = xn.backend(library)
    params = task.net.init(task.sizes[:1], backend=b)
    state = task.optimizer.init(params)
    donate = ("params", "state") if library == "numpy" else ()
    step = xn.compile(xn.Step(task.net, task.cost, task.optimizer), donate=donate)
    X, Y = b.asarray(np.ascontiguousarray(data.X[: task.m].T)), b.asarray(data.y[None, : task.m])
    for _ in range(epochs):
        for _ in range(0, len(data.y), task.m):
            params, state, J = step(params, state, X, Y)
        float(J)
        tick()


def torch_loop(task: Task, data: Data, epochs: int, tick: Callable[[], object]) -> None:
    import torch
    from torch import nn

    X, y = torch.from_numpy(data.X), torch.from_numpy(data.y)
    layers: list[Any] = []
    for n, k in zip(task.sizes, task.sizes[1:], strict=False):
        layers += [nn.Linear(n, k), nn.ReLU()]
    net, cost = nn.Sequential(*layers[:-1]), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), task.optimizer.lr)
    for _ in range(epochs):
        order = torch.randperm(len(y))
        for part in order.split(task.m):
            optimizer.zero_grad()
            J = cost(net(X[part]), y[part])
            J.backward()
            optimizer.step()
        float(J.detach())
        tick()


PEERS: dict[str, Peer] = {
    "fit": xnet_fit,
    "steps": xnet_steps,
    "torch loop": torch_loop,
    "fit on torch": partial(xnet_fit, library="torch"),
    "fit on JAX": partial(xnet_fit, library="jax"),
    "steps on JAX": partial(xnet_steps, library="jax"),
}
AGAINST = (
    ("fit", "torch loop"),
    ("fit", "steps"),
    ("fit on torch", "fit"),
    ("fit on JAX", "steps on JAX"),
)


@dataclass(frozen=True)
class Epochs:
    """What a process found: the seconds of each epoch after the first, and the megabytes beyond the data."""

    seconds: list[float]
    megabytes: float


def run(name: str, task: Task, examples: int, epochs: int) -> Epochs:
    """A peer in this process."""
    data = Data.of(task, examples)
    before, times = peak(), []
    PEERS[name](task, data, epochs + 1, lambda: times.append(time.perf_counter()))
    return Epochs(np.diff(times).tolist(), peak() - before)


def peak() -> float:
    """The most memory that this process has held, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def alone(name: str, task: Task, examples: int, epochs: int) -> Epochs:
    """A peer in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=serve, args=(theirs, name, task, examples, epochs), daemon=True)
    child.start()
    theirs.close()
    try:
        found: Epochs = ours.recv()
    except EOFError:
        raise SystemExit(f"epochs: the process of {name} must stay alive on {task.name}; it ended; see above") from None
    finally:
        child.join()
        ours.close()
    return found


def serve(pipe: Connection, *arguments: Any) -> None:
    pipe.send(run(*arguments))


def compare(task: Task, names: Sequence[str], examples: int, epochs: int, rounds: int) -> dict[str, list[Epochs]]:
    found: dict[str, list[Epochs]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(alone(name, task, examples, epochs))
    return found


def report(task: Task, examples: int, found: dict[str, list[Epochs]]) -> list[Table | str]:
    best = {name: min(second for one in rounds for second in one.seconds) for name, rounds in found.items()}
    title = f"{task.name}, batches of {task.m}, {examples} examples"
    table = Table("peer", "seconds an epoch", "MB beyond the data", box=SIMPLE_HEAD, title=title)
    for name, rounds in found.items():
        table.add_row(name, f"{best[name]:.3g}", f"{min(one.megabytes for one in rounds):.0f}")
    ratios = [f"{one} / {other}: {best[one] / best[other]:.2f}" for one, other in AGAINST if {one, other} <= {*best}]
    return [table, *ratios]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Whole epochs of fit beside a loop of PyTorch.")
    parser.add_argument("--network", action="append", choices=[task.name for task in TASKS], help="only this one")
    parser.add_argument("--peer", action="append", choices=list(PEERS), help="only this one")
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=3, help="timed epochs of a process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of each library (all cores)")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    restart_in_environment(chosen.threads)
    for task in TASKS:
        if not chosen.network or task.name in chosen.network:
            names = chosen.peer or list(PEERS)
            found = compare(task, names, chosen.examples, chosen.epochs, chosen.rounds)
            show(report(task, chosen.examples, found))


if __name__ == "__main__":
    main()
