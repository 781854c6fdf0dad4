"""Pack arrays into few memories: arrays whose lifetimes do not meet may share their place."""

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from xnet.compile.donation import Donations
from xnet.compile.lifetimes import Lifetime, batched_rows, lifetimes, reuses
from xnet.compile.plan import Allocation, Dataflow, Staged, aligned, size
from xnet.compile.target import Target
from xnet.graph.ir import Node


class Packed(NamedTuple):
    allocations: Mapping[Node, Allocation]
    staged: tuple[Staged, ...]
    sizes: Mapping[str, int]


def pack(flow: Dataflow, donations: Donations, returned: Collection[Node], target: Target) -> Packed:
    """An allocation for each array that a program keeps from call to call."""
    rows = batched_rows(flow, donations)
    donated = set(donations.of.values())
    row_of = [row for row in rows if row[0] in donated], [row for row in rows if row[0] not in donated]
    kept, sizes = _side_by_side({"donated": [*row_of[0], *((d,) for d in flow.inputs if d in donated)]}, target)
    direct = {x for groups in donations.commit for group in groups for x in group.results}
    kept |= {x: kept[donations.replaces[x]] for x in direct}
    if target.fixed_addresses:
        inputs = [(x,) for x in flow.inputs if x not in donated]
        more, fixed = _side_by_side({"inputs": inputs, "returned": [(x,) for x in returned]}, target)
        kept, sizes = kept | more, sizes | fixed
    lives = lifetimes(flow, donations, returned, target)
    arena, waits, sizes["arena"] = _arena(flow, donations, lives, row_of[1], target)
    staged = tuple(Staged(x, d, at) for (x, d), at in zip(donations.staged, waits, strict=True))
    return Packed(kept | arena, staged, sizes)


def _side_by_side(
    memories: Mapping[str, Sequence[tuple[Node, ...]]], target: Target
) -> tuple[dict[Node, Allocation], dict[str, int]]:
    """Each array of a row right behind the one before, and the bytes of each memory."""
    found: dict[Node, Allocation] = {}
    sizes = {}
    for memory, rows in memories.items():
        end = 0
        for row in rows:
            for x in row:
                if x not in found:
                    found[x] = Allocation(memory, end)
                    end += size(x)
            end = aligned(end, target.alignment)
        sizes[memory] = end
    return found, sizes


def _arena(
    flow: Dataflow,
    donations: Donations,
    lives: Mapping[Node, Lifetime],
    rows: list[tuple[Node, ...]],
    target: Target,
) -> tuple[dict[Node, Allocation], list[Allocation], int]:
    """Allocations of what is needed for a while, of what is staged, and the size of their memory."""
    end = len(donations.groups)
    in_rows = {x for row in rows for x in row}
    reused = reuses(flow, donations.groups, lives, in_rows, target)
    last = {x: life.last for x, life in lives.items()}
    origin: dict[Node, Node] = {}  # where the memory of a chain of reuses began
    for y, x in reused.items():  # in the order of their groups
        origin[y] = origin.get(x, x)
        last[origin[y]] = max(last[origin[y]], last[y])
    rows = [*rows, *((x,) for x in lives if x not in reused and x not in in_rows)]
    blocks = [
        (sum(map(size, row)), Lifetime(min(lives[x].first for x in row), max(last[x] for x in row))) for row in rows
    ]
    blocks += [(0 if x in lives else size(x), Lifetime(end, end + 1)) for x, _ in donations.staged]
    offsets, total = packed(blocks, target.alignment)
    found: dict[Node, Allocation] = {}
    for row, offset in zip(rows, offsets, strict=False):
        starts = accumulate(map(size, row), initial=offset)
        found |= {x: Allocation("arena", start) for x, start in zip(row, starts, strict=False)}
    found |= {y: found[x] for y, x in origin.items()}
    waits = zip(donations.staged, offsets[len(rows) :], strict=True)
    return found, [found.get(x, Allocation("arena", offset)) for (x, _), offset in waits], total


def packed(blocks: Sequence[tuple[int, Lifetime]], alignment: int) -> tuple[list[int], int]:
    """An offset for each block of so many bytes, and the end.  The largest block is placed first."""
    offsets = [0] * len(blocks)
    done: list[int] = []
    for i in sorted(range(len(blocks)), key=lambda i: (-blocks[i][0], blocks[i][1].first)):
        (nbytes, life), start = blocks[i], 0
        meets = [j for j in done if blocks[j][1].first <= life.last and life.first <= blocks[j][1].last]
        for low, high in sorted((offsets[j], offsets[j] + blocks[j][0]) for j in meets):
            if start + nbytes <= low:
                break
            start = max(start, aligned(high, alignment))
        offsets[i] = start
        done.append(i)
    return offsets, max((aligned(offsets[i] + blocks[i][0], alignment) for i in done), default=0)
