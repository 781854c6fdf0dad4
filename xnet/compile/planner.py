"""From a rewritten graph to a plan: each pass is a pure function of the results of the passes before it."""

from collections.abc import Collection, Iterable

from xnet.compile.donation import match_donations
from xnet.compile.lifetimes import lifetimes
from xnet.compile.packing import pack
from xnet.compile.partition import partition
from xnet.compile.plan import Dataflow, Plan
from xnet.compile.target import Target
from xnet.graph.ir import Node


def plan(inputs: Iterable[Node], outputs: Iterable[Node], donated: Collection[Node], target: Target) -> Plan:
    flow = Dataflow.of(inputs, outputs, target.kind)
    donations = match_donations(flow, partition(flow, target), donated)
    return pack(flow, donations, lifetimes(flow, donations, target), target)
