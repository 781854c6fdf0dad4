"""From a rewritten graph to a plan: each pass is a pure function of the results of the passes before it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from xnet.compile.donation import match_donations
from xnet.compile.lifetimes import lifetimes
from xnet.compile.packing import pack
from xnet.compile.partition import partition
from xnet.compile.plan import Allocation, Dataflow, Plan
from xnet.compile.target import Target
from xnet.graph.ir import Node
from xnet.graph.loop import steps_of


def plan(inputs: Sequence[Node], outputs: Sequence[Node], donated: Mapping[int, Node], target: Target) -> Plan:
    """The plan of a program; `donated` gives for an output's number the argument whose memory it takes."""
    flow = Dataflow.of(inputs, outputs, target.kind)
    donations = match_donations(flow, partition(flow, target), donated)
    return pack(flow, donations, lifetimes(flow, donations, target), target)


def plan_body(loop: Node, results: Sequence[Node], target: Target) -> Plan:
    """The plan of one step of a scan: the carries after the step, and what these results of the scan collect.

    Carries that can be updated in place are donated.  All other outputs are returned, into memory that the loop gives.
    """
    body = loop.attrs["body"]
    outputs = (*body.after, *dict.fromkeys(steps_of(results)))
    every = plan(body.inputs, outputs, dict(enumerate(body.carries)), target)
    copied = {i for i, x in every.donated.items() if x in (outputs[i], *(staged.donated for staged in every.staged))}
    direct = {i: x for i, x in every.donated.items() if i not in copied}
    return plan(body.inputs, outputs, direct, target)


def relocated(plan: Plan, memory: str, start: int) -> tuple[Plan, int]:
    """The same plan with all its arrays in one memory, from there on, and where they end."""
    starts = {}
    for name, nbytes in plan.sizes.items():
        starts[name] = start
        start += nbytes
    places = {x: Allocation(memory, starts[at.memory] + at.offset) for x, at in plan.allocations.items()}
    return replace(plan, allocations=places), start
