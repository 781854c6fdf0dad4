"""What a drawing says in its boxes: names as the course writes them, operations as formulas, layers as groups."""

import re
from collections.abc import Collection
from itertools import count
from math import prod
from typing import Any, NamedTuple

from xnet.graph.ir import CREATION, Graph, Node, in_order

UP, DOWN = "\ue000", "\ue001"  # the writing between them is raised
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4  # how tightly a formula holds together

INFIX = {"add": " + ", "subtract": " − ", "less": " < ", "less_equal": " ≤ ", "greater": " > ", "greater_equal": " ≥ ",
         "equal": " = ", "not_equal": " ≠ ", "logical_and": " ∧ ", "logical_or": " ∨ "}  # fmt: skip
CALLED = {"log": "ln", "maximum": "max", "minimum": "min", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
LOW, HIGH = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"), str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ARITHMETIC: dict[str, Any] = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b, "maximum": max, "minimum": min, "negative": lambda a: -a,
}  # fmt: skip
KNOWN = [  # what the kernels write so that nothing overflows, and what it means
    (re.compile(r"exp\(min\((.+), 0\)\) / \(1 \+ exp\(−\|\1\|\)\)"), r"σ(\1)", ATOM),
    (re.compile(r"1 / \(1 \+ exp\(−(.+)\)\)"), r"σ(\1)", ATOM),
    (re.compile(r"max\((.+), 0\) \+ ln\(1 \+ exp\(−\|\1\|\)\)"), r"ln(1 + exp(\1))", ATOM),
]


class Formula(NamedTuple):
    text: str
    holds: int

    def inside(self, least: int) -> str:
        return self.text if self.holds >= least else f"({self.text})"


class Labels:
    """Which nodes get a box, and what is written in it.

    Numbers, changes of type and arrays made of one number never do.  Where a function names its steps, or is long,
    a step without a name joins the box that uses it: a box a statement, as a person would draw it.
    """

    def __init__(self, graph: Graph, longest: int, small: int) -> None:
        self.graph = graph
        self.full = fillings(graph)
        self.uses: dict[Node, list[Node]] = {node: [] for node in graph.nodes}
        for node in reversed(graph.nodes):
            for x in dict.fromkeys(node.inputs):
                self.uses[x] += self.uses[node] if self._passes(node) else [node]
        self.stages, self.titles, self.numbers = stages(graph)
        steps = [node for node in graph.nodes if node.inputs and not self._passes(node)]
        named = any(node in graph.names and node not in graph.outputs for node in steps)
        self.longest = longest if named or len(steps) > small else 0
        self.boxes: list[Node] = []
        self._names = self._chosen_names()
        self._hangs: dict[Node, list[Node]] = {}  # the boxes in which a node is written
        self._formulas: dict[Node, Formula] = {}  # of all nodes, as they are worked out
        self._said: dict[Node, Formula] = {}  # what stands for a node in the formulas of others
        for node in graph.nodes:
            self._add(node)

    def label(self, node: Node) -> str:
        """`v = a + u`"""
        name = self._names.get(node)
        if not node.inputs and node.op in {"input", "constant"}:
            return name or node.op
        formula = self._formulas[node].text
        return f"{name} = {formula}" if name else formula

    def name(self, node: Node) -> str:
        """What a derivative with respect to the node is named after."""
        return self._names.get(node) or self._said[node].inside(ATOM)

    def sources(self, node: Node) -> list[Node]:
        """The boxes on which this one hangs."""
        return list(dict.fromkeys(box for x in node.inputs for box in self._hangs[x]))

    def _add(self, node: Node) -> None:
        formula = self._formulas[node] = self._formula(node)
        if self._passes(node) or self._joins(node, formula):
            self._said[node], self._hangs[node] = formula, self.sources(node)
            return
        self._hangs[node] = [node]
        self.boxes.append(node)
        if node not in self._names and (not node.inputs or len(formula.text) > 16):
            taken = set(self._names.values())
            self._names[node] = next(t for k in count(1) if (t := f"t{_low(k)}") not in taken)
        name = self._names.get(node)
        self._said[node] = Formula(name, ATOM) if name else formula

    def _passes(self, node: Node) -> bool:
        """Whether the node is written out wherever it is used."""
        if node in self.graph.outputs or node.op == "input":
            return False
        if node.op == "constant":
            return prod(node.shape) == 1 and node not in self.graph.names
        if node.op == "matrix_transpose":
            return node not in self.graph.names and len(node.inputs[0].inputs) == 0
        return node.op in {"scalar", "astype", *CREATION} or node in self.full

    def _joins(self, node: Node, formula: Formula) -> bool:
        uses = list(dict.fromkeys(self.uses[node]))
        if len(uses) != 1 or not node.inputs or node in self.graph.outputs or len(formula.text) > self.longest:
            return False
        (user,) = uses
        same_statement = node not in self._names or self.graph.names.get(user) == self.graph.names.get(node)
        return same_statement and self.stages[node] == self.stages[user]

    def _chosen_names(self) -> dict[Node, str]:
        """`params.0.W` is W[1], dw1 has a low 1, and the second A of a layer is A′."""
        names: dict[Node, str] = {}
        times: dict[str, int] = {}
        leaves = [self.graph.names.get(x, "").rpartition(".")[2] for x in self.graph.inputs]
        for node in (*self.graph.inputs, *self.graph.nodes):
            name = self.graph.names.get(node)
            if name is None or node in names or self._passes(node):
                continue
            leaf, number = name.rpartition(".")[2], self.numbers.get(self.stages.get(node, 0), "")
            if node.op == "input" and not self.titles and leaves.count(leaf) > 1:
                leaf = name
            if node.op == "input" and name.count(".") < 1:
                number = ""
            leaf = re.sub(r"^([^\W\d_]+)_?(\d+)$", lambda found: found[1] + _low(int(found[2])), leaf)
            leaf += f"{UP}[{number}]{DOWN}" if number else ""
            times[leaf] = times.get(leaf, 0) + 1
            marks = "′" * (times[leaf] - 1) if times[leaf] < 4 else f"′{_low(times[leaf])}"
            leaf = re.sub(rf"(?=$|{UP})", marks, leaf, count=1)
            names[node] = leaf
        return names

    def _formula(self, node: Node) -> Formula:
        if (number := self.full.get(node)) is not None:
            one_over = node.op == "divide" and round(1 / number) * number == 1 if number else False
            return Formula(f"1/{round(1 / number)}", PRODUCT) if one_over else constant(number)
        xs = [self._said[x] for x in node.inputs]
        formula = written(node, xs, self.full)
        for pattern, meaning, holds in KNOWN:
            if pattern.fullmatch(formula.text):
                return Formula(pattern.sub(meaning, formula.text), holds)
        return formula


def fillings(graph: Graph) -> dict[Node, Any]:
    """The one number that an array is full of, where the graph itself says so: ones, and what is made of them."""
    found: dict[Node, Any] = {}
    for node in graph.nodes:
        values = [found[x] for x in node.inputs if x in found]
        if node.op == "scalar":
            found[node] = node.attrs["value"]
        elif node.op in {"ones", "zeros", "full"}:
            found[node] = {"ones": 1, "zeros": 0}.get(node.op, node.attrs["args"][-1])
        elif not values or len(values) < len(node.inputs) or any(isinstance(x, bool | complex) for x in values):
            continue
        elif node.op in {"broadcast_to", "reshape"}:
            found[node] = values[0]
        elif node.op == "sum":
            found[node] = values[0] * (prod(node.inputs[0].shape) // max(1, prod(node.shape)))
        elif node.op in ARITHMETIC and not (node.op == "divide" and values[1] == 0):
            found[node] = ARITHMETIC[node.op](*values)
    return found


def of_number(x: Any) -> str:
    """Four digits are enough to read."""
    return (f"{x:.4g}" if isinstance(x, float) else str(x)).replace("-", "−")


def constant(x: Any) -> Formula:
    """1/100 rather than 0.01, since it is 1/m; and what only keeps clear of 0 is ε."""
    if isinstance(x, float) and 0 < x < 1e-30:
        return Formula("ε", ATOM)
    return Formula(of_number(x), SUM if of_number(x).startswith("−") else ATOM)


def written(node: Node, xs: list[Formula], full: Collection[Node] = ()) -> Formula:
    """The operation as a formula."""
    op = node.op
    match op, xs:
        case "input" | "constant", _:
            return Formula(op, ATOM)
        case "add" | "subtract", [a, b]:
            right = b.inside(SUM if op == "add" else PRODUCT)
            turned = op == "add" and right.startswith("−")
            return Formula(f"{a.text} − {right[1:]}" if turned else f"{a.text}{INFIX[op]}{right}", SUM)
        case "multiply", [a, b] if node.inputs[0] is node.inputs[1]:
            return Formula(f"{a.inside(ATOM)}²", POWER)
        case "multiply", [a, b]:
            numbers = [not x.shape or x in full for x in node.inputs]
            if (numbers[1] and not numbers[0]) or (node.inputs[1].op == "scalar" and node.inputs[0].op != "scalar"):
                a, b = b, a
            right = b.inside(POWER)
            return Formula(a.inside(PRODUCT) + _times(any(numbers), right) + right, PRODUCT)
        case "matmul", [a, b]:
            return Formula(f"{a.inside(PRODUCT)} {b.inside(POWER)}", PRODUCT)
        case "divide", [a, b]:
            return Formula(f"{a.inside(PRODUCT)} / {b.inside(POWER)}", PRODUCT)
        case "negative", [a]:
            return Formula(f"−{a.inside(PRODUCT)}", SUM)
        case "pow", [a, b]:
            return Formula(a.inside(ATOM) + _power(b.text), POWER)
        case "square", [a]:
            return Formula(f"{a.inside(ATOM)}²", POWER)
        case "abs", [a]:
            return Formula(f"|{a.text}|", ATOM)
        case "sqrt", [a]:
            return Formula(f"√{a.inside(ATOM)}", POWER)
        case "log1p", [a]:
            return Formula("ln(1 " + (f"− {a.text[1:]})" if a.text.startswith("−") else f"+ {a.text})"), ATOM)
        case "expm1", [a]:
            return Formula(f"exp({a.text}) − 1", SUM)
        case "sum", [a]:
            return Formula(f"Σ{_axes(node)} {a.inside(PRODUCT)}", POWER if a.holds >= POWER else PRODUCT)
        case "mean" | "max" | "min" | "prod", [a]:
            return Formula(f"{op}{_axes(node)}({a.text})", ATOM)
        case "matrix_transpose", [a]:
            return Formula(f"{a.inside(ATOM)}ᵀ", POWER)
        case "astype", [a]:
            return Formula(f"[{a.text}]", ATOM) if node.inputs[0].dtype == "bool" else a
        case _, [a, b] if op in INFIX:
            return Formula(f"{a.inside(PRODUCT)}{INFIX[op]}{b.inside(PRODUCT)}", 0)
    arguments = [x.text for x in xs] or [str(x) for x in node.attrs.get("args", ())]
    return Formula(f"{CALLED.get(op, op)}({', '.join(arguments)})", ATOM)


def _times(plain: bool, right: str) -> str:
    """`3 v` and `W A` stand side by side; numbers of two arrays are multiplied one by one with a star."""
    return (" · " if right[0].isdigit() else " ") if plain else " * "


def _power(text: str) -> str:
    return text.translate(HIGH) if text.lstrip("−").isdigit() else f"^({text})"


def _axes(node: Node) -> str:
    axis = node.attrs.get("axis")
    axes = axis if isinstance(axis, tuple) else () if axis is None else (axis,)
    whole = len(axes) in {0, len(node.inputs[0].shape)}
    return "" if whole else "".join(_low(i % len(node.inputs[0].shape)) for i in axes)


def _low(number: int) -> str:
    return str(number).translate(LOW)


def stages(graph: Graph) -> tuple[dict[Node, int], dict[int, str], dict[int, str]]:
    """A stage for each layer, one before them and one for the cost: of each node, and their titles and numbers.

    A node belongs to the last layer of those that it depends on.
    """
    layer_of = {node: layer for node in graph.inputs if (layer := _layer(graph, node)) is not None}
    order: dict[str, int] = {}
    stage: dict[Node, int] = {}
    for node in graph.nodes:
        if node in layer_of and node.op == "input":
            continue
        for x in node.inputs:
            if x in layer_of:
                stage[x] = order.setdefault(layer_of[x], len(order) + 1)
        stage[node] = max((stage[x] for x in node.inputs), default=0)
    for node in graph.nodes:
        stage.setdefault(node, 0)
    if not order:
        return stage, {}, {}
    numbers = {i: ".".join(str(int(k) + 1) for k in key.split(".")) for key, i in order.items() if _counts(key)}
    titles = {i: f"layer {numbers[i]}" if i in numbers else key for key, i in order.items()}
    if _part_the_cost(graph, stage, layer_of, len(order)):
        titles[len(order) + 1] = "cost" if not graph.outputs[-1].shape else "result"
    _beside_their_use(graph, stage)
    return stage, titles, numbers


def _counts(key: str) -> bool:
    return key.replace(".", "").isdigit()


def _layer(graph: Graph, node: Node) -> str | None:
    """`params.0.W` is of layer 0, `params.encoder.W` of the encoder; W1 and b1 are of the first when W1 is a matrix."""
    name = graph.names.get(node, "")
    path = name.split(".")[1:-1]
    if path:
        return ".".join(path)
    numbered = re.fullmatch(r"(?:.*\.)?[A-Za-z]+(\d+)", name)
    matrices = {graph.names.get(x, "").rpartition(".")[2] for x in graph.inputs if len(x.shape) > 1}
    return str(int(numbered[1]) - 1) if numbered and int(numbered[1]) and f"W{numbered[1]}" in matrices else None


def _part_the_cost(graph: Graph, stage: dict[Node, int], layer_of: dict[Node, str], last: int) -> bool:
    """The last layer ends with the last node through which all must pass before anything new comes in, like Y."""
    mine = [node for node in graph.nodes if node.inputs and stage[node] == last]
    with_parameters = [node for node in mine if any(x in layer_of for x in node.inputs)]
    seen = set(in_order(with_parameters))
    new = set(graph.inputs) - seen
    waiting: dict[Node, int] = dict.fromkeys(mine, 0)
    for node in mine:
        for x in set(node.inputs):
            waiting[x] = waiting.get(x, 0) + 1
    left: set[Node] = set()  # results that some node still waits for
    tail: list[Node] = []
    for node in graph.nodes:
        if node.inputs and any(x in new for x in node.inputs):
            new.add(node)
        if node not in waiting or not node.inputs or stage[node] != last:
            continue
        for x in set(node.inputs):
            waiting[x] -= 1
            if not waiting[x]:
                left.discard(x)
        left.add(node)
        tail.append(node)
        if node in seen or (left == {node} and node not in new):
            tail.clear()
    for node in tail:
        stage[node] = last + 1
    return bool(tail)


def _beside_their_use(graph: Graph, stage: dict[Node, int]) -> None:
    """What comes in late, like Y and what is made of it alone, stands where it is used."""
    first_use: dict[Node, int] = {}
    for node in reversed(graph.nodes):
        if stage[node] == 0 and first_use.get(node, 0) > 1:
            stage[node] = first_use[node]
        for x in node.inputs:
            first_use[x] = min(first_use.get(x, stage[node]), stage[node])
