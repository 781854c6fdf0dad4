"""Targets of the compiler: how they are asked for, and that the plan carries others than NumPy's."""

from math import prod
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from compile_laws import alike, copied
from derive_cases import ROWS, Row
from test_compile_memory import many, updated
from toy_target import EVERY, TOY, ToyTarget

import xnet as xn
from xnet import trees
from xnet.backends import backend_of
from xnet.compile import target as targets
from xnet.compile.donation import matched
from xnet.compile.plan import Plan, itemsize, side_by_side
from xnet.compile.planner import plan
from xnet.compile.rewrite import rewrite
from xnet.errors import TraceError, UnknownNameError

CAN = [
    TOY,
    ToyTarget(several_results=False),
    ToyTarget(alignment=256, fixed_addresses=True),
    ToyTarget(rows=True),
    EVERY,
]


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the table, and its name at the library whose arrays it takes: nothing more adds a target."""
    monkeypatch.setitem(targets.TABLE, "toy", "toy_target:TOY")
    monkeypatch.setattr(type(xn.backend("numpy")), "targets", ("numpy", "c", "toy"))


def planned(f: Any, *args: Any, target: ToyTarget, donate: tuple[int, ...] = ()) -> Plan:
    graph = xn.trace(f, *args)
    outputs, _ = rewrite(graph, target)
    given = [graph.inputs[slot.index] for slot in trees.leaves([graph.in_tree[i] for i in donate])]
    return plan(graph.inputs, outputs, matched(outputs, given), target)


def test_a_target_is_asked_for_by_name() -> None:
    x = np.ones(3)
    for target, how in ((None, "on NumPy"), ("numpy", "on NumPy"), ("toy", "on the toy, 1 groups")):
        c = xn.compile(lambda x: 2.0 * x, target=target)
        alike(c(x), 2 * x, 0)
        assert c.how.startswith(how)
    assert c.source == "multiply(n0, 2.0)"


def test_refusals() -> None:
    with pytest.raises(
        UnknownNameError, match=r"target: one of c, numpy, toy; got target='numpi'; did you mean 'numpy'\?"
    ):
        xn.compile(lambda x: x, target="numpi")
    with pytest.raises(
        TraceError, match=r"compile: a target takes arrays of its own library; got target='toy', arrays"
    ):
        xn.compile(lambda x: x, target="toy")(xn.backend("strict").asarray(np.ones(2)))
    assert backend_of(np.ones(1)).targets == ("numpy", "c", "toy")


@pytest.mark.parametrize("target", CAN, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_operation(row: Row, target: ToyTarget) -> None:
    f = row.f
    c = xn.compile(lambda *xs: f(array_namespace(*xs), *xs), target=target)
    for seed in (0, 1):
        args = [*row.arrays(seed), *row.indices()]
        alike(c(*args), np.asarray(f(array_namespace(*args), *args)))


@pytest.mark.parametrize("target", CAN, ids=str)
@pytest.mark.parametrize("optimizer", [xn.Adam(), xn.Momentum()])
def test_training(optimizer: xn.Optimizer, target: ToyTarget) -> None:
    net = xn.Network([xn.Dense(5, "gelu"), xn.Dense(5, "elu"), xn.Dense(3)])
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 9)), rng.integers(0, 3, size=(1, 9))
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), optimizer, clip_norm=0.1)
    c = xn.compile(step, donate=("params", "state"), target=target)
    params = net.init(4, dtype="float64", backend="numpy")
    mine = theirs = (params, optimizer.init(params), None)
    for _ in range(3):
        mine, theirs = c(*mine[:2], X, Y), step(theirs[0], theirs[1], X, Y)
        alike(mine[2], theirs[2], 1e-9)
    alike(mine, theirs, 1e-9)


@pytest.mark.parametrize("target", CAN, ids=str)
def test_donated_memory(target: ToyTarget) -> None:
    c = xn.compile(updated, donate="params", target=target)
    mine: Any = many()
    theirs = copied(mine)
    for i in range(3):
        (mine, *rest), (theirs, *expected) = c(mine, np.ones((2, 2)) * i), updated(theirs, np.ones((2, 2)) * i)
        alike((mine, rest), (theirs, expected))


def softmax(x: Any) -> Any:
    xp = array_namespace(x)
    E = xp.exp(x - xp.max(x, axis=0, keepdims=True))
    return E / xp.sum(E, axis=0, keepdims=True)


def test_rows_fuse_with_their_reductions() -> None:
    x = np.random.default_rng(0).normal(size=(4, 6))
    shapes = {rows: len(planned(softmax, x, target=ToyTarget(rows=rows)).groups) for rows in (False, True)}
    assert shapes == {False: 4, True: 1}
    checked_on(softmax, x)


def checked_on(f: Any, x: Any) -> None:
    for target in CAN:
        alike(xn.compile(f, target=target)(x), f(x))


def twice(x: Any) -> Any:
    xp = array_namespace(x)
    y = xp.sin(x)
    return xp.exp(y), xp.cos(y), y


def test_a_target_may_ask_for_one_result_of_each_loop() -> None:
    x = np.ones((2, 3))
    counts = {
        n: [len(g.results) for g in planned(twice, x, target=ToyTarget(several_results=n)).groups]
        for n in (False, True)
    }
    assert counts == {True: [3], False: [1, 1, 1]}
    checked_on(twice, x)
    checked_on(lambda x: twice(x)[:2], x)


def test_what_is_written_in_two_passes_is_not_written_over_its_operand() -> None:
    checked_on(lambda x: array_namespace(x).where(x > 0, x @ x, 2.0 * x) @ x, np.asarray([[1.0, -2.0], [3.0, -4.0]]))


@pytest.mark.parametrize("target", CAN, ids=str)
def test_addresses(target: ToyTarget) -> None:
    """All are aligned, except those right behind another one in a batch; nothing lies past the end of its memory."""
    p = planned(updated, many(), np.ones((2, 2)), target=target, donate=(0,))
    behind = {p.flow.base[x] for groups in p.commit for row in side_by_side(groups) for x in row[1:]}
    taken = {*behind, *(x for groups in p.commit for group in groups for x in group.results)}
    for x, at in p.allocations.items():
        assert at.offset % target.alignment == 0 or x in taken
        assert at.offset + prod(x.shape) * itemsize(x.dtype) <= p.sizes[at.memory]
    if target.fixed_addresses:
        results = {x for group in p.groups for x in group.results}
        assert {*p.flow.inputs, *results} <= p.allocations.keys()
        assert {p.allocations[x].memory for x in p.returned} == {"returned"}
