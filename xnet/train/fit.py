"""`fit`: the data checked once, then epochs of batches until training ends."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

from xnet import guards, random, trees
from xnet.backends import HOST, Backend, backend_of
from xnet.backends import backend as find_backend
from xnet.backends.choose import on_device_of
from xnet.errors import ShapeError, UnknownNameError, ValueRangeError
from xnet.layers import Activation, Layer, Network
from xnet.train.batches import batches
from xnet.train.costs import Cost, suited
from xnet.train.evaluate import Chunk, compiled, evaluate, figures, predict, prediction
from xnet.train.loop import Run
from xnet.train.optimizers import Adam, Optimizer
from xnet.train.progress import bar
from xnet.train.step import Step
from xnet.train.transforms import Transform
from xnet.types import Array, Shape, Tree

Pair: TypeAlias = tuple[Array, Array]


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """The result of training: `.params`, `.history`, `.predict(X)`, `.evaluate(X, Y)`, and why training ended.

    `seconds` is the time of all steps, without validation.  `history` has for each epoch the mean cost, with the
    penalty on the weights, the seconds, and the figures of the validation, without a penalty.  `how` says how steps
    ran.
    """

    net: Layer
    params: Tree
    state: Tree
    history: dict[str, list[float]]
    in_shape: Shape
    cost: Cost
    optimizer: Optimizer
    backend: Backend
    steps: int
    seconds: float
    stopped: str | None = None
    how: str = "as written"

    def __repr__(self) -> str:
        costs = self.history["cost"]
        J = f", J = {costs[-1]:.4g}" if costs else ""
        stopped = f", stopped {self.stopped}" if self.stopped else ""
        done = (
            f"{len(costs)} epoch{'s' * (len(costs) != 1)}, {self.steps} step{'s' * (self.steps != 1)} on {self.backend}"
        )
        return f"<Fit of {self.net}: {done}, {self.cost.name}{J}{stopped}>"

    def predict(self, X: Array) -> Array:
        """Probabilities (classes, m); after mean_squared_error the outputs themselves."""
        with self.backend.here():
            return predict(self.params, self._here("predict", X=X)[0], self._predict_chunk, self._prediction)

    def evaluate(self, X: Array, Y: Array) -> dict[str, float]:
        """The cost, without a penalty on the weights, and the accuracy of a classifier."""
        with self.backend.here():
            X, Y = self._here("evaluate", X=X, Y=Y)
            guards.same_examples("evaluate", X=X, Y=Y)
            guards.some_examples("evaluate", X)
            guards.one_device("evaluate", X=X, Y=Y)
            self.cost.check("evaluate", Y, _units(self.net, X))
            return evaluate(self.cost, self.params, X, Y, self._judge_chunk, self._figures)

    # Whole chunks run compiled where the steps did.  Fewer examples run as written: what a program costs is not saved.

    @cached_property
    def _prediction(self) -> Chunk:
        return prediction(self.net, self.cost)

    @cached_property
    def _figures(self) -> Chunk:
        return figures(self.net, self.cost)

    @cached_property
    def _predict_chunk(self) -> Chunk:
        return self._prediction if self.how.startswith("as written") else compiled(self._prediction)

    @cached_property
    def _judge_chunk(self) -> Chunk:
        return self._figures if self.how.startswith("as written") else compiled(self._figures)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        """A pickle has its arrays on the library's current device; here they are on the backend's."""
        moved = {name: trees.map(saved["backend"].asarray, saved[name]) for name in ("params", "state")}
        self.__dict__.update(saved | moved)

    def _here(self, what: str, **arrays: Array) -> list[Array]:
        """NumPy arrays are moved to the backend of the network; arrays of other libraries must be on it already."""
        guards.array(what, **arrays)
        return [self.backend.asarray(A) if backend_of(A).name == HOST else A for A in arrays.values()]


@on_device_of("X")
def fit(
    net: Layer,
    X: Array,
    Y: Array,
    *,
    cost: str | Cost | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int | None = 128,
    validation: float | Pair | None = None,
    sample_weight: Array | None = None,
    l2: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    transforms: Sequence[Transform] = (),
    accumulate: int = 1,
    patience: int | None = None,
    callbacks: Sequence[Callable[[Fit], bool | None]] = (),
    shuffle: bool = True,
    params: Tree = None,
    state: Tree = None,
    seed: int = 0,
    backend: str | Backend | None = None,
    compile: bool | None = None,
    progress: bool | None = None,
    weights: None = None,
) -> Fit:
    """Train on columns X (features, m) and targets Y: integer labels (1, m), numbers, or one-hot (classes, m).

    Training runs where the arrays are; with a named `backend` they are moved there.  Without a `cost` the targets
    choose it (`fit.cost` says which); without an `optimizer` it is Adam().  `batch_size=None` takes all examples at
    once.
    `validation` is a pair (X, Y) or the share of examples to hold out; with `patience` n, training ends after n
    epochs without a better validation cost, and the best parameters come back.  A callback is given the Fit after
    each epoch (with `patience` the best so far), and ends training by returning True.  Ctrl-C returns what was
    trained so far.  `params` and `state` go on from an earlier Fit.

    `sample_weight` (1, m) says how much each example counts.  `l2` adds (l2/2) Σ W² to J, over the weights that layers
    declare as decayed.  `clip_value` and `clip_norm` bound the gradients; `transforms` come after them.
    `accumulate=4` computes the gradients of each batch in four parts, one after the other, and adds them up: the
    update is the same to rounding, and a step that is not compiled needs less memory for its activations.

    The `seed` draws the weights, the order of the examples, and the noise of layers: the same seed gives the same Fit.
    The step is compiled where that saves time; `compile` says yes or no, and the numbers are the same to rounding.
    `progress` draws a bar, by default where a terminal shows it.
    """
    if weights is not None:
        raise UnknownNameError(
            "fit: weights is now called sample_weight; got weights; sample_weight= replaces it (params= has parameters)"
        )
    callbacks = tuple(callbacks) if isinstance(callbacks, Iterable) else callbacks
    _check_settings(net, cost, optimizer, callbacks)
    _check_transforms(transforms)
    _check_numbers(epochs, batch_size, l2, clip_value, clip_norm, patience, accumulate)
    X, Y, b = _checked("fit", X, Y, backend)
    if sample_weight is not None:
        sample_weight = b.asarray(sample_weight)
        guards.example_weights("fit", X, sample_weight)
    valid: Pair | None = None
    if isinstance(validation, tuple | list):
        valid = _checked_validation(validation, X, b)
    elif validation is not None:
        guards.share("fit, validation", validation)
        (X, Y), valid = _held_out(X, Y, sample_weight, validation, seed)
    elif patience is not None:
        raise ValueRangeError("fit: patience needs a validation set to watch; got validation=None; try validation=0.1")
    units = _units(net, X)
    chosen = Cost(cost) if isinstance(cost, str) else cost or suited("fit", Y, units)
    chosen.check("fit", Y, units)
    _check_last_layer(net, chosen)
    if valid is not None:
        chosen.check("fit, validation", valid[1], units)

    optimizer = optimizer or Adam()
    if params is None:
        params = net.init(tuple(X.shape[:-1]), seed=seed, dtype=guards.dtype_name(X), backend=b)
    state = optimizer.init(params) if state is None else optimizer.check(params, state)
    step = Step(net, chosen, optimizer, l2, clip_value, clip_norm, tuple(transforms), accumulate)
    size = min(batch_size or X.shape[-1], X.shape[-1])
    steps = epochs * -(-X.shape[-1] // size)
    if compile is None and not _saves_time(b, params, steps):
        compile = False
    run = Run(step, b, (params, state), keep_best=patience is not None, compiled=compile, steps=steps)

    def result() -> Fit:
        history = {name: list(values) for name, values in run.history.items()}
        return Fit(
            net,
            *run.result(),
            history,
            tuple(X.shape[:-1]),
            chosen,
            optimizer,
            b,
            run.steps,
            run.seconds,
            run.stopped,
            run.how,
        )

    arrays = (X, Y) if sample_weight is None else (X, Y, sample_weight)
    epoch_of = batches(arrays, size, b, shuffle)
    orders = random.keys(random.key(seed, stream=1))
    noises = random.keys(random.key(seed, stream=2))
    epoch = 0
    with b.quiet():
        try:
            with bar(epochs, progress) as report:
                for epoch in range(1, epochs + 1):
                    order = next(orders) if shuffle else None
                    run.epoch(epoch, epoch_of(order), X.shape[-1], noises, valid, report)
                    wishes = [callback(result()) for callback in callbacks]
                    if any(wishes):
                        run.stopped = f"after epoch {epoch}, by a callback"
                    elif patience is not None and run.waited >= patience:
                        run.stopped = (
                            f"after epoch {epoch}, no better validation cost for {patience} epoch{'s' * (patience > 1)}"
                        )
                    if run.stopped:
                        break
        except KeyboardInterrupt:
            run.stopped = f"in epoch {epoch}, by Ctrl-C"
        run.check_parameters(X)
    return result()


def _checked(what: str, X: Array, Y: Array, backend: str | Backend | None) -> tuple[Array, Array, Backend]:
    """X and Y after their checks, on one backend: the one that was named, or the one they are on."""
    guards.array(what, X=X, Y=Y)
    guards.floating(what, X=X)
    guards.trainable(what, X)
    guards.same_examples(what, X=X, Y=Y)
    guards.some_examples(what, X)
    if backend is None:
        guards.one_device(what, X=X, Y=Y)
    b = backend_of(X) if backend is None else find_backend(backend)
    X, Y = b.asarray(X), b.asarray(Y)
    guards.finite(what, X=X)
    return X, Y, b


def _checked_validation(validation: Sequence[Array], X: Array, b: Backend) -> Pair:
    if len(validation) != 2:
        raise ValueRangeError(f"fit: validation must be a pair (X, Y) or a share; got {len(validation)} arrays")
    X_valid, Y_valid = validation
    X_valid, Y_valid, _ = _checked("fit, validation", X_valid, Y_valid, b)
    guards.features("fit, validation", X_valid, tuple(X.shape[:-1]))
    guards.together("fit, validation", X=X_valid, X_train=X)
    return X_valid, Y_valid


def _held_out(X: Array, Y: Array, sample_weight: Array | None, share: float, seed: int) -> tuple[Pair, Pair]:
    from xnet.data import split

    if sample_weight is not None:
        raise ValueRangeError("fit: sample_weight needs validation=(X, Y), a pair; got a share to hold out")
    return split(X, Y, test=share, seed=seed)


def _units(net: Layer, X: Array) -> int:
    """The number of outputs of the network for one example."""
    _, out_shape = net.build(None, tuple(X.shape[:-1]))
    if len(out_shape) != 1:
        raise ShapeError(f"fit: the outputs must be columns; got out_shape={out_shape}; end the network with Flatten()")
    return out_shape[0]


def _saves_time(b: Backend, params: Tree, steps: int) -> bool:
    """Whether compiling takes less time than it saves, by an estimate: a clock could give one seed two results."""
    if b.compiling is None or (b.targets and any(b.host_view(W) is None for W in trees.leaves(params))):
        return False
    a_step, a_parameter, cost = b.compiling
    parameters = sum(prod(W.shape) for W in trees.leaves(params))
    return bool(steps * (a_step + a_parameter * parameters) > cost)


def _check_settings(net: object, cost: object, optimizer: object, callbacks: Any) -> None:
    settings = {
        "net": (net, Layer, "Network([Dense(10)])"),
        "cost": (
            cost,
            str | Cost | None,
            "'softmax_cross_entropy', or Cost('softmax_cross_entropy', smoothing=0.1)",
        ),
        "optimizer": (optimizer, Optimizer | None, "Adam(), or SGD(lr=0.1)"),
        "callbacks": (callbacks, Iterable, "[callback]"),
    }
    for name, (value, kind, example) in settings.items():
        if not isinstance(value, kind):
            raise ValueRangeError(f"fit: {name} must be like {example}; got {name}={value!r}")
    for i, callback in enumerate(callbacks):
        if not callable(callback):
            raise ValueRangeError(f"fit: callbacks must be functions of a Fit; got callbacks[{i}]={callback!r}")


def _check_last_layer(net: Layer, cost: Cost) -> None:
    """The last layer does not apply the σ or softmax that the cost applies itself."""
    last = net
    while isinstance(last, Network) and last.layers:
        last = last.layers[-1]
    link = cost.link
    if link != "identity" and _activation_of(last) == link:
        instead = f"; or give cost={cost.without_link!r}" if cost.without_link else ""
        raise ValueRangeError(
            f"fit: the last layer must give Z, since {cost.name} applies {link} itself; got {last}; "
            f"leave the {link} out{instead}"
        )


def _activation_of(layer: Layer) -> str | None:
    """The name of the activation that a layer ends with."""
    g = layer if isinstance(layer, Activation) else getattr(layer, "activation", None)
    return g.name if isinstance(g, Activation) else g


def _check_transforms(transforms: Any) -> None:
    for i, transform in enumerate(transforms if isinstance(transforms, Iterable) else [transforms]):
        if not isinstance(transforms, Iterable) or not isinstance(transform, Transform):
            where = f"transforms[{i}]" if isinstance(transforms, Iterable) else "transforms"
            raise ValueRangeError(f"fit: transforms must be like [ClipNorm(1.0)]; got {where}={transform!r}")


def _check_numbers(
    epochs: int,
    batch_size: int | None,
    l2: float,
    clip_value: float | None,
    clip_norm: float | None,
    patience: int | None,
    accumulate: int,
) -> None:
    guards.whole("fit", "epochs", epochs)
    guards.whole("fit", "accumulate", accumulate)
    for name, count in {"batch_size": batch_size, "patience": patience}.items():
        if count is not None:
            guards.whole("fit", name, count)
    guards.number("fit", "l2", l2, "at least 0")
    for name, limit in {"clip_value": clip_value, "clip_norm": clip_norm}.items():
        if limit is not None:
            guards.number("fit", name, limit, "above 0")
