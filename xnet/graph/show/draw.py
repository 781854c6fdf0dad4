"""A graph as a picture in SVG: values go from left to right, derivatives from right to left."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby, pairwise
from math import prod

from xnet.graph.ir import GraphData, Node, describe, position
from xnet.graph.show.label import DOWN, UP, Box, boxes, number
from xnet.graph.show.layout import Line, Spot, layout
from xnet.types import Array

LABEL, SMALL, TIP, PAD, HEAD, TURN = 17.0, 13.0, 6.0, 14.0, 28.0, 30.0
FONT = "STIX Two Text,Cambria,Times New Roman,Liberation Serif,Noto Serif,serif"
NARROW, WIDE = " iljtfr.,:;|()[]'′-/!₀₁₂₃₄₅₆₇₈₉²³", "mwMWΣ"
# Names of one letter are italic, and their derivatives, as in a book.
ITALIC = re.compile(r"(?<!\w)(?![Σᵀ])d?[^\W\d_](?=[₀-₉′ᵀ]|\b)(?!\()")
RAISED = re.compile(f"{UP}(.*?){DOWN}(.?)", re.S)

STYLE = ".wire,.return{fill:none;stroke-width:1.4}.return{stroke-dasharray:4 3}.out{stroke-width:2}"
COLOURS = {  # by day, by night
    ".paper{fill:": ("#ffffff", "#14181d"),
    ".group{fill:": ("#f4f2fb", "#1d2029"),
    ".group{stroke:": ("#d5cfea", "#3a3d52"),
    ".op,.out{fill:": ("#ffffff", "#242a33"),
    ".op,.wire{stroke:": ("#8795a6", "#7c8a9c"),
    ".in{fill:": ("#edf6ee", "#1e2c24"),
    ".in{stroke:": ("#76a37d", "#6d9b76"),
    ".out{stroke:": ("#2a3440", "#e3e8ee"),
    ".label{fill:": ("#1b232c", "#e8ecf1"),
    ".shape,.title,.tip{fill:": ("#66727f", "#9aa7b5"),
    ".value{fill:": ("#0b57c2", "#79b4ff"),
    ".slope,.back{fill:": ("#c01530", "#ff8a96"),
    ".return{stroke:": ("#d9596d", "#d9697a"),
}


def draw(
    graph: GraphData, values: dict[Node, Array] | None = None, derivatives: dict[Node, Array] | None = None
) -> str:
    """Boxes from left to right, grouped by layer, with values in blue and derivatives in red."""
    found = boxes(graph)
    words = [_words(box, values or {}, derivatives or {}) for box in found]
    spots: dict[Node, Spot] = {}
    for box, ((_, label), *small) in zip(found, words, strict=True):
        wide = max([44.0, width(label, LABEL) + 22, *(width(text, SMALL) + 14 for _, text in small)])
        up = max(24.0 if box.node.shape else 19.0, 7.0 * len(box.sources))
        below = len(small) - bool(box.node.shape)
        spots[box.node] = Spot(box.stage, [spots[source] for source in box.sources], wide, up, up + LABEL * below)
    titled = any(box.title for box in found)
    lines = layout(list(spots.values()))
    both = {spots[node] for node in derivatives or {} if node in spots}
    parts = [*_groups(found, spots), *_wires(lines, both)]
    parts += [_cell(graph, box, text, spots[box.node]) for box, text in zip(found, words, strict=True)]

    everything = {Spot(), *spots.values(), *(spot for line in lines for spot in line)}
    turned = TURN if any(spot.row for spot in everything) else 0.0
    right = max(spot.right for spot in everything) + 20 + turned
    top = min(spot.y - spot.up for spot in everything) - 20 - (PAD + HEAD) * titled
    bottom = max(spot.y + spot.down for spot in everything) + 20 + PAD * titled
    left, w, h = -20 - turned, right + 20 + turned, bottom - top
    light, dark = ("".join(f"{rule}{pair[k]}}}" for rule, pair in COLOURS.items()) for k in (0, 1))
    css = re.sub(r"\.(?=[a-z])", ".xnet-graph .", f"{STYLE}{light}@media (prefers-color-scheme:dark){{{dark}}}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="xnet-graph" role="img" aria-label="a computation graph" '
        f'font-family="{FONT}" viewBox="{left:.0f} {top:.0f} {w:.0f} {h:.0f}" width="{w:.0f}" height="{h:.0f}">\n'
        f"<style>{css}</style>\n" + "\n".join([_rect("paper", left, top, w, h, 10), *parts]) + "\n</svg>\n"
    )


def _words(box: Box, values: dict[Node, Array], derivatives: dict[Node, Array]) -> list[tuple[str, str]]:
    """The texts of a box with their styles: label, shape, value and derivative.  Only single numbers are shown."""
    words = [("label", box.label)]
    if box.node.shape:
        words.append(("shape", " × ".join(map(str, box.node.shape))))
    for style, given, prefix in (("value", values, ""), ("slope", derivatives, f"d{box.name} = ")):
        if box.node in given and prod(given[box.node].shape) == 1:
            x = given[box.node][(0,) * len(box.node.shape)]
            words.append((style, prefix + number(complex(x) if "complex" in str(x.dtype) else float(x)).text))
    return words


def width(text: str, size: float) -> float:
    """An upper estimate of the width of a text: the reader's fonts are not known."""
    em = sum(0.34 if c in NARROW else 0.92 if c in WIDE else 0.7 if c.isupper() else 0.56 for c in text)
    return size * (em - 1.5 * text.count(UP))


def _groups(found: list[Box], spots: dict[Node, Spot]) -> Iterator[str]:
    """A rectangle behind the boxes of each layer, as high as its row."""
    for title in dict.fromkeys(box.title for box in sorted(found, key=lambda box: box.stage) if box.title):
        inside = [spots[box.node] for box in found if box.title == title]
        row = [spot for spot in spots.values() if spot.row == inside[0].row]
        left, right = min(spot.left for spot in inside) - PAD, max(spot.right for spot in inside) + PAD
        top, bottom = min(spot.y - spot.up for spot in row) - PAD - HEAD, max(spot.y + spot.down for spot in row) + PAD
        yield _rect("group", left, top, right - left, bottom - top, 12)
        yield _text("title", left + PAD, top + 20, title, SMALL, "start")


def _wires(lines: list[Line], both: set[Spot]) -> Iterator[str]:
    """The lines between boxes: they end on the left of a box, and a derivative goes back beside each."""
    for box, group in groupby(lines, key=lambda line: line[-1]):
        arriving = sorted(group, key=lambda line: line[-2].y)
        for k, line in enumerate(arriving):
            port = box.y + 14 * (k - (len(arriving) - 1) / 2)
            start, end = line[0].x + line[0].width / 2, box.x - box.width / 2
            shift = 3.5 if {line[0], box} <= both else 0.0
            if shift:
                yield f'<path class="return" d="{_path(start + TIP, line, port, end, shift)}"/>'
                yield _tip("back", start, line[0].y + shift, 8)
            yield f'<path class="wire" d="{_path(start, line, port, end - TIP, -shift)}"/>'
            yield _tip("tip", end, port - shift, -8)


def _path(start: float, line: Line, port: float, end: float, shift: float) -> str:
    """Level across every column, curved between columns, and a half circle where the line turns to a new row."""
    path = f"M{start:.1f} {line[0].y + shift:.1f}"
    for a, b in pairwise(line):
        y, z = a.y + shift, (b.y if b is not line[-1] else port) + shift
        turn = TURN if b.left > b.right else -TURN if a.left > a.right else 0.0
        bend = (a.right + b.left) / 2 + turn
        path += f"H{a.right + TIP:.1f}C{bend:.1f} {y:.1f} {bend:.1f} {z:.1f} {b.left - TIP:.1f} {z:.1f}"
    return f"{path}H{end:.1f}"


def _tip(style: str, x: float, y: float, length: int) -> str:
    return f'<path class="{style}" d="M{x:.1f} {y:.1f}l{length} -3.5v7z"/>'


def _cell(graph: GraphData, box: Box, words: list[tuple[str, str]], spot: Spot) -> str:
    """A box with the texts in it and below it; a tooltip shows the operation and the line of code."""
    node = box.node
    tip = ", ".join(filter(None, (f"{node.op}: {describe(node)}", position(node.line))))
    style = "in" if not node.inputs else "out" if node in graph.outputs else "op"
    left, top = spot.x - spot.width / 2, spot.y - spot.up
    (_, label), *small = words
    parts = [_rect(style, left, top, spot.width, 2 * spot.up, 18 if style == "in" else 5)]
    parts.append(_text("label", spot.x, spot.y + (0 if node.shape else 6), label, LABEL))
    for k, (style, text) in enumerate(small, start=not node.shape):
        parts.append(_text(style, spot.x, spot.y + 16 if not k else spot.y + spot.up + LABEL * k - 3, text, SMALL))
    return f'<g class="node"><title>{escape(tip)}</title>{"".join(parts)}</g>'


def _text(style: str, x: float, y: float, text: str, size: float, anchor: str = "middle") -> str:
    text = ITALIC.sub(r'<tspan font-style="italic">\g<0></tspan>', escape(text, quote=False))
    text = RAISED.sub(rf'<tspan dy="-6" font-size="{0.65 * size:g}">\1</tspan><tspan dy="6">\2</tspan>', text)
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}">{text}</text>'


def _rect(style: str, x: float, y: float, w: float, h: float, rx: float) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{rx:g}"/>'
