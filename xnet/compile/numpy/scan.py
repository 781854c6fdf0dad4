"""A scan as one `for` loop."""

from collections.abc import Callable, Sequence

from xnet.compile.numpy.calls import may_write_anywhere
from xnet.compile.numpy.variables import Variables, part, tuple_of
from xnet.compile.plan import Allocation, Plan, aligned, size
from xnet.compile.planner import plan_body, relocated
from xnet.compile.rewrite import only_number
from xnet.compile.target import Target
from xnet.graph.ir import Node


def loop(
    scan: Node,
    results: Sequence[Node],
    outer: Variables,
    target: Target,
    start: int,
    calls_of: Callable[[Plan, Variables, int], list[str]],
) -> list[str]:
    """The loop of a scan with these results, whose body has the scratch memory from `start` on.

    `calls_of` gives the calls of the body from its plan, its variables, and the end of its memory so far.  A carry that
    can be updated in place has memory of its own.  Any other carry is a variable, and each step writes the next carry
    into other memory: into its step of a stacked result, or into one of two arrays in turn.
    """
    body, reverse, names = scan.attrs["body"], scan.attrs["reverse"], outer.names
    plan, end = relocated(plan_body(scan, results, target), "scratch", start)
    v, outside = outer.inside(scan, plan), dict(zip(body.inputs, scan.inputs, strict=True))
    through: dict[str, str] = {}  # for each variable of the loop what it goes through
    before: list[str] = []
    copies: list[tuple[str, Node]] = []
    carries: dict[str, str] = {}  # for the variable of a carry that of the carry after the step

    def write(node: Node, variable: str, strided: bool) -> None:
        """The node is computed into the memory of the variable, or else copied there."""
        can = not strided or may_write_anywhere(node, plan.flow.kind[node])
        if node in plan.returned and node not in v and can:
            v.give(node, variable, strided)
        else:
            copies.append((variable, node))

    for x, axis in zip(body.slices, scan.attrs["axes"], strict=True):
        through[v.new(x)] = outer.steps(outside[x], axis, reverse)
    for y in results:
        if "step" in y.attrs:
            variable = names.of(y.attrs["step"])
            through[variable] = outer.steps(y, y.attrs["axis"], reverse)
            write(y.attrs["step"], variable, strided=True)
    kept = {*body.constants, *body.slices, *v.strided}  # whose memory no later step writes
    for carry, node in zip(body.carries, body.after, strict=True):
        if carry in plan.donated.values():
            before.append(f"{v.of(carry)}[...] = {_first(outside[carry], outer)}")
            continue
        before.append(f"{v.new(carry)} = {outer.of(outside[carry])}")
        if node in kept:
            carries[v.of(carry)] = v.of(node)
        elif node is not carry:
            nbytes = aligned(size(node), target.alignment)
            pair = [part(Allocation("scratch", end + i * nbytes), node) for i in (0, 1)]
            end += 2 * nbytes
            variable = carries[v.of(carry)] = names.of(node)
            through[variable] = f"cycle({outer.once('pair1', tuple_of(pair))})"
            write(node, variable, strided=False)
    if all(text.startswith("cycle") for text in through.values()):
        through[names.free("t1")] = f"range({scan.shape[0]})"
    last: list[str] = []
    for y in results:
        if "carry" in y.attrs:
            variable = v.of(body.carries[y.attrs["carry"]])
            is_new = y not in outer.plan.allocations and y not in outer
            last.append(f"{outer.new(y)} = {variable}.copy()" if is_new else f"{outer.of(y)}[...] = {variable}")
    calls = calls_of(plan, v, end)
    copied = [f"{variable}[...] = {v.of(node)}" for variable, node in copies]
    next_carries = [f"{', '.join(carries)} = {', '.join(carries.values())}"] if carries else []
    every = ", ".join(through.values())
    head = f"for {', '.join(through)} in {f'zip({every})' if len(through) > 1 else every}:"
    return [*before, head, *(f"    {line}" for line in (*calls, *copied, *next_carries)), *last]


def _first(carry: Node, outer: Variables) -> str:
    """A first carry that is copied; one number where it is full of it."""
    number = only_number(carry.attrs["value"]) if carry.op == "constant" else None
    return outer.of(carry) if number is None else repr(number)
