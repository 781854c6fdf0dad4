"""The table of backends that the tests run on: one row here puts a backend under every test that takes `xb`.

XNET_TEST_BACKENDS chooses rows by name, separated by commas; `all` is every row that needs no GPU.
"""

import os
import sys
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnet.backends import Backend, backend

FAKE_CUPY = Path(__file__).parent / "fake_cupy"


@dataclass(frozen=True)
class Row:
    """A backend, and how its arrays are made for a test."""

    name: str
    float64: bool = True
    readonly: bool = False
    gpu: bool = False
    fake: bool = False
    find: str = ""

    def open(self) -> "Bench":
        return Bench(self, backend(self.find or self.name))


@dataclass(frozen=True)
class Bench:
    """What `xb` is: a backend, and arrays on it."""

    row: Row
    backend: Backend

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def float64(self) -> bool:
        return self.row.float64

    @property
    def xp(self) -> Any:
        return self.backend.xp

    def asarray(self, x: Any, dtype: str | None = "float32") -> Any:
        array = self.backend.asarray(x, dtype=dtype, copy=self.row.readonly or None)
        if self.row.readonly:
            array.setflags(write=False)
        return array

    def to_numpy(self, x: Any) -> Any:
        return self.backend.to_numpy(x)


ROWS = (
    Row("numpy"),
    Row("readonly", readonly=True, find="numpy"),  # a write into an argument fails
    Row("strict"),
    Row("strict:device1"),  # an array made without `device=` fails
    Row("torch"),
    Row("jax"),
    Row("dask"),
    Row("cupy", gpu=True),
    Row("fake-cupy", gpu=True, fake=True, find="cupy"),  # no GPU: NumPy under CuPy's names, see fake_cupy/
)
DEFAULT = "numpy,readonly,strict,strict:device1"


def choose(asked: str) -> list[Row]:
    """The rows of that choice; a name that no row has is an error."""
    if asked == "all":
        return [row for row in ROWS if not row.gpu]
    rows = {row.name: row for row in ROWS}
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = [name for name in names if name not in rows]
    if unknown or not names:
        raise ValueError(f"XNET_TEST_BACKENDS has {unknown or 'nothing'}; the rows are all, {', '.join(rows)}")
    if {"cupy", "fake-cupy"} <= set(names):
        raise ValueError("XNET_TEST_BACKENDS has cupy and fake-cupy; a process imports one of them; name one")
    return [rows[name] for name in names]


def selected() -> list[Row]:
    return choose(os.environ.get("XNET_TEST_BACKENDS") or DEFAULT)


def prepare(rows: list[Row]) -> None:
    """What the rows need before they are opened: the fake CuPy on the path, here and in programs that tests start."""
    if any(row.fake for row in rows) and str(FAKE_CUPY) not in sys.path:
        sys.path.insert(0, str(FAKE_CUPY))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FAKE_CUPY), os.environ.get("PYTHONPATH")]))


def counting() -> AbstractContextManager[Counter[str]]:
    """A block in which the fake CuPy counts launches, waiting and copies."""
    from cupy._counts import counting

    return counting()  # type: ignore[no-any-return]
