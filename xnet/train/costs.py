"""A cost as training sees it: what it asks of its targets, its J and dZ, and how Z reads as a prediction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from array_api_compat import array_namespace

from xnet import guards, names, trees
from xnet.errors import ShapeError, ValueRangeError
from xnet.kernels import activation, cost
from xnet.types import Array, Tree

LINKS = {"sigmoid_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax"}


@dataclass(frozen=True)
class Cost:
    """By its name in xnet.kernels: Cost("softmax_cross_entropy", {"smoothing": 0.1})."""

    name: str
    hyper: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyper", {name: float(value) for name, value in self.hyper.items()})
        names.find_with("cost", self.name, cost, self.hyper)
        smoothing = self.hyper.get("smoothing", 0.0)
        if not 0 <= smoothing < 1:
            raise ValueRangeError(f"{self.name}: smoothing must be in [0, 1); got smoothing={smoothing}")

    def __hash__(self) -> int:
        return hash((self.name, *sorted(self.hyper.items())))

    def forward(self, Z: Array, Y: Array, weights: Array | None = None) -> tuple[Array, Any]:
        return getattr(cost, self.name)(Z, Y, weights, **self.hyper)  # type: ignore[no-any-return]

    def backward(self, dJ: Array, cache: Any) -> Array:
        return getattr(cost, self.name + "_backward")(dJ, cache)

    def predict(self, Z: Array) -> Array:
        """σ(Z), softmax(Z), or Z itself."""
        return getattr(activation, LINKS.get(self.name, "identity"))(Z)[0]

    @property
    def classifies(self) -> bool:
        return self.name != "mean_squared_error"

    def check(self, what: str, Y: Array, units: int) -> None:
        """Y suits a network of so many outputs."""
        guards.array(what, Y=Y)
        xp = array_namespace(Y)
        if self.name == "softmax_cross_entropy" and xp.isdtype(Y.dtype, "integral") and Y.shape[0] == 1:
            guards.labels(what, Y, units)
            return
        if Y.ndim != 2 or Y.shape[0] != units:
            labels = " or integer labels (1, m)" if self.name == "softmax_cross_entropy" else ""
            raise ShapeError(
                f"{what}: Y must be ({units}, m), a row for each output of the network{labels}; "
                f"got Y.shape={tuple(Y.shape)}, Y.dtype={guards.dtype_name(Y)}, cost={self.name}"
            )
        if xp.isdtype(Y.dtype, "real floating"):
            guards.finite(what, Y=Y)
        if self.classifies:
            guards.probabilities(what, Y)
        if self.name == "softmax_cross_entropy":
            total = xp.sum(xp.astype(Y, xp.float32), axis=0)
            if not bool(xp.all(xp.abs(total - 1) < 1e-3)):
                raise ValueRangeError(f"{what}: each column of Y must add up to 1 for {self.name}; got other sums")

    def accuracy(self, P: Array, Y: Array) -> Array:
        """The share of labels that the predictions get right: the most probable class, or the side of one half."""
        xp = array_namespace(P)
        if self.name == "softmax_cross_entropy":
            labels = Y if Y.shape[0] == 1 else xp.argmax(Y, axis=0, keepdims=True)
            right = xp.astype(xp.argmax(P, axis=0, keepdims=True), labels.dtype) == labels
        else:
            right = (P > 0.5) == (xp.astype(Y, P.dtype) > 0.5)
        return xp.mean(xp.astype(right, P.dtype))


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


def penalty(params: Tree, l2: float) -> Array:
    """(λ/2) Σ W² over the weights, and no b.   (The course divides λ by m: give l2 = λ/m for its numbers.)"""
    weights = [W for name, W in trees.named_leaves(params) if is_weight(name)]
    return l2 / 2 * sum(array_namespace(W).sum(W * W) for W in weights)


def is_weight(name: str) -> bool:
    """Whether the parameter of that path is one that a penalty on size is meant for."""
    return name.rpartition(".")[2].startswith("W")
