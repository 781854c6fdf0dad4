"""What holds for whatever is compiled, in whole and block by block."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import xnet as xn
from xnet import trees
from xnet.compile.c.compiler import FLAGS, SANITIZE, Compiler, find
from xnet.compile.c.target import CTarget
from xnet.compile.numpy.loops import Tuning
from xnet.compile.numpy.target import NumPyTarget
from xnet.compile.target import Target

WHOLE = NumPyTarget()
# As large arrays are computed: in blocks, on several threads, and directly into donated memory.
SMALL_BLOCKS = NumPyTarget(tuning=Tuning(block=4, wide_block=3, shared=7, fill=1, ones=0, threads=3))

# Compiled as fast as a compiler can: what is tested is the text.  `nox -s sanitize` asks for what finds mistakes.
QUICK = tuple(flag.replace("-O3", "-O0") for flag in FLAGS)
IN_C = CTarget(flags=SANITIZE if os.environ.get("XNET_TEST_SANITIZE") else QUICK)
EVERY_WAY = {"whole": WHOLE, "in-blocks": SMALL_BLOCKS, **({"c": IN_C} if isinstance(find(), Compiler) else {})}


def alike(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    """The same tree, to rounding; a scalar of NumPy is an array without axes."""

    def leaf(a: Any, b: Any) -> None:
        if b is None or type(b) is float:
            assert a == b
        else:
            assert (a.shape, a.dtype) == (np.shape(b), b.dtype)
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)

    trees.map(leaf, actual, expected)


def copied(tree: Any) -> Any:
    return trees.map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, tree)


def checked(
    f: Callable[..., Any], *calls: tuple[Any, ...], rtol: float = 1e-12, target: Target | None = None
) -> xn.Compiled:
    """f compiled, called again and again: every result is right, and stays so."""
    c = xn.compile(f, target=target)
    results = []
    for args in calls:
        before = copied(args)
        with np.errstate(all="ignore"):
            expected = f(*args)
        results.append((c(*args), expected))
        alike(args, before, 0)
    for result, expected in results:
        alike(result, expected, rtol)
    assert len(c.programs) == 1
    written_by(target, c)
    return c


def written_by(target: Target | None, c: xn.Compiled) -> None:
    """C was not left for NumPy, unless for what it cannot do."""
    assert c.how.startswith("on NumPy")
    assert target is not IN_C or c.how.startswith("on NumPy in C") or "a scan is not written" in c.how, c.how


def steps(step: xn.Step, params: Any, *batch: Any, rtol: float, target: Target) -> xn.Compiled:
    c = xn.compile(step, donate=("params", "state"), target=target)
    mine: Any = (params, step.optimizer.init(params))
    theirs = mine
    for _ in range(5):
        *mine, J = c(*mine, *batch)
        *theirs, expected = step(*theirs, *batch)
        alike(J, expected, rtol)
    alike(mine, theirs, rtol)
    written_by(target, c)
    return c
