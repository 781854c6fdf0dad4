"""How long each array is needed, and which results are written over an operand that is no longer needed."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from xnet.compile.donation import Donations
from xnet.compile.plan import Dataflow, Group, side_by_side
from xnet.compile.target import Target
from xnet.graph.ir import Node


class Lifetime(NamedTuple):
    """Arrays that lie side by side, from the group that first writes one to the group that last reads one."""

    arrays: tuple[Node, ...]
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Lifetimes:
    """`arrays` need memory for a while; a result of `reuses` takes the memory of one of its group's operands."""

    arrays: tuple[Lifetime, ...]
    reuses: Mapping[Node, Node]
    returned: frozenset[Node]


def lifetimes(flow: Dataflow, donations: Donations, target: Target) -> Lifetimes:
    end = len(donations.groups)  # when donated memory is written
    kinds = {"elementwise", "into", *(["other"] * target.fixed_addresses)}
    returned = frozenset(x for x in flow.outputs if flow.kind[x] in kinds and x not in donations.replaces)
    first: dict[Node, int] = {}
    last: dict[Node, int] = {}
    for i, group in enumerate(donations.groups):
        first |= {x: i for x in group.results if flow.kind[x] in kinds and x not in returned}
        last |= {flow.base[x]: i for x in (*group.results, *group.reads)}
    last |= {flow.base[x]: end for groups in donations.commit for group in groups for x in group.reads}
    last |= {flow.base[x]: end + 1 for x in flow.outputs}
    rows = [row for row in batched_rows(flow, donations) if row[0] in first]
    movable = first.keys() - {x for row in rows for x in row}
    reuses = _reuses(flow, donations.groups, last, movable, target)
    for y, x in reversed(reuses.items()):  # the memory of a chain of reuses is needed until its end
        last[x] = max(last[x], last[y])
    rows += [(x,) for x in first if x in movable and x not in reuses]
    spans = (Lifetime(row, min(first[x] for x in row), max(last[x] for x in row)) for row in rows)
    return Lifetimes(tuple(spans), reuses, returned)


def batched_rows(flow: Dataflow, donations: Donations) -> list[tuple[Node, ...]]:
    """The arrays that lie side by side because their groups are batched."""
    rows = [row for groups in donations.commit if groups[1:] for row in side_by_side(groups)]
    return [tuple(flow.base[x] for x in row) for row in rows]


def _reuses(
    flow: Dataflow, groups: tuple[Group, ...], last: Mapping[Node, int], movable: Collection[Node], target: Target
) -> dict[Node, Node]:
    found: dict[Node, Node] = {}
    for i, group in enumerate(groups):
        reads = Counter(flow.base[x] for x in group.reads)
        left = [x for x in group.reads if x in movable and last[x] == i and reads[x] == 1]
        for y in group.results:
            if y in movable and flow.kind[y] == "elementwise":
                x = next((x for x in left if _can_be_overwritten(group, x, y, target)), None)
                if x is not None:
                    found[y] = x
                    left.remove(x)
    return found


def _can_be_overwritten(group: Group, x: Node, y: Node, target: Target) -> bool:
    """Whether nothing reads x after y begins to be written."""
    after = group.nodes[group.nodes.index(y) + (not target.writes_early(y)) :]
    return (x.shape, x.dtype) == (y.shape, y.dtype) and not any(x in node.inputs for node in after)
