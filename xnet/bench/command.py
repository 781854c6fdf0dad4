"""`xnet bench`: its options, its output while it runs, and the comparison of two reports."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from xnet import files
from xnet.backends import Backend, backends
from xnet.backends import backend as find_backend
from xnet.bench.cases import CASES
from xnet.bench.charts import si, times
from xnet.bench.compare import changes
from xnet.bench.rows import Report, Row, crossings, read
from xnet.bench.run import Options, Show, run
from xnet.errors import DataError, DtypeError
from xnet.names import unknown

COLUMNS = {"case": 17, "size": 15, "dtype": 7, "backend": 12, "form": 13, "time": 8, "spread": 6, "first call": 10,
           "speed-up": 8, "rate": 22}  # fmt: skip
# The columns in order of importance: a narrow terminal shows the first of them
WORTH = ("size", "form", "time", "backend", "dtype", "speed-up", "spread", "first call", "rate")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=bench)
    add = parser.add_argument
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", action="store_const", dest="mode", const="quick", help="a few sizes of each (default)")
    mode.add_argument("--full", action="store_const", dest="mode", const="full", help="all sizes, in a few minutes")
    add("--case", action="append", default=[], metavar="NAME", help=f"only this case, one of {', '.join(CASES)}")
    add("--backend", action="append", default=[], metavar="NAME", help="only this backend (default: all usable ones)")
    add("--dtype", choices=["float32", "float64"], help="only this dtype (most cases have float32, some have both)")
    add("--json", metavar="FILE", help="also write everything to FILE")
    add("--html", metavar="FILE", help="also write an HTML page with charts to FILE")
    add("--compare", metavar="OLD", help="compare the times with those in OLD, and exit with 1 if some are slower")


def bench(arguments: argparse.Namespace) -> int:
    options = chosen(arguments)
    old = None if arguments.compare is None else read(arguments.compare)
    if old and not any(map(options.include, old.rows)):
        raise DataError("bench --compare: the reports must share a row; got none; run the same cases and backends")
    for path in (arguments.json, arguments.html):
        if path is not None:
            files.check_writable(path)
    with screen() as show:
        report = run(options, show, old.rows if old else ())
    tell(report)
    if arguments.json:
        files.write(arguments.json, report.json().encode())
    if arguments.html:
        from xnet.bench.report import html

        files.write(arguments.html, html(json.loads(report.json())).encode())
    if report.stopped:
        raise KeyboardInterrupt
    slower = old is not None and compare(old, report)
    return 1 if slower or report.failed else 0


def chosen(arguments: argparse.Namespace) -> Options:
    """The options, or an error that names the unknown case or backend."""
    for name in arguments.case:
        if name not in CASES:
            raise unknown("case", name, CASES)
    here: list[Backend | str] = arguments.backend or [status.name for status in backends() if status.usable]
    found = tuple(dict.fromkeys(map(find_backend, here)))
    dtype = arguments.dtype
    if dtype and not any(backend.has(dtype) for backend in found):
        fix = found[0].dtype_fix(dtype)
        raise DtypeError(f"bench: a backend must have the type; got dtype={dtype}, backend={found[0]}; {fix}")
    cases = [name for name in CASES if name in (arguments.case or CASES)]
    return Options(arguments.mode or "quick", tuple(cases), found, dtype)


# Output


def cells(row: Row) -> tuple[str, ...]:
    estimated = "~" if row.extrapolated else ""
    rates = [si(amount / row.seconds, unit) for amount, unit in ((row.bytes, "B/s"), (row.flops, "FLOP/s")) if amount]
    return (
        row.case,
        row.size_text,
        row.dtype,
        row.backend,
        row.form,
        estimated + si(row.seconds, "s"),
        f"±{100 * row.spread:.0f} %",
        estimated + si(row.first, "s"),
        times(row.speedup) if row.speedup else "",
        ", ".join(rates),
    )


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def line(texts: Iterable[str]) -> str:
    return "  ".join(f"{text:<{width}}" for text, width in zip(texts, COLUMNS.values(), strict=False)).rstrip()


def fitting(width: int) -> list[str]:
    """The columns that fit into the width, the most important first: no cell is cut short."""
    ends = accumulate(COLUMNS[name] + 2 for name in WORTH)
    room = [name for name, end in zip(WORTH, ends, strict=True) if end <= width]
    return [name for name in COLUMNS if name in room]


@contextmanager
def screen() -> Iterator[Show]:
    """Show rows as they come: in a terminal a growing table for each case, elsewhere lines."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        say(line(COLUMNS))
        yield lambda row: say(row if isinstance(row, str) else line(cells(row)))
        return
    tables = Tables(console)
    try:
        yield tables.show
    finally:
        tables.end()


class Tables:
    """A table for each case.  The last one is redrawn for each new row."""

    def __init__(self, console: Any) -> None:
        self.console, self.case, self.columns = console, "", fitting(console.width)
        self.live: Any = None

    def show(self, row: Row | str) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.live import Live
        from rich.table import Table

        if isinstance(row, str):
            self.end()
            self.console.print(row)
            return
        if row.case != self.case:
            self.end()
            title = f"{row.case}: {row.title} ({row.course})"
            self.table = Table(
                *self.columns, box=SIMPLE_HEAD, title=title, title_justify="left", collapse_padding=True, pad_edge=False
            )
            self.case, self.live = row.case, Live(self.table, console=self.console, auto_refresh=False)
            self.live.start()
        texts = dict(zip(COLUMNS, cells(row), strict=True))
        self.table.add_row(*(texts[name] for name in self.columns))
        self.live.refresh()

    def end(self) -> None:
        if self.live is not None:
            self.live.stop()
        self.case = ""


def tell(report: Report) -> None:
    """Print what follows the rows: ceilings, crossings, left-out rows, failures, advice and the headline."""
    say("")
    if any(row.extrapolated for row in report.rows):
        say("~ a loop measured at a smaller size, scaled up in proportion")
    for name, ceiling in report.ceilings.items():
        copies, products = si(ceiling["bytes_per_second"], "B/s"), si(ceiling["flops_per_second"], "FLOP/s")
        say(f"{name} reached {copies} in a pass over a large array, {products} in a large product (float32)")
    for text in crossings(report.rows):
        say(text)
    for what, texts in {
        "left out": report.left_out,
        "failed": report.failed,
        "advice": report.machine["advice"],
    }.items():
        for text in texts:
            say(f"{what}: {text}")
    if report.headline:
        say(report.headline)


# Comparing two reports


def compare(old: Report, new: Report) -> bool:
    """Print each change, and return whether any row is slower."""
    found = changes(old.rows, new.rows)
    if old.machine.get("cpu") != new.machine.get("cpu"):
        say(f"the older report is from another processor: {old.machine.get('cpu')}")
    say("\nnew time / old time")
    for change in found:
        say(line((*cells(change.row)[:5], f"{change.ratio:.2f}", f"{change.verdict} (±{100 * change.noise:.0f} %)")))
    verdicts = Counter(change.verdict for change in found)
    say(", ".join(f"{verdicts[verdict]} {verdict}" for verdict in ("slower", "within noise", "faster")))
    return verdicts["slower"] > 0
