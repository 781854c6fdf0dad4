"""What holds for whatever is compiled, in whole and block by block."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import xnet as xn
from xnet import trees
from xnet.compile import source
from xnet.compile import steps as steps_of_groups

Patch = pytest.MonkeyPatch


def in_small_blocks(patch: Patch) -> None:
    """As large arrays are done: block by block, on several threads, and straight into what was donated."""
    for name, value in {"BLOCK": 4, "WIDE_BLOCK": 3, "SHARED": 7, "FILL": 1}.items():
        patch.setattr(steps_of_groups, name, value)
    patch.setattr(source, "ONES", 0)
    patch.setenv("XNET_THREADS", "3")
    patch.setenv("OPENBLAS_THREAD_TIMEOUT", "20")


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


def checked(f: Callable[..., Any], *calls: tuple[Any, ...], rtol: float = 1e-12) -> xn.Compiled:
    """f compiled, called again and again: every result is right, and stays so."""
    c = xn.compile(f)
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
    assert c.how.startswith("on NumPy")
    return c


def steps(step: xn.Step, params: Any, *batch: Any, rtol: float, times: int = 5) -> xn.Compiled:
    c = xn.compile(step, donate=("params", "state"))
    mine: Any = (params, step.optimizer.init(params))
    theirs = mine
    for _ in range(times):
        *mine, J = c(*mine, *batch)
        *theirs, expected = step(*theirs, *batch)
        alike(J, expected, rtol)
    alike(mine, theirs, rtol)
    return c
