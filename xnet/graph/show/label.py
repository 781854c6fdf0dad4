"""The boxes of a drawing: statements in the course's notation, and the layer to which each belongs."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

from xnet.graph.evaluate import CREATION
from xnet.graph.ir import GraphData, Node, in_order
from xnet.graph.loop import Body, results_of
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
    steps = inlined(graph.nodes)
    names = names_within(graph.nodes) | graph.names
    stage, titles = stages(graph, steps)
    uses = Counter(x for step in steps for x in set(step.reads))
    joins = LONGEST if any(step.node in names for step in steps if step.reads and uses[step.node]) else 0
    formulas: dict[Node, Formula] = {}
    boxes_of: dict[Node, list[Node]] = {}
    found: list[Box] = []
    times = Counter[str]()
    apart = {x for step in steps if step.form for x in step.reads}  # what enters or leaves a loop has a box
    for node, reads, form, *_ in steps:
        xs = [formulas[x] for x in reads]
        formula = Formula(form.format(*(x.text for x in xs)), 0) if form else written(node, xs)
        sources = list(dict.fromkeys(box for x in reads for box in boxes_of[x]))
        plain = formula.value is not None or node.op in {"astype", *CREATION}
        joined = reads and not form and node not in {*names, *apart} and uses[node] == 1 and len(formula.text) <= joins
        if node in graph.outputs or not (plain or joined):
            title, given = titles.get(stage[node], ""), names.get(node)
            name = course(given, title) if given else "t"
            times[name] += 1
            if times[name] > 1 or not given:
                name += "′" * bool(given) + str(times[name]).translate(LOW)
            label = name if node.op == "input" and not form else f"{name} = {formula.text}"
            found.append(Box(node, name, label, sources, stage[node], title))
            formula, sources = Formula(name, ATOM), [node]
        formulas[node], boxes_of[node] = formula, sources
    then = {step.node: f", then {formulas[step.then].text}" for step in steps if step.then}
    return [box._replace(label=box.label + then.get(box.node, "")) for box in found]


def names_within(nodes: Iterable[Node]) -> dict[Node, str]:
    """The names in the bodies of the loops."""
    found: dict[Node, str] = {}
    for node in nodes:
        if node.op == "scan":
            body: Body = node.attrs["body"]
            found |= names_within(body.nodes([])) | body.names
    return found


class Step(NamedTuple):
    """A node and the nodes whose values it takes; if it is in a loop, the outermost one."""

    node: Node
    reads: tuple[Node, ...]
    form: str  # how a value that enters or leaves a loop is written
    loop: Node | None
    then: Node | None = None  # of a carry: its value for the next step


def inlined(nodes: Sequence[Node], loop: Node | None = None, outside: dict[Node, Node] | None = None) -> list[Step]:
    """The nodes, with those of one step of each loop in the place of the loop."""
    outside = dict(outside or {})
    found: list[Step] = []
    for node in nodes:
        reads = tuple(outside.get(x, x) for x in node.inputs)
        if node.op == "scan":
            body, outer = node.attrs["body"], loop or node
            inside = dict(zip(body.inputs, reads, strict=True))
            pairs = zip(body.carries, body.after, strict=True)
            found += [Step(x, (inside[x],), "{} at first", outer, after) for x, after in pairs]
            found += [Step(x, (inside[x],), "{}[t]", outer) for x in body.slices]
            constants = {x: inside[x] for x in body.constants}
            inner = [x for x in body.nodes(results_of(node, nodes)) if x.op != "input"]
            found += inlined(inner, outer, constants)
        elif node.op == "scan_result":
            (of,) = node.inputs
            step = node.attrs["step"] if "step" in node.attrs else of.attrs["body"].after[node.attrs["carry"]]
            found.append(Step(node, (step,), "{} at each t" if "step" in node.attrs else "{} at last", loop))
        else:
            found.append(Step(node, reads, "", loop))
    return found


def stages(graph: GraphData, steps: Sequence[Step]) -> tuple[dict[Node, int], dict[int, str]]:
    """The layer of each node, the last of those that it is made of, and the titles; what Y is used in is the cost.

    Where there are loops, the stages are these, and what comes before, between and after them.
    """
    loops = list(dict.fromkeys(step.loop for step in steps if step.loop))
    if loops:
        titles = {2 * i + 1: f"scan{_nth(i)}, {loop.shape[0]} steps" for i, loop in enumerate(loops)}
        stage: dict[Node, int] = {}
        for node, reads, _, loop, _ in steps:
            before = max((stage[x] for x in reads), default=0)
            stage[node] = 2 * loops.index(loop) + 1 if loop else before + before % 2
        return stage, titles
    parts = {x: LAYER.fullmatch(graph.names.get(x, "")) for x in graph.inputs}
    layer = {x: int(part[1]) + 1 if part[1] else int(part[2]) for x, part in parts.items() if part}
    into_layers = set(in_order(node for node in graph.nodes if any(x in layer for x in node.inputs)))
    cost = max(layer.values(), default=-1) + 1
    stage = {}
    for node in graph.nodes:
        late = node.op in {"input", "constant"} and node not in into_layers
        first = layer.get(node, cost if late else 0)
        stage[node] = max((stage[x] for x in node.inputs), default=first)
    last = "cost" if [node.shape for node in graph.outputs] == [()] else "result"
    return stage, {k: f"layer {k}" for k in layer.values()} | ({cost: last} if layer else {})


def _nth(i: int) -> str:
    return f" {i + 1}" if i else ""


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
