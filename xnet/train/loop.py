"""The loop: batch after batch through one pure step, with a check that the cost stays finite."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import inf, isfinite, nan
from typing import Any

from array_api_compat import array_namespace

from xnet import trees
from xnet.backends import Backend
from xnet.compile import compile
from xnet.errors import DivergedError, TraceError
from xnet.layers.layer import Layer
from xnet.layers.network import Network
from xnet.train.batches import Batch
from xnet.train.evaluate import Chunk, evaluate, figures
from xnet.train.evaluate import compiled as in_chunks
from xnet.train.progress import Report
from xnet.train.step import Step
from xnet.types import Array, Tree


class Run:
    """The changing state of a training.  `now` is one tuple, so that after Ctrl-C both parts are of the same step."""

    def __init__(
        self, step: Step, backend: Backend, now: tuple[Tree, Tree], keep_best: bool, compiled: bool | None, steps: int
    ) -> None:
        self.step, self.backend, self.now = step, backend, now
        self.must_compile = compiled is True
        # Donated in the host's memory only: an interrupted step leaves it whole, and other libraries may free theirs.
        on_host = all(backend.host_view(x) is not None for x in trees.leaves(now))
        self.in_place = compiled is not False and on_host
        donate = ("params", "state") if self.in_place else ()
        self.call: Callable[..., Any] = step if compiled is False else compile(step, donate=donate, calls=steps)
        self.how = "as written"  # of whole batches; an odd last one has a program of its own
        self.history: dict[str, list[float]] = {"cost": [], "seconds": []}
        self.steps = self.waited = 0
        self.seconds = 0.0
        self.best: tuple[float, tuple[Tree, Tree]] | None = (inf, now) if keep_best else None
        self.stopped: str | None = None
        plain = figures(step.net, step.cost)
        self._judge: Chunk = plain if self.call is step else in_chunks(plain)

    def result(self) -> tuple[Tree, Tree]:
        """The parameters and the optimizer's state: the last, or the best where they are kept."""
        return self._kept(self.now) if self.best is None or self.best[0] == inf else self.best[1]

    def _kept(self, now: tuple[Tree, Tree]) -> tuple[Tree, Tree]:
        """The tuple, copied where the next step writes over it."""
        return trees.map(lambda x: array_namespace(x).asarray(x, copy=True), now) if self.in_place else now

    def epoch(
        self,
        number: int,
        rows: Iterable[Batch],
        m: int,
        noises: Iterator[Array],
        validation: tuple[Array, Array] | None,
        report: Report,
    ) -> None:
        """One epoch over the batches of m examples.  The history gets its figures once all of them are known."""
        before = self.seconds
        J = self._batches(number, rows, m, noises, report)
        figures = {"cost": J, "seconds": self.seconds - before}
        if validation is not None:
            params, _ = self.now
            judged = evaluate(self.step.cost, params, *validation, self._judge, self._judge)
            figures |= {f"validation_{name}": value for name, value in judged.items()}
            if not isfinite(judged["cost"]):
                raise _diverged(
                    self.step, params, validation[0], judged["cost"], f"on the validation set of epoch {number}"
                )
            self._remember_best(judged["cost"])
        for name, value in figures.items():
            self.history.setdefault(name, []).append(value)
        report(number, {name: value for name, value in figures.items() if name != "seconds"})

    def _batches(self, number: int, rows: Iterable[Batch], m: int, noises: Iterator[Array], report: Report) -> float:
        """The mean of J over the examples, where J of each batch is from before its update."""
        total, examples = 0.0, 0
        read: Callable[[], float] = float
        draws = "key" in self.step.net.forward_options
        start = time.perf_counter()
        for i, (X, Y, *rest) in enumerate(rows):
            key = self.backend.asarray(next(noises)) if draws else None
            params, state = self.now
            sample_weight = rest[0] if rest else None
            done = self.backend.computed(self._stepped(params, state, X, Y, sample_weight, key))
            self.now, J = done[:2], done[2]
            self.how = self.how if i else getattr(self.call, "how", "as written")
            self.steps += 1
            # J is read one step late, so that a device can begin the next step before the host waits.
            total += read()
            read = partial(self._read, self.backend.later(J), params, X, number, i + 1)
            now = time.perf_counter()
            self.seconds, start = self.seconds + now - start, now
            if examples:
                report(number - 1 + examples / m, {"cost": total / examples})
            examples += X.shape[-1]
        total += read()
        self.seconds += time.perf_counter() - start
        return total / examples

    def _stepped(self, *arguments: Tree) -> tuple[Tree, Tree, Array]:
        try:
            return self.call(*arguments)  # type: ignore[no-any-return]
        except TraceError as error:
            if self.must_compile or self.call is self.step:
                raise
            warnings.warn(f"fit: the step runs as written, for it cannot be compiled; {error}", stacklevel=5)
            self.call, self.in_place = self.step, False
            return self.step(*arguments)

    def _remember_best(self, J: float) -> None:
        self.waited += 1
        if self.best is not None and self.best[0] > J:
            self.best, self.waited = (J, self._kept(self.now)), 0

    def _read(self, J: Callable[[], float], params: Tree, X: Array, epoch: int, batch: int) -> float:
        """J times the number of examples of its batch."""
        value, m = J(), X.shape[-1]
        if not isfinite(value):
            kept = None if self.in_place else params
            raise _diverged(self.step, kept, X, value, f"in epoch {epoch}, batch {batch}")
        return float(value * m)

    def check_parameters(self, X: Array) -> None:
        """The parameters are finite after the last update, which no cost shows."""
        params, _ = self.now
        if not all(_finite(W) for W in trees.leaves(params)):
            raise _diverged(self.step, params, X, nan, "after the last update")


def _diverged(step: Step, params: Tree, X: Array, J: float, when: str) -> DivergedError:
    """The error for a cost that is not finite.  The layer is known only if the parameters of before still exist."""
    lr = f"lr={step.optimizer.lr}"
    seen = "" if params is None else f", first seen in {_first_not_finite(step.net, params, X)}"
    where = "; compile=False says in which layer it begins" if params is None else ""
    return DivergedError(
        f"fit: the cost must stay finite; got J={J} {when}{seen}; try a smaller learning rate than {lr}, "
        f"clip_norm=1.0, or inputs of mean 0 and variance 1{where}"
    )


def _first_not_finite(net: Layer, params: Tree, X: Array) -> str:
    row = zip(net.layers, params, strict=True) if isinstance(net, Network) else [(net, params)]
    A = X
    for i, (layer, layer_params) in enumerate(row):
        if not all(_finite(W) for W in trees.leaves(layer_params)):
            return f"the parameters of layer {i + 1}, {layer}"
        A = layer(layer_params, A)
        if not _finite(A):
            return f"the output of layer {i + 1}, {layer}"
    return "the cost itself, of finite outputs"


def _finite(A: Array) -> bool:
    xp = array_namespace(A)
    return bool(xp.all(xp.isfinite(A)))
