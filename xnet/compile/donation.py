"""Match outputs with donated arguments, and find what can be written into donated memory directly."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xnet.compile.plan import Dataflow, Group
from xnet.graph.ir import Node


@dataclass(frozen=True, eq=False)
class Donations:
    """`groups` run first; `commit` writes donated memory directly; each (output, argument) of `staged` is copied."""

    of: Mapping[int, Node]  # for an output's number the argument whose memory it takes
    replaces: Mapping[Node, Node]  # the same by the output's node, where it is another node
    groups: tuple[Group, ...]
    commit: tuple[tuple[Group, ...], ...]
    staged: tuple[tuple[Node, Node], ...]


def match_donations(flow: Dataflow, groups: Sequence[Group], of: Mapping[int, Node]) -> Donations:
    replaces = {flow.outputs[i]: d for i, d in of.items() if flow.outputs[i] is not d}
    final = _final(flow, groups, replaces)
    direct = {x for group in final for x in group.results}
    staged = [(x, d) for i, d in of.items() if (x := flow.outputs[i]) is not d and x not in direct]
    later = set(final)
    first = tuple(group for group in groups if group not in later)
    return Donations(of, replaces, first, _batched_groups(flow, final, replaces), tuple(staged))


def matched(outputs: Sequence[Node], donated: Iterable[Node]) -> dict[int, Node]:
    """For an output's number the argument whose memory it takes: the first of its shape and dtype that is left."""
    left = list(donated)
    found: dict[int, Node] = {}
    for i, x in enumerate(outputs):
        like = next((d for d in left if (d.shape, d.dtype) == (x.shape, x.dtype)), None)
        if like is not None:
            found[i] = like
            left.remove(like)
    return found


def _final(flow: Dataflow, groups: Sequence[Group], replaces: Mapping[Node, Node]) -> list[Group]:
    """Elementwise groups that can write donated memory: no group waits for them or reads what they overwrite."""
    read = {flow.base[x] for group in groups for x in group.reads}
    outputs = Counter(flow.base[x] for x in flow.outputs)

    def ends(group: Group) -> bool:
        return (
            group.shape != ()
            and all(flow.kind[x] == "elementwise" for x in group.nodes)
            and all(x in replaces and x not in read and outputs[x] == 1 for x in group.results)
        )

    found = [group for group in groups if ends(group)]
    readers = Counter(flow.base[x] for group in found for x in group.reads)

    def reads_alone(group: Group, d: Node) -> bool:
        return not outputs[d] and readers[d] == (d in group.reads)

    return [group for group in found if all(reads_alone(group, replaces[x]) for x in group.results)]


def _batched_groups(
    flow: Dataflow, groups: list[Group], replaces: Mapping[Node, Node]
) -> tuple[tuple[Group, ...], ...]:
    """Groups that do the same to different arrays, together; the largest first."""
    claims = Counter(flow.base[x] for group in groups for x in group.reads if x.shape)
    overwritten = set(replaces.values())
    found: dict[Hashable, list[Group]] = {}
    for group in groups:
        arrays = [x for x in group.reads if x.shape]
        movable = all(claims[flow.base[x]] == 1 and _is_movable(flow, x, group, overwritten) for x in arrays)
        in_place = all(replaces[x] in group.reads for x in group.results)
        found.setdefault(_signature(flow, group, replaces) if movable and in_place else group, []).append(group)
    return tuple(tuple(sorted(some, key=lambda group: -prod(group.shape))) for some in found.values())


def _is_movable(flow: Dataflow, x: Node, group: Group, overwritten: Collection[Node]) -> bool:
    """Whether x can lie side by side with other arrays: the whole of an array that the plan allocates."""
    base = flow.base[x]
    ours = base in overwritten if base.op == "input" else flow.kind[base] in {"elementwise", "into"}
    return x.shape == group.shape and x in flow.contiguous and ours and base not in flow.outputs


def _signature(flow: Dataflow, group: Group, replaces: Mapping[Node, Node]) -> Hashable:
    """Equal for groups that do the same."""
    number = {x: i for i, x in enumerate((*group.reads, *group.nodes))}

    def operand(x: Node) -> Hashable:
        return number[x] if x.shape else x

    nodes = tuple((x.op, repr(x.attrs), x.dtype, tuple(map(operand, x.inputs))) for x in group.nodes)
    reads = tuple((x.dtype, flow.base[x].op == "input") if x.shape else x for x in group.reads)
    results = tuple((number[x], number[replaces[x]]) for x in group.results)
    return nodes, reads, results
