"""A traced function: it can be called, printed and drawn."""

from dataclasses import dataclass
from typing import Any

from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.errors import ShapeError
from xnet.graph.evaluate import evaluate
from xnet.graph.ir import GraphData, Node, Slot, describe, in_order
from xnet.graph.show.draw import draw
from xnet.graph.show.text import text
from xnet.graph.tracing.traced import Traced
from xnet.types import Array, Tree


@dataclass(frozen=True, eq=False, repr=False)
class Graph(GraphData):
    """A traced function.  `graph(*args)` evaluates it on the library of the arguments, `print` shows its nodes."""

    def __call__(self, *args: Tree) -> Tree:
        given = self._given(args)
        stand_ins = any(isinstance(x, Traced) for x in given.values())
        outputs = self.recorded if stand_ins else self.outputs
        nodes = list(in_order(outputs, derivatives=True)) if stand_ins else self.nodes
        values = evaluate(nodes, given)
        return trees.map(lambda x: values[outputs[x.index]] if isinstance(x, Slot) else x, self.out_tree)

    def values(self, *args: Tree) -> dict[Node, Array]:
        """The value of each node for these arguments."""
        return evaluate(self.nodes, self._given(args))

    def _given(self, args: tuple[Tree, ...]) -> dict[Node, Array]:
        """The arrays of the arguments, which must be as they were traced."""
        if len(args) != len(self.in_tree):
            raise ShapeError(f"graph: it takes {len(self.in_tree)} arguments, as traced; got {len(args)}")
        given: dict[Node, Array] = {}

        def take(slot: Any, x: Any) -> None:
            if isinstance(slot, Slot):
                node = self.inputs[slot.index]
                if describe(x) != describe(node):
                    raise ShapeError(
                        f"graph: {self.names.get(node, 'an input')} must be {describe(node)}, as it was traced; "
                        f"got {describe(x)}; trace the function again for other shapes"
                    )
                given[node] = x
            elif is_array_api_obj(x) or (x is not slot and x != slot):
                raise ShapeError(f"graph: {slot!r} was traced as a part of the function; got {x!r}; trace it again")

        trees.map(take, self.in_tree, args)
        return given

    def draw(self, values: dict[Node, Array] | None = None, derivatives: dict[Node, Array] | None = None) -> str:
        """The graph as a picture, in SVG."""
        return draw(self, values, derivatives)

    def _repr_svg_(self) -> str:
        return draw(self)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{draw(self)}</div>'

    def __repr__(self) -> str:
        return text(self)
