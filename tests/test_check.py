"""check_gradients: what is right passes, what is wrong is named, and kinks are stepped aside from."""

import re
from types import SimpleNamespace
from typing import Any

import array_api_compat
import laws
import numpy as np
import pytest
from array_api_compat import array_namespace
from cases import CASES, Case

from xnet import kernels
from xnet.errors import DtypeError, GradientError, TraceError, XnetError
from xnet.graph import check_gradients
from xnet.graph.derive import check
from xnet.graph.derive.check import Checked
from xnet.kernels import linear, linear_backward, relu, relu_backward, tanh

RNG = np.random.default_rng(0)
A, W, b = RNG.normal(size=(4, 5)), RNG.normal(size=(3, 4)), RNG.normal(size=(3, 1))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_kernel_passes(case: Case, xb: Any) -> None:
    names = list(case.inputs())
    argnums = tuple(names.index(name) for name in case.wrt)
    arguments = laws.place(xb, "float64", case.inputs(m=2))
    checked = check_gradients(case.forward, *arguments, backward=case.backward, argnums=argnums, entries=12)
    assert checked.skipped == 0


@pytest.mark.parametrize(
    ("arguments", "options", "entries"),
    [
        ((lambda A, W, b: linear(A, W, b)[0], A, W, b), {}, 35),
        ((linear, A, W, b), {"backward": linear_backward}, 35),
        ((linear, A, W, b), {"backward": linear_backward, "entries": 34}, 0),
        ((lambda A, W, b: linear(A, W, b)[0], A, W, b), {"argnums": 1}, 12),
        ((lambda A, W, b: linear(A, W, b)[0], A, W, b), {"argnums": (0, -1)}, 23),
        ((lambda p, A: linear(A, p["W"], p["b"][0])[0], {"W": W, "b": [b]}, A), {}, 35),
        ((lambda A, n, k: array_namespace(A).take(A, n) * k, A[0], np.asarray([3, 3]), 2.0), {}, 5),
        ((lambda A: tanh(A)[0], A.astype("float32")), {}, 20),
        ((lambda x: x * x, np.asarray(2.0)), {}, 1),
        ((lambda x: x * x, np.ones((0, 3))), {}, 0),
        ((lambda x: x**3, np.asarray([1e3, 1e-3, 0.0])), {}, 3),
    ],
)
def test_what_is_right_passes(arguments: Any, options: Any, entries: int) -> None:
    assert check_gradients(*arguments, **options) == Checked(entries, 0)


# What is wrong is named


def wrong(entry: Any, off: float) -> Any:
    """A backward whose dW is off in one entry."""

    def backward(dZ: Any, cache: Any) -> Any:
        dA, dW, db = linear_backward(dZ, cache)
        dW[entry] += off
        return dA, dW, db

    return backward


@pytest.mark.parametrize("entry", [(0, 0), (1, 2), (2, 3)])
@pytest.mark.parametrize("off", [1e-3, -0.1, 100.0])
@pytest.mark.parametrize(("entries", "which"), [(200, "1 of 35 entries are wrong"), (0, "a random direction is wrong")])
def test_the_entry_is_named_with_both_numbers(entry: Any, off: float, entries: int, which: str) -> None:
    with pytest.raises(GradientError, match=which) as raised:
        check_gradients(linear, A, W, b, backward=wrong(entry, off), entries=entries)
    text = str(raised.value)
    assert f"argument 1[{entry[0]}, {entry[1]}]" in text
    ((derivative, slope),) = re.findall(r"derivative=(\S+), slope=(\S+) at", text)
    assert float(derivative) - float(slope) == pytest.approx(off, rel=1e-4)


def test_the_worst_of_many_is_named() -> None:
    def backward(dA: Any, cache: Any) -> Any:
        return kernels.tanh_backward(dA, cache) * np.asarray([1.0, 1.001, 1.1, 1.01])

    with pytest.raises(GradientError, match=r"at argument 0\[2\]; 3 of 4 entries are wrong, this one most; see what"):
        check_gradients(tanh, np.full(4, 0.3), backward=backward)


def test_an_error_is_an_assertion_that_failed() -> None:
    assert issubclass(GradientError, AssertionError)
    assert issubclass(GradientError, XnetError)


@pytest.mark.parametrize("factor", [1.00001, 0.0, -1.0, 2.0])
def test_a_small_scale_hides_nothing(factor: float) -> None:
    def backward(dA: Any, cache: Any) -> Any:
        return factor * kernels.tanh_backward(dA, cache)

    for x in (A, 1e-6 * A, A[:1, :1]):
        with pytest.raises(GradientError):
            check_gradients(tanh, x, backward=backward)


# Kinks


def test_at_a_kink_the_point_is_moved() -> None:
    Z = np.asarray([[0.0, 1.0, -1.0], [0.0, 0.0, 2.0]])
    assert check_gradients(relu, Z, backward=relu_backward) == Checked(6, 0)
    assert check_gradients(lambda x: array_namespace(x).max(x), np.ones(4)) == Checked(4, 0)


@pytest.mark.parametrize("distance", [1e-3, 9e-6, 1e-6, 5e-7, 1e-8, 0.0, -3e-6])
def test_near_a_kink_the_right_passes_and_the_wrong_does_not(distance: float) -> None:
    Z = np.asarray([distance, 1.0, -2.0])
    check_gradients(relu, Z, backward=relu_backward)
    with pytest.raises(GradientError, match=r"argument 0\[1\]"):
        check_gradients(relu, Z, backward=lambda dA, A: relu_backward(dA, A) * np.asarray([1.0, 1.01, 1.0]))


def test_an_entry_at_a_kink_is_skipped_and_counted() -> None:
    def f(x: Any, y: Any) -> Any:
        return 1e4 * x + 1e-3 * abs(y), None

    checked = check_gradients(f, np.ones(()), np.zeros(()), backward=lambda dJ, _: (1e4 * dJ, 1e-3 * dJ))
    assert checked == Checked(entries=1, skipped=1)


def test_where_all_is_kinks_nothing_was_checked() -> None:
    teeth = 2.7182818e7

    def saw(x: Any) -> Any:
        return abs(teeth * x - np.round(teeth * x)) / teeth, None

    with pytest.raises(GradientError, match=r"got a kink in the direction and at skipped=2 of 2 entries; check it at"):
        check_gradients(saw, np.asarray([0.1, 0.2]), backward=lambda dJ, _: 0.7 * dJ)


# Refusals


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ((tanh, A), {}, TraceError, r"f must give one array, and \(Y, cache\) with a backward; got tuple; lambda"),
        ((linear, A, W, b), {"backward": lambda dZ, c: linear_backward(dZ, c)[1]}, GradientError,
         r"must have the shape .* got float64\[3, 4\] for argument 0, which is float64\[4, 5\]; sum over"),
        ((lambda p: (p["W"], None), {"W": W}), {"backward": lambda dY, _: {"V": dY}}, GradientError,
         r"got None for argument 0.W, which is float64\[3, 4\]"),
        ((linear, A, W, b), {"backward": lambda dZ, c: tuple(g.astype("f4") for g in linear_backward(dZ, c))},
         GradientError, r"got float32\[4, 5\] for argument 0"),
        ((linear, A, W, b), {"backward": linear_backward, "argnums": (0, 1)}, GradientError,
         r"each argument must have a gradient; got 3 of them for argnums=\[0, 1\]"),
        ((linear, A, W), {"backward": lambda *_: (A, W, b, A)}, TypeError, "missing 1 required positional argument"),
        ((lambda n: n, np.arange(3)), {}, GradientError, r"each argument must have a gradient; got 0 of them"),
        (
            (lambda x: array_namespace(x).log(x), np.asarray([1e-6])),
            {},
            GradientError,
            "f must be finite .* smaller step=",
        ),
    ],
)  # fmt: skip
def test_refusals(arguments: Any, options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says), np.errstate(all="ignore"):
        check_gradients(*arguments, **options)


def test_a_device_without_float64_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    info = SimpleNamespace(dtypes=lambda device, kind: {"float32": np.float32})
    poor = SimpleNamespace(__name__="small", __array_namespace_info__=lambda: info)
    monkeypatch.setattr(check, "array_namespace", lambda *_: poor)
    assert array_api_compat.array_namespace(A) is not poor
    with pytest.raises(DtypeError, match="got arrays of small on device='cpu', which has none"):
        check_gradients(lambda x: x, A)
