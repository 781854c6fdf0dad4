"""The command `xnet`: info, bench, train, predict."""

import argparse
import csv
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, inf, prod
from typing import Any, NoReturn, TextIO

from array_api_compat import array_namespace

from xnet import data, files, names, optimizers, scaling
from xnet.backends import HOST, of
from xnet.backends import backend as find_backend
from xnet.bench import command
from xnet.costs import Cost, suited
from xnet.data.sets import SETS, Pair
from xnet.errors import BackendWarning, DataError, ValueRangeError, XnetError
from xnet.layers import Dense, Flatten, Layer
from xnet.network import Network
from xnet.optimizers import Optimizer
from xnet.scaling import Scaling
from xnet.schedules import Cosine
from xnet.train import Fit, fit
from xnet.types import Array
from xnet.version import __version__

WRONG, STOPPED, PIPE_CLOSED = 2, 130, 141

# What `xnet train` takes where it is told nothing: found on the four data sets, over many seeds.
STEPS, EPOCHS = 2000, (10, 500)
RATES = {"sgd": 0.2, "momentum": 0.2, "rmsprop": 0.002, "adam": 0.005, "adamw": 0.005}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status.

    0 is success, 1 that `info --require` misses a backend or `bench` something,
    2 a mistake, 130 Ctrl-C, 141 a closed pipe.
    """
    if sys.stdout is None:
        _complain("the output must be writable; got a closed standard output")
        return WRONG
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without σ or ─ shows ? instead
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, warnings.showwarning)
        try:
            return _run(argv)
        except OSError as error:
            if error.filename is not None:
                raise  # not the output: a file that nobody expected to fail
            _give_up(sys.stdout)
            if isinstance(error, BrokenPipeError):
                return PIPE_CLOSED
            _complain(f"the output must be writable; got {error.strerror or error}")
            return WRONG


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.run(arguments)
    except XnetError as error:
        _complain(str(error))
        status = WRONG
    except KeyboardInterrupt:
        _complain("stopped by Ctrl-C")
        status = STOPPED
    finally:
        sys.stdout.flush()
    return status


def _complain(message: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"xnet: {' '.join(message.split())}\n")
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)  # nobody can be told; the exit status still tells


def _give_up(stream: TextIO) -> None:
    """Let the rest go nowhere: Python flushes once more as it ends, and must not fail again then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _show_warning(
    otherwise: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    if issubclass(category, BackendWarning):
        _complain(f"warning: {message}")
    else:
        otherwise(message, category, *where, **more)


# The command line


class UsageError(XnetError, ValueError):
    """A command line that cannot be read."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _parser() -> Parser:
    parser = Parser("xnet", description="Neural networks on the array library of your choice.")
    parser.set_defaults(run=partial(_help, parser))
    parser.add_argument("--version", action="version", version=f"xnet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    info = commands.add_parser("info", help="the backends, this computer, and advice")
    info.set_defaults(run=_info)
    info.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    info.add_argument("--require", action="append", default=[], metavar="NAME", help="exit with 1 if it is not usable")

    command.add_options(commands.add_parser("bench", help="how much faster arrays are than loops, timed here"))

    train = commands.add_parser("train", help="train a network on a data set or a file")
    train.set_defaults(run=_train)
    add = train.add_argument
    add("data", metavar="DATA", help=f"{', '.join(SETS)}, or a .csv, .tsv, .npz or IDX file, or a folder of images")
    add("--target", metavar="COLUMN", help="the target's column in a table, by name or index (the last)")
    add("--numbers", action="store_true", help="take whole numbers in the target for quantities, not for classes")
    add(
        "--layers", type=_units, default="64,32", metavar="N,N,…", help='units of the hidden layers (64,32); "" is none'
    )
    add("--activation", default="relu", metavar="NAME", help="of the hidden layers (relu)")
    add("--optimizer", default="adam", metavar="NAME", help=f"{', '.join(_optimizers())} (adam)")
    add("--lr", type=_above_0, metavar="α", help="the first learning rate; it falls to 0 along half a cosine")
    add("--epochs", type=_count, metavar="N", help=f"(as many as {STEPS} steps take, from {EPOCHS[0]} to {EPOCHS[1]})")
    add("--batch-size", type=_count, default=64, metavar="N", help="(64)")
    add("--l2", type=_from_0, default=0.001, metavar="λ", help="weight of ½ Σ W² in the cost (0.001)")
    add("--patience", type=_count, metavar="N", help="stop after N epochs without a better cost on a tenth held out")
    add("--test", type=_share, default=0.2, metavar="SHARE", help="share of the examples kept for the test (0.2)")
    add("--seed", type=_seed, default=0, metavar="N", help="of the weights, the order and the split (0)")
    add("--backend", metavar="NAME", help="auto, or a name that xnet info lists")
    add("--save", metavar="FILE", help="write the network to FILE, as model.safetensors")
    add("--quiet", action="store_true", help="print the result alone")

    predict = commands.add_parser("predict", help="what a saved network makes of new data")
    predict.set_defaults(run=_predict)
    predict.add_argument("model", metavar="MODEL", help="a file that xnet train --save has written")
    predict.add_argument(
        "data",
        metavar="DATA",
        help=f"{', '.join(SETS)}, or a .csv, .tsv, .npz or IDX file; a target in it is passed over",
    )
    predict.add_argument(
        "--target", metavar="COLUMN", help="the column to pass over, if there is one (the one that is no feature)"
    )
    predict.add_argument("--backend", metavar="NAME", help="auto, or a name that xnet info lists")
    predict.add_argument("--output", metavar="FILE", help="write a .csv file instead")
    return parser


def _reader(kind: Callable[[str], Any], rule: str, holds: Callable[[Any], bool]) -> Callable[[str], Any]:
    """Text to a value for which the rule holds; else an error that says the rule."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            raise argparse.ArgumentTypeError(f"must be {rule}; got {text!r}")
        return value

    return read


_count = _reader(int, "a whole number of at least 1", lambda n: n >= 1)
_seed = _reader(int, "a whole number from 0 to 2**64 - 1", lambda n: 0 <= n < 2**64)
_above_0 = _reader(float, "a number above 0", lambda x: 0 < x < inf)
_from_0 = _reader(float, "a number of at least 0", lambda x: 0 <= x < inf)
_share = _reader(float, "a share between 0 and 1, as 0.2", lambda x: 0 < x < 1)
_units = _reader(
    lambda text: [int(part) for part in text.split(",")] if text.strip() else [],
    'whole numbers of at least 1 with commas between them, as 64,32, or "" for no hidden layer',
    lambda units: min(units, default=1) >= 1,
)


def _optimizers() -> dict[str, Callable[..., Optimizer]]:
    kinds = names.public(optimizers).values()
    rules = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer]
    return {kind.__name__.lower(): kind for kind in rules}


# The commands


def _help(parser: Parser, arguments: argparse.Namespace) -> int:
    parser.print_help()
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from xnet import info

    missing = info.unusable(arguments.require)
    found = info.look(__version__)
    if arguments.json:
        _say(found.json())
    else:
        found.show()
    for reason in missing:
        _complain(reason)
    return 1 if missing else 0


@dataclass(frozen=True)
class Task:
    """What is to be learnt: columns, targets, how many outputs, and under which cost."""

    X: Array
    Y: Array
    units: int
    cost: Cost
    classes: tuple[str, ...] | None
    features: tuple[str, ...] | None
    scaled: bool


def _train(arguments: argparse.Namespace) -> int:
    optimizers = _optimizers()
    name = arguments.optimizer.lower()
    if name not in optimizers:
        raise names.unknown("optimizer", arguments.optimizer, optimizers)
    hidden = [Dense(units, arguments.activation) for units in arguments.layers]
    Dense(1, arguments.activation)  # an unknown name is an error even where no layer has it
    backend = find_backend(arguments.backend)
    if arguments.save:
        files.check_writable(arguments.save)
    say = _silent if arguments.quiet else _say

    task = _task(arguments)
    train, test = data.split(task.X, task.Y, test=arguments.test, seed=arguments.seed)
    # The learning rate falls to 0 over the steps that are left once a part is held out.
    train, held_out = data.split(*train, test=0.1, seed=arguments.seed) if arguments.patience else (train, None)
    m, in_shape = train[0].shape[-1], tuple(task.X.shape[:-1])
    first: list[Layer] = [] if len(in_shape) == 1 else [Flatten()]
    net = Network([*first, *hidden, Dense(task.units)])
    steps_an_epoch = ceil(m / arguments.batch_size)
    epochs = arguments.epochs or min(max(round(STEPS / steps_an_epoch), EPOCHS[0]), EPOCHS[1])
    kind = optimizers[name]
    lr = arguments.lr or RATES.get(name, 0.001)

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
    params = scaling.into_first(fitted.params, x) if x else fitted.params
    fitted = replace(fitted, params=scaling.into_last(params, y) if y else params)

    say(_how_it_went(fitted, epochs))
    _say(_how_good(fitted, train, test))
    if arguments.save:
        files.save(arguments.save, fitted, classes=task.classes, features=task.features)
        say(f"saved to {arguments.save}")
    return STOPPED if fitted.stopped and fitted.stopped.endswith("by Ctrl-C") else 0


def _scaled(part: Pair, x: Scaling | None, y: Scaling | None) -> Pair:
    X, Y = part
    return x(X) if x else X, y(Y) if y else Y


def _silent(text: str) -> None:
    """Say nothing."""


def _size(in_shape: tuple[int, ...]) -> str:
    return f"{in_shape[0]} features" if len(in_shape) == 1 else "×".join(map(str, in_shape))


def _task(arguments: argparse.Namespace) -> Task:
    """Classes where labels are words or few whole numbers, quantities elsewhere."""
    X, Y, classes, features = data.load(arguments.data, arguments.target, HOST)
    xp = array_namespace(Y)
    if classes is None and not _varies(Y):
        got = "the same number in every row"
        raise DataError(f"{arguments.data}: the target must vary; got {got}; choose another --target")
    # A table's columns may be metres beside grams; pixels and the data sets are of one size already.
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
        # So many values with so few examples of each are quantities.
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
    """The cost of both parts, and the accuracy, or for quantities R²."""
    figures = [fitted.evaluate(X, Y) for X, Y in parts]
    train, test = (f"{part['cost']:.4g}" for part in figures)
    costs = f"cost ({fitted.cost.name}): {train} in training, {test} in the test"
    if fitted.cost.classifies:
        train, test = (f"{100 * part['accuracy']:.2f} %" for part in figures)
        return f"{costs}\naccuracy: {train} in training, {test} in the test"
    train, test = (_r2(part["cost"], Y) for part, (_, Y) in zip(figures, parts, strict=True))
    return f"{costs}\nR²: {train} in training, {test} in the test"


def _r2(cost: float, Y: Array) -> str:
    """1 - cost / variance: 1 is perfect, 0 no better than the mean."""
    if not _varies(Y):
        return "undefined"
    Y = scaling.wide(Y)
    xp = array_namespace(Y)
    return f"{1 - cost / float(xp.mean(xp.var(Y, axis=-1))):.4f}"


def _predict(arguments: argparse.Namespace) -> int:
    backend = find_backend(arguments.backend)
    if arguments.output:
        files.check_writable(arguments.output)
    model = files.load(arguments.model, backend)
    X = data.load_features(arguments.data, prod(model.in_shape), arguments.target, HOST, names=model.features)
    xp = array_namespace(X)
    X = find_backend(HOST).asarray(xp.reshape(X, (*model.in_shape, -1)), dtype=model.dtype)
    P = model.predict(X)
    rows = _rows(model, of(P).to_numpy(P))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if arguments.output:
        writer.writerow(["label", "probability"] if len(rows[:1]) and len(rows[0]) == 2 else ["prediction"])
    writer.writerows(rows)
    if arguments.output:
        files.write(arguments.output, text.getvalue().encode())
    else:
        sys.stdout.write(text.getvalue())
    return 0


def _rows(model: files.Model, P: Array) -> list[list[str]]:
    """A line for each example: the label and its probability, or the outputs themselves."""
    xp = array_namespace(P)
    if model.cost.name == "softmax_cross_entropy":
        labels, best = xp.argmax(P, axis=0), xp.max(P, axis=0)
    elif model.cost.classifies and P.shape[0] == 1:
        labels, best = xp.astype(P[0, :] > 0.5, xp.int32), xp.maximum(P[0, :], 1 - P[0, :])
    else:
        return [[f"{float(p):.9g}" for p in column] for column in P.T]
    said = model.classes or [str(i) for i in range(max(P.shape[0], 2))]
    return [[said[int(label)], f"{float(p):.6g}"] for label, p in zip(labels, best, strict=True)]
