"""Pack arrays into few memories: arrays that are not needed at the same time may share their place."""

from collections.abc import Sequence
from itertools import accumulate

from xnet.compile.donation import Donations
from xnet.compile.lifetimes import Lifetime, Lifetimes, batched_rows
from xnet.compile.plan import Allocation, Dataflow, Plan, Staged, aligned, size
from xnet.compile.target import Target
from xnet.graph.ir import Node


def pack(flow: Dataflow, donations: Donations, lives: Lifetimes, target: Target) -> Plan:
    """The plan, with an allocation for each array that stays at its place from call to call."""
    donated = [x for x in flow.inputs if x in donations.of.values()]
    batched = [row for row in batched_rows(flow, donations) if row[0] in donated]
    rows = {"donated": batched + [(x,) for x in donated if not any(x in row for row in batched)]}
    if target.fixed_addresses:
        rows["inputs"] = [(x,) for x in flow.inputs if x not in donated]
        rows["returned"] = [(x,) for x in lives.returned]
    sizes: dict[str, int] = {}
    at: dict[Node, Allocation] = {}
    for memory, some in rows.items():
        nbytes = (aligned(sum(map(size, row)), target.alignment) for row in some)
        *offsets, sizes[memory] = accumulate(nbytes, initial=0)
        at |= placed(memory, some, offsets)
    at |= {x: at[donations.replaces[x]] for groups in donations.commit for group in groups for x in group.results}
    has_place = {*lives.reuses, *(x for life in lives.arrays for x in life.arrays)}
    end = len(donations.groups)
    waiting = [Lifetime((x,), end, end + 1) for x, _ in donations.staged if x not in has_place]
    offsets, sizes["arena"] = packed([*lives.arrays, *waiting], target.alignment)
    at |= placed("arena", [life.arrays for life in lives.arrays], offsets)
    for y, x in lives.reuses.items():  # in the order of their groups
        at[y] = at[x]
    waits = at | placed("arena", [life.arrays for life in waiting], offsets[len(lives.arrays) :])
    staged = tuple(Staged(x, d, waits[x]) for x, d in donations.staged)
    return Plan(flow, donations.groups, donations.commit, staged, donations.of, lives.returned, at, sizes)


def placed(memory: str, rows: Sequence[Sequence[Node]], offsets: Sequence[int]) -> dict[Node, Allocation]:
    """The arrays of each row side by side, from its offset on."""
    found: dict[Node, Allocation] = {}
    for row, offset in zip(rows, offsets, strict=False):
        starts = accumulate(map(size, row), initial=offset)
        found |= {x: Allocation(memory, start) for x, start in zip(row, starts, strict=False)}
    return found


def packed(lives: Sequence[Lifetime], alignment: int) -> tuple[list[int], int]:
    """An offset for each, so that what is needed at once never overlaps, and the end.  The largest is placed first."""
    sizes = [sum(map(size, life.arrays)) for life in lives]
    offsets = [0] * len(lives)
    done: list[int] = []
    for i in sorted(range(len(lives)), key=lambda i: (-sizes[i], lives[i].first)):
        now, start = lives[i], 0
        meets = [j for j in done if lives[j].first <= now.last and now.first <= lives[j].last]
        for low, high in sorted((offsets[j], offsets[j] + sizes[j]) for j in meets):
            if start + sizes[i] <= low:
                break
            start = max(start, aligned(high, alignment))
        offsets[i] = start
        done.append(i)
    return offsets, max((aligned(offsets[i] + sizes[i], alignment) for i in done), default=0)
