"""The boxes of a drawing: statements in the course's notation, and the layer to which each belongs."""

import re
from collections import Counter
from math import prod
from typing import Any, NamedTuple

from xnet.graph.evaluate import CREATION
from xnet.graph.ir import GraphData, Node, in_order
from xnet.graph.show.text import key

UP, DOWN = "\ue000", "\ue001"  # the writing between them is raised
LONGEST = 44  # letters of a step without a name that are still written into the statement that uses it
LOW, HIGH = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"), str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LAYER = re.compile(r".*?\.(\d+)\..+|(?:.*\.)?[Wb](\d+)")  # `params.0.W`, and `W1`

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4  # how tightly a formula holds together, and what its parts must do at least
COMPARED = {"less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥", "equal": "=", "not_equal": "≠"}
FORMS: dict[str, tuple[str, int, list[int]]] = {
    "add": ("{} + {}", SUM, [SUM, PRODUCT]),
    "subtract": ("{} − {}", SUM, [SUM, PRODUCT]),
    "negative": ("−{}", SUM, [PRODUCT]),
    "matmul": ("{} {}", PRODUCT, [PRODUCT, POWER]),
    "multiply": ("{} * {}", PRODUCT, [PRODUCT, POWER]),
    "divide": ("{} / {}", PRODUCT, [PRODUCT, POWER]),
    "sum": ("Σ{axes} {}", POWER, [ATOM]),
    "pow": ("{}^{}", POWER, [ATOM, ATOM]),
    "matrix_transpose": ("{}ᵀ", POWER, [ATOM]),
    "abs": ("|{}|", ATOM, [0]),
    "index": ("{}[{key}]", ATOM, [ATOM]),
    "log": ("ln({})", ATOM, [0]),
    "log1p": ("ln(1 + {})", ATOM, [SUM]),
    "maximum": ("max({}, {})", ATOM, [0, 0]),
    "minimum": ("min({}, {})", ATOM, [0, 0]),
    **{op: (f"{{}} {sign} {{}}", 0, [SUM, SUM]) for op, sign in COMPARED.items()},
}


class Formula(NamedTuple):
    text: str
    holds: int
    value: Any = None  # of a number, or an array that is full of it

    def inside(self, least: int) -> str:
        return self.text if self.holds >= least else f"({self.text})"


class Box(NamedTuple):
    """`Z = W X + b`, with the boxes of W, X and b as its sources."""

    node: Node
    name: str
    label: str
    sources: list[Node]
    stage: int
    title: str


def boxes(graph: GraphData) -> list[Box]:
    """One for each input and each statement: a step without a name is written into the statement that uses it.

    Where nothing has a name, each step has a box.
    """
    stage, titles = stages(graph)
    uses = Counter(x for node in graph.nodes for x in set(node.inputs))
    joins = LONGEST if any(node in graph.names for node in graph.nodes if node.inputs and uses[node]) else 0
    formulas: dict[Node, Formula] = {}
    boxes_of: dict[Node, list[Node]] = {}
    found: list[Box] = []
    times = Counter[str]()
    for node in graph.nodes:
        formula = written(node, [formulas[x] for x in node.inputs])
        sources = list(dict.fromkeys(box for x in node.inputs for box in boxes_of[x]))
        plain = formula.value is not None or node.op in {"astype", *CREATION}
        step = node.inputs and node not in graph.names and uses[node] == 1 and len(formula.text) <= joins
        if node in graph.outputs or not (plain or step):
            title, given = titles.get(stage[node], ""), graph.names.get(node)
            name = course(given, title) if given else "t"
            times[name] += 1
            if times[name] > 1 or not given:
                name += "′" * bool(given) + str(times[name]).translate(LOW)
            label = name if node.op == "input" else f"{name} = {formula.text}"
            found.append(Box(node, name, label, sources, stage[node], title))
            formula, sources = Formula(name, ATOM), [node]
        formulas[node], boxes_of[node] = formula, sources
    return found


def stages(graph: GraphData) -> tuple[dict[Node, int], dict[int, str]]:
    """The layer of each node, the last of those that it is made of, and the titles; what Y is used in is the cost."""
    parts = {x: LAYER.fullmatch(graph.names.get(x, "")) for x in graph.inputs}
    layer = {x: int(part[1]) + 1 if part[1] else int(part[2]) for x, part in parts.items() if part}
    into_layers = set(in_order(node for node in graph.nodes if any(x in layer for x in node.inputs)))
    cost = max(layer.values(), default=-1) + 1
    stage: dict[Node, int] = {}
    for node in graph.nodes:
        late = node.op in {"input", "constant"} and node not in into_layers
        first = layer.get(node, cost if late else 0)
        stage[node] = max((stage[x] for x in node.inputs), default=first)
    last = "cost" if [node.shape for node in graph.outputs] == [()] else "result"
    return stage, {k: f"layer {k}" for k in layer.values()} | ({cost: last} if layer else {})


def course(name: str, title: str) -> str:
    """`params.0.W` is W[1], as is `W1` of layer 1, and `dw1` has a low 1."""
    letters, digits = re.fullmatch(r"(.*?)_?(\d*)", name.rpartition(".")[2]).groups()  # type: ignore[union-attr]
    layer = title.removeprefix("layer ")
    return letters + (f"{UP}[{layer}]{DOWN}" if layer != title and digits in {"", layer} else digits.translate(LOW))


def number(x: Any) -> Formula:
    """Four digits are enough to read."""
    text = (f"{x:.4g}" if isinstance(x, float) else str(x)).replace("-", "−")
    return Formula(text, SUM if text.startswith("−") else ATOM, x)


def written(node: Node, xs: list[Formula]) -> Formula:
    """The operation as a formula; an array full of one number, as the kernels make for the 1/m, is that number."""
    op, attrs, values = node.op, node.attrs, [x.value for x in xs]
    if op == "scalar":
        return number(attrs["value"])
    if op in {"ones", "zeros", "full"}:
        return number({"ones": 1, "zeros": 0}.get(op, attrs["args"][-1]))
    if op == "astype":
        return xs[0]
    if op == "sum" and values[0] is not None:
        return number(values[0] * (prod(node.inputs[0].shape) // max(1, prod(node.shape))))
    if op == "maximum" and None not in values:
        return number(max(values))
    arguments = ", ".join(["{}"] * len(xs)) or ", ".join(map(str, attrs.get("args", ())))
    form, holds, least = FORMS.get(op, (f"{op}({arguments})" if arguments else op, ATOM, [0] * len(xs)))
    if op == "multiply":
        xs = sorted(xs, key=lambda x: x.value is None)
        form = form if all(x.shape for x in node.inputs) else "{} {}"
    axes = "" if not node.shape else "".join(str(i).translate(LOW) for i in attrs.get("axis", ()))
    parts = [x.inside(n) for x, n in zip(xs, least, strict=True)]
    text = form.format(*parts, axes=axes, key=key(attrs.get("key", ()))).replace("+ −", "− ")
    return Formula(re.sub(r"\^\(?(−?\d+)\)?$", lambda power: power[1].translate(HIGH), text), holds)
