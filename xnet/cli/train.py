"""`xnet train`: its options, the task that the data sets, and the report of the fit."""

import argparse
import sys
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from array_api_compat import array_namespace

from xnet import data, files, names
from xnet.backends import HOST
from xnet.backends import backend as find_backend
from xnet.cli import options, output
from xnet.data.sets import SETS, Pair
from xnet.errors import DataError, ValueRangeError
from xnet.layers import Dense, Flatten, Layer, Network
from xnet.train import Fit, fit, optimizers, scaling
from xnet.train.costs import Cost, suited
from xnet.train.model import save
from xnet.train.optimizers import Optimizer
from xnet.train.scaling import Scaling
from xnet.train.schedules import Cosine
from xnet.types import Array

# Defaults of `xnet train`, chosen on the four data sets over many seeds.
STEPS, EPOCHS = 2000, (10, 500)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("data", metavar="DATA", help=f"{', '.join(SETS)}, or a .csv, .tsv, .npz or IDX file, or a folder of images")
    add("--target", metavar="COLUMN", help="the target's column in a table, by name or index (the last)")
    add("--numbers", action="store_true", help="take whole numbers in the target for quantities, not for classes")
    add(
        "--layers",
        type=options.units,
        default="64,32",
        metavar="N,N,…",
        help='units of the hidden layers (64,32); "" is none',
    )
    add("--activation", default="relu", metavar="NAME", help="of the hidden layers (relu)")
    add("--optimizer", default="adam", metavar="NAME", help=f"{', '.join(_optimizers())} (adam)")
    add("--lr", type=options.above_0, metavar="α", help="the first learning rate; it falls to 0 along half a cosine")
    add(
        "--epochs",
        type=options.count,
        metavar="N",
        help=f"(as many as {STEPS} steps take, from {EPOCHS[0]} to {EPOCHS[1]})",
    )
    add("--batch-size", type=options.count, default=64, metavar="N", help="(64)")
    add("--l2", type=options.from_0, default=0.001, metavar="λ", help="weight of ½ Σ W² in the cost (0.001)")
    add(
        "--patience",
        type=options.count,
        metavar="N",
        help="stop after N epochs without a better cost on a tenth held out",
    )
    add(
        "--test", type=options.share, default=0.2, metavar="SHARE", help="share of the examples kept for the test (0.2)"
    )
    add("--seed", type=options.seed, default=0, metavar="N", help="of the weights, the order and the split (0)")
    add("--backend", metavar="NAME", help="auto, or a name that xnet info lists")
    add("--save", metavar="FILE", help="write the network to FILE, as model.safetensors")
    add("--quiet", action="store_true", help="print the result alone")


def _optimizers() -> dict[str, Any]:
    return {name.lower(): kind for name, kind in names.subclasses(optimizers, Optimizer).items()}


@dataclass(frozen=True)
class Task:
    """The task: features, targets, the number of outputs, and the cost."""

    X: Array
    Y: Array
    units: int
    cost: Cost
    classes: tuple[str, ...] | None
    features: tuple[str, ...] | None
    scaled: bool


def run(arguments: argparse.Namespace) -> int:
    optimizers = _optimizers()
    name = arguments.optimizer.lower()
    if name not in optimizers:
        raise names.unknown("optimizer", arguments.optimizer, optimizers)
    hidden = [Dense(units, arguments.activation) for units in arguments.layers]
    Dense(1, arguments.activation)  # an unknown name is an error even where no layer has it
    backend = find_backend(arguments.backend)
    if arguments.save:
        files.check_writable(arguments.save)
    say = _silent if arguments.quiet else output.say

    task = _task(arguments)
    train, test = data.split(task.X, task.Y, test=arguments.test, seed=arguments.seed)
    # Hold out the validation part first: the learning rate falls to 0 over the steps of the rest.
    train, held_out = data.split(*train, test=0.1, seed=arguments.seed) if arguments.patience else (train, None)
    m, in_shape = train[0].shape[-1], tuple(task.X.shape[:-1])
    first: list[Layer] = [] if len(in_shape) == 1 else [Flatten()]
    net = Network([*first, *hidden, Dense(task.units)])
    steps_an_epoch = ceil(m / arguments.batch_size)
    epochs = arguments.epochs or min(max(round(STEPS / steps_an_epoch), EPOCHS[0]), EPOCHS[1])
    kind = optimizers[name]
    lr = arguments.lr or kind.initial_lr

    aim = f"{len(task.classes)} classes" if task.classes else "numbers to predict"
    share = f"{m:,} to train on, " + (f"{held_out[0].shape[-1]:,} to watch, " if held_out else "")
    share += f"{test[0].shape[-1]:,} to test"
    say(f"{arguments.data}: {task.X.shape[-1]:,} examples of {_size(in_shape)}, {aim}; {share}\n")
    say(f"{net.summary(in_shape)}\n")
    say(f"{kind.__name__}, lr {lr:g} falling to 0, {epochs} epochs in batches of {arguments.batch_size}, on {backend}")
    if task.scaled:
        say("Features have mean 0 and variance 1 in training; the weights then take the numbers as they are.")
    sys.stdout.flush()
    x = Scaling.of(train[0]) if task.scaled else None
    y = None if task.cost.classifies else Scaling.of(train[1])
    train_X, train_Y = _scaled(train, x, y)
    fitted = fit(
        net,
        train_X,
        train_Y,
        cost=task.cost,
        optimizer=kind(lr=Cosine(lr, steps=epochs * steps_an_epoch)),
        epochs=epochs,
        batch_size=arguments.batch_size,
        validation=_scaled(held_out, x, y) if held_out else None,
        patience=arguments.patience,
        l2=arguments.l2,
        seed=arguments.seed,
        backend=backend,
        progress=False if arguments.quiet else None,
    )
    params = scaling.into_inputs(net, fitted.params, x) if x else fitted.params
    fitted = replace(fitted, params=scaling.into_outputs(net, params, y) if y else params)

    say(_how_it_went(fitted, epochs))
    output.say(_how_good(fitted, train, test))
    if arguments.save:
        save(arguments.save, fitted, classes=task.classes, features=task.features)
        say(f"saved to {arguments.save}")
    return output.STOPPED if fitted.stopped and fitted.stopped.endswith("by Ctrl-C") else 0


def _scaled(part: Pair, x: Scaling | None, y: Scaling | None) -> Pair:
    X, Y = part
    return x(X) if x else X, y(Y) if y else Y


def _silent(text: str) -> None:
    """Say nothing."""


def _size(in_shape: tuple[int, ...]) -> str:
    return f"{in_shape[0]} features" if len(in_shape) == 1 else "×".join(map(str, in_shape))


def _task(arguments: argparse.Namespace) -> Task:
    """Classification if the targets are words or few different integers, else regression."""
    X, Y, classes, features = data.load(arguments.data, arguments.target, HOST)
    xp = array_namespace(Y)
    if classes is None and not _varies(Y):
        got = "the same number in every row"
        raise DataError(f"{arguments.data}: the target must vary; got {got}; choose another --target")
    # The columns of a table may have different units; pixels and the data sets have one scale already.
    scaled = X.ndim == 2 and arguments.data not in SETS
    if Y.shape[0] > 1 or (arguments.numbers and classes is None):
        Y = xp.astype(Y, X.dtype)
    if arguments.numbers:
        if classes is not None:
            raise ValueRangeError(
                f"--numbers: the target must be numbers; got words, like {classes[0]!r}; leave it out"
            )
        return Task(X, Y, Y.shape[0], Cost("mean_squared_error"), None, features, scaled)
    if Y.shape[0] == 1 and classes is None and (xp.isdtype(Y.dtype, "integral") or bool(xp.all((Y == 0) | (Y == 1)))):
        values, Y_numbered = xp.unique_inverse(Y)
        # Many different values with few examples each are quantities.
        if values.shape[0] > 20 and Y.shape[-1] < 10 * values.shape[0]:
            Y = xp.astype(Y, X.dtype)
        else:
            classes = tuple(f"{float(value):g}" for value in values)
            Y = xp.astype(xp.reshape(Y_numbered, Y.shape), xp.int32)
    if classes is not None and len(classes) < 2:
        rule, got = "there must be two classes or more", f"only {classes[0]!r}"
        raise DataError(f"{arguments.data}: {rule}; got {got}; choose another --target")
    units = Y.shape[0] if classes is None else len(classes) if len(classes) > 2 else 1
    return Task(X, Y, units, suited(arguments.data, Y, units), classes, features, scaled)


def _varies(Y: Array) -> bool:
    return bool(array_namespace(Y).any(Y[:, :1] != Y))


def _how_it_went(fitted: Fit, epochs: int) -> str:
    done = f"all {epochs} epochs done" if epochs > 1 else "1 epoch done"
    ended = f"stopped {fitted.stopped}" if fitted.stopped else done
    pace = f", {1000 * fitted.seconds / fitted.steps:.3g} ms a step" if fitted.steps else ""
    b = fitted.backend
    return f"{ended}: {fitted.steps:,} steps in {fitted.seconds:.2f} s{pace}, on {b} ({b.title} {b.version})"


def _how_good(fitted: Fit, *parts: tuple[Array, Array]) -> str:
    """The cost of both parts, and the accuracy, or R² for regression."""
    figures = [fitted.evaluate(X, Y) for X, Y in parts]
    train, test = (f"{part['cost']:.4g}" for part in figures)
    costs = f"cost ({fitted.cost.name}): {train} in training, {test} in the test"
    if fitted.cost.classifies:
        train, test = (f"{100 * part['accuracy']:.2f} %" for part in figures)
        return f"{costs}\naccuracy: {train} in training, {test} in the test"
    train, test = (r2(part["cost"], Y) for part, (_, Y) in zip(figures, parts, strict=True))
    return f"{costs}\nR²: {train} in training, {test} in the test"


def r2(cost: float, Y: Array) -> str:
    """R² = 1 - cost / variance: 1 is perfect, 0 is as good as the mean of Y."""
    if not _varies(Y):
        return "undefined"
    Y = scaling.wide(Y)
    xp = array_namespace(Y)
    return f"{1 - cost / float(xp.mean(xp.var(Y, axis=-1))):.4f}"
