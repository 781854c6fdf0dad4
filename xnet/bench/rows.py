"""Measurements: rows, reports, and what is computed from them."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from inspect import signature
from math import inf
from pathlib import Path
from typing import Any, TypeAlias

from xnet.backends import HOST
from xnet.bench.charts import positive
from xnet.errors import DataError
from xnet.version import __version__

COURSE = 660  # times faster than the loop: the figure of the course for the dot product of a million numbers
LOOPS, ARRAYS, TRANSFERS = ("loop", "one loop"), ("vectorised", "compiled"), ("transfer", "transfer back")
Key: TypeAlias = tuple[str, int, str, str, str]


@dataclass(frozen=True)
class Row:
    """One measurement, in seconds.  An extrapolated one is scaled up from a smaller size."""

    case: str
    course: str
    title: str
    size: int
    size_text: str
    dtype: str
    backend: str
    form: str
    seconds: float
    spread: float
    first: float
    repeats: int
    extrapolated: bool
    bytes: int | None
    flops: int | None
    speedup: float | None

    @property
    def key(self) -> Key:
        """What identifies the measurement in another report."""
        return self.case, self.size, self.dtype, self.backend, self.form


@dataclass(frozen=True)
class Report:
    """All measurements.  `left_out`: what was not measured, and why.  `failed`: what failed, and how."""

    version: str
    created: str
    machine: dict[str, Any]
    options: dict[str, Any]
    ceilings: dict[str, dict[str, float]]
    rows: list[Row]
    headline: str
    left_out: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stopped: bool = False

    def json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def read(path: str) -> Report:
    """The report in a file written by `xnet bench --json`."""
    try:
        told = json.loads(Path(path).read_text("utf-8"))
        report: Report = _known(Report, told | {"rows": [_known(Row, row) for row in told["rows"]]})
        if not (isinstance(report.machine, dict) and all(map(_can_be_compared, report.rows))):
            raise ValueError
    except OSError as error:
        raise DataError(f"{path}: the file must be readable; got {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DataError(
            f"{path}: must be a report, from xnet bench --json; "
            f"got something else, or a report that lacks what version {__version__} writes"
        ) from None
    return report


def _known(kind: Callable[..., Any], told: dict[str, Any]) -> Any:
    """A Report or Row from a dict.   Unknown fields, of another version, are ignored."""
    return kind(**{name: value for name, value in told.items() if name in signature(kind).parameters})


def _can_be_compared(row: Row) -> bool:
    kinds = tuple(map(type, row.key))
    return kinds == (str, int, str, str, str) and positive(row.seconds) and 0 <= row.spread < inf


def headline(rows: Iterable[Row]) -> str:
    """The result of the dot product of 10⁶ numbers beside that of the course (C10); '' if it was not measured."""
    for row in rows:
        if row.key == ("dot", 1_000_000, "float64", HOST, "vectorised") and row.speedup:
            return f"Dot of 1,000,000 numbers: {row.speedup:,.0f} times faster; the course measured {COURSE}"
    return ""


def crossings(rows: Sequence[Row]) -> list[str]:
    """The size from which on another device is faster than the host, for each case, without and with transfers."""
    told = []
    for case, dtype, device in dict.fromkeys((r.case, r.dtype, r.backend) for r in rows if r.form in TRANSFERS):
        mine = [row for row in rows if (row.case, row.dtype) == (case, dtype)]
        here, there = (_fastest(mine, backend) for backend in (HOST, device))
        ways = [row for row in mine if row.backend == device and row.form in TRANSFERS]
        text = {row.size: row.size_text for row in mine}
        sizes = sorted(here.keys() & there.keys())
        alone = [n for n in sizes if there[n] < here[n]]
        carried = [n for n in sizes if there[n] + sum(row.seconds for row in ways if row.size == n) < here[n]]
        found = [_last_run(won, sizes) for won in (alone, carried)]
        starts = [f"from {text[size]} on" if size else "at no size measured" for size in found]
        if sizes:
            told.append(f"{case}, {dtype}: {device} overtakes {HOST} {starts[0]}; with the transfers {starts[1]}")
    return told


def _last_run(won: Sequence[int], sizes: Sequence[int]) -> int | None:
    """The smallest size from which on all sizes are in `won`."""
    last = [size for k, size in enumerate(sizes) if set(sizes[k:]) <= set(won)]
    return last[0] if last else None


def _fastest(rows: Iterable[Row], backend: str) -> dict[int, float]:
    """The shortest time on a backend for each size."""
    found: dict[int, float] = {}
    for row in rows:
        if row.backend == backend and row.form in ARRAYS:
            found[row.size] = min(row.seconds, found.get(row.size, row.seconds))
    return found
