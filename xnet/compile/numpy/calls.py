"""The call of a node that is not elementwise."""

import array_api_compat.numpy as xp

from xnet.compile.numpy.variables import Variables
from xnet.compile.plan import Kind
from xnet.graph.dtypes import FLOATS
from xnet.graph.evaluate import apply
from xnet.graph.ir import Node
from xnet.graph.show.text import operation
from xnet.operations.patches import Window

PRODUCTS = {"matmul", "vecdot"}
REDUCED_BY = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "any": "logical_or",
              "all": "logical_and"}  # fmt: skip


def may_write_anywhere(node: Node, kind: Kind) -> bool:
    """Whether the memory that the node is written into need not be contiguous."""
    return kind == "elementwise" or node.op in {*PRODUCTS, *REDUCED_BY}


def call(node: Node, v: Variables, ones: int) -> str:
    """The line of the call; rows of up to so many numbers are added up by a product with ones."""
    if v.flow.kind[node] == "other":
        return _other(node, v)
    if node.op in PRODUCTS:
        return _product(node, v)
    xs, out, attrs = [v.of(x) for x in node.inputs], v.of(node), node.attrs
    match node.op:
        case "take":
            return f"take_into({', '.join(xs)}, {attrs['axis']}, {out})"
        case "scatter_add":
            return f"scatter_add({', '.join(xs)}, {attrs['n']}, {attrs['axis']}, {out})"
        case "patches" | "fold" as op:
            window = tuple(attrs[name] for name in Window._fields)
            return f"{op}_into({xs[0]}, Window{window}, {out})"
    return _reduce(node, xs[0], out, v, ones)


def _product(node: Node, v: Variables) -> str:
    """A product; of two matrices by `dot`, which begins sooner than `matmul`, but writes contiguous arrays alone."""

    def operand(x: Node) -> str:
        is_new = x.op == "matrix_transpose" and x not in v.names.given and not v.is_static(x)
        return f"{v.of(x.inputs[0])}.mT" if is_new else v.of(x)

    xs, out = ", ".join(map(operand, node.inputs)), v.of(node)
    kinds = {(len(x.shape), x.dtype) for x in node.inputs}
    if node.op == "matmul" and node.dtype in FLOATS and kinds == {(2, node.dtype)} and node not in v.strided:
        return f"dot({xs}, {out})"
    axis = f"axis={node.attrs['axis']}, " if "axis" in node.attrs else ""
    return f"{node.op}({xs}, {axis}out={out})"


def _reduce(node: Node, x: str, out: str, v: Variables, ones: int) -> str:
    (operand,), axis, keepdims = node.inputs, node.attrs["axis"], node.attrs["keepdims"]
    shape, is_float = operand.shape, node.op == "sum" and operand.dtype == node.dtype in FLOATS
    if is_float and axis == (1,) and len(shape) == 2 and shape[1] <= ones and node not in v.strided:
        column = (shape[1], 1) if keepdims else (shape[1],)
        return f"dot({x}, {v.once('ones_', f'ones({column}, {operand.dtype!r})')}, {out})"
    dtype = f"dtype={node.dtype!r}, " if node.op in {"sum", "prod"} and node.dtype != operand.dtype else ""
    keep = "keepdims=True, " if keepdims else ""
    return f"{REDUCED_BY[node.op]}.reduce({x}, {axis[0] if len(axis) == 1 else axis}, {dtype}{keep}out={out})"


def _other(node: Node, v: Variables) -> str:
    """What NumPy cannot write into memory that it is given makes its own."""
    xs = {x: v.of(x) for x in node.inputs}
    f, variable = v.names.free(f"{node.op}_"), v.new(node)
    v.values[f] = lambda *values: apply(node, list(values), xp, None)
    return f"{variable} = {f}({', '.join(xs[x] for x in node.inputs)})  # {operation(node, xs)}"
