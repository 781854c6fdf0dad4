"""Checks of the arrays and numbers that a user passes in.  Each raises a typed error that names the fix."""

from itertools import pairwise
from math import inf, nan
from numbers import Real
from operator import index
from typing import Any

from array_api_compat import array_namespace, device, is_array_api_obj

from xnet.backends import backend_of
from xnet.errors import DeviceMismatchError, DtypeError, ShapeError, ValueRangeError
from xnet.types import Array, Shape


def array(what: object, **arrays: Any) -> None:
    """Each is an array of rank 2 or more: (n,) is neither a row nor a column (C16)."""
    for name, X in arrays.items():
        if not is_array_api_obj(X):
            raise DtypeError(
                f"{what}: {name} must be an array; got {name} of type {type(X).__name__}; "
                f"make it one with xn.backend().asarray({name})"
            )
        if X.ndim < 2:
            fix = f"{name}[:, None] is a column, {name}[None, :] a row" if X.ndim else f"xp.reshape({name}, (1, 1))"
            raise ShapeError(
                f"{what}: {name} must have two axes or more, examples last; got {name}.shape={tuple(X.shape)}; {fix}"
            )


def trainable(what: object, X: Array) -> None:
    """X is float32 or float64: with fewer bits the small numbers of an optimizer round to 0."""
    if dtype_name(X) not in {"float32", "float64"}:
        raise DtypeError(f"{what}: X must be float32 or float64; got X.dtype={dtype_name(X)}; xp.astype(X, xp.float32)")


def floating(what: object, **arrays: Array) -> None:
    for name, X in arrays.items():
        xp = array_namespace(X)
        if not xp.isdtype(X.dtype, "real floating"):
            kind = dtype_name(X)
            scale = " / 255 if these are pixels" if kind == "uint8" else ""
            raise DtypeError(
                f"{what}: {name} must hold floating-point numbers; got {name}.dtype={kind}; "
                f"xp.astype({name}, xp.float32){scale}"
            )


def whole(what: object, name: str, count: Any) -> int:
    """An integer of at least 1: a Python int or an integer of an array library."""
    if isinstance(count, bool) or not hasattr(count, "__index__") or index(count) < 1:
        raise ValueRangeError(f"{what}: {name} must be an integer of at least 1; got {name}={count!r}")
    return index(count)


def number(what: object, name: str, value: Any, rule: str) -> None:
    """A finite number that is `above 0`, `at least 0` or `in [0, 1)`."""
    x = float(value) if isinstance(value, Real) else nan
    if not {"above 0": x > 0, "at least 0": x >= 0, "in [0, 1)": 0 <= x < 1}[rule] or x == inf:
        kind = "" if -inf < x < inf else "a finite number "
        raise ValueRangeError(f"{what}: {name} must be {kind}{rule}; got {name}={value!r}")


def share(what: object, value: Any) -> None:
    if not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueRangeError(f"{what}: must be a pair (X, Y), or a share between 0 and 1; got {value!r}")


def parameters(what: object, params: Any, expected: tuple[str, ...]) -> None:
    if not isinstance(params, dict) or params.keys() != set(expected):
        got = sorted(params) if isinstance(params, dict) else type(params).__name__
        raise ShapeError(f"{what}: params must hold {' and '.join(expected)}; got {got}; net.init(in_shape) makes them")


def dtype_name(X: Array) -> str:
    return str(X.dtype).rpartition(".")[2]


def together(what: object, **arrays: Array) -> None:
    """All arrays have one library, one device and one dtype: xnet moves and casts nothing by itself."""
    one_device(what, **arrays)
    (first, A), *rest = arrays.items()
    for name, B in rest:
        if A.dtype != B.dtype and dtype_name(A) != dtype_name(B):
            raise DtypeError(
                f"{what}: {first} and {name} must have one dtype; got {first}.dtype={dtype_name(A)}, "
                f"{name}.dtype={dtype_name(B)}; xp.astype({first}, xp.{dtype_name(B)})"
            )


def one_device(what: object, **arrays: Array) -> None:
    """All arrays have one library and one device.  Traced arrays have neither and agree with any."""
    concrete = [(name, X) for name, X in arrays.items() if device(X) != "traced"]
    for (first, A), (name, B) in pairwise(concrete):
        one_library = type(A) is type(B) or array_namespace(A) is array_namespace(B)
        if not (one_library and device(A) == device(B)) and not _one_backend(A, B):
            raise DeviceMismatchError(
                f"{what}: {first} and {name} must be on one device of one library; got {first} on {backend_of(A)}, "
                f"{name} on {backend_of(B)}; move one, for instance xn.backend({str(backend_of(B))!r}).asarray({first})"
            )


def _one_backend(A: Array, B: Array) -> bool:
    """Whether both are on one backend.  An array that JAX traces names no device, and agrees with any of JAX."""
    try:
        backend_of(A, B)
    except DeviceMismatchError:
        return False
    return True


def features(what: object, X: Array, expected: Shape) -> None:
    """X is (*expected, m)."""
    if getattr(X, "ndim", None) != len(expected) + 1 or tuple(X.shape[:-1]) != expected:
        array(what, X=X)
        wanted = ", ".join(map(str, expected))
        fix = (
            "X = X.T if examples are rows"
            if tuple(X.shape[1:]) == expected
            else f"init(in_shape={tuple(X.shape[:-1])})"
        )
        raise ShapeError(f"{what}: X must be ({wanted}, m); got X.shape={tuple(X.shape)}; {fix}")


def same_examples(what: object, **arrays: Array) -> None:
    (first, X), *rest = arrays.items()
    for name, Y in rest:
        if X.shape[-1] != Y.shape[-1]:
            fix = ""
            if X.shape[0] == Y.shape[0]:
                fix = f"; {first}, {name} = {first}.T, {name}.T if examples are rows"
            elif X.shape[-1] == Y.shape[0]:
                fix = f"; {name} = {name}.T if its examples are rows"
            elif X.shape[0] == Y.shape[-1]:
                fix = f"; {first} = {first}.T if its examples are rows"
            raise ShapeError(
                f"{what}: {first} and {name} must have as many examples (the last axis); "
                f"got {first}.shape={tuple(X.shape)}, {name}.shape={tuple(Y.shape)}{fix}"
            )


def some_examples(what: object, X: Array) -> None:
    if X.shape[-1] == 0:
        raise ShapeError(
            f"{what}: X must hold at least one example; got X.shape={tuple(X.shape)}; was everything filtered out?"
        )


def finite(what: object, **arrays: Array) -> None:
    for name, X in arrays.items():
        xp = array_namespace(X)
        with backend_of(X).quiet():
            if bool(xp.isfinite(xp.sum(X))):  # NaN and ∞ stay in a sum, which takes no memory as large as X
                continue
        first = _first(~xp.isfinite(X))
        if first is not None:
            raise ValueRangeError(
                f"{what}: {name} must be finite; got {name}[{_text(first)}]={float(X[first])}; "
                f"remove the example or fill the gap, as in xp.where(xp.isfinite({name}), {name}, 0.0)"
            )


def labels(what: object, Y: Array, classes: int) -> None:
    """Integer labels (1, m) from 0 to classes - 1."""
    if Y.shape[0] != 1 or Y.ndim != 2:
        raise ShapeError(
            f"{what}: integer labels Y must be (1, m); got Y.shape={tuple(Y.shape)}; Y = xp.reshape(Y, (1, -1))"
        )
    first = _first((Y < 0) | (classes <= Y))
    if first is not None:
        raise ValueRangeError(
            f"{what}: labels must be from 0 to {classes - 1}; got Y[{_text(first)}]={int(Y[first])}; "
            f"the network's last layer needs as many units as there are classes"
        )


def probabilities(what: object, Y: Array) -> None:
    """Targets of a classifier: 0, 1, or between."""
    if dtype_name(Y) == "bool":
        return
    first = _first((Y < 0) | (Y > 1))
    if first is not None:
        raise ValueRangeError(
            f"{what}: Y must be from 0 to 1; got Y[{_text(first)}]={float(Y[first])}; "
            f"for other numbers use cost='mean_squared_error'"
        )


def example_weights(what: object, X: Array, weights: Array) -> None:
    """(1, m), of X's dtype, none below 0 and not all 0."""
    array(what, sample_weight=weights)
    together(what, sample_weight=weights, X=X)
    finite(what, sample_weight=weights)
    xp = array_namespace(weights)
    if tuple(weights.shape) != (1, X.shape[-1]):
        got = f"sample_weight.shape={tuple(weights.shape)}, m={X.shape[-1]}"
        raise ShapeError(f"{what}: sample_weight must be (1, m); got {got}; xp.reshape(sample_weight, (1, -1))")
    if bool(xp.any(weights < 0)) or not bool(xp.any(weights > 0)):
        got = f"min={float(xp.min(weights))}"
        raise ValueRangeError(f"{what}: sample_weight must be at least 0 and not all 0; got {got}")


def _first(bad: Array) -> tuple[int, ...] | None:
    """The index of the first True."""
    xp = array_namespace(bad)
    if not bool(xp.any(bad)):
        return None
    flat = int(xp.argmax(xp.astype(xp.reshape(bad, (-1,)), xp.int32)))
    place: tuple[int, ...] = ()
    for size in reversed(bad.shape):
        flat, i = divmod(flat, size)
        place = (i, *place)
    return place


def _text(index: tuple[int, ...]) -> str:
    return ", ".join(map(str, index))
