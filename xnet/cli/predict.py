"""`xnet predict`: its options and its output."""

import argparse
import csv
import io
import sys
from math import prod

from array_api_compat import array_namespace

from xnet import data, files
from xnet.backends import HOST, backend_of
from xnet.backends import backend as find_backend
from xnet.data.sets import SETS
from xnet.train.model import Model, load
from xnet.types import Array


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a file that xnet train --save has written")
    add(
        "data",
        metavar="DATA",
        help=f"{', '.join(SETS)}, or a .csv, .tsv, .npz or IDX file; a target in it is passed over",
    )
    add("--target", metavar="COLUMN", help="the column to pass over, if there is one (the one that is no feature)")
    add("--backend", metavar="NAME", help="auto, or a name that xnet info lists")
    add("--output", metavar="FILE", help="write a .csv file instead")


def run(arguments: argparse.Namespace) -> int:
    backend = find_backend(arguments.backend)
    if arguments.output:
        files.check_writable(arguments.output)
    model = load(arguments.model, backend)
    X = data.load_features(arguments.data, prod(model.in_shape), arguments.target, HOST, names=model.features)
    xp = array_namespace(X)
    X = find_backend(HOST).asarray(xp.reshape(X, (*model.in_shape, -1)), dtype=model.dtype)
    P = model.predict(X)
    rows = _rows(model, backend_of(P).to_numpy(P))
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


def _rows(model: Model, P: Array) -> list[list[str]]:
    """A line for each example: the label and its probability, or the outputs of the network."""
    found = model.cost.labels(P)
    if found is None:
        return [[f"{float(p):.9g}" for p in column] for column in P.T]
    classes = model.classes or [str(i) for i in range(max(P.shape[0], 2))]
    return [[classes[int(label)], f"{float(p):.6g}"] for label, p in zip(*found, strict=True)]
