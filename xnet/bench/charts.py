"""Charts of measurements as SVG text, with logarithmic axes and a label beside each curve."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from math import ceil, floor, isfinite, log10
from statistics import fmean
from typing import Any, TypeGuard

Row = dict[str, Any]
Point = tuple[float, float, str, bool]  # x, y, tooltip, whether it is an estimate

WIDTH, LINE, EM = 380.0, 15.0, 7.0  # width of a picture, height of a line, an upper bound of the width of a letter
SHAPES = {
    "loop": "m-3.5-3.5l7 7m0-7l-7 7",
    "one loop": "m0-4.6l4.6 4.6-4.6 4.6-4.6-4.6z",
    "vectorised": "m-3.8 0a3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0-7.6 0z",
    "compiled": "m-3.4-3.4h6.8v6.8h-6.8z",
    "transfer": "m0-4.4l4.4 7.6h-8.8z",
    "transfer back": "m0 4.4l4.4-7.6h-8.8z",
}
COLOURS = 6


def positive(x: Any) -> TypeGuard[float]:
    """A finite number above 0, which a logarithmic axis can show."""
    return isinstance(x, int | float) and isfinite(x) and x > 0


def digits(x: float) -> str:
    return f"{x:,.0f}" if x >= 999.5 else f"{x:#.3g}".rstrip(".")


def si(x: float, unit: str, *, exact: bool = False) -> str:
    """0.00123 → `1.23 ms`; exactly, 0.001 → `1 ms`."""
    x = x if exact else float(f"{x:.3g}")
    group = min(max(floor(round(log10(x), 9) / 3), -4), 6)
    value = x / 1000.0**group
    prefix = "pnµm kMGTPE"[group + 4].strip()
    return f"{f'{value:g}' if exact else digits(value)} {prefix}{unit}"


def times(x: float) -> str:
    """1236.4 → `1,240×`."""
    return digits(float(f"{x:.3g}")) + "×"


def power(exponent: int) -> str:
    """6 → `10⁶`."""
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if exponent not in (0, 1) else str(10**exponent)


def name(row: Row) -> str:
    """The label of a row: the backend, and the form unless it is "vectorised"."""
    return row["backend"] if row["form"] == "vectorised" else f"{row['backend']} {row['form']}"


def colours(rows: Iterable[Row], more: Iterable[str] = ()) -> dict[str, str]:
    """A CSS class for each backend, in the order of their first rows."""
    found = dict.fromkeys([*(row["backend"] for row in rows), *more])
    return {backend: f"b{k % COLOURS}" for k, backend in enumerate(found)}


@dataclass(frozen=True)
class Log:
    """An axis of whole decades, `first` at `start` and `last` at `end`."""

    first: int
    last: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float) -> "Log":
        exponents = [log10(value) for value in values]
        first = floor(min(exponents))
        return cls(first, max(ceil(max(exponents)), first + 1), start, end)

    def __call__(self, x: float) -> float:
        return self.start + (self.end - self.start) * (log10(x) - self.first) / (self.last - self.first)

    @property
    def decades(self) -> range:
        return range(self.first, self.last + 1, 1 + (self.last - self.first) // 8)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions from `low` to `high`, at least `gap` apart, in the order of the wanted ones and nearest to them."""
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    # Isotonic regression: positions minus gaps must not decrease, so decreasing runs are averaged.
    runs: list[list[float]] = []
    for rank, k in enumerate(order):
        runs.append([wanted[k] - gap * rank])
        while len(runs) > 1 and fmean(runs[-2]) > fmean(runs[-1]):
            runs[-2:] = [runs[-2] + runs[-1]]
    rising = [min(max(fmean(run), low), high - gap * (len(wanted) - 1)) for run in runs for _ in run]
    places = {k: rising[rank] + gap * rank for rank, k in enumerate(order)}
    return [places[k] for k in range(len(wanted))]


def text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(style: str, *points: tuple[float, float]) -> str:
    return f'<path class="{escape(style)}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'


def mark(form: str, point: Point, style: str = "") -> str:
    """A marker: its shape shows the form; a hollow one is an estimate."""
    x, y, tip, estimated = point
    style = f"mark {style} {'cross' if form == 'loop' else 'hollow' if estimated else ''}"
    shape = SHAPES.get(form, SHAPES["vectorised"])
    return f'<path class="{style}" d="M{x:.1f} {y:.1f}{shape}"><title>{escape(tip)}</title></path>'


def svg(key: str, title: str, about: str, height: float, parts: Iterable[str]) -> str:
    """An SVG element with a title and a description for screen readers."""
    return (
        f'<svg id="{key}" role="img" aria-labelledby="{key}-title {key}-desc" viewBox="0 0 {WIDTH:g} {height:.0f}">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-desc">{escape(about)}</desc>\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def grid(across: Log, up: Log, x_name: str, y_name: str) -> list[str]:
    """The grid lines and labels of both axes."""
    left, right, bottom, top = across.start, across.end, up.start, up.end
    parts = [text(left - 30, top - 14, y_name, "quiet"), text(right, bottom + 34, x_name, "quiet", "end")]
    for decade in up.decades:
        y = up(10.0**decade)
        parts += [line("grid", (left, y), (right, y)), text(left - 6, y + 4, power(decade), "tick", "end")]
    for decade in across.decades:
        x = across(10.0**decade)
        parts += [line("grid", (x, bottom), (x, bottom + 4)), text(x, bottom + 18, power(decade), "tick", "middle")]
    return parts


def curves(key: str, rows: list[Row], style: dict[str, str]) -> str:
    """Speed-up over the loop against size, a curve for each backend and form; '' if there are fewer than two sizes."""
    rows = [row for row in rows if positive(row["size"])]
    shown = [row for row in rows if positive(row["speedup"]) and row["form"] != "loop"]
    if len({row["size"] for row in shown}) < 2:
        return ""
    guessed = {(row["size"], row["dtype"]) for row in rows if row["form"] == "loop" and row["extrapolated"]}
    kinds = len({row["dtype"] for row in shown})

    def label(row: Row) -> str:
        return f"{name(row)} {row['dtype']}" if kinds > 1 else name(row)

    lines = {k: sorted(group, key=lambda row: row["size"]) for k, group in groupby(sorted(shown, key=label), key=label)}
    right = WIDTH - 14 - EM * max(map(len, lines))
    bottom = 34 + max(190.0, LINE * len(lines))
    across = Log.over([row["size"] for row in shown], 36, right)
    up = Log.over([1.0, *(row["speedup"] for row in shown)], bottom, 34)
    parts = grid(across, up, "size", "times as fast as the loop")
    parts.append(line("one", (36, up(1)), (right, up(1))))
    ends = [(across(last["size"]), up(last["speedup"])) for *_, last in lines.values()]
    places = spread([y for _, y in ends], LINE, 34, bottom)
    for (words, group), end, place in zip(lines.items(), ends, places, strict=True):
        colour, form = style[group[0]["backend"]], group[0]["form"]
        points: list[Point] = [
            (across(row["size"]), up(row["speedup"]), f"{words}, {row['size_text']}: {times(row['speedup'])}",
             row["extrapolated"] or (row["size"], row["dtype"]) in guessed)
            for row in group
        ]  # fmt: skip
        parts.append(line(f"lead {colour}", (end[0] + 5, end[1]), (right + 8, place)))
        parts.append(line(f"curve {colour} {form.replace(' ', '-')}", *((x, y) for x, y, _, _ in points)))
        parts += [mark(form, point, colour) for point in points]
        parts.append(text(right + 11, place + 4, words, colour))
    best = [f"{words} {times(group[-1]['speedup'])} at {group[-1]['size_text']}" for words, group in lines.items()]
    title = f"{rows[0]['title']}: speed-up over the loop against size"
    return svg(key, title, "; ".join(best), bottom + 40, parts)


def ladder(key: str, rows: list[Row], style: dict[str, str]) -> str:
    """Two loops, one loop, none: the times of one case at one size as bars; '' if no loop was timed."""
    rows = [row for row in rows if positive(row["seconds"])]
    steps = {"loop": "two loops", "one loop": "one loop"}
    order = list(steps)
    rows = sorted(rows, key=lambda row: (order.index(row["form"]) if row["form"] in steps else 2, -row["seconds"]))
    if not rows or rows[0]["form"] not in steps:
        return ""
    slowest = rows[0]["seconds"]
    bottom = 6 + 36.0 * len(rows)
    across = Log.over([row["seconds"] for row in rows], 0, WIDTH)
    parts = [text(WIDTH, bottom + 36, "median time", "quiet", "end")]
    anchors = {across.first: "start", across.last: "end"}
    for decade in across.decades:
        x = across(10.0**decade)
        parts += [line("grid", (x, 4), (x, bottom + 4))]
        parts += [text(x, bottom + 18, si(10.0**decade, "s", exact=True), "tick", anchors.get(decade, "middle"))]
    labels = []
    for k, row in enumerate(rows):
        y = 6 + 36.0 * k
        words = steps.get(row["form"], f"no loop, {name(row)}")
        value = si(row["seconds"], "s") + (", estimated" if row["extrapolated"] else "")
        value += f" · {times(slowest / row['seconds'])}" if k else ""
        form = "hollow" if row["extrapolated"] else ""
        colour = "quiet" if row["form"] in steps else style[row["backend"]]
        length = max(across(row["seconds"]), 2)
        parts.append(f'<rect class="bar {colour} {form}" x="0" y="{y + 18:.1f}" width="{length:.1f}" height="9"/>')
        parts += [text(0, y + 12, words, "on"), text(WIDTH, y + 12, value, "on number", "end")]
        labels.append(f"{words} {value}")
    title = f"{rows[0]['title']}, {rows[0]['size_text']}: time with two loops, one loop and none"
    return svg(key, title, "; ".join(labels), bottom + 42, parts)


def roofline(key: str, rows: list[Row], ceilings: dict[str, dict[str, float]], style: dict[str, str]) -> str:
    """Achieved FLOP/s against FLOP per byte under the measured roof of each backend; '' if no row has both."""
    rows = sorted((row for row in rows if all(positive(row[k]) for k in ("bytes", "flops", "seconds"))),
                  key=lambda row: row["size"])  # fmt: skip
    largest = {(row["case"], row["dtype"], row["backend"], row["form"]): row for row in rows}.values()
    if not largest:
        return ""
    roofs = {
        backend: (each["bytes_per_second"], each["flops_per_second"])
        for backend, each in ceilings.items()
        if positive(each.get("bytes_per_second")) and positive(each.get("flops_per_second"))
    }
    labels = [(backend, [backend, si(most, "FLOP/s"), si(speed, "B/s")]) for backend, (speed, most) in roofs.items()]
    right = WIDTH - 14 - EM * max((len(words) for _, lines in labels for words in lines), default=0)
    flat = Log.over(
        [*(row["flops"] / row["bytes"] for row in largest), *(2 * f / b for b, f in roofs.values())], 50, right
    )

    # The names of the cases are written above the plot; a name moves up one line if it would overlap another.
    flags: list[tuple[float, float, int, str]] = []
    where = {(flat(row["flops"] / row["bytes"]), row["case"]) for row in largest}  # one for each dtype of a case
    for x, case in sorted(where, reverse=True):
        start, wide = min(x, WIDTH - 4 - EM * len(case)), EM * len(case) + 8
        row_of = {
            level for other, _, level, words in flags if other < start + wide and start < other + EM * len(words) + 8
        }
        flags.append((start, x, next(k for k in range(len(flags) + 1) if k not in row_of), case))
    top = 32 + LINE * max(level for _, _, level, _ in flags)
    bottom = top + max(210.0, 3.2 * LINE * len(labels))
    up = Log.over([*(row["flops"] / row["seconds"] for row in largest), *(f for _, f in roofs.values())], bottom, top)

    parts = grid(flat, up, "FLOP per byte", "")
    parts.append(text(flat.start - 6, top - 16, "FLOP/s", "quiet", "end"))
    parts += [line("flag", (x, bottom), (x, top - 14 - LINE * level)) for _, x, level, _ in flags]
    parts += [text(start, top - 18 - LINE * level, words, "halo") for start, _, level, words in flags]
    places = spread([up(f) + LINE for _, f in roofs.values()], 3.2 * LINE, top + LINE, bottom - LINE)
    for (backend, lines), (speed, most), place in zip(labels, roofs.values(), places, strict=True):
        colour = style[backend]
        low, ridge = 10.0**flat.first, most / speed
        lowest = max(low, 10.0**up.first / speed)
        corner = [(flat(ridge), up(most))] if ridge > low else []
        parts.append(line(f"roof {colour}", (flat(lowest), up(min(most, speed * lowest))), *corner, (right, up(most))))
        parts.append(line(f"lead {colour}", (right, up(most)), (right + 8, place - LINE)))
        parts += [text(right + 11, place - LINE + 4 + LINE * k, words, colour) for k, words in enumerate(lines)]
    for row in largest:
        x, y = row["flops"] / row["bytes"], row["flops"] / row["seconds"]
        tip = f"{row['title']}, {row['size_text']}, {name(row)}: {si(y, 'FLOP/s')} at {digits(x)} FLOP per byte"
        colour = "quiet" if row["form"] in ("loop", "one loop") else style[row["backend"]]
        parts.append(mark(row["form"], (flat(x), up(y), tip, row["extrapolated"]), colour))
    best = max(largest, key=lambda row: row["flops"] / row["seconds"])
    about = f"The fastest is {best['title']}, {name(best)}: {si(best['flops'] / best['seconds'], 'FLOP/s')}. "
    about += "; ".join(f"{lines[0]} can reach {lines[1]} and {lines[2]}" for _, lines in labels)
    return svg(key, "Roofline: FLOP/s against FLOP per byte", about, bottom + 40, parts)
