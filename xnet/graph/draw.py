"""A graph as a picture: SVG text, in which values go from left to right and derivatives come back."""

import re
from collections.abc import Iterator
from html import escape
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple

from xnet.graph.ir import Graph, Node
from xnet.graph.label import Labels, of_number
from xnet.graph.layout import Edge as Pair
from xnet.graph.layout import Lane, Layout, Size, layout
from xnet.types import Array

PRINTED = 4  # arrays of so many numbers are written out; in a network only single ones are
SMALL = 12  # graphs of so many operations are drawn one by one, when none is named
LONGEST = 34  # letters that an operation without a name may bring to the box that uses it
BACKWARD_ARROWS = 14  # pictures of so many boxes have room for them
LABEL, CAPTION, SUPERSCRIPT, LINE, TIP = 17, 14, 11, 18, 6

# Names are italic and functions upright, as in a book; `W[1]` is W of layer 1, raised.
TOKENS = re.compile(r"(?P<up>\ue000[^\ue001]*\ue001)|(?P<name>(?!Σ)[^\W\d_]+[₀-₉′]*(?![\w(]))|[^\W\d_]+\(?|.", re.S)
NARROW, WIDE = frozenset(" iljtfr.,:;|()[]'′-/!₀₁₂₃₄₅₆₇₈₉²³"), frozenset("mwMWΣ…—")

LIGHT_DARK = {
    "paper": ("fill", "#ffffff", "#14181d"),
    "stage": ("fill", "#f4f2fb", "#1d2029"),
    "stage ": ("stroke", "#d5cfea", "#3a3d52"),
    "title": ("fill", "#655a94", "#b3a8e6"),
    "op": ("fill", "#ffffff", "#242a33"),
    "op ": ("stroke", "#8795a6", "#7c8a9c"),
    "in": ("fill", "#edf6ee", "#1e2c24"),
    "in ": ("stroke", "#76a37d", "#6d9b76"),
    "out ": ("stroke", "#2a3440", "#e3e8ee"),
    "ink": ("fill", "#1b232c", "#e8ecf1"),
    "grey": ("fill", "#66727f", "#9aa7b5"),
    "value": ("fill", "#0b57c2", "#79b4ff"),
    "back": ("fill", "#c01530", "#ff8a96"),
    "wire ": ("stroke", "#8795a6", "#7c8a9c"),
    "tip": ("fill", "#8795a6", "#7c8a9c"),
    "return ": ("stroke", "#d9596d", "#d9697a"),
}


class Box(NamedTuple):
    """What is drawn of a node: its lines of text, with their styles, and the nodes whose boxes it hangs on."""

    node: Node
    kind: str
    label: str
    shape: str
    captions: list[tuple[str, str]]
    sources: list[Node]
    stage: int

    @property
    def size(self) -> Size:
        label, shape = width(self.label, LABEL), width(self.shape, 12)
        captions = max((width(text, CAPTION) for _, text in self.captions), default=0.0)
        up = max(24.0 if self.shape else 19.0, 6.0 * len(self.sources) + 2)
        return Size(max(label + 24, shape + 20, captions + 4, 44.0), up, up + LINE * len(self.captions))


def draw(graph: Graph, values: dict[Node, Array] | None = None, derivatives: dict[Node, Array] | None = None) -> str:
    """Boxes from left to right, with values in blue and derivatives in red; a layer's boxes stand together."""
    labels = Labels(graph, LONGEST, SMALL)
    printed = 1 if labels.titles else PRINTED
    boxes = [
        Box(
            node,
            "in" if not node.inputs else "out" if node in graph.outputs else "op",
            labels.label(node),
            " × ".join(map(str, node.shape)),
            list(_captions(node, labels.name(node), values or {}, derivatives or {}, printed)),
            labels.sources(node),
            labels.stages[node],
        )
        for node in labels.boxes
    ]
    number = {box.node: i for i, box in enumerate(boxes)}
    edges = [(number[source], j) for j, box in enumerate(boxes) for source in box.sources]
    plan = layout([box.size for box in boxes], edges, [box.stage for box in boxes])
    back = bool(derivatives) and len(boxes) <= BACKWARD_ARROWS
    returns = {(i, j) for i, j in edges if back and _both_in(derivatives, boxes[i].node, boxes[j].node)}
    return _picture(boxes, plan, returns, labels.titles)


def _both_in(derivatives: Any, *nodes: Node) -> bool:
    return all(node in derivatives for node in nodes)


def _captions(
    node: Node, name: str, values: dict[Node, Array], derivatives: dict[Node, Array], printed: int
) -> Iterator[tuple[str, str]]:
    """`33` in blue, and `dv = 3` in red."""
    for style, found, prefix in (("value", values, ""), ("back", derivatives, f"d{name} = ")):
        if node in found and 0 < prod(found[node].shape) <= printed:
            yield style, prefix + numbers(found[node])


def numbers(x: Array) -> str:
    """`33`, `[1, 2]`, `[1, 2; 3, 4]`: a number is written without brackets whatever its shape."""
    items = [number(x[key]) for key in product(*map(range, x.shape))]
    if len(items) == 1:
        return items[0]
    row = x.shape[-1]
    return "[" + "; ".join(", ".join(items[i : i + row]) for i in range(0, len(items), row)) + "]"


def number(x: Any) -> str:
    kind = str(x.dtype)
    return of_number(
        bool(x) if "bool" in kind else complex(x) if "complex" in kind else int(x) if "int" in kind else float(x)
    )


def width(text: str, size: float) -> float:
    """An estimate on the large side: the reader's fonts are not known."""
    raised = sum(len(part) for part in re.findall("\ue000(.*?)\ue001", text))
    plain = re.sub("\ue000.*?\ue001", "", text)
    em = sum(0.34 if c in NARROW else 0.92 if c in WIDE else 0.7 if c.isupper() else 0.56 for c in plain)
    return size * em + SUPERSCRIPT * 0.5 * raised


def _picture(boxes: list[Box], plan: Layout, returns: set[Pair], titles: dict[int, str]) -> str:
    sizes = [box.size for box in boxes]
    tops = [y - size.up for (_, y), size in zip(plan.places, sizes, strict=True)]
    ends = [y + size.down for (_, y), size in zip(plan.places, sizes, strict=True)]
    lanes = [lane.y for line in plan.lanes.values() for lane in line]
    top, end = min([*tops, *lanes], default=0.0), max([*ends, *lanes], default=0.0)
    right = max((x + size.width / 2 for (x, _), size in zip(plan.places, sizes, strict=True)), default=0.0)
    above = 44 if titles else 0
    frame = (-20.0, top - 20 - above, right + 40, end - top + 40 + above + (8 if titles else 0))
    parts = [f'<rect class="paper" {_rect(*frame)} rx="10"/>']
    for stage, title in titles.items():
        inside = [(x, size) for (x, _), size, box in zip(plan.places, sizes, boxes, strict=True) if box.stage == stage]
        left = min(x - size.width / 2 for x, size in inside) - 14
        wide = max(x + size.width / 2 for x, size in inside) + 14 - left
        parts.append(f'<g class="group"><rect class="stage" {_rect(left, top - 42, wide, end - top + 56)} rx="12"/>')
        parts.append(_text("title", left + 14, top - 20, title, CAPTION, anchor="start") + "</g>")
    parts += _wires(boxes, plan, sizes, returns)
    parts += [_box(box, size, x, y) for box, size, (x, y) in zip(boxes, sizes, plan.places, strict=True)]
    body = "\n".join(parts)
    x, y, w, h = frame
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="xnet-graph" role="img" aria-label="a computation graph" '
        f'viewBox="{x:.0f} {y:.0f} {w:.0f} {h:.0f}" width="{w:.0f}" height="{h:.0f}" '
        f'style="max-width:100%;min-width:{min(w, max(340.0, 0.5 * w)):.0f}px;height:auto">\n<style>{_css()}</style>\n'
        f"{body}\n</svg>\n"
    )


def _wires(boxes: list[Box], plan: Layout, sizes: list[Size], returns: set[Pair]) -> Iterator[str]:
    """Lines end on the left of their box one below the other, in the order of where they come from."""
    arriving: dict[int, list[Pair]] = {}
    for edge in sorted(plan.lanes, key=lambda edge: (edge[1], plan.lanes[edge][-2].y, edge[0])):
        arriving.setdefault(edge[1], []).append(edge)
    for j, edges in arriving.items():
        x, y = plan.places[j]
        left = x - sizes[j].width / 2
        apart = min(17.0, (2 * sizes[j].up - 12) / max(1, len(edges) - 1))
        for k, (i, _) in enumerate(edges):
            *before, last = plan.lanes[i, j]
            port = y + apart * (k - (len(edges) - 1) / 2)
            if len(edges) == 1 and abs(before[-1].y - y) < sizes[j].up - 8:
                port = before[-1].y
            start = plan.places[i][0] + sizes[i].width / 2
            path = [*before, Lane(last.left - TIP, last.right, port)]
            path[0] = Lane(path[0].left, path[0].right + TIP, path[0].y)
            shift = 3.5 if (i, j) in returns else 0.0
            if shift:
                yield f'<path class="return" d="{_curve(start + TIP, path, left, shift)}"/>'
                yield _tip("back", start, path[0].y + shift, 1)
            yield f'<path class="wire" d="{_curve(start, path, left - TIP, -shift)}"/>'
            yield _tip("tip", left, port - shift, -1)


def _curve(start: float, lanes: list[Lane], end: float, shift: float) -> str:
    """Level across every column, and bent between them."""
    path = f"M{start:.1f} {lanes[0].y + shift:.1f}"
    for a, b in pairwise(lanes):
        middle = (a.right + b.left) / 2
        path += f"H{a.right:.1f}C{middle:.1f} {a.y + shift:.1f} {middle:.1f} {b.y + shift:.1f} {b.left:.1f} "
        path += f"{b.y + shift:.1f}"
    return f"{path}H{end:.1f}"


def _tip(style: str, x: float, y: float, way: int) -> str:
    return f'<path class="{style}" d="M{x:.1f} {y:.1f}l{8 * way} -3.5v7z"/>'


def _box(box: Box, size: Size, x: float, y: float) -> str:
    rx = 18 if box.kind == "in" else 5
    file, line = box.node.line
    name = file.replace("\\", "/").rpartition("/")[2]
    tip = f"{box.node.op}: {box.node.dtype}{list(box.node.shape)}" + (f", {name}:{line}" if line else "")
    parts = [
        f'<g class="node"><title>{escape(tip)}</title>',
        f'<rect class="{box.kind}" {_rect(x - size.width / 2, y - size.up, size.width, 2 * size.up)} rx="{rx}"/>',
        _text("ink", x, y + (6 if not box.shape else 0), box.label, LABEL),
    ]
    if box.shape:
        parts.append(_text("grey", x, y + 16, box.shape, 12))
    for k, (style, caption) in enumerate(box.captions):
        parts.append(_text(style, x, y + size.up + LINE * (k + 1) - 3, caption, CAPTION))
    return "".join(parts) + "</g>"


def _text(style: str, x: float, y: float, text: str, size: float, anchor: str = "middle") -> str:
    spans, raised = [], 0.0
    for token in TOKENS.finditer(text):
        lift = -0.36 * size if token["up"] else 0.0
        dy = f' dy="{lift - raised:.1f}"' if lift != raised else ""
        content, raised = escape(token[0].strip("\ue000\ue001")), lift
        if token["up"]:
            spans.append(f'<tspan{dy} font-size="{SUPERSCRIPT}">{content}</tspan>')
        elif token["name"] and len(re.sub(r"[\W₀-₉′]", "", token[0])) <= 2 and style != "title":
            spans.append(f'<tspan{dy} font-style="italic">{content}</tspan>')
        else:
            spans.append(f"<tspan{dy}>{content}</tspan>" if dy else content)
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"'
    return f'<text class="{style}" {where} text-anchor="{anchor}">{"".join(spans)}</text>'


def _rect(x: float, y: float, w: float, h: float) -> str:
    return f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"'


def _css() -> str:
    """Every picture has the same rules, for in a notebook they share a page."""
    fonts = "'STIX Two Text',Cambria,'Times New Roman','Liberation Serif','Noto Serif',serif"
    light, dark = (
        "".join(f".xnet-graph .{key.strip()}{{{row[0]}:{row[k]}}}" for key, row in LIGHT_DARK.items()) for k in (1, 2)
    )
    return (
        f".xnet-graph text{{font-family:{fonts}}}.xnet-graph .wire,.xnet-graph .return{{fill:none;stroke-width:1.4}}"
        f".xnet-graph .out{{stroke-width:2}}.xnet-graph .return{{stroke-dasharray:4 3}}"
        f".xnet-graph .title{{font-weight:600}}.xnet-graph .out{{fill:#fff}}{light}"
        f"@media (prefers-color-scheme:dark){{.xnet-graph .out{{fill:#242a33}}{dark}}}"
    )
