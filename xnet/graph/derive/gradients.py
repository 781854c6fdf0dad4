"""Reverse-mode differentiation: the chain rule from the result back to the arguments, by the table of rules.py."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from functools import partial, reduce, wraps
from typing import Any

from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.errors import DtypeError, ShapeError, TraceError
from xnet.graph.derive.loops import loop_vjp
from xnet.graph.derive.rules import RULES, unbroadcast
from xnet.graph.dtypes import COMPLEX, FLOATS
from xnet.graph.evaluate import evaluate
from xnet.graph.graph import Graph
from xnet.graph.ir import Node, describe, dtype_of, in_order, source_line
from xnet.graph.loop import with_results
from xnet.graph.tracing.kernel import cache_of
from xnet.graph.tracing.trace import Traced, trace, xp
from xnet.graph.tracing.traced import as_node
from xnet.types import Array, Tree

REMEMBERED = 256  # graphs of one function: the last used
FIXED = {"scalar", "constant"}  # nodes that hold their values
_Forward = Callable[[list[Array]], tuple[Array, Any]]


def grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, expand: bool = False
) -> Callable[..., Any]:
    """dJ/dx for J = f(…, x, …) of shape (): a function of the same arguments, which returns a tree like x.

    `argnums` says which arguments, a tuple for several; with `has_aux`, f returns (J, aux), and grad(f) returns
    (dJ/dx, aux).  f is traced once for arguments of each shape and dtype: whatever else it reads stays as it was then.

    A kernel is differentiated by its backward, so that relu has 0 at 0.  With `expand` the operations that a kernel is
    made of are differentiated instead.  Where these have no slope the derivative is a choice: abs has 0 at 0, and max
    and maximum share it among equal arguments, so that max(z, 0) has ½ at 0.
    """
    both = value_and_grad(f, argnums, has_aux, expand=expand)

    @wraps(f)
    def derivative(*args: Tree) -> Any:
        value, grads = both(*args)
        return (grads, value[1]) if has_aux else grads

    derivative.__name__ = f"grad({getattr(f, '__name__', 'f')})"
    return derivative


def value_and_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, expand: bool = False
) -> Callable[..., Any]:
    """The same with the value: (J, dJ/dx), and with `has_aux` ((J, aux), dJ/dx)."""
    graphs: dict[Hashable, Graph] = {}
    chosen = argnums if isinstance(argnums, tuple) else (argnums,)

    @wraps(f)
    def written(*args: Tree) -> Any:
        wanted = _wanted(args, chosen)
        returned = f(*args)
        J = _cost(returned[0] if has_aux else returned)
        grads = _pulled(J.node, xp.ones_like(J), wanted, expand)
        return returned, grads if isinstance(argnums, tuple) else grads[0]

    @wraps(f)
    def both(*args: Tree) -> Any:
        return _remembered(graphs, args, lambda: trace(written, *args))(*args)

    return both


def derivatives(graph: Graph, *args: Tree) -> dict[Node, Array]:
    """dJ/dn for every node n between the arguments and J, right to left: the course's dv, du, da, db, dc.

    A kernel's backward gives the derivatives of its arguments; the steps inside a kernel have those of the table.
    """
    if len(graph.outputs) != 1:
        raise ShapeError(f"derivatives: the graph must have one result; got {len(graph.outputs)}; return J alone")
    J = _cost(Traced(graph.recorded[0]))
    by_kernels, by_table = (
        _of_simplified(graph, backwards({J.node: xp.ones_like(J)}, graph.inputs, expand)) for expand in (False, True)
    )
    g = by_table | by_kernels
    of = {node: value for node, value in graph.values(*args).items() if node.op not in {*FIXED, "scan"}}
    known = {node: of[x] for node, x in graph.simple.items() if x in of}
    values = evaluate(list(in_order(x.node for x in g.values())), known)
    return {node: values[g[node].node] for node in reversed(graph.nodes) if node in g}


def _of_simplified(graph: Graph, g: dict[Node, Traced]) -> dict[Node, Traced]:
    """The derivatives by the simplified nodes, from those by the recorded nodes.

    Those of recorded nodes that became one are added up, unless one depends on another, whose derivative includes it.
    """
    same: dict[Node, list[Node]] = defaultdict(list)
    for node in g:
        same[graph.simple[node]].append(node)
    for x, nodes in same.items():
        if nodes[1:]:
            same[x] = [node for node in nodes if {*nodes} & {*in_order([node])} == {node}]
    return {x: reduce(xp.add, [g[node] for node in nodes]) for x, nodes in same.items()}


def backwards(dy: dict[Node, Traced], wanted: Collection[Node], expand: bool = False) -> dict[Node, Traced]:
    """The chain rule, right to left: from dJ/dy for some y, dJ/dn for every real n on a path from `wanted` to a y."""
    order = list(in_order(dy))
    path = {node for node in wanted if node.dtype in FLOATS}
    for node in order:
        if not path.isdisjoint(node.inputs):
            if node.dtype in COMPLEX:
                raise TraceError(
                    f"grad: derivatives are for real numbers; got {node.dtype} at {source_line(node.line)}; use xp.real"
                )
            if node.dtype in FLOATS or node.op == "scan":
                path.add(node)
    g = {y: dy[y] for y in dy if y in path}
    loops: dict[Node, dict[Node, Traced]] = {}  # the derivatives by the results of each loop
    for node in reversed(order):
        found: Iterable[tuple[Node, Traced]] = ()
        if node in loops:
            found = loop_vjp(node, loops[node], path, partial(backwards, expand=expand))
        elif node.op == "scan_result" and node in g:
            loops.setdefault(node.inputs[0], {})[node] = g[node]
        elif node in g and not path.isdisjoint(node.inputs):
            if node.op == "kernel":
                found = [(node.inputs[0], g[node])] if expand else _kernel_vjp(node, g[node], path, wanted)
            else:
                found = _vjp(node, g[node], path)
        for x, dx in found:
            g[x] = xp.add(g[x], dx) if x in g else dx
    return {node: g[node] for node in reversed(order) if node in g}


def _kernel_vjp(node: Node, g: Traced, path: set[Node], wanted: Collection[Node]) -> Iterable[tuple[Node, Traced]]:
    """The gradients that a kernel's backward returns, for its first arguments, in their order.

    The operations of the kernel are differentiated instead if an argument on the path has no gradient, such as the
    targets of a cost, or if the kernel depends on what is wanted in other ways than through its arguments.
    """
    y, *arguments = node.inputs[: 1 + node.attrs["arguments"]]
    if not set(wanted).isdisjoint(in_order([y], known=arguments)):
        return [(y, g)]
    returned = node.attrs["backward"](g, cache_of(node))
    grads = returned if isinstance(returned, tuple) else (returned,)
    if len(grads) > len(arguments):
        raise ShapeError(
            f"grad: {node.attrs['name']}_backward must return at most one gradient for each array argument of "
            f"{node.attrs['name']}; got {len(grads)} gradients, {len(arguments)} arguments; return them in the order "
            f"of the arguments"
        )
    pairs = list(zip(arguments, [*grads, *[None] * (len(arguments) - len(grads))], strict=True))
    for x, dx in pairs:
        if dx is not None and describe(dx) != describe(x):
            raise ShapeError(
                f"grad: {node.attrs['name']}_backward must return gradients of the arguments' shapes and dtypes; "
                f"got {describe(dx)} for {describe(x)}; sum over the axes that were broadcast"
            )
    if any(x in path and dx is None for x, dx in pairs):
        return [(y, g)]
    return [(x, dx) for x, dx in pairs if x in path]


def _vjp(node: Node, g: Traced, path: set[Node]) -> Iterator[tuple[Node, Traced]]:
    """The gradients that the rules of one node give to its inputs."""
    if node.op not in RULES:
        raise TraceError(
            f"grad: xp.{node.op} has no derivative; got it at {source_line(node.line)}; write it with other functions, "
            f"or use it on what needs no derivative"
        )
    rules, y = RULES[node.op], Traced(node)
    xs = [x.attrs["value"] if x.op == "scalar" else Traced(x) for x in node.inputs]
    if callable(rules):
        every = rules(g, y, *xs, **node.attrs)
    else:
        pairs = zip(rules, node.inputs, strict=True)
        every = [rule(g, y, *xs, **node.attrs) if rule and x in path else None for rule, x in pairs]
    for x, dx in zip(node.inputs, every, strict=True):
        if x in path and dx is not None:
            yield x, unbroadcast(dx, Traced(x))


def pullback(f: Callable[..., Array]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """f, which returns one array Y, as a kernel has it: forward(*args) -> (Y, cache), backward(dY, cache) -> gradients.

    There is a gradient for each argument, a tree like it, and None where the argument is not of floating arrays.  The
    cache holds the arrays that the backward graph reads of the forward graph, so that nothing is computed twice.
    """
    made: dict[Hashable, tuple[_Forward, _Forward]] = {}

    def forward(*args: Tree) -> tuple[Array, Any]:
        arrays = [x for x in trees.leaves(args) if is_array_api_obj(x)]
        on_arrays, on_stand_ins = _remembered(made, args, lambda: _pullbacks(f, args))
        run: _Forward = on_stand_ins if any(isinstance(x, Traced) for x in arrays) else on_arrays
        return run(arrays)

    def backward(dY: Array, cache: Any) -> Any:
        gradients, kept = cache
        return gradients(dY, kept)

    return forward, backward


def _pullbacks(f: Callable[..., Array], args: tuple[Tree, ...]) -> tuple[_Forward, _Forward]:
    """The forwards of f for arrays, by the simplified graph, and for stand-ins, by the recorded one."""
    where = [i for i, arg in enumerate(args) if all(map(is_floating, trees.leaves(arg)))]
    upstream: list[Node] = []

    @wraps(f)
    def there_and_back(*args: Tree) -> Any:
        Y = Traced(as_node(f(*args)))
        upstream.append(Node("input", (), {}, Y.shape, Y.dtype))
        grads = dict(zip(where, _pulled(Y.node, Traced(upstream[0]), [args[i] for i in where]), strict=True))
        return Y, tuple(grads.get(i) for i in range(len(args)))

    graph = trace(there_and_back, *args)

    def forward_of(outputs: tuple[Node, ...], derivatives: bool) -> _Forward:
        first, every = (set(in_order(nodes, derivatives=derivatives)) for nodes in (outputs[:1], outputs))
        ahead = (*outputs[:1], *(with_results(first, every) - first))
        there = list(in_order(ahead, derivatives=derivatives))
        known = dict.fromkeys(node for node in (*graph.inputs, *there) if node.op not in FIXED)
        back = [node for node in in_order(outputs[1:], derivatives=derivatives) if node not in known]
        read = {*outputs[1:], *(x for node in back for x in node.inputs)}
        kept = [node for node in known if node in read]

        def forward(arrays: list[Array]) -> tuple[Array, Any]:
            values = evaluate(there, dict(zip(graph.inputs, arrays, strict=True)))
            return values[outputs[0]], (backward, tuple(values[node] for node in kept))

        def backward(dY: Array, cache: tuple[Array, ...]) -> tuple[Tree, ...]:
            values = evaluate(back, {upstream[0]: dY, **dict(zip(kept, cache, strict=True))})
            return trees.map(lambda x: x if x is None else values[outputs[x.index]], graph.out_tree[1])  # type: ignore[no-any-return]

        return forward

    return forward_of(graph.outputs, False), forward_of(graph.recorded, True)


def _pulled(y: Node, dy: Traced, wanted: list[Tree], expand: bool = False) -> tuple[Tree, ...]:
    """The gradients, as trees like the stand-ins that are wanted; zeros where y does not depend on one."""
    g = backwards({y: dy}, [x.node for tree in wanted for x in trees.leaves(tree)], expand)
    return tuple(trees.map(lambda x: g[x.node] if x.node in g else xp.zeros_like(x), tree) for tree in wanted)


# What is asked for, and what is refused


def is_floating(x: Any) -> bool:
    return is_array_api_obj(x) and dtype_of(x) in FLOATS


def _wanted(args: tuple[Tree, ...], argnums: tuple[int, ...]) -> list[Tree]:
    """The arguments to derive by, which must have floating arrays alone."""

    def check(name: str, x: Any) -> None:
        if not is_floating(x):
            raise DtypeError(
                f"grad: {name} must be an array of real floating numbers to have a derivative; got {describe(x)}; "
                f"make it one, or leave it out of argnums"
            )

    for i in argnums:
        if not -len(args) <= i < len(args):
            raise TraceError(
                f"grad: argnums must be of the arguments; got argnums={i}, {len(args)} arguments; the first is 0"
            )
        trees.map_named(check, args[i], name=f"argument {i % len(args)}")
    return [args[i] for i in argnums]


def _cost(J: Any) -> Traced:
    if not is_floating(J) or tuple(J.shape) != ():
        raise ShapeError(
            f"grad: the function must return one real floating number, of shape (); got {describe(J)}; xp.sum makes one"
        )
    return Traced(as_node(J))


# Graphs that were made before


def _remembered(made: dict[Hashable, Any], args: tuple[Tree, ...], make: Callable[[], Any]) -> Any:
    """What was made for arguments of such shapes and dtypes, in such trees."""
    key = _key(args)
    try:
        found = made.pop(key, None)
    except TypeError:  # a leaf without a hash: nothing says whether it is the same
        return make()
    made[key] = found = found or make()
    while len(made) > REMEMBERED:
        del made[next(iter(made))]
    return found


def _key(tree: Tree) -> Hashable:
    if isinstance(tree, dict):
        return (type(tree), *((name, _key(value)) for name, value in tree.items()))
    if isinstance(tree, list | tuple):
        return (type(tree), *map(_key, tree))
    if is_array_api_obj(tree):
        return (dtype_of(tree), *map(int, tree.shape))
    return (type(tree), repr(tree) if isinstance(tree, float) else tree)
