"""Data sets and readers.  Files hold examples as rows; they become columns here, once, as a view."""

from pathlib import Path

from xnet.data.examples import one_hot, split
from xnet.data.files import Data, read, read_features
from xnet.data.rows import FilePath, only_for
from xnet.data.sets import SETS, Choice, digits, flower, moons, spirals
from xnet.errors import UnknownNameError
from xnet.names import near

__all__ = ["Data", "digits", "flower", "load", "moons", "one_hot", "read", "read_features", "spirals", "split"]


def load(name: FilePath, target: str | int | None = None, backend: Choice = None) -> Data:
    """A data set by its name, or else a file: `load("digits")`, `load("houses.csv")`."""
    if isinstance(name, str) and name in SETS:
        only_for("target", target, "a table", name)
        return Data(*SETS[name](backend=backend))
    path = Path(name)
    if not path.exists() and not path.suffix and path.name == str(name):
        close = near(path.name, SETS)
        hint = f"; did you mean {close!r}?" if close else ""
        raise UnknownNameError(f"data: one of {', '.join(SETS)}, or a file; got name={path.name!r}{hint}")
    return read(path, target, backend)
