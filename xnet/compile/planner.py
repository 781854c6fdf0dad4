"""From a graph to a plan: each pass is a pure function of the results of the passes before it."""

from collections.abc import Collection, Iterable

from xnet.compile.donation import match_donations
from xnet.compile.packing import pack
from xnet.compile.partition import partition
from xnet.compile.plan import Dataflow, Plan
from xnet.compile.target import Target
from xnet.graph.ir import Node


def plan(inputs: Iterable[Node], outputs: Iterable[Node], donated: Collection[Node], target: Target) -> Plan:
    """Partition, match donations, find lifetimes, pack.  (xnet.compile.rewrite comes before.)"""
    flow = Dataflow.of(inputs, outputs, target.kind)
    donations = match_donations(flow, partition(flow, target), donated)
    computed = {"elementwise", "into", *(["other"] * target.fixed_addresses)}
    returned = frozenset(x for x in flow.outputs if flow.kind[x] in computed and x not in donations.replaces)
    packed = pack(flow, donations, returned, target)
    return Plan(
        flow,
        donations.groups,
        donations.commit,
        packed.staged,
        donations.of,
        returned,
        packed.allocations,
        packed.sizes,
    )
