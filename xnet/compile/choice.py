"""When a program is worth a second target that takes longer to make and is faster: by counts, never by a clock.

One seed gives the same bits on one computer, whatever the cache has and whatever else the computer does.
"""

from math import ceil, prod

from xnet.compile.plan import Plan
from xnet.compile.target import Target

A_CALL, A_NUMBER = 5e-7, 3e-10  # seconds that one operation of a loop takes by itself, beside the first and each number


def later(target: Target, plan: Plan, targets: tuple[str, ...]) -> tuple[str, int] | None:
    """The target that follows, and the number of calls in which it saves as much time as it takes to make."""
    name, cost = target.followed_by or ("", 0.0)
    numbers = [prod(node.shape) for node in plan.flow.nodes if plan.flow.kind[node] == "elementwise"]
    if name not in targets or not numbers:
        return None
    return name, ceil(cost / (A_CALL * len(numbers) + A_NUMBER * sum(numbers)))
