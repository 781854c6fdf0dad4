"""Ratios of times that are larger than any noise: the only times on which CI fails.

Both forms are timed by turns in one process, and the shortest readings count.  Each matrix product is too small for the
threads of BLAS: on a busy machine threads wait for each other, and a product can take a hundred times as long.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import pytest

from xnet import loops
from xnet.backends import HOST, backend
from xnet.bench.cases import CASES, Case
from xnet.bench.measure import check_equal, clock
from xnet.bench.run import Problem

TURNS, READINGS = 3, 5
MILLION = 1_000_000
BLAS, BUILD = "NumPy's BLAS: xnet info", "how NumPy was built: numpy.show_config()"


class Ratio(NamedTuple):
    """`wanted`: at most a fifth of the ratio measured on a busy machine.  `look`: what to inspect if it is missed."""

    case: Case
    size: int
    slow: str
    fast: str
    wanted: float
    look: str

    def __str__(self) -> str:
        return f"{self.case.name}-{self.size}-{self.slow}-{self.fast}"

    def check(self) -> None:
        """Fail unless the ratio is at least `wanted`."""
        problem, host = Problem(self.case, self.size, "float32"), backend(HOST)
        inputs = problem.inputs(self.size)
        slow, fast = (partial(clock, host, getattr(self.case, form), inputs) for form in (self.slow, self.fast))
        check_equal(fast()[1], slow()[1], problem.dtype)
        turns = [(slow()[0], min(fast()[0] for _ in range(READINGS))) for _ in range(TURNS)]
        long, short = map(min, zip(*turns, strict=True))
        if long < self.wanted * short:
            pytest.fail(
                f"{problem}: {self.fast} must be at least {self.wanted} times faster than {self.slow}; "
                f"got {long / short:.3g} times ({long:.3g} s and {short:.3g} s); look into {self.look}",
                pytrace=False,
            )


RATIOS = [
    Ratio(CASES[case], size, slow, fast, wanted, look)
    for case, size, slow, fast, wanted, look in (
        ("dot", MILLION, "loop", "vectorised", 20, BLAS),
        ("exp", MILLION, "loop", "vectorised", 10, BUILD),
        ("log", MILLION, "loop", "vectorised", 10, BUILD),
        ("abs", MILLION, "loop", "vectorised", 20, BUILD),
        ("maximum", MILLION, "loop", "vectorised", 20, BUILD),
        ("square", MILLION, "loop", "vectorised", 20, BUILD),
        ("divide", MILLION, "loop", "vectorised", 20, BUILD),
        ("zeros", MILLION, "loop", "vectorised", 10, BUILD),
        ("broadcast", 100, "loop", "vectorised", 50, BUILD),
        ("matvec", 9, "loop", "vectorised", 50, BLAS),
        ("layer", 10, "loop", "vectorised", 100, "xnet.kernels.linear"),
        ("logistic", 500, "loop", "one_loop", 1.5, "xnet.loops.logistic_one_loop"),
        ("logistic-features", 9, "loop", "vectorised", 10, "xnet.kernels.logistic and its backward"),
        ("logistic-features", 9, "one_loop", "vectorised", 10, "xnet.kernels.logistic and its backward"),
        ("forward", 50, "loop", "vectorised", 100, "xnet.kernels.linear, tanh and sigmoid"),
        ("forward", 50, "one_loop", "vectorised", 5, "xnet.kernels.linear, tanh and sigmoid"),
        ("backprop", 50, "loop", "vectorised", 100, "the kernels that xnet.bench.forms.backprop calls"),
        ("backprop", 50, "one_loop", "vectorised", 5, "the kernels that xnet.bench.forms.backprop calls"),
        ("step-shallow", 400, "loop", "vectorised", 3, "xnet.train.Step"),
        ("step-deep", 4, "loop", "vectorised", 20, "xnet.train.Step"),
    )
]


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_arrays_are_faster(ratio: Ratio) -> None:
    ratio.check()


def test_arrays_as_slow_as_their_loop_are_found() -> None:
    slow = RATIOS[0]._replace(case=replace(CASES["dot"], vectorised=loops.dot), size=10_000)
    with pytest.raises(pytest.fail.Exception) as failure:
        slow.check()
    text = str(failure.value)
    assert text.startswith("dot, n = 10,000, float32: vectorised must be at least 20 times faster than loop; got ")
    assert text.endswith(f"; look into {BLAS}")
