"""Data sets and readers.  Files hold examples as rows; the readers return columns, as a view."""

from collections.abc import Sequence
from pathlib import Path

from xnet.data.examples import one_hot, split
from xnet.data.files import Data, read, read_features
from xnet.data.rows import FilePath, only_for, wrong
from xnet.data.sets import SETS, Choice, digits, flower, moons, spirals
from xnet.errors import UnknownNameError
from xnet.names import near
from xnet.types import Array

__all__ = [
    "Data",
    "digits",
    "flower",
    "load",
    "load_features",
    "moons",
    "one_hot",
    "read",
    "read_features",
    "spirals",
    "split",
]


def load(name: FilePath, target: str | int | None = None, backend: Choice = None) -> Data:
    """A data set by name, or a file: `load("digits")`, `load("houses.csv")`."""
    return Data(*SETS[str(name)](backend=backend)) if _is_set(name, target) else read(name, target, backend)


def load_features(
    name: FilePath,
    expected: int,
    target: str | int | None = None,
    backend: Choice = None,
    *,
    names: Sequence[str] | None = None,
) -> Array:
    """X without labels, with `expected` features an example, from a data set or from a file by `read_features`."""
    if not _is_set(name, target):
        return read_features(name, expected, target, backend, names=names)
    X, _ = SETS[str(name)](backend=backend)
    if X.shape[0] != expected:
        rule, fix = f"an example must have {expected} features", "give data like that the model was trained on"
        raise wrong(name, rule, f"X.shape={tuple(X.shape)}", fix)
    return X


def _is_set(name: FilePath, target: str | int | None) -> bool:
    """Whether `name` is a data set.  A word that is neither a data set nor a file is an error."""
    if isinstance(name, str) and name in SETS:
        only_for("target", target, "a table", name)
        return True
    path = Path(name)
    if not path.exists() and not path.suffix and path.name == str(name):
        close = near(path.name, SETS)
        hint = f"; did you mean {close!r}?" if close else ""
        raise UnknownNameError(f"data: one of {', '.join(SETS)}, or a file; got name={path.name!r}{hint}")
    return False
