"""A cost as training uses it: the targets it takes, its J and dZ, and what a network's Z means under it.

`COSTS` has one row for each cost of xnet.kernels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from array_api_compat import array_namespace

from xnet import guards, names
from xnet.errors import ShapeError, ValueRangeError
from xnet.kernels import activation, cost
from xnet.types import Array

Check = Callable[[str, str, Array, int], None]  # what asks, the cost's name, Y, the network's outputs
Figure = Callable[[Array, Array], Array]  # P and Y to a mean over the examples
Labels = Callable[[Array], tuple[Array, Array] | None]  # P to the label of each example and its probability


@dataclass(frozen=True)
class Targets:
    """What Y may be, how a prediction P of such a Y reads as labels, and the figures that judge P beside J."""

    check: Check
    labels: Labels
    figures: Mapping[str, Figure]
    classes: bool


@dataclass(frozen=True)
class Row:
    """The targets of a cost, the function from Z to the prediction, and the bounds of its hyper-parameters."""

    targets: Targets
    link: str = "identity"
    bounds: Mapping[str, str] = field(default_factory=dict)


# Targets


def check_shape(what: str, name: str, Y: Array, units: int, or_else: str = "") -> None:
    """Y is (units, m), and finite."""
    if Y.ndim != 2 or Y.shape[0] != units:
        raise ShapeError(
            f"{what}: Y must be ({units}, m), a row for each output of the network{or_else}; "
            f"got Y.shape={tuple(Y.shape)}, Y.dtype={guards.dtype_name(Y)}, cost={name}"
        )
    if array_namespace(Y).isdtype(Y.dtype, "real floating"):
        guards.finite(what, Y=Y)


def check_probabilities(what: str, name: str, Y: Array, units: int) -> None:
    """Y (units, m) is from 0 to 1."""
    check_shape(what, name, Y, units)
    guards.probabilities(what, Y)


def check_labels(what: str, name: str, Y: Array, units: int) -> None:
    """Y is integer labels (1, m), or probabilities (units, m) whose columns add up to 1."""
    xp = array_namespace(Y)
    if xp.isdtype(Y.dtype, "integral") and Y.shape[0] == 1:
        guards.labels(what, Y, units)
        return
    check_shape(what, name, Y, units, " or integer labels (1, m)")
    guards.probabilities(what, Y)
    total = xp.sum(xp.astype(Y, xp.float32), axis=0)
    if not bool(xp.all(xp.abs(total - 1) < 1e-3)):
        raise ValueRangeError(f"{what}: each column of Y must add up to 1 for {name}; got other sums")


def right_sides(P: Array, Y: Array) -> Array:
    """The share of yes-or-no targets for which P is on the same side of one half as Y."""
    xp = array_namespace(P)
    right = (P > 0.5) == (xp.astype(Y, P.dtype) > 0.5)
    return xp.mean(xp.astype(right, P.dtype))


def right_classes(P: Array, Y: Array) -> Array:
    """The share of examples whose most probable class is the label."""
    xp = array_namespace(P)
    labels = Y if Y.shape[0] == 1 else xp.argmax(Y, axis=0, keepdims=True)
    right = xp.astype(xp.argmax(P, axis=0, keepdims=True), labels.dtype) == labels
    return xp.mean(xp.astype(right, P.dtype))


def most_probable(P: Array) -> tuple[Array, Array]:
    """The row of P that is largest, for each example."""
    xp = array_namespace(P)
    return xp.argmax(P, axis=0), xp.max(P, axis=0)


def yes_or_no(P: Array) -> tuple[Array, Array] | None:
    """1 where P is above one half, for one output; several outputs have no single label."""
    xp = array_namespace(P)
    if P.shape[0] > 1:
        return None
    return xp.astype(P[0, :] > 0.5, xp.int32), xp.maximum(P[0, :], 1 - P[0, :])


def no_labels(P: Array) -> None:
    """None: numbers are not labels."""


LABELS = Targets(check_labels, most_probable, {"accuracy": right_classes}, classes=True)
PROBABILITIES = Targets(check_probabilities, yes_or_no, {"accuracy": right_sides}, classes=True)
NUMBERS = Targets(check_shape, no_labels, {}, classes=False)

COSTS = {
    "binary_cross_entropy": Row(PROBABILITIES),
    "sigmoid_cross_entropy": Row(PROBABILITIES, "sigmoid"),
    "softmax_cross_entropy": Row(LABELS, "softmax", {"smoothing": "in [0, 1)"}),
    "mean_squared_error": Row(NUMBERS),
    "huber": Row(NUMBERS, bounds={"delta": "above 0"}),
}


@dataclass(frozen=True, init=False)
class Cost:
    """A cost by its name in xnet.kernels: Cost("softmax_cross_entropy", smoothing=0.1).   (C2, C3)"""

    name: str
    hyper: Mapping[str, Any] = field(default_factory=dict)

    # Written out so that hyper-parameters may be given by keyword.
    def __init__(self, name: str, hyper: Mapping[str, Any] | None = None, **more: Any) -> None:
        f = names.find("cost", name, cost)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "hyper", names.hyper_parameters("cost", f, {**(hyper or {}), **more}))
        for key, value in self.hyper.items():
            if key in self._row.bounds:
                guards.number(name, key, value, self._row.bounds[key])

    def __hash__(self) -> int:
        return hash((self.name, *sorted(self.hyper.items())))

    @property
    def _row(self) -> Row:
        return COSTS[self.name]

    def forward(self, Z: Array, Y: Array, weights: Array | None = None) -> tuple[Array, Any]:
        return getattr(cost, self.name)(Z, Y, weights, **self.hyper)  # type: ignore[no-any-return]

    def backward(self, dJ: Array, cache: Any) -> Array:
        return getattr(cost, self.name + "_backward")(dJ, cache)

    def predict(self, Z: Array) -> Array:
        """σ(Z), softmax(Z), or Z itself."""
        return getattr(activation, self.link)(Z)[0]

    def labels(self, P: Array) -> tuple[Array, Array] | None:
        """The label of each example and its probability, or None where predictions are not one label each."""
        return self._row.targets.labels(P)

    @property
    def link(self) -> str:
        """The name of the function from Z to the prediction, which the cost applies itself."""
        return self._row.link

    @property
    def without_link(self) -> str | None:
        """The cost of the same targets that takes predictions in place of Z, if there is one."""
        same = (name for name, row in COSTS.items() if row.targets is self._row.targets and row.link == "identity")
        return next(same, None)

    @property
    def classifies(self) -> bool:
        """Whether the targets are classes, and not numbers."""
        return self._row.targets.classes

    @property
    def figures(self) -> Mapping[str, Figure]:
        """The functions of (P, Y) that `evaluate` reports beside J; each is a mean over the examples."""
        return self._row.targets.figures

    def check(self, what: str, Y: Array, units: int) -> None:
        """Y suits a network of so many outputs."""
        guards.array(what, Y=Y)
        self._row.targets.check(what, self.name, Y, units)


def suited(what: str, Y: Array, units: int) -> Cost:
    """Softmax for classes, sigmoid for zeros and ones, squares for other numbers."""
    guards.array(what, Y=Y)
    xp = array_namespace(Y)
    if units > 1 and Y.shape[0] == 1 and xp.isdtype(Y.dtype, "integral"):
        return Cost("softmax_cross_entropy")
    if units > 1 and Y.shape[0] == 1:
        raise ShapeError(
            f"{what}: Y must be integer labels (1, m) or numbers ({units}, m); got Y.shape={tuple(Y.shape)}, "
            f"Y.dtype={guards.dtype_name(Y)}; xp.astype(Y, xp.int32), if these are labels"
        )
    Y = xp.astype(Y, xp.int8) if xp.isdtype(Y.dtype, "bool") else Y
    if not bool(xp.all((Y == 0) | (Y == 1))):
        if xp.isdtype(Y.dtype, "integral"):
            raise ValueRangeError(
                f"{what}: integers Y may be labels or numbers; got Y.shape={tuple(Y.shape)}, outputs={units}; for "
                "labels end the network with a unit a class, as in Dense(10); for numbers name "
                "cost='mean_squared_error'"
            )
        return Cost("mean_squared_error")
    one_a_column = bool(xp.all(xp.sum(xp.astype(Y, xp.int32), axis=0) == 1))
    return Cost("softmax_cross_entropy" if units > 1 and one_a_column else "sigmoid_cross_entropy")
