"""When each array is needed, and which results are written over an operand that is no longer needed."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from xnet.compile.donation import Donations
from xnet.compile.plan import Dataflow, Group, side_by_side
from xnet.compile.target import Target
from xnet.graph.ir import Node


class Lifetime(NamedTuple):
    """From the group that writes an array to the last group that reads it, by their numbers."""

    first: int
    last: int


def lifetimes(flow: Dataflow, donations: Donations, returned: Collection[Node], target: Target) -> dict[Node, Lifetime]:
    """The lifetime of each result that needs memory for a while.  Outputs live to the end."""
    end = len(donations.groups)
    first: dict[Node, int] = {}
    last: dict[Node, int] = {}
    for i, group in enumerate((*donations.groups, *(group for groups in donations.commit for group in groups))):
        at = min(i, end)  # whatever writes donated memory counts as one group
        for x in group.results:
            if i < end and x not in returned and (flow.kind[x] != "other" or target.fixed_addresses):
                first[x] = at
        for x in (*group.results, *group.reads):
            last[flow.base[x]] = at
    last |= {flow.base[x]: end + 1 for x in flow.outputs}
    return {x: Lifetime(at, last[x]) for x, at in first.items()}


def batched_rows(flow: Dataflow, donations: Donations) -> list[tuple[Node, ...]]:
    """The arrays that lie side by side because groups are batched, donated arguments among them."""
    rows = [row for groups in donations.commit if groups[1:] for row in side_by_side(groups)]
    return [tuple(flow.base[x] for x in row) for row in rows]


def reuses(
    flow: Dataflow, groups: tuple[Group, ...], lives: Mapping[Node, Lifetime], settled: Collection[Node], target: Target
) -> dict[Node, Node]:
    """For a result the operand whose memory it takes, which nothing needs after the result's group."""
    found: dict[Node, Node] = {}
    for i, group in enumerate(groups):
        reads = Counter(flow.base[x] for x in group.reads)
        left = [x for x in group.reads if x in lives and lives[x].last == i and reads[x] == 1 and x not in settled]
        for y in group.results:
            if y in lives and y not in settled and flow.kind[y] == "elementwise":
                x = next((x for x in left if _can_be_overwritten(group, x, y, target)), None)
                if x is not None:
                    found[y] = x
                    left.remove(x)
    return found


def _can_be_overwritten(group: Group, x: Node, y: Node, target: Target) -> bool:
    """Whether nothing reads x after y begins to be written."""
    after = group.nodes[group.nodes.index(y) + (not target.writes_early(y)) :]
    return (x.shape, x.dtype) == (y.shape, y.dtype) and not any(x in node.inputs for node in after)
