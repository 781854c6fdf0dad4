"""Whole training steps of xnet beside PyTorch, JAX and scikit-learn: the same weights, batch and rule, in one process.

    python benchmarks/peers.py --quick --network 784-256-128-10

Every peer first takes 20 steps, and its cost must then be xnet's.  Then all take turns, round after round, so that
a slow moment of the computer meets each of them; the times are medians over the rounds.  `products` is the floor:
the network's matrix products alone, into buffers made once.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from steps import (
    TASKS,
    LeftOutError,
    Runner,
    Task,
    jax_jit,
    products,
    scikit_learn,
    torch_compiled,
    torch_eager,
    xnet_compiled,
    xnet_plain,
)

import xnet as xn
from xnet.backends.machine import how_to_install, machine, usable_cores

STEPS, TOLERANCE = 20, 1e-4
SETTLE = 0.05  # seconds: OpenBLAS's threads and OpenMP's spin for a while before they sleep
DISTURBED = 1.5
FIXED = {
    "OPENBLAS_CORETYPE": None,
    "OPENBLAS_THREAD_TIMEOUT": "20",  # as docs/compiler.md has it: cycles, 2^20 of them, after which its threads sleep
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "TORCH_LOGS": "-dynamo",
}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "XNET_THREADS", "NPROC")  # NPROC is XLA's
PACKAGES = ("xnet", "numpy", "torch", "jax", "optax", "scikit-learn")


@dataclass(frozen=True)
class Peer:
    """What starts it, the modules it needs, and the share of its time that compiled xnet is to take at most."""

    start: Callable[[Task], Runner]
    needs: tuple[str, ...] = ()
    target: float | None = None


PEERS = {
    "xnet plain": Peer(xnet_plain),
    "xnet compiled": Peer(xnet_compiled),
    "torch eager": Peer(torch_eager, ("torch",), 0.80),
    "torch fused": Peer(partial(torch_eager, fused=True), ("torch",)),
    "torch.compile": Peer(torch_compiled, ("torch",)),
    "JAX jit": Peer(jax_jit, ("jax", "optax"), 1.0),
    "scikit-learn": Peer(scikit_learn, ("sklearn",), 0.7),
    "products": Peer(products),
}
YARDSTICK, COMPILED, FLOOR = "xnet plain", "xnet compiled", "products"


def begin(task: Task, names: Sequence[str]) -> tuple[dict[str, Runner], dict[str, str]]:
    """The peers that take part, ready; and why the others do not."""
    runners, left_out = {}, {}
    for name in names:
        missing = [module for module in PEERS[name].needs if find_spec(module) is None]
        try:
            if missing:
                raise LeftOutError(f"{' and '.join(missing)} not installed: {how_to_install('peers')}")
            runners[name] = PEERS[name].start(task)
        except LeftOutError as error:
            left_out[name] = str(error)
    return runners, left_out


# The check, the times, the report


def check(task: Task, runners: Mapping[str, Runner]) -> dict[str, float]:
    """The costs after some steps, of which every one is xnet's to rounding."""
    for runner in runners.values():
        for _ in range(STEPS):
            runner.step()
    costs = {name: runner.cost() for name, runner in runners.items() if runner.cost is not None}
    J = costs[YARDSTICK]
    for name, other in costs.items():
        if not math.isclose(other, J, rel_tol=TOLERANCE):
            raise ValueError(
                f"{task.name}: after {STEPS} steps the costs must agree to {TOLERANCE:g}; got {name}={other:.8g}, "
                f"{YARDSTICK}={J:.8g}; they do not take the same step, so their times say nothing"
            )
    return costs


def turn(runner: Runner, steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        runner.step()
    runner.finish()
    return time.perf_counter() - start


def measure(runners: Mapping[str, Runner], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds a step, one number a round; a turn takes about so many seconds."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            time.sleep(SETTLE)
            turn(runner, 1)
            steps = max(1, round(seconds / turn(runner, 1)))
            times[name].append(1e3 * turn(runner, steps) / steps)
    return times


@dataclass(frozen=True)
class Result:
    """One task's times in milliseconds, by peer and round."""

    task: Task
    costs: dict[str, float]
    times: dict[str, list[float]]
    left_out: dict[str, str]

    @property
    def medians(self) -> dict[str, float]:
        return {name: median(times) for name, times in self.times.items()}

    @property
    def disturbed(self) -> list[str]:
        """Whose median is far above its best round: another program was at work, which harms some more than others."""
        return [name for name, times in self.times.items() if self.medians[name] > DISTURBED * min(times)]

    def target(self, name: str) -> float | None:
        """What compiled xnet is to stay below, where both were left in peace."""
        if {COMPILED, name} & {*self.disturbed}:
            return None
        return self.task.floor if name == FLOOR else PEERS[name].target

    def record(self) -> dict[str, Any]:
        times = {"costs": self.costs, "milliseconds": self.medians, "rounds": self.times, "left_out": self.left_out}
        return {"network": self.task.name, "batch": self.task.m, "optimizer": repr(self.task.optimizer), **times}


def report(results: Sequence[Result], names: Sequence[str]) -> list[Table | str]:
    """Times, then ratios with their targets, then who is missing."""
    here = [name for name in names if any(name in result.times for result in results)]
    ours = COMPILED if COMPILED in here else YARDSTICK
    others = [name for name in here if name != ours]
    times = Table("network, batch", *here, box=SIMPLE_HEAD, title="milliseconds a step")
    ratios = Table("network, batch", *others, box=SIMPLE_HEAD, title=f"{ours} / the peer (at most)")
    for result in results:
        ms, title = result.medians, f"{result.task.name}, {result.task.m}"
        times.add_row(title, *(f"{ms[name]:.3g}" if name in ms else "" for name in here))
        cells = []
        for name in others:
            bound = result.target(name) if ours != YARDSTICK else None
            cells.append(verdict(ms[ours] / ms[name], bound) if ours in ms and name in ms else Text())
        ratios.add_row(title, *cells)
    reasons = dict.fromkeys(f"{name} is left out: {why}" for result in results for name, why in result.left_out.items())
    busy = [
        f"{result.task.name} was disturbed, so time it again on an idle computer: rounds of "
        + ", ".join(f"{name} {min(result.times[name]):.3g} to {max(result.times[name]):.3g} ms" for name in disturbed)
        for result in results
        if (disturbed := result.disturbed)
    ]
    return [times, ratios, *reasons, *busy]


def verdict(ratio: float, bound: float | None) -> Text:
    if bound is None:
        return Text(f"{ratio:.2f}")
    word, colour = ("met", "green") if ratio <= bound else ("missed", "yellow")
    return Text(f"{ratio:.2f} {word} ({bound:g})", colour)


def show(lines: Sequence[Table | str]) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 1000
    for line in lines:
        console.print(line)


def versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = xn.__version__ if package == "xnet" else version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def environment(threads: int, environ: Mapping[str, str]) -> dict[str, str]:
    """As many threads for each library, no kernels chosen for another processor, no GPU."""
    wanted = FIXED | dict.fromkeys(THREADS, str(threads))
    return {name: value for name, value in {**environ, **wanted}.items() if value is not None}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Training steps of xnet beside PyTorch, JAX and scikit-learn.")
    parser.add_argument("--network", action="append", choices=[task.name for task in TASKS], help="only this one")
    parser.add_argument("--peer", action="append", choices=list(PEERS), help=f"only this one, beside {YARDSTICK}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of each library (all cores)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything here")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    wanted = environment(chosen.threads, os.environ)
    if wanted != os.environ:
        # The libraries read these once, as they load.
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)
    if find_spec("torch") is not None:
        import torch

        torch.set_num_threads(chosen.threads)
    names = [name for name in PEERS if not chosen.peer or name in (YARDSTICK, *chosen.peer)]
    rounds, seconds = (3, 0.05) if chosen.quick else (9, 0.15)
    computer = machine()
    kernels = f", {computer.blas.kernel} kernels" if computer.blas and computer.blas.kernel else ""
    show([f"{computer.cpu}, {chosen.threads} threads{kernels}; " + ", ".join(map(" ".join, versions().items()))])
    results = []
    for task in TASKS:
        if not chosen.network or task.name in chosen.network:
            runners, left_out = begin(task, names)
            results.append(Result(task, check(task, runners), measure(runners, rounds, seconds), left_out))
    show(report(results, names))
    if chosen.json:
        told = {"machine": asdict(computer), "threads": chosen.threads, "versions": versions()}
        records = [result.record() for result in results]
        chosen.json.write_text(json.dumps({**told, "networks": records}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
