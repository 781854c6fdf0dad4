"""Choosing the reader by the name of the file, and turning rows into columns."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from xnet.backends import backend as find_backend
from xnet.data import arrays, images, tables
from xnet.data.rows import FilePath, Rows, columns, numbers, only_for, wrong
from xnet.data.sets import Choice
from xnet.types import Array

Kind: TypeAlias = Literal["table", "npz", "idx", "folder"]


class Data(NamedTuple):
    """X (…, m) and Y (1, m).   `classes`: the names of the labels 0, 1, …; `features`: those of the rows of X."""

    X: Array
    Y: Array
    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None


def read(
    path: FilePath, target: str | int | None = None, backend: Choice = None, *, size: tuple[int, int] | None = None
) -> Data:
    """The examples and labels of a file.

    `.csv .tsv`: with or without a header.  The target is the column with that name or index, by default the last.
    `.npz`: X and Y, x and y, data and target, or x_train and y_train; X (m, features), (m, h, w) or (m, h, w, c).
    `.idx` or `-ubyte`: the file of images, with the file of labels in the same folder.
    Tables and IDX files may end in `.gz`.
    A folder: one folder of images for each class.  All images have one size or are resized to `size=(h, w)`.
    Targets: words become labels in sorted order, integers stay labels, other numbers become float32.
    """
    path = Path(path)
    X, y, classes, features = _rows(path, target, size, None)
    y = y if y is None else y.reshape(len(y), math.prod(y.shape[1:]))
    if y is None or len(y) != len(X):
        given = "no labels" if y is None else f"{len(y)} labels"
        fix = "save X.T" if y is not None and X.shape[-1] == len(y) else "give each example its label"
        raise wrong(path, "examples are rows, as many as labels", f"X.shape={X.shape}, {given}", fix)
    b = find_backend(backend)
    return Data(b.asarray(columns(numbers(path, X))), b.asarray(y.T), classes, features)


def read_features(
    path: FilePath,
    expected: int,
    target: str | int | None = None,
    backend: Choice = None,
    *,
    names: Sequence[str] | None = None,
) -> Array:
    """X without labels, with `expected` features an example.  If a table has one column more, its target is left out.

    With a header, the columns of a table are put into the order of `names`; without one, they keep their order.
    """
    path = Path(path)
    X = _rows(path, target, None, expected, names).X
    if math.prod(X.shape[1:]) != expected:
        fix = "give data like that the model was trained on"
        raise wrong(path, f"an example must have {expected} features", f"X.shape={X.shape}", fix)
    return find_backend(backend).asarray(columns(numbers(path, X)))


def _rows(
    path: Path,
    target: str | int | None,
    size: tuple[int, int] | None,
    expected: int | None,
    names: Sequence[str] | None = None,
) -> Rows:
    kind = _kind(path)
    if kind != "table":
        only_for("target", target, "a table", path)
    if kind != "folder":
        only_for("size", size, "a folder of images", path)
    if kind == "table":
        return tables.read(path, target, expected, names)
    if kind == "folder":
        if expected is not None:
            raise wrong(path, "features are read from a file", "a folder", "save the images as X in one .npz")
        return images.read(path, size)
    reader = arrays.read_npz if kind == "npz" else arrays.read_idx
    return reader(path, labelled=expected is None)


def _kind(path: Path) -> Kind:
    if not path.exists():
        raise wrong(path, "the file must exist", f"{path.absolute()}", "check the name, or give the whole path")
    name = path.name.lower()
    if path.is_dir():
        return "folder"
    if name.removesuffix(".gz").endswith((".csv", ".tsv")):
        return "table"
    if re.search(r"(\.idx|idx\d-ubyte)(\.gz)?$", name):
        return "idx"
    if name.endswith(".npz"):
        return "npz"
    rule = "a file ends in .csv, .tsv, .npz, .idx or idx3-ubyte, or is a folder of images"
    raise wrong(path, rule, f"suffix={path.suffix!r}", "rename or convert the file")
