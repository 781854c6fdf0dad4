"""The report of the benchmark suite as one self-contained HTML page."""

import re
from collections.abc import Callable, Iterable
from html import escape
from itertools import groupby
from typing import Any

from xnet.bench.charts import SHAPES, Row, colours, curves, ladder, mark, positive, roofline, si, times

COLOURS = {  # of the light and of the dark theme
    "paper": ("#ffffff", "#14181d"),
    "ink": ("#1b232c", "#e8ecf1"),
    "quiet": ("#5b6774", "#9aa7b5"),
    "rule": ("#d9dfe6", "#323b46"),
    "b0": ("#0b57c2", "#79b4ff"),
    "b1": ("#b8430c", "#ff9b6b"),
    "b2": ("#0f7a55", "#5ecfa0"),
    "b3": ("#8a3aa8", "#d79bf0"),
    "b4": ("#80640a", "#e0bd55"),
    "b5": ("#a8224f", "#ff8fae"),
}
STYLE = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.55 Charter,"Iowan Old Style",
"Source Serif 4",Cambria,Georgia,"Liberation Serif",serif}
main,header,footer{max-width:1160px;margin:0 auto;padding:0 20px}
header{padding-top:clamp(32px,7vw,88px)}
h1{font-size:clamp(2rem,1.1rem + 3.7vw,3.9rem);line-height:1.08;letter-spacing:-.018em;font-weight:600;
margin:.3em 0 .6em;max-width:21em;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.55rem;line-height:1.2;letter-spacing:-.01em;font-weight:600;margin:0 0 .3em}
section{border-top:1px solid var(--rule);padding:36px 0 40px;margin-top:24px}
p{max-width:40em;margin:0 0 1em;color:var(--quiet);text-wrap:pretty}
.small,dl,table,svg,figcaption,footer{font-family:system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,
"Liberation Sans",sans-serif;font-size:14px;line-height:1.4}
.small,dt,footer,figcaption span{color:var(--quiet)}
dl{display:flex;flex-wrap:wrap;gap:14px 40px;margin:0 0 8px}
dd{margin:2px 0 0;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:36px 28px;
align-items:end;margin-top:24px}
figure{margin:0;max-width:640px}
figcaption{margin-bottom:8px}
figcaption b{display:block;font-weight:600;font-size:15px}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;margin:14px 0 0}
.key svg{width:12px;height:12px;margin-right:6px;vertical-align:-1px}
svg{display:block;width:100%;height:auto;overflow:visible}
.key svg{display:inline-block}
svg text{font-size:12px;fill:currentColor;font-variant-numeric:tabular-nums}
.quiet,.tick{color:var(--quiet)}
.on,.halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
path{fill:none}
.grid,.flag{stroke:var(--rule)}
.one{stroke:var(--quiet);stroke-dasharray:2 3}
.curve,.roof{stroke:currentColor;stroke-width:1.75;stroke-linejoin:round}
.roof{stroke-width:1.25}
.compiled{stroke-dasharray:7 3}
[class*=transfer]{stroke-dasharray:2 3}
.one-loop{stroke-dasharray:9 3 2 3}
.lead{stroke:currentColor;opacity:.45;stroke-width:.75}
.mark{fill:currentColor;stroke:var(--paper);stroke-width:1}
.mark.hollow,.bar.hollow{fill:var(--paper);stroke:currentColor;stroke-width:1.4}
.mark.cross{fill:none;stroke:currentColor;stroke-width:1.4}
.bar{fill:currentColor}
.scroll{overflow-x:auto;margin:20px -20px 0;padding:0 20px}
.scroll:focus-visible{outline:2px solid var(--b0)}
table{border-collapse:collapse;width:100%;white-space:nowrap;font-variant-numeric:tabular-nums}
caption{text-align:left}
th,td{text-align:right;padding:5px 0 5px 20px;font-weight:400}
thead th{color:var(--quiet);border-bottom:1px solid var(--ink);vertical-align:bottom}
th:first-child{padding-left:0}
tbody th{text-align:left;vertical-align:top;position:sticky;left:0;background:var(--paper)}
.new>*{border-top:1px solid var(--rule);padding-top:7px}
tbody .case{font-weight:600;font-size:15px;padding-top:22px}
tbody .case span{font-weight:400;color:var(--quiet);margin-left:6px}
.left{text-align:left}
em,small{color:var(--quiet)}
small{font-size:12px}
footer{padding-bottom:48px}
@media (min-width:680px){#roofline text{font-size:8.5px}}
@media (max-width:480px){table{font-size:13px}th,td{padding-left:10px}}
@media print{section{break-inside:avoid}.scroll{overflow:visible}}
"""
HEAD = {  # the columns of the table, and their alignment
    **dict.fromkeys(["size", "backend", "form"], "left"),
    **dict.fromkeys(["median", "speed-up", "± spread", "first call", "repeats", "memory", "work", "dtype"], "right"),
}


def html(report: dict[str, Any]) -> str:
    """The page for a report as `xnet bench --json` writes it."""
    rows: list[Row] = report["rows"]
    ceilings = report.get("ceilings") or {}
    style = colours(rows, ceilings)
    day, night = (";".join(f"--{name}:{pair[k]}" for name, pair in COLOURS.items()) for k in (0, 1))
    backends = "".join(f".{name}{{color:var(--{name})}}" for name in dict.fromkeys(style.values()))
    # No line break between a number and its unit
    headline = re.sub(r"(?<=\d) ", "\xa0", escape(report.get("headline") or "Benchmarks"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>xnet bench: {headline}</title>\n"
        f"<style>\n:root{{color-scheme:light dark;{day}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{night}}}}}\n{STYLE.strip()}\n{backends}\n</style>\n"
        "</head>\n<body>\n"
        f'<header>\n<p class="small">xnet {escape(str(report.get("version", "")))} · benchmark</p>\n'
        f"<h1>{headline}</h1>\n{_machine(report.get('machine') or {})}\n</header>\n<main>\n"
        f"{_speedups(rows, style)}\n{_ladders(rows, style)}\n{_roofline(rows, ceilings, style)}\n"
        f"{_table(rows)}\n</main>\n<footer>{_made(report, len(rows))}</footer>\n</body>\n</html>\n"
    )


def _machine(machine: dict[str, Any]) -> str:
    blas = machine.get("blas") or {}
    memory, threads = machine.get("memory"), blas.get("threads")
    facts = {
        "processor": machine.get("cpu"),
        "cores": machine.get("cores"),
        "memory": f"{memory / 2**30:.0f} GiB" if positive(memory) else None,
        "GPU": machine.get("gpu"),
        "matrix products": " ".join(str(blas[k]) for k in ("name", "version", "kernel") if blas.get(k))
        + (f", {threads} threads" if threads else ""),
        "system": machine.get("os"),
        "Python": machine.get("python"),
    }
    pairs = [f"<div><dt>{name}</dt><dd>{escape(str(fact))}</dd></div>" for name, fact in facts.items() if fact]
    advice = [f'<p class="small">{escape(words)}</p>' for words in machine.get("advice") or ()]
    return "\n".join([f"<dl>{''.join(pairs)}</dl>" if pairs else "", *advice])


def _section(title: str, about: str, body: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n<p>{about}</p>\n{body}\n</section>"


def _figure(title: str, about: str, *pictures: str) -> str:
    caption = f"<figcaption><b>{escape(title)}</b><span>{escape(about)}</span></figcaption>"
    return "\n".join(["<figure>", caption, *pictures, "</figure>"])


def _side_by_side(figures: list[str]) -> str:
    return "\n".join(['<div class="charts">', *figures, "</div>"])


def _cases(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of each case, in the order of the first rows."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["case"], []).append(row)
    return list(found.values())


def _speedups(rows: list[Row], style: dict[str, str]) -> str:
    figures = []
    for k, case in enumerate(_cases(rows)):
        if picture := curves(f"speedup-{k}", case, style):
            small, large = (pick(case, key=lambda row: row["size"])["size_text"] for pick in (min, max))
            figures.append(_figure(case[0]["title"], f"{case[0]['course']} · {small} to {large}", picture))
    if not figures:
        return _section(
            "Without the loop",
            "No case has a loop at two sizes, which a curve needs; <code>xnet bench --full</code> measures more.",
            "",
        )
    about = (
        "How many times faster than the loop, by size. A backend’s name alone is its vectorised code. "
        "Hollow marks: the loop was timed at a smaller size, and its time is an estimate."
    )
    return _section("Without the loop", about, _side_by_side(figures))


def _ladders(rows: list[Row], style: dict[str, str]) -> str:
    """A bar chart for each case with a row "one loop", at the largest size of such a row."""
    figures = []
    for k, case in enumerate(_cases(rows)):
        if steps := [row for row in case if row["form"] == "one loop"]:
            top = max(steps, key=lambda row: row["size"])
            same = [row for row in case if (row["size"], row["dtype"]) == (top["size"], top["dtype"])]
            if picture := ladder(f"ladder-{k}", same, style):
                about = f"{top['course']} · {top['size_text']}, {top['dtype']}"
                figures.append(_figure(top["title"], about, picture))
    about = "The same result with two loops, with one, and with none. Each line of the grid is ten times the last."
    return _section("The ladder", about, _side_by_side(figures)) if figures else ""


def _roofline(rows: list[Row], ceilings: dict[str, dict[str, float]], style: dict[str, str]) -> str:
    picture = roofline("roofline", rows, ceilings, style)
    if not picture:
        return ""
    about = "Work in a second against work for each byte. " + (
        "The roof is what a pass over a large array and a large product reached. A mark above it had its numbers in "
        "the cache, or ran when the machine was less busy."
        if ceilings
        else "What this machine could reach was not measured."
    )
    forms = [form for form in SHAPES if any(row["form"] == form for row in rows)]
    signs = "".join(
        f'<span><svg viewBox="-6 -6 12 12" aria-hidden="true">{mark(form, (0, 0, form, False))}</svg>{form}</span>'
        for form in forms
    )
    key = f'<div class="key small">{signs}</div>'
    return _section("The roofline", about, _figure("What was reached", "each case at its largest size", picture, key))


def _table(rows: list[Row]) -> str:
    head = "".join(f'<th scope="col" class="{side}">{name}</th>' for name, side in HEAD.items())
    bodies = []
    for case in _cases(rows):
        name = f"{escape(case[0]['title'])}<span>{escape(case[0]['course'])} · {escape(case[0]['case'])}</span>"
        bodies += ["<tbody>", f'<tr><th class="case" scope="rowgroup" colspan="{len(HEAD)}">{name}</th></tr>']
        for size, group in groupby(case, key=lambda row: str(row["size_text"])):
            first, *others = map(_cells, group)
            bodies.append(
                f'<tr class="new"><th scope="row" rowspan="{1 + len(others)}">{escape(size)}</th>{first}</tr>'
            )
            bodies += [f"<tr>{cells}</tr>" for cells in others]
        bodies.append("</tbody>")
    about = (
        "Medians, with half the interquartile range as a share of them. The first call is cold: it may compile. "
        "Memory and work are the bytes and operations that the case needs, over its median. "
        "A time in italics is an estimate, scaled up from a smaller size."
    )
    return _section(
        "Every measurement",
        about,
        '<div class="scroll" role="region" aria-label="Every measurement" tabindex="0">\n<table>\n'
        + "\n".join([f"<thead><tr>{head}</tr></thead>", *bodies, "</table>", "</div>"]),
    )


def _cells(row: Row) -> str:
    def shown(x: Any, write: Callable[[float], str]) -> str:
        return write(x) if positive(x) else "–"

    def seconds(x: Any) -> str:
        return shown(x, lambda x: si(x, "s"))

    def rate(amount: Any, unit: str) -> str:
        return si(amount / row["seconds"], unit) if positive(amount) and positive(row["seconds"]) else "–"

    share = row["spread"]
    median = seconds(row["seconds"])
    cells = {
        "backend": escape(row["backend"]),
        "form": escape(row["form"]),
        "median": f"<em>≈ {median} <small>est.</small></em>" if row["extrapolated"] else median,
        "speed-up": shown(row["speedup"], times),
        "± spread": f"{share:.1%}" if share == 0 or positive(share) else "–",
        "first call": seconds(row["first"]) if not row["extrapolated"] else f"<em>≈ {seconds(row['first'])}</em>",
        "repeats": row["repeats"],
        "memory": rate(row["bytes"], "B/s"),
        "work": rate(row["flops"], "FLOP/s"),
        "dtype": escape(row["dtype"]),
    }
    return "".join(f'<td class="{HEAD[name]}">{cell}</td>' for name, cell in cells.items())


def _made(report: dict[str, Any], count: int) -> str:
    options = [f"{name} = {value}" for name, value in (report.get("options") or {}).items()]
    words = [f"{count:,} measurements", str(report.get("created", "")), *options]
    return escape(" · ".join(word for word in words if word))
