"""Optimizers and schedules: numbers computed from the published formulas, and one table for all laws."""

import math
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from backends import Bench, selected
from numpy.typing import NDArray

import xnet as xn
from xnet import names, trees
from xnet.backends import backend_of
from xnet.errors import ValueRangeError
from xnet.train import optimizers, schedules
from xnet.train.schedules import Constant, Cosine, Exponential, Step, WarmUp

Host = NDArray[Any]
SELECTED = {row.name for row in selected()}


@dataclass(frozen=True)
class Case:
    """W after dW = 0.5 and after dW = -1 from W = 1; and a rate with which a parabola is soon at its bottom."""

    optimizer: xn.Optimizer
    first: float
    second: float
    brisk: xn.Optimizer

    def __str__(self) -> str:
        return type(self.optimizer).__name__


CASES = [
    # 1 - 0.1·0.5;  0.95 + 0.1·1
    Case(xn.SGD(0.1), 0.95, 1.05, xn.SGD(0.1)),
    # v = 0.1·0.5 = 0.05, W = 1 - 0.1·0.05;  v = 0.9·0.05 - 0.1 = -0.055, W = 0.995 + 0.1·0.055
    Case(xn.Momentum(0.1, 0.9), 0.995, 1.0005, xn.Momentum(0.2)),
    # s = 0.1·0.25 = 0.025, W = 1 - 0.01·0.5/√0.025;  s = 0.9·0.025 + 0.1 = 0.1225, W = 0.968377… + 0.01/0.35
    Case(xn.RMSprop(0.01, 0.9), 0.96837722540, 0.99694865315, xn.RMSprop(0.05)),
    # v̂ = 0.05/0.1 = 0.5, ŝ = 0.00025/0.001 = 0.25, W = 1 - 0.01·0.5/0.5;
    # v̂ = -0.055/0.19 = -0.2894736842, ŝ = 0.00124975/0.001999 = 0.6251875938, W = 0.99 + 0.01·0.28947…/0.79068…
    Case(xn.Adam(0.01), 0.99000000020, 0.99366103542, xn.Adam(0.1)),
    # the same after W := (1 - 0.01·0.1) W: 0.999 - 0.01;  0.989·0.999 + 0.0036610352
    Case(xn.AdamW(0.01, decay=0.1), 0.98900000020, 0.99167203542, xn.AdamW(0.1, decay=1e-4)),
]
each = pytest.mark.parametrize("case", CASES, ids=str)


def tree(dtype: str = "float32", seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return [
        {"W": rng.standard_normal((3, 2)).astype(dtype), "b": rng.standard_normal((3, 1)).astype(dtype)},
        {},
        ({"W": rng.standard_normal((2, 3)).astype(dtype)},),
    ]


def run(optimizer: xn.Optimizer, params: Any, gradients: list[Any]) -> Any:
    state = optimizer.init(params)
    for grads in gradients:
        params, state = optimizer.update(params, grads, state)
    return params


def test_every_optimizer_has_a_row() -> None:
    assert {str(case) for case in CASES} == names.subclasses(optimizers, xn.Optimizer).keys()


# Laws


@each
def test_two_steps_by_hand(case: Case) -> None:
    W = np.asarray([[1.0]])
    dW = [np.asarray([[0.5]]), np.asarray([[-1.0]])]
    assert run(case.optimizer, [W], [[dW[0]]])[0].item() == pytest.approx(case.first, abs=1e-10)
    assert run(case.optimizer, [W], [[dW[0]], [dW[1]]])[0].item() == pytest.approx(case.second, abs=1e-10)


@each
def test_float32_keeps_its_digits(case: Case) -> None:
    W, dW = np.ones((1, 1), "float32"), np.full((1, 1), 0.5, "float32")
    W1 = run(case.optimizer, [W], [[dW]])[0]
    assert W1.dtype == np.float32
    assert W1.item() == pytest.approx(case.first, rel=1.2e-7)


@each
def test_reaches_the_bottom_of_a_parabola(case: Case) -> None:
    """J = ½ Σ aᵢ (Wᵢ - 3)², dW = a (W - 3)"""
    a = np.asarray([[1.0], [4.0]])
    params = [{"W": np.asarray([[-1.0], [8.0]])}]
    state = case.brisk.init(params)
    for _ in range(300):
        params, state = case.brisk.update(params, [{"W": a * (params[0]["W"] - 3)}], state)
    np.testing.assert_allclose(params[0]["W"], [[3.0], [3.0]], atol=0.05)


@each
def test_follows_its_arrays_and_leaves_them_alone(case: Case, xb: Bench) -> None:
    host, host_grads = tree(), tree(seed=1)
    params, grads = trees.map(xb.asarray, (host, host_grads))
    state = case.optimizer.init(params)
    before = trees.map(xb.to_numpy, state)
    new_params, new_state = case.optimizer.update(params, grads, state)
    new_params, new_state = case.optimizer.update(new_params, grads, new_state)

    for W in trees.leaves([new_params, new_state["memory"]]):
        assert (backend_of(W), W.dtype) == (xb.backend, xb.xp.float32)
    assert (backend_of(new_state["t"]), int(new_state["t"])) == (xb.backend, 2)
    assert [name for name, _ in trees.named_leaves(new_state)] == [name for name, _ in trees.named_leaves(state)]

    expected = run(case.optimizer, host, [host_grads, host_grads])
    trees.map(lambda A, B: np.testing.assert_allclose(xb.to_numpy(A), B, rtol=1e-5, atol=1e-7), new_params, expected)
    trees.map(lambda A, B: np.testing.assert_array_equal(xb.to_numpy(A), B), (params, grads), (host, host_grads))
    trees.map(lambda A, B: np.testing.assert_array_equal(xb.to_numpy(A), B), state, before)


@each
def test_float64_stays_float64(case: Case) -> None:
    params = run(case.optimizer, tree("float64"), [tree("float64", 1)])
    assert {W.dtype.name for W in trees.leaves(params)} == {"float64"}


@each
def test_state_is_a_tree_of_zeros(case: Case) -> None:
    params = tree()
    state = case.optimizer.init(params)
    assert set(state) == {"t", "memory"}
    assert not any(np.any(leaf) for leaf in trees.leaves(state))
    shapes = {path: leaf.shape for path, leaf in trees.named_leaves(state["memory"])}
    remembered = case.optimizer.remembers
    assert shapes == {f"{path}.{name}": W.shape for path, W in trees.named_leaves(params) for name in remembered}


@each
def test_a_state_can_be_made_inside_a_compiled_function(case: Case) -> None:
    params = tree()
    trees.map(np.testing.assert_array_equal, xn.compile(case.optimizer.init)(params), case.optimizer.init(params))


@each
def test_no_gradient_no_move(case: Case) -> None:
    params = tree("float64")
    moved = run(case.optimizer, params, [trees.map(np.zeros_like, params)] * 3)
    shrinks = (1 - 0.01 * 0.1) ** 3 if isinstance(case.optimizer, xn.AdamW) else 1.0
    trees.map(lambda W, V: np.testing.assert_allclose(V, shrinks * W, rtol=1e-14), params, moved)


@each
def test_is_a_value(case: Case) -> None:
    optimizer = case.optimizer
    assert eval(repr(optimizer), vars(xn).copy()) == optimizer
    assert hash(optimizer) == hash(eval(repr(optimizer), vars(xn).copy()))
    with pytest.raises(FrozenInstanceError):
        optimizer.lr = 0.5


# The rate as a function of t


def test_a_schedule_is_read_before_each_update() -> None:
    """lr(0) on the first update, lr(1) on the second."""
    W = run(xn.SGD(Step(0.5, every=1, factor=0.1)), [np.asarray([[1.0]])], [[np.asarray([[1.0]])]] * 2)[0]
    assert W.item() == pytest.approx(1 - 0.5 - 0.05)


@each
def test_a_constant_schedule_is_the_number(case: Case) -> None:
    number = case.optimizer
    fields = {**vars(number), "lr": Constant(number.lr)}  # type: ignore[arg-type]
    params, grads = tree("float64"), tree("float64", 1)
    one, other = (run(rule, params, [grads] * 3) for rule in (number, type(number)(**fields)))
    trees.map(lambda A, B: np.testing.assert_allclose(A, B, rtol=1e-14), one, other)


SCHEDULES: dict[str, tuple[schedules.Schedule, dict[float, float]]] = {
    "Constant": (Constant(0.3), {0: 0.3, 7: 0.3, 10**6: 0.3}),
    "Step": (Step(0.8, every=10, factor=0.5), {0: 0.8, 9: 0.8, 10: 0.4, 19: 0.4, 20: 0.2, 35: 0.1}),
    "Exponential": (Exponential(0.8, every=10, factor=0.25), {0: 0.8, 5: 0.4, 10: 0.2, 20: 0.05}),
    "Cosine": (Cosine(0.2, steps=100), {0: 0.2, 25: 0.1 + 0.1 * math.sqrt(0.5), 50: 0.1, 100: 0.0, 1000: 0.0}),
    "Cosine-floor": (Cosine(0.2, steps=100, floor=0.1), {0: 0.2, 50: 0.15, 100: 0.1, 101: 0.1}),
    "WarmUp": (WarmUp(0.4, steps=4), {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4, 4: 0.4, 500: 0.4}),
    "WarmUp-Cosine": (
        WarmUp(Cosine(0.2, steps=100), steps=10),
        {0: 0.02, 4: 0.1, 9: 0.2, 10: 0.2, 60: 0.1, 110: 0.0, 500: 0.0},
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_at_its_ends_and_between(name: str) -> None:
    schedule, values = SCHEDULES[name]
    for t, lr in values.items():
        assert float(schedule(np.asarray(float(t)))) == pytest.approx(lr, rel=1e-12, abs=1e-15), t


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_follows_t(name: str, xb: Bench) -> None:
    schedule, values = SCHEDULES[name]
    t = max(t for t in values if t < 100)
    lr = schedule(xb.asarray(t))
    assert (backend_of(lr), lr.dtype, lr.shape) == (xb.backend, xb.xp.float32, ())
    assert float(lr) == pytest.approx(values[t], rel=1e-5)


def test_every_schedule_has_a_row() -> None:
    known = names.subclasses(schedules, schedules.Schedule).keys()
    assert {name.partition("-")[0] for name in SCHEDULES} == known


# What is computed once a step


class Counted(xn.Adam):
    """Counts how often its corrections are computed."""

    calls: ClassVar[list[Any]] = []

    def constants(self, t: Any) -> Any:
        self.calls.append(t)
        return super().constants(t)


def test_corrections_are_computed_once_a_step() -> None:
    Counted.calls.clear()
    run(Counted(), tree(), [tree(seed=1)] * 3)
    assert len(Counted.calls) == 3


# Refusals

REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "lr 0": (lambda: xn.SGD(0), "SGD: lr must be above 0; got lr=0"),
    "lr below 0": (lambda: xn.Adam(-0.1), "Adam: lr must be above 0; got lr=-0.1"),
    "lr NaN": (lambda: xn.RMSprop(math.nan), "RMSprop: lr must be a finite number above 0; got lr=nan"),
    "beta": (lambda: xn.Momentum(beta=1.0), "Momentum: beta must be in [0, 1); got beta=1.0"),
    "beta below 0": (lambda: xn.RMSprop(beta=-0.1), "RMSprop: beta must be in [0, 1); got beta=-0.1"),
    "beta1": (lambda: xn.Adam(beta1=1.5), "Adam: beta1 must be in [0, 1); got beta1=1.5"),
    "beta2": (lambda: xn.AdamW(beta2=math.nan), "AdamW: beta2 must be a finite number in [0, 1); got beta2=nan"),
    "eps": (lambda: xn.Adam(eps=-1e-8), "Adam: eps must be above 0; got eps=-1e-08"),
    "decay": (lambda: xn.AdamW(decay=-0.1), "AdamW: decay must be at least 0; got decay=-0.1"),
    "lr in words": (lambda: xn.Adam("0.1"), "Adam: lr must be a finite number above 0; got lr='0.1'"),  # type: ignore[arg-type]
    "infinite lr": (lambda: xn.SGD(float("inf")), "SGD: lr must be a finite number above 0; got lr=inf"),
    "every": (lambda: Step(0.1, every=0), "Step: every must be above 0; got every=0"),
    "every, exponential": (lambda: Exponential(0.1, every=-1), "Exponential: every must be above 0; got every=-1"),
    "steps": (lambda: Cosine(0.1, steps=0), "Cosine: steps must be above 0; got steps=0"),
    "steps, warm-up": (lambda: WarmUp(0.1, steps=0), "WarmUp: steps must be above 0; got steps=0"),
    "lr of a schedule": (lambda: Cosine(-0.1, steps=10), "Cosine: lr must be above 0; got lr=-0.1"),
    "factor": (lambda: Step(0.1, every=3, factor=-0.5), "Step: factor must be above 0; got factor=-0.5"),
    "nothing to learn": (
        lambda: xn.SGD().init([{}, {}]),
        "SGD.init: needs at least one parameter; got params=[{}, {}]",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name: str) -> None:
    call, fragment = REFUSALS[name]
    with pytest.raises(ValueRangeError, match=re.escape(fragment)):
        call()


# Against others


LR, BETA = 0.05, 0.9

# Those that PyTorch has, each with PyTorch's, made of the module `torch.optim` and the tensors.
IN_TORCH: dict[str, tuple[xn.Optimizer, Callable[[Any, Any], Any]]] = {
    "SGD": (xn.SGD(LR), lambda optim, W: optim.SGD(W, LR)),
    # v of PyTorch is v/(1 - β) of ours
    "Momentum": (xn.Momentum(LR, BETA), lambda optim, W: optim.SGD(W, LR * (1 - BETA), momentum=BETA)),
    "RMSprop": (xn.RMSprop(LR, BETA), lambda optim, W: optim.RMSprop(W, LR, alpha=BETA, eps=1e-8)),
    "Adam": (xn.Adam(LR), lambda optim, W: optim.Adam(W, LR)),
    "AdamW": (xn.AdamW(LR, decay=0.1), lambda optim, W: optim.AdamW(W, LR, weight_decay=0.1)),
}


@pytest.mark.skipif("torch" not in SELECTED, reason="torch was not asked for")
@pytest.mark.parametrize("name", IN_TORCH)
def test_agrees_with_torch(name: str) -> None:
    import torch

    ours, theirs = IN_TORCH[name]
    gradients = [tree("float64", seed) for seed in range(1, 21)]
    params = run(ours, tree("float64"), gradients)

    tensors = [torch.tensor(W, requires_grad=True) for W in trees.leaves(tree("float64"))]
    optimizer = theirs(torch.optim, tensors)
    for grads in gradients:
        for W, dW in zip(tensors, trees.leaves(grads), strict=True):
            W.grad = torch.tensor(dW)
        optimizer.step()
    for W, expected in zip(trees.leaves(params), tensors, strict=True):
        np.testing.assert_allclose(W, expected.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.skipif("jax" not in SELECTED, reason="jax was not asked for")
@each
def test_compiles_with_jax(case: Case) -> None:
    import jax

    to_jax = xn.backend("jax").asarray
    params, grads = trees.map(to_jax, (tree(), tree(seed=1)))
    optimizer = type(case.optimizer)(WarmUp(Cosine(0.1, 10), 2))  # type: ignore[call-arg]
    state = optimizer.init(params)
    eager, compiled = optimizer.update(params, grads, state), jax.jit(optimizer.update)(params, grads, state)
    trees.map(lambda A, B: np.testing.assert_allclose(A, B, rtol=1e-5, atol=1e-7), compiled, eager)
