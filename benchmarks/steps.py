"""A network's training step as each library takes it: from the same weights, on the same batch, by the same rule."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from itertools import count, groupby
from typing import Any

import numpy as np

import xnet as xn

ADAM = xn.Adam(1e-3)


@dataclass(frozen=True)
class Task:
    """A network of dense layers, a batch and a rule.

    `to_better` is the largest ratio of compiled xnet to the better of torch eager and JAX jit that is accepted, and
    `to_products` that to the network's matrix products alone.
    """

    sizes: tuple[int, ...]
    m: int
    activation: str = "relu"
    optimizer: xn.Optimizer = ADAM
    to_better: float | None = None
    to_products: float | None = None

    @property
    def name(self) -> str:
        """784-256-10; a run of more than three equal sizes is written as 32x200."""
        runs = [(size, len([*run])) for size, run in groupby(self.sizes)]
        return "-".join(f"{size}x{n}" if n > 3 else "-".join([str(size)] * n) for size, n in runs)

    @property
    def classes(self) -> int:
        return max(2, self.sizes[-1])

    @property
    def softmax(self) -> bool:
        return self.sizes[-1] > 1

    @property
    def net(self) -> xn.Network:
        *hidden, last = self.sizes[1:]
        return xn.Network([*(xn.Dense(units, self.activation) for units in hidden), xn.Dense(last)])

    @property
    def cost(self) -> xn.Cost:
        return xn.Cost("softmax_cross_entropy" if self.softmax else "sigmoid_cross_entropy")

    def start(self) -> list[dict[str, Any]]:
        params: list[dict[str, Any]] = self.net.init(self.sizes[:1], seed=1, backend="numpy")
        return params

    def batch(self) -> tuple[Any, Any]:
        """X (n, m) and the labels (1, m): noise, since no time depends on what there is to learn."""
        rng = np.random.default_rng(1)
        X = rng.standard_normal((self.sizes[0], self.m), dtype=np.float32)
        return X, rng.integers(0, self.classes, (1, self.m))

    def rows(self) -> tuple[Any, Any]:
        """The same with an example a row, as the peers have theirs: X (m, n), the labels (m,)."""
        X, Y = self.batch()
        return np.ascontiguousarray(X.T), Y[0]


# At Adam's usual 1e-3 wide layers leap: rounding alone then moves the cost by more than the check allows.
SLOW_ADAM = xn.Adam(1e-4)
TASKS = (
    Task((2, 4, 2), 400, to_better=0.12),
    Task((784, 256, 128, 10), 128, to_better=0.5, to_products=1.05),
    Task((300, 600, 600, 300, 5), 64, "tanh", SLOW_ADAM, to_better=0.65, to_products=1.2),
    Task((784, 512, 512, 512, 10), 64, "tanh", SLOW_ADAM, to_better=0.65, to_products=1.2),
    Task((784, 1024, 1024, 10), 256, optimizer=SLOW_ADAM, to_better=0.95, to_products=1.05),
    Task((784, 2048, 2048, 10), 1024, optimizer=SLOW_ADAM, to_better=0.7, to_products=1.0),
    Task((12288, 20, 7, 5, 2), 209, to_better=0.4, to_products=1.0),
    Task((12288, 1), 209, optimizer=xn.SGD(1e-3)),
    Task((100, 400, 400, 400, 400, 20), 128, optimizer=SLOW_ADAM),
    Task((3072, 40, 40, 4), 100),
    Task((32,) * 201, 64, "tanh", SLOW_ADAM, to_better=0.25),
)


# The peers.  Each begins a task and gives back what takes a step of it.


class LeftOutError(Exception):
    """A peer that cannot take part, and why."""


@dataclass(frozen=True)
class Runner:
    """`step` takes one step, `finish` waits until all are done, `cost` is J as the last step found it."""

    step: Callable[[], object]
    cost: Callable[[], float] | None
    finish: Callable[[], object] = lambda: None


def pure(update: Callable[..., Any], *start: Any, finish: Callable[..., object] = lambda _: None) -> Runner:
    """What repeats (params, state, X, Y) → (params, state, J)."""
    params, state, X, Y = start
    now = (params, state, math.nan)

    def step() -> None:
        nonlocal now
        now = update(now[0], now[1], X, Y)

    return Runner(step, lambda: float(now[2]), lambda: finish(now))


def xnet_plain(task: Task, compile: Callable[..., Any] = lambda step: step) -> Runner:
    params = task.start()
    step = compile(xn.Step(task.net, task.cost, task.optimizer))
    return pure(step, params, task.optimizer.init(params), *task.batch())


def xnet_compiled(task: Task) -> Runner:
    compile = getattr(xn, "compile", None)
    if compile is None:
        raise LeftOutError("this xnet has no xn.compile")
    long = {"calls": 1 << 20} if "calls" in signature(compile).parameters else {}  # as in a training of many steps
    return xnet_plain(task, partial(compile, donate=("params", "state"), **long))


def torch_eager(task: Task, fused: bool | None = None, compiled: bool = False) -> Runner:
    import torch
    from torch import nn

    layers: list[Any] = []
    for params in task.start():
        layer = nn.Linear(*params["W"].shape[::-1])
        layer.load_state_dict({"weight": torch.tensor(params["W"]), "bias": torch.tensor(params["b"][:, 0])})
        layers += [layer, {"relu": nn.ReLU, "tanh": nn.Tanh}[task.activation]()]
    net = nn.Sequential(*layers[:-1])
    X, Y = map(torch.tensor, task.rows())
    cost, Y = (nn.CrossEntropyLoss(), Y) if task.softmax else (nn.BCEWithLogitsLoss(), Y[:, None].float())
    match task.optimizer:
        case xn.Adam(float(lr), beta1, beta2, eps):
            optimizer = torch.optim.Adam(net.parameters(), lr, (beta1, beta2), eps, fused=fused)
        case xn.Momentum(float(lr), beta):
            optimizer = torch.optim.SGD(net.parameters(), lr * (1 - beta), beta, fused=fused)
        case xn.SGD(float(lr)):
            optimizer = torch.optim.SGD(net.parameters(), lr, fused=fused)

    def forward() -> Any:
        return cost(net(X), Y)

    update: Callable[[], object] = optimizer.step
    if compiled:
        forward, update = torch.compile(forward), torch.compile(update)
    J = torch.tensor(math.nan)

    def step() -> None:
        nonlocal J
        optimizer.zero_grad()
        J = forward()
        J.backward()
        update()

    return Runner(step, lambda: float(J.detach()))


def torch_compiled(task: Task) -> Runner:
    import torch

    torch.compiler.reset()  # each network anew, as it counts recompilations and gives up
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(8))
    except Exception as error:
        raise LeftOutError(f"torch.compile fails: {str(error).strip().splitlines()[0]}") from error
    return torch_eager(task, compiled=True)


def jax_jit(task: Task) -> Runner:
    import jax
    import optax
    from jax import numpy as jnp

    params = [{"W": jnp.array(layer["W"].T), "b": jnp.array(layer["b"][:, 0])} for layer in task.start()]
    X, Y = map(jnp.array, task.rows())
    g = {"relu": jax.nn.relu, "tanh": jnp.tanh}[task.activation]
    match task.optimizer:
        case xn.Adam(float(lr), beta1, beta2, eps):
            optimizer = optax.adam(lr, beta1, beta2, eps)
        case xn.Momentum(float(lr), beta):
            optimizer = optax.sgd(lr * (1 - beta), beta)
        case xn.SGD(float(lr)):
            optimizer = optax.sgd(lr)

    def cost(params: Any, X: Any, Y: Any) -> Any:
        A = X
        for layer in params[:-1]:
            A = g(A @ layer["W"] + layer["b"])
        Z = A @ params[-1]["W"] + params[-1]["b"]
        if task.softmax:
            return optax.softmax_cross_entropy_with_integer_labels(Z, Y).mean()
        return optax.sigmoid_binary_cross_entropy(Z[:, 0], Y).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, X: Any, Y: Any) -> Any:
        J, grads = jax.value_and_grad(cost)(params, X, Y)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, J

    return pure(step, params, optimizer.init(params), X, Y, finish=jax.block_until_ready)


def scikit_learn(task: Task) -> Runner:
    from sklearn.neural_network import MLPClassifier

    if task.sizes[-1] == 2:
        raise LeftOutError(f"{task.name}: of two classes MLPClassifier makes one sigmoid unit, not a softmax over two")
    match task.optimizer:
        case xn.Adam(float(lr), beta1, beta2, eps):
            rule: dict[str, Any] = {"solver": "adam", "beta_1": beta1, "beta_2": beta2, "epsilon": eps}
        case xn.Momentum(float(lr), beta):
            lr, rule = lr * (1 - beta), {"solver": "sgd", "momentum": beta}
        case xn.SGD(float(lr)):
            rule = {"solver": "sgd", "momentum": 0.0}
    rule |= {"learning_rate_init": lr, "nesterovs_momentum": False}
    endless = {"n_iter_no_change": np.inf, "shuffle": False, "batch_size": task.m, "alpha": 0.0}
    net = MLPClassifier(task.sizes[1:-1], task.activation, **rule, **endless)
    X, Y = task.rows()
    net.partial_fit(X, Y, classes=np.arange(task.classes))  # makes its arrays, which then begin again as xnet's
    net.coefs_ = [np.ascontiguousarray(params["W"].T) for params in task.start()]
    net.intercepts_ = [params["b"][:, 0].copy() for params in task.start()]
    del net._optimizer
    t = count(1)

    def step() -> None:
        if net.solver == "adam":
            # It adds ε to √s where the paper adds it to √ŝ: √(1 - β₂ᵗ) makes one the other.
            getattr(net, "_optimizer", net).epsilon = rule["epsilon"] * math.sqrt(1 - net.beta_2 ** next(t))
        net.partial_fit(X, Y)

    return Runner(step, lambda: float(net.loss_))


def products(task: Task) -> Runner:
    """W A, dZ Aᵀ and, behind the first layer, Wᵀ dZ."""
    rng = np.random.default_rng(1)

    def array(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    todo = []
    for i, (n, k) in enumerate(zip(task.sizes, task.sizes[1:], strict=False)):
        W, A, dZ = array(k, n), array(n, task.m), array(k, task.m)
        todo += [(W, A), (dZ, A.T)] if i == 0 else [(W, A), (dZ, A.T), (W.T, dZ)]
    ready = [(a, b, a @ b) for a, b in todo]

    def step() -> None:
        for a, b, out in ready:
            np.matmul(a, b, out=out)

    return Runner(step, None)
