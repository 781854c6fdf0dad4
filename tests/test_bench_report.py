"""The HTML page of a benchmark report.  The measurements here are made up."""

import json
import re
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser
from math import log
from typing import Any

import pytest

from xnet.bench.charts import Log, digits, power, si, spread, times
from xnet.bench.report import html

Report = dict[str, Any]
CASES = {  # name: course, title, letter, sizes, seconds of a loop for one, bytes for one, flops for one
    "dot": ("C10", "dot product", "n", (1_000, 30_000, 1_000_000), 8e-8, 16, 2),
    "exp": ("C11", "exponential", "n", (1_000, 30_000, 1_000_000), 1.1e-7, 16, 10),
    "matvec": ("C11", "matrix times vector", "n²", (10_000, 1_000_000), 9e-8, 8, 2),
    "logistic": ("C12", "logistic gradient", "m", (100, 1_000, 10_000), 4e-5, 1_600, 810),
    "dense": ("C23", "dense layer, unit by unit", "m", (10, 1_000), 9e-3, 3_000, 200_000),
    "network": ("C32", "network, example by example", "m", (100, 1_000), 3e-2, 12_000, 1_300_000),
}
WAYS = {  # backend, form: a fixed cost in seconds, gain over the loop
    ("numpy", "vectorised"): (2e-6, 190),
    ("numpy", "compiled"): (3e-6, 420),
    ("torch", "vectorised"): (8e-6, 350),
    ("torch", "transfer"): (4e-5, 90),
    ("jax", "compiled"): (2e-5, 400),
}


def row(case: str, size: int, backend: str, form: str, seconds: float, loop: float) -> Report:
    course, title, letter, *_, moved, work = CASES[case]
    return {
        "case": case, "course": course, "title": title, "size": size, "size_text": f"{letter} = {size:,}",
        "dtype": "float64", "backend": backend, "form": form, "seconds": seconds, "spread": 0.021,
        "first": 3.1 * seconds, "repeats": 7, "extrapolated": form == "loop" and seconds > 1,
        "bytes": moved * size, "flops": work * size, "speedup": None if form == "loop" else loop / seconds,
    }  # fmt: skip


def measured() -> Iterator[Report]:
    for case, (*_, sizes, each, _, _) in CASES.items():
        for size in sizes:
            loop = each * size
            yield row(case, size, "numpy", "loop", loop, loop)
            if case == "logistic":
                yield row(case, size, "numpy", "one loop", loop / 21, loop)
            for (backend, form), (fixed, gain) in WAYS.items():
                yield row(case, size, backend, form, fixed + loop / gain, loop)


def report() -> Report:
    return {
        "version": "0.1.0", "created": "2025-03-09T14:07:00Z",
        "machine": {
            "cpu": "Example 9000 16-Core Processor", "cores": 16, "memory": 64 * 2**30, "os": "Linux 6.1 (x86_64)",
            "python": "CPython 3.11.7", "features": ["AVX2"], "gpu": None, "advice": [],
            "blas": {"name": "OpenBLAS", "version": "0.3.31", "threads": 16, "kernel": "Haswell"},
        },
        "options": {"quick": False},
        "ceilings": {
            "numpy": {"bytes_per_second": 9.1e10, "flops_per_second": 3.6e11},
            "torch": {"bytes_per_second": 1.1e11, "flops_per_second": 4.1e11},
            "jax": {"bytes_per_second": 8.4e10, "flops_per_second": 2.9e11},
        },
        "headline": "A million products take 80 ms in a loop and 0.42 ms without: 190 times faster",
        "rows": list(measured()),
    }  # fmt: skip


class Page(HTMLParser):
    """A parsed page: its open elements, the texts of each element, the cells of its table, the marks of its charts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.table: list[list[str]] = []
        self.marks: list[tuple[str, float, float]] = []
        self.ticks: list[tuple[str, float, float]] = []
        self.place = ("", 0.0, 0.0)
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag != "meta":
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")
        if tag == "tr":
            self.table.append([])
        if tag in ("td", "th"):
            self.table[-1].append("")
        if tag == "text":
            self.place = (found["class"], float(found["x"]), float(found["y"]))
        if tag == "path" and (spot := re.match(r"M([-\d.]+) ([-\d.]+)", found["d"])):
            self.place = (found["class"], float(spot[1]), float(spot[2]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("path", "rect")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open:
            return
        self.texts[self.open[-1]][-1] += data
        if {"td", "th"} & {*self.open}:
            self.table[-1][-1] += data
        kind, x, y = self.place
        if self.open[-2:] == ["path", "title"] and "mark" in kind:
            self.marks.append((data, x, y))
        if self.open[-1] == "text" and kind == "tick":
            self.ticks.append((data, x, y))


def value(tick: str) -> float:
    """`10⁻²` → 0.01."""
    base, raised = re.fullmatch(r"(10?)(.*)", tick).groups()  # type: ignore[union-attr]
    exponent = raised.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(base) ** (int(exponent) if exponent else 1)


def only(cases: set[str], **change: Any) -> Report:
    return report() | {"rows": [each | change for each in measured() if each["case"] in cases]}


@pytest.mark.parametrize(
    ("x", "words"),
    [(1, "1.00 s"), (0.00123, "1.23 ms"), (9.996e-4, "1.00 ms"), (1e-6, "1.00 µs"), (3.21e-8, "32.1 ns"),
     (999.6, "1.00 ks"), (412.3, "412 s"), (3.6e11, "360 Gs"), (2e-16, "0.000200 ps"), (5e21, "5,000 Es")],
)  # fmt: skip
def test_si(x: float, words: str) -> None:
    assert si(x, "s") == words


def test_numbers_are_short() -> None:
    assert [times(x) for x in (1236.4, 999.7, 21, 3.214, 0.4237)] == ["1,240×", "1,000×", "21.0×", "3.21×", "0.424×"]
    assert [si(10.0**k, "s", exact=True) for k in (-7, -6, -1, 0, 4)] == ["100 ns", "1 µs", "100 ms", "1 s", "10 ks"]
    assert [power(k) for k in (-2, 0, 1, 12)] == ["10⁻²", "1", "10", "10¹²"]
    assert [digits(x) for x in (0.125, 66.7, 12345)] == ["0.125", "66.7", "12,345"]


def test_an_axis_has_whole_decades() -> None:
    axis = Log.over([3, 400], 0, 300)
    assert (axis.first, axis.last) == (0, 3)
    assert [axis(x) for x in (1, 10, 1000)] == pytest.approx([0, 100, 300])
    assert list(Log.over([1], 0, 1).decades) == [0, 1]
    assert len(Log.over([1e-9, 1e15], 0, 1).decades) <= 9


@pytest.mark.parametrize(
    ("wanted", "places"),
    [([], []), ([50], [50]), ([50, 50], [45, 55]), ([20, 80], [20, 80]), ([1, 2, 3], [0, 10, 20]),
     ([99, 98], [100, 90]), ([50, 52, 80], [46, 56, 80]), ([50, 40, 60, 50], [44.999, 35, 65, 55])],
)  # fmt: skip
def test_names_are_spread(wanted: list[float], places: list[float]) -> None:
    """Positions from 0 to 100, at least ten apart, in the wanted order, moved as little as possible."""
    assert spread(wanted, 10, 0, 100) == pytest.approx(places, abs=0.01)


def test_the_page_has_every_measurement() -> None:
    given, page = report(), Page(html(report()))
    assert page.open == []
    assert page.texts["h1"][0].replace("\xa0", " ") == given["headline"]
    assert page.texts["h2"] == ["Without the loop", "The ladder", "The roofline", "Every measurement"]
    shown = [{*cells} for cells in page.table if len(cells) > 1][1:]
    assert len(shown) == len(given["rows"])
    for each, cells in zip(given["rows"], shown, strict=True):
        median = si(each["seconds"], "s")
        estimated = f"≈ {median} est." if each["extrapolated"] else median
        assert {each["backend"], each["form"], estimated, times(each["speedup"]) if each["speedup"] else "–"} <= cells


def test_marks_are_placed_by_their_numbers() -> None:
    """The position of each mark, converted back with the ticks of its chart, is its number."""
    given = only({"matvec"})
    picture = html(given).split("<svg")[1]
    page = Page(f"<svg{picture[: picture.index('</svg>')]}</svg>")
    across = [(value(tick), x) for tick, x, y in page.ticks if y == max(y for *_, y in page.ticks)]
    up = [(value(tick), y - 4) for tick, x, y in page.ticks if y != max(y for *_, y in page.ticks)]
    shown = {(round(x, 1), round(y, 1)) for _, x, y in page.marks}
    wanted = set()
    for each in given["rows"]:
        if each["speedup"]:
            (a, x0), *_, (b, x1) = across
            (c, y0), *_, (d, y1) = up
            x = x0 + (x1 - x0) * log(each["size"] / a) / log(b / a)
            y = y0 + (y1 - y0) * log(each["speedup"] / c) / log(d / c)
            wanted.add((x, y))
    assert len(shown) == len(wanted) == 10
    assert all(min(abs(x - u) + abs(y - v) for u, v in wanted) < 0.3 for x, y in shown)


def test_the_page_needs_nothing_else() -> None:
    assert not re.search(r"https?:|<script|<link|<img|@import|url\(|\bsrc=|\bhref=", html(report()))


def test_texts_are_escaped() -> None:
    bad = "<b>\"&'</b>"
    given = report()
    given["headline"] = given["created"] = given["machine"]["cpu"] = given["options"]["quick"] = bad
    given["machine"]["advice"] = [bad]
    given["ceilings"][bad] = given["ceilings"].pop("torch")
    words = ("title", "course", "size_text", "dtype", "backend", "form")
    given["rows"] += [each | dict.fromkeys(words, bad) for each in given["rows"] if each["form"] == "vectorised"]
    page = html(given)
    assert page.count(bad) == 0
    assert page.count(escape(bad)) > 100
    assert bad in Page(page).texts["h1"]


ODD: dict[str, Report] = {
    "nothing": report() | {"rows": [], "ceilings": {}, "machine": {}, "options": {}, "headline": ""},
    "one row": report() | {"rows": [next(measured())]},
    "half a ceiling": report() | {"ceilings": {"numpy": {"bytes_per_second": 1e10, "flops_per_second": None}}},
    "one size": report() | {"rows": [each for each in measured() if each["size"] == 1_000]},
    "no loops": report() | {"rows": [each | {"speedup": None} for each in measured() if "loop" not in each["form"]]},
    "nothing counted": only({"logistic"}, bytes=None, flops=None),
    "no times": only({"logistic"}, seconds=0.0, first=float("nan"), spread=float("nan"), speedup=None),
    "slower than the loop": only({"dot"}, speedup=1e-7),
    "an unknown form": only({"dot"}, form="guessed"),
    "two dtypes": report() | {"rows": [*measured(), *(each | {"dtype": "float32"} for each in measured())]},
    "many backends": report()
    | {"rows": [each | {"backend": f"{each['backend']}:{k}"} for k in range(5) for each in measured()]},
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_report_has_a_page(name: str) -> None:
    page = html(json.loads(json.dumps(ODD[name])))
    assert Page(page).open == []
    assert not re.search(r"\b(nan|inf|None)\b", page)
