"""Whole training steps of xnet beside PyTorch, JAX and scikit-learn: the same weights, batch and rule, each alone.

    python benchmarks/peers.py --quick --network 784-256-128-10

Each peer has a process of its own, because libraries in one process disturb each other: their threads wait actively.
Each first takes 20 steps, and its cost must then equal that of xnet.  Then the processes take turns, one at a time,
round after round, so that a slow moment of the computer meets each of them.  The time of a peer is the best of its
rounds, and the time of a round is the median of its parts.  `products` are the matrix products of the network alone,
into buffers made once.
"""

import argparse
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing.connection import Connection
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
SETTLE = 0.1  # seconds before a turn: the threads of the peer before are then asleep
PARTS = 5  # of a turn
DISTURBED = 1.5
FIXED = {
    "OPENBLAS_CORETYPE": None,
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "TORCH_LOGS": "-dynamo",
}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "XNET_THREADS", "NPROC")  # NPROC is XLA's
PACKAGES = ("xnet", "numpy", "torch", "jax", "optax", "scikit-learn")


@dataclass(frozen=True)
class Peer:
    """The function that starts it, and the modules that it needs."""

    start: Callable[[Task], Runner]
    needs: tuple[str, ...] = ()


PEERS = {
    "xnet plain": Peer(xnet_plain),
    "xnet compiled": Peer(xnet_compiled),
    "torch eager": Peer(torch_eager, ("torch",)),
    "torch fused": Peer(partial(torch_eager, fused=True), ("torch",)),
    "torch.compile": Peer(torch_compiled, ("torch",)),
    "JAX jit": Peer(jax_jit, ("jax", "optax")),
    "scikit-learn": Peer(scikit_learn, ("sklearn",)),
    "products": Peer(products),
}
YARDSTICK, COMPILED, PRODUCTS = "xnet plain", "xnet compiled", "products"
BETTER, RIVALS = "better of torch eager and JAX jit", ("torch eager", "JAX jit")


def start(name: str, task: Task) -> Runner:
    missing = [module for module in PEERS[name].needs if find_spec(module) is None]
    if missing:
        raise LeftOutError(f"{' and '.join(missing)} not installed: {how_to_install('peers')}")
    return PEERS[name].start(task)


# The process of a peer


def serve(pipe: Connection, name: str, task: Task, threads: int) -> None:
    """Send the cost after some steps, or why the peer is left out; then answer seconds with the time of a step."""
    if find_spec("torch") is not None and "torch" in PEERS[name].needs:
        import torch

        torch.set_num_threads(threads)
    try:
        runner = start(name, task)
        pipe.send(cost_after_steps(runner))
    except LeftOutError as error:
        pipe.send(str(error))
        return
    while (seconds := pipe.recv()) is not None:
        pipe.send(turn(runner, seconds))


def cost_after_steps(runner: Runner) -> float | None:
    for _ in range(STEPS):
        runner.step()
    runner.finish()
    return None if runner.cost is None else runner.cost()


def turn(runner: Runner, seconds: float) -> float:
    """Milliseconds a step: the median of the parts of a turn of about so many seconds."""
    timed(runner, 1)
    steps = max(1, round(seconds / PARTS / timed(runner, 1)))
    return 1e3 * median(timed(runner, steps) / steps for _ in range(PARTS))


def timed(runner: Runner, steps: int) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        runner.step()
    runner.finish()
    return time.perf_counter() - began


# The processes together


@contextmanager
def process(name: str, task: Task, threads: int) -> Iterator[Connection]:
    """The other end of the pipe of a peer's process; it ends with the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=serve, args=(theirs, name, task, threads), daemon=True)
    child.start()
    theirs.close()  # so that a child that dies is an error here, and no wait without end
    try:
        yield ours
    finally:
        child.terminate()
        child.join()
        ours.close()


def compare(task: Task, names: Sequence[str], rounds: int, seconds: float, threads: int) -> "Result":
    """The peers of a task: first their costs, one after the other, and then their times, by turns."""
    with ExitStack() as stack:
        pipes: dict[str, Connection] = {}
        answers: dict[str, Any] = {}
        for name in names:
            pipes[name] = stack.enter_context(process(name, task, threads))
            answers[name] = answer(pipes[name], name, task)
        left_out = {name: why for name, why in answers.items() if isinstance(why, str)}
        costs = {name: J for name, J in answers.items() if isinstance(J, float)}
        check(task, costs)
        times: dict[str, list[float]] = {name: [] for name in names if name not in left_out}
        for _ in range(rounds):
            for name, list_of_times in times.items():
                time.sleep(SETTLE)
                pipes[name].send(seconds)
                list_of_times.append(answer(pipes[name], name, task))
        return Result(task, costs, times, left_out)


def answer(pipe: Connection, name: str, task: Task) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        raise SystemExit(f"peers: the process of {name} must stay alive on {task.name}; it ended; see above") from None


def check(task: Task, costs: Mapping[str, float]) -> None:
    """Every cost equals that of xnet to rounding."""
    J = costs[YARDSTICK]
    for name, other in costs.items():
        if not math.isclose(other, J, rel_tol=TOLERANCE):
            raise ValueError(
                f"{task.name}: after {STEPS} steps the costs must agree to {TOLERANCE:g}; got {name}={other:.8g}, "
                f"{YARDSTICK}={J:.8g}; the peers do not take the same step, so their times cannot be compared"
            )


@dataclass(frozen=True)
class Result:
    """One task's times in milliseconds, by peer and round."""

    task: Task
    costs: dict[str, float]
    times: dict[str, list[float]]
    left_out: dict[str, str]

    @property
    def best(self) -> dict[str, float]:
        """The best round of each peer, and of the better rival."""
        best = {name: min(rounds) for name, rounds in self.times.items()}
        rivals = [best[name] for name in RIVALS if name in best]
        return best | ({BETTER: min(rivals)} if rivals else {})

    @property
    def disturbed(self) -> list[str]:
        """The peers whose median round is far above their best: another program was at work."""
        return [name for name, rounds in self.times.items() if median(rounds) > DISTURBED * min(rounds)]

    def target(self, name: str) -> float | None:
        """The largest ratio of compiled xnet to this column that is accepted, if there is one."""
        return {BETTER: self.task.to_better, PRODUCTS: self.task.to_products}.get(name)

    def record(self) -> dict[str, Any]:
        times = {"costs": self.costs, "milliseconds": self.best, "rounds": self.times, "left_out": self.left_out}
        return {"network": self.task.name, "batch": self.task.m, "optimizer": repr(self.task.optimizer), **times}


def report(results: Sequence[Result], names: Sequence[str]) -> list[Table | str]:
    """Times, then ratios with their targets, then who is missing."""
    here = [name for name in names if any(name in result.times for result in results)]
    ours = COMPILED if COMPILED in here else YARDSTICK
    others = [name for name in here if name != ours]
    if any(BETTER in result.best for result in results):
        others.insert(0, BETTER)
    times = Table("network, batch", *here, box=SIMPLE_HEAD, title="milliseconds a step")
    ratios = Table("network, batch", *others, box=SIMPLE_HEAD, title=f"{ours} / the peer (at most)")
    for result in results:
        ms, title = result.best, f"{result.task.name}, {result.task.m}"
        times.add_row(title, *(f"{ms[name]:.3g}" if name in ms else "" for name in here))
        cells = []
        for name in others:
            bound = result.target(name) if ours == COMPILED else None
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


def restart_in_environment(threads: int) -> None:
    """Start this program again where a variable differs: the libraries read them once, as they load."""
    wanted = environment(threads, os.environ)
    if wanted != os.environ:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)


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
    restart_in_environment(chosen.threads)
    names = [name for name in PEERS if not chosen.peer or name in (YARDSTICK, *chosen.peer)]
    rounds, seconds = (3, 0.1) if chosen.quick else (7, 0.4)
    computer = machine()
    kernels = f", {computer.blas.kernel} kernels" if computer.blas and computer.blas.kernel else ""
    show([f"{computer.cpu}, {chosen.threads} threads{kernels}; " + ", ".join(map(" ".join, versions().items()))])
    tasks = [task for task in TASKS if not chosen.network or task.name in chosen.network]
    results = [compare(task, names, rounds, seconds, chosen.threads) for task in tasks]
    show(report(results, names))
    if chosen.json:
        told = {"machine": asdict(computer), "threads": chosen.threads, "versions": versions()}
        records = [result.record() for result in results]
        chosen.json.write_text(json.dumps({**told, "networks": records}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
