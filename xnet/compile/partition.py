"""Partition the graph into fusible groups of nodes."""

from collections.abc import Mapping

from xnet.compile.plan import Dataflow, Group
from xnet.compile.target import Target
from xnet.graph.ir import Node, in_order


def partition(flow: Dataflow, target: Target) -> tuple[Group, ...]:
    """The groups in an order in which they can be computed.

    An edge that the target cannot fuse raises the level.  So nodes of one level with fusible edges between them never
    wait for each other through other nodes, and form a group.
    """
    users: dict[Node, list[Node]] = {node: [] for node in flow.nodes}
    for node in flow.nodes:
        for x in dict.fromkeys(node.inputs):
            users[x].append(node)
    level = _levels(flow, users, target)
    members: dict[Node, list[Node]] = {}  # the group of each node
    for node in flow.nodes:
        if flow.kind[node] in {"input", "known", "view"}:
            continue
        members[node] = [node]
        for x in node.inputs:
            if level[x] == level[node] and target.fuses(x, node) and members[x] is not members[node]:
                small, large = sorted((members[x], members[node]), key=len)
                large += small
                members.update(dict.fromkeys(small, large))
    position = {node: i for i, node in enumerate(flow.nodes)}
    wanted = set(flow.outputs)
    groups = []
    for nodes in {id(group): group for group in members.values()}.values():
        inside = set(nodes)
        nodes.sort(key=position.__getitem__)
        results = tuple(x for x in nodes if x in wanted or not inside.issuperset(users[x]))
        # Ordered by their results, so that groups that do the same have the same order.
        known = [x for node in nodes for x in node.inputs if x not in inside]
        order = (level[nodes[0]], position[nodes[0]])
        groups.append((order, _grouped(results, known, target.several_results)))
    return tuple(group for _, some in sorted(groups, key=lambda pair: pair[0]) for group in some)


def _grouped(results: tuple[Node, ...], known: list[Node], several: bool) -> list[Group]:
    """One group, or one for each result: these compute again what they share, unless it is a result or a loop."""
    if several or any(x.op == "scan" for y in results for x in y.inputs):
        return [Group(tuple(in_order(results, known)), results)]
    ordered = [y for y in in_order(results, known) if y in results]
    return [Group(tuple(in_order([y], {*known, *results} - {y})), (y,)) for y in ordered]


def _levels(flow: Dataflow, users: Mapping[Node, list[Node]], target: Target) -> dict[Node, int]:
    level: dict[Node, int] = {}
    for node in flow.nodes:
        level[node] = max((level[x] + (not target.fuses(x, node)) for x in node.inputs), default=0)
    for node in reversed(flow.nodes):  # as late as its users allow, to be in their group
        fusible = flow.kind[node] == "elementwise" or any(target.fuses(node, user) for user in users[node])
        if fusible and users[node]:
            level[node] = min(level[user] - (not target.fuses(node, user)) for user in users[node])
    return level
