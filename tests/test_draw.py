"""Pictures of graphs, parsed: their texts, the positions of the boxes, and the lines."""

import re
import time
from collections.abc import Callable
from itertools import combinations, pairwise
from random import Random
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
from array_api_compat import array_namespace
from array_api_compat import numpy as np

from xnet import kernels
from xnet.graph import Graph, Node, spec, trace
from xnet.graph.derive.gradients import derivatives
from xnet.graph.show.label import LOW, boxes
from xnet.graph.show.layout import Spot, layout
from xnet.types import Array

SVG = "{http://www.w3.org/2000/svg}"


def J(a: Array, b: Array, c: Array) -> Array:
    u = b * c
    v = a + u
    return 3 * v


def L(w1: Array, x1: Array, w2: Array, x2: Array, b: Array, y: Array) -> Array:
    xp = array_namespace(b)
    z = w1 * x1 + w2 * x2 + b
    a = 1 / (1 + xp.exp(-z))
    return -(y * xp.log(a) + (1 - y) * xp.log(1 - a))


def network(params: list[dict[str, Array]], X: Array, Y: Array) -> Array:
    A = X
    for layer in params[:-1]:
        Z = layer["W"] @ A + layer["b"]
        A = kernels.relu(Z)[0]
    Z = params[-1]["W"] @ A + params[-1]["b"]
    return kernels.sigmoid_cross_entropy(Z, Y)[0]


def numbered(W1: Array, b1: Array, W2: Array, b2: Array, X: Array, Y: Array) -> Array:
    A1 = kernels.tanh(W1 @ X + b1)[0]
    A2 = kernels.sigmoid(W2 @ A1 + b2)[0]
    return kernels.binary_cross_entropy(A2, Y)[0]


def classes(params: list[dict[str, Array]], X: Array, Y: Array) -> Array:
    return kernels.softmax_cross_entropy(params[0]["W"] @ X + params[0]["b"], Y)[0]


def skipping(x: Array) -> Array:
    xp = array_namespace(x)
    a = xp.exp(x)
    b = xp.tanh(a)
    c = xp.sin(b) + x
    d = xp.cos(c) * a
    return d + x


def layers(*sizes: int) -> list[dict[str, object]]:
    return [{"W": spec((n, before)), "b": spec((n, 1))} for before, n in pairwise(sizes)]


def chain(n: int) -> Graph:
    """A graph of n operations on ones before, some near and some far."""
    random = Random(0)
    nodes = [Node("input", (), {}, (), "float32") for _ in range(5)]
    names = {node: f"x{i}" for i, node in enumerate(nodes)}
    for i in range(n):
        node = Node("add", (nodes[-1], nodes[random.randrange(len(nodes))]), {}, (), "float32", ("f.py", i))
        names[node] = f"s{i}"
        nodes.append(node)
    return Graph(tuple(nodes[:5]), (nodes[-1],), (), (), names)


SCALAR = spec((), "float64")
GRAPHS: dict[str, Callable[[], Graph]] = {
    "C5": lambda: trace(J, SCALAR, SCALAR, SCALAR),
    "C6": lambda: trace(L, *[SCALAR] * 6),
    "no names": lambda: trace(lambda a, b, c: 3 * (a + b * c), SCALAR, SCALAR, SCALAR),
    "network": lambda: trace(network, layers(5, 4, 3, 1), spec((5, 8)), spec((1, 8), "int32")),
    "numbered": lambda: trace(numbered, *(spec(s) for s in ((4, 5), (4, 1), (1, 4), (1, 1), (5, 8), (1, 8)))),
    "classes": lambda: trace(classes, layers(5, 3), spec((5, 8)), spec((1, 8), "int32")),
    "skipping": lambda: trace(skipping, spec((2, 3))),
    "one input": lambda: trace(lambda x: x, SCALAR),
    "40 operations": lambda: chain(40),
}


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def rect(element: ET.Element) -> Box:
    x, y, w, h = (float(element.attrib[key]) for key in ("x", "y", "width", "height"))
    return Box(x, y, x + w, y + h)


class Picture:
    """An SVG, read back."""

    def __init__(self, text: str) -> None:
        self.root = ET.fromstring(text)
        self.cells = self.root.findall(f"{SVG}g[@class='node']")
        self.boxes = [rect(cell.findall(f"{SVG}rect")[0]) for cell in self.cells]
        self.groups = [rect(found) for found in self.root.findall(f"{SVG}rect[@class='group']")]
        self.wires = [
            [points(path.attrib["d"]) for path in self.root.findall(f"{SVG}path[@class='{kind}']")]
            for kind in ("wire", "return")
        ]

    def texts(self, cell: ET.Element) -> list[str]:
        return ["".join(text.itertext()) for text in cell.findall(f"{SVG}text")]

    @property
    def words(self) -> list[list[str]]:
        return [self.texts(cell) for cell in self.cells]

    @property
    def titles(self) -> list[str]:
        return ["".join(text.itertext()) for text in self.root.iter(f"{SVG}text") if text.attrib["class"] == "title"]


def points(path: str) -> list[tuple[float, float]]:
    """Points along a path of M, H and C."""
    found: list[tuple[float, float]] = []
    for kind, rest in re.findall(r"([MHC])([^MHC]*)", path):
        numbers = [float(x) for x in rest.split()]
        if kind == "M":
            found.append((numbers[0], numbers[1]))
        elif kind == "H":
            x, y = found[-1]
            found += [(x + (numbers[0] - x) * k / 10, y) for k in range(1, 11)]
        else:
            p = [found[-1], *zip(numbers[::2], numbers[1::2], strict=True)]
            for k in range(1, 21):
                t = k / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                x, y = (sum(w * point[i] for w, point in zip(weights, p, strict=True)) for i in (0, 1))
                found.append((x, y))
    return found


@pytest.fixture(params=list(GRAPHS))
def graph(request: pytest.FixtureRequest) -> Graph:
    return GRAPHS[request.param]()


def ones(graph: Graph) -> dict[Node, Array]:
    return {node: np.ones(node.shape) for node in graph.nodes}


def test_boxes_with_what_is_written_under_them_do_not_overlap(graph: Graph) -> None:
    picture = Picture(graph.draw(values=ones(graph), derivatives=ones(graph)))
    extents = []
    for box, cell in zip(picture.boxes, picture.cells, strict=True):
        bottom = max(float(text.attrib["y"]) for text in cell.findall(f"{SVG}text"))
        extents.append(Box(box.left, box.top, box.right, max(box.bottom, bottom)))
    assert extents
    assert not [pair for pair in combinations(extents, 2) if pair[0].overlaps(pair[1])]


def test_lines_go_through_no_box(graph: Graph) -> None:
    picture = Picture(graph.draw(derivatives=ones(graph)))
    assert len(picture.wires[0]) >= len(picture.boxes) - len(graph.inputs)
    for x, y in (point for kind in picture.wires for line in kind for point in line):
        assert not [b for b in picture.boxes if b.left + 1 < x < b.right - 1 and b.top + 1 < y < b.bottom - 1]


@pytest.mark.parametrize("name", ["C5", "C6", "no names", "skipping"])
def test_lines_go_from_left_to_right(name: str) -> None:
    graph = GRAPHS[name]()
    lines = [line for kind in Picture(graph.draw(derivatives=ones(graph))).wires for line in kind]
    assert len(lines) > 5
    assert all(a[0] <= b[0] for line in lines for a, b in pairwise(line))


@pytest.mark.parametrize("name", ["network", "40 operations"])
def test_a_wide_picture_continues_in_a_new_row(name: str) -> None:
    graph = GRAPHS[name]()
    picture = Picture(graph.draw())
    assert float(picture.root.attrib["width"]) <= 1400
    back = [y for line in picture.wires[0] for a, b in pairwise(line) if b[0] < a[0] - 40 for y in (a[1], b[1])]
    assert back
    assert not [box for box in picture.boxes for y in back if box.top < y < box.bottom]
    if picture.groups:
        first, second, third, cost = picture.groups
        assert first.right < second.left
        assert first.bottom == second.bottom < third.top <= cost.top


def test_all_is_in_the_frame_and_no_text_is_wider_than_its_box(graph: Graph) -> None:
    picture = Picture(graph.draw(values=ones(graph)))
    x, y, w, h = (float(number) for number in picture.root.attrib["viewBox"].split())
    for box, cell in zip(picture.boxes, picture.cells, strict=True):
        assert x < box.left
        assert box.right < x + w
        assert y < box.top
        assert box.bottom < y + h
        for text in cell.findall(f"{SVG}text"):
            size = float(text.attrib["font-size"])
            assert 0.42 * size * len("".join(text.itertext())) <= box.right - box.left


def test_the_same_graph_gives_the_same_picture(graph: Graph) -> None:
    assert graph.draw() == graph.draw()


@pytest.mark.parametrize("name", ["C5", "C6", "network", "40 operations"])
def test_tracing_again_gives_the_same_picture(name: str) -> None:
    assert GRAPHS[name]().draw() == GRAPHS[name]().draw()


@pytest.mark.parametrize(
    ("name", "args"),
    [("C5", (5.0, 3.0, 2.0)), ("C6", (0.5, 1.0, -0.25, 2.0, 0.0, 1.0))],
)
def test_every_name_is_above_its_value_and_its_derivative(name: str, args: tuple[float, ...]) -> None:
    graph = GRAPHS[name]()
    arrays = tuple(np.asarray(x) for x in args)
    values, slopes = graph.values(*arrays), derivatives(graph, *arrays)
    words = {texts[0].split(" = ")[0]: texts[1:] for texts in Picture(graph.draw(values, slopes)).words}
    assert len(words) == len(graph.names)
    for node, given in graph.names.items():
        course = given.translate(LOW)
        value, slope = (f"{float(x[node]):.4g}".replace("-", "−") for x in (values, slopes))
        assert words[course] == [value, f"d{course} = {slope}"]


def test_c5_is_the_drawing_of_the_course() -> None:
    graph = GRAPHS["C5"]()
    args = tuple(np.asarray(x) for x in (5.0, 3.0, 2.0))
    picture = Picture(graph.draw(graph.values(*args), derivatives(graph, *args)))
    left = {texts[0]: box.left for texts, box in zip(picture.words, picture.boxes, strict=True)}
    assert sorted(left) == ["J = 3 v", "a", "b", "c", "u = b c", "v = a + u"]
    assert left["a"] == left["b"] == left["c"] < left["u = b c"] < left["v = a + u"] < left["J = 3 v"]
    under = {texts[0][0]: texts[1:] for texts in picture.words}
    assert under == {
        "a": ["5", "da = 3"],
        "b": ["3", "db = 6"],
        "c": ["2", "dc = 9"],
        "u": ["6", "du = 3"],
        "v": ["11", "dv = 3"],
        "J": ["33", "dJ = 1"],
    }
    assert [len(lines) for lines in picture.wires] == [5, 5]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("C6", ["z = w₁ x₁ + w₂ x₂ + b", "a = 1 / (1 + exp(−z))", "L = −(y ln(a) + (1 − y) ln(1 − a))"]),
        ("no names", ["t₁ = b c", "t₂ = a + t₁", "result = 3 t₂"]),
        (
            "network",
            ["Z[1] = W[1] X + b[1]", "A[1] = max(0, Z[1])", "Z[2] = W[2] A[1] + b[2]", "A[2] = max(0, Z[2])",
             "Z[3] = W[3] A[2] + b[3]", "L = D * where(D ≠ 0, Z[3], 0) + ln(1 + exp(−|Z[3]|))",
             "network = Σ (1 / 8 * Σ₀ L)"],
        ),
        (
            "numbered",
            ["A[1] = tanh(W[1] X + b[1])", "t₁ = W[2] A[1] + b[2]", "A[2] = exp(min(t₁, 0)) / (1 + exp(−|t₁|))",
             "t₂ = min(max(A[2], 1.192e−07), 1)", "L = −(Y * ln(t₂) + (1 − Y) * ln(1 − t₂))"],
        ),
    ],
)  # fmt: skip
def test_labels_read_like_the_course(name: str, labels: list[str]) -> None:
    words = [texts[0] for texts in Picture(GRAPHS[name]().draw()).words]
    assert [word for word in words if word in labels] == labels


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("network", ["layer 1", "layer 2", "layer 3", "cost"]),
        ("numbered", ["layer 1", "layer 2", "cost"]),
        ("classes", ["layer 1", "cost"]),
        ("C6", []),
    ],
)
def test_each_layer_is_drawn_as_a_group(name: str, titles: list[str]) -> None:
    picture = Picture(GRAPHS[name]().draw())
    assert picture.titles == titles
    assert not [pair for pair in combinations(picture.groups, 2) if pair[0].overlaps(pair[1])]
    for texts, box in zip(picture.words, picture.boxes, strict=True):
        inside = [title for title, group in zip(titles, picture.groups, strict=True) if group.overlaps(box)]
        number = re.search(r"\[(\d)\]", texts[0].split(" = ")[0])
        assert len(inside) <= 1
        if number:
            assert inside == [f"layer {number[1]}"]
        elif titles:
            assert inside == ([] if texts[0] == "X" else inside)


def test_arrays_of_many_numbers_are_told_by_their_shape() -> None:
    graph = trace(lambda x, y: x + y, spec((1, 1)), spec((50, 2, 2)))
    (x, y, total) = Picture(graph.draw(ones(graph), ones(graph))).words
    assert x[1:] == ["1 × 1", "1", "dx = 1"]
    assert y[1:] == total[1:] == ["50 × 2 × 2"]


def test_numbers_of_every_kind_are_written() -> None:
    graph = trace(lambda x, i, z: (x, i, z, i > 2), spec(()), spec((), "int32"), spec((), "complex64"))
    args = (np.asarray(1.23456e-5), np.asarray(12), np.asarray(1 - 2j))
    values = dict(zip(graph.outputs, [*args, np.asarray(True)], strict=True))
    assert [words[1] for words in Picture(graph.draw(values)).words] == ["1.235e−05", "12", "(1−2j)", "1"]


def test_names_that_come_again_are_told_apart() -> None:
    def f(x: Array) -> Array:
        for _ in range(3):
            x = x * x + 1
        return x

    words = [texts[0] for texts in Picture(trace(f, SCALAR).draw()).words]
    assert words == ["x", "x′₂ = x x + 1", "x′₃ = x′₂ x′₂ + 1", "x′₄ = x′₃ x′₃ + 1"]


def test_text_is_escaped() -> None:
    x = Node("input", (), {}, (), "float32")
    y = Node("less", (x, Node("scalar", (), {"value": 1.0}, (), "float32")), {}, (), "bool", ("<&>.py", 3))
    text = Graph((x,), (y,), (), (), {x: '<b a="&">', y: "</svg>"}).draw()
    words = [texts[0] for texts in Picture(text).words]
    assert words == ['<b a="&">', '</svg> = <b a="&"> < 1']


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda x: -x - (1 - x), "−x − (1 − x)"),
        (lambda x: x + (-x + 1), "x + (−x + 1)"),
        (lambda x: (x + 1) * (x - 1) / (2 * x), "(x + 1) (x − 1) / (2 x)"),
        (lambda x: x**2 + (x + 1) ** -1, "x² + (x + 1)⁻¹"),
        (lambda x: x * 3 - 2 * (3 * x), "3 x − 2 (3 x)"),
        (lambda x: abs(x) * -x, "|x| (−x)"),
        (lambda x: x / (x / x), "x / (x / x)"),
    ],
)
def test_formulas_have_the_brackets_that_they_need(f: Callable[[Array], Array], text: str) -> None:
    def y(x: Array) -> Array:
        x = x + 0.5
        return f(x)

    assert boxes(trace(y, SCALAR))[-1].label.replace("′₂", "") == f"y = {text}"


def test_what_is_done_to_arrays_is_written_as_such() -> None:
    def f(A: Array, Y: Array) -> Array:
        xp = array_namespace(A)
        D = xp.sum(A.mT @ A * Y, axis=0) / 2
        return D[1:] < xp.sqrt(xp.where(Y[0, 1:] >= 1, A[0, 0], 0.5))

    words = [texts[0] for texts in Picture(trace(f, spec((3, 3)), spec((3, 3))).draw()).words]
    assert words[2] == "D = Σ₀ (Aᵀ A * Y) / 2"


def test_three_hundred_operations_are_laid_out_quickly() -> None:
    graph = chain(300)
    start = time.process_time()
    text = graph.draw()
    assert time.process_time() - start < 2
    assert len(Picture(text).boxes) == sum(node in graph.names for node in graph.nodes) > 300


def test_a_picture_is_whole_by_itself(graph: Graph) -> None:
    text = graph.draw()
    assert text.startswith("<svg ")
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"href|url\(|<script|@import", text)
    assert graph._repr_svg_() == text
    assert f">{text}</div>" in graph._repr_html_()  # which can be wider than a notebook's cell


def test_lines_of_a_tree_do_not_cross() -> None:
    """Its leaves are numbered so that the order in which they come would make them cross."""
    a, b, c, d = leaves = [Spot(width=40.0, up=10.0, down=10.0) for _ in range(4)]
    left, right = (Spot(sources=sources, width=40.0, up=10.0, down=10.0) for sources in ((a, c), (b, d)))
    layout([*leaves, left, right, Spot(sources=(left, right), width=40.0, up=10.0, down=10.0)])
    assert [spot.column for spot in (*leaves, left, right)] == [0, 0, 0, 0, 1, 1]
    for (one, to_one), (other, to_other) in combinations([(a, left), (c, left), (b, right), (d, right)], 2):
        assert (one.y - other.y) * (to_one.y - to_other.y) >= 0
