"""Every row of cases.py under every law of laws.py, on every backend asked for; and each law can fail."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import array_api_compat
import laws
import numpy as np
import pytest
from backends import ROWS, Row, selected
from cases import CASES, Case, missing

from xnet import kernels

Law = Callable[[Case, Any], None]

EVERYWHERE: list[Law] = [laws.adjoint, laws.preserves, laws.pure, laws.agrees]
AT_HOME: dict[str, list[Law]] = {  # what one library alone can tell
    "torch": [laws.autograd],
    "jax": [laws.jit],
    "dask": [laws.lazy, laws.lazy_of_unknown_length],
}
TABLE = [
    pytest.param(law, row, id=f"{law.__name__}-{row.name}", marks=[pytest.mark.gpu] if row.gpu else [])
    for row in selected()
    for law in [*EVERYWHERE, *AT_HOME.get(row.name, [])]
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("law", "row"), TABLE)
def test_law(law: Law, row: Row, case: Case) -> None:
    law(case, row.open())


def test_every_public_kernel_has_a_row() -> None:
    assert missing(CASES, kernels.__all__) == set()
    assert missing(CASES, [*kernels.__all__, "new", "new_backward"]) == {"new"}
    assert missing([*CASES, replace(CASES[0], kernel="gone")], kernels.__all__) == {"gone"}
    assert {f"{case.kernel}_backward" for case in CASES} < set(kernels.__all__)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_rows_keep_away_from_the_kinks_and_differ_from_seed_to_seed(case: Case) -> None:
    inputs, others = case.inputs(0), case.inputs(1)
    for name in case.wrt:
        assert all(np.abs(inputs[name] - kink).min() > 0.09 for kink in case.kinks)
        assert not np.any(inputs[name] == others[name])
    assert all(V.dtype in ("float64", "int64") for V in inputs.values())


# No example, and one


@pytest.mark.parametrize("m", [0, 1])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_empty_batch_and_one_example(case: Case, m: int, xb: Any) -> None:
    once = laws.run(case, xb, "float32", m)
    laws.all_alike(case, xb, once)
    assert all(np.all(np.isfinite(x)) for x in laws.to_numpy(xb, [once.Y, once.cache, once.grads]))
    assert m or not any(np.any(x) for x in laws.to_numpy(xb, [once.Y, once.grads])), "a sum of nothing is 0"


# The laws can fail

Z = next(case for case in CASES if case.kernel == "tanh")


def tanh(Z: Any) -> tuple[Any, Any]:
    return kernels.tanh(Z)


def tanh_backward(dA: Any, cache: Any) -> Any:
    return kernels.tanh_backward(dA, cache)


def without_the_derivative(dA: Any, cache: Any) -> Any:
    return dA * (1 - cache)


def a_little_off(dA: Any, cache: Any) -> Any:
    return 1.00001 * tanh_backward(dA, cache)


def summed(dA: Any, cache: Any) -> Any:
    xp = array_api_compat.array_namespace(dA)
    return xp.sum(tanh_backward(dA, cache), axis=-1, keepdims=True)


def as_float64(Z: Any) -> tuple[Any, Any]:
    xp = array_api_compat.array_namespace(Z)
    A, cache = tanh(Z)
    return xp.astype(A, xp.float64), cache


def wide_cache(Z: Any) -> tuple[Any, Any]:
    A, _ = tanh(Z)
    return A, as_float64(Z)[0]


def narrow_again(dA: Any, cache: Any) -> Any:
    xp = array_api_compat.array_namespace(dA)
    return dA * (1 - xp.astype(cache, dA.dtype) ** 2)


def wide_backward(dA: Any, cache: Any) -> Any:
    return as_float64(tanh_backward(dA, cache))[0]


def mask_on_default_device(Z: Any) -> tuple[Any, Any]:
    xp = array_api_compat.array_namespace(Z)
    return tanh(Z)[0], (tanh(Z)[0], xp.zeros((1,), dtype=Z.dtype))


def first_of(dA: Any, cache: Any) -> Any:
    return tanh_backward(dA, cache[0])


def zeros_on_default_device(Z: Any) -> tuple[Any, Any]:
    xp = array_api_compat.array_namespace(Z)
    return tanh(xp.maximum(Z, xp.full(Z.shape, -1e9, dtype=Z.dtype)))


def writes_its_argument(Z: Any) -> tuple[Any, Any]:
    A, cache = tanh(Z)
    Z[...] = 0
    return A, cache


def writes_its_cache(dA: Any, cache: Any) -> Any:
    dZ = tanh_backward(dA, cache)
    cache[...] = 0
    return dZ


def writes_dy(dA: Any, cache: Any) -> Any:
    dA *= 1 - cache * cache
    return dA


def remembers(Z: Any) -> tuple[Any, Any]:
    CALLS.append(1)
    A, cache = tanh(Z)
    return A * len(CALLS), cache


CALLS: list[int] = []


def asks_for_a_value(Z: Any) -> tuple[Any, Any]:
    xp = array_api_compat.array_namespace(Z)
    return tanh(Z) if bool(xp.all(Z > -1e9)) else (Z, Z)


def knows_m(dA: Any, cache: Any) -> Any:
    return tanh_backward(dA, cache) * range(dA.shape[-1] + 1)[-1] / range(dA.shape[-1] + 1)[-1]


def other_elsewhere(Z: Any) -> tuple[Any, Any]:
    A, cache = tanh(Z)
    return (A if array_api_compat.is_numpy_array(Z) else 1.001 * A), cache


def other_when_traced(Z: Any) -> tuple[Any, Any]:
    A, cache = tanh(Z)
    return (A if type(Z).__name__ == "ArrayImpl" else 1.001 * A), cache


WRONG: list[tuple[Law, str, Any, Any, str]] = [  # law, where, forward, backward, what the law says
    (laws.adjoint, "numpy", tanh, without_the_derivative, "not the adjoint"),
    (laws.adjoint, "numpy", tanh, a_little_off, "not the adjoint"),
    (laws.adjoint, "jax", tanh, a_little_off, "not the adjoint"),
    (laws.adjoint, "dask", tanh, a_little_off, "not the adjoint"),
    (laws.preserves, "numpy", as_float64, tanh_backward, "Y: the dtype is float64"),
    (laws.preserves, "torch", as_float64, tanh_backward, "Y: the dtype is torch.float64"),
    (laws.preserves, "numpy", wide_cache, narrow_again, "cache: the dtype"),
    (laws.preserves, "numpy", tanh, wide_backward, "grads.0: the dtype"),
    (laws.preserves, "numpy", tanh, summed, r"dZ: the shape is \(3, 1\)"),
    (laws.preserves, "strict:device1", mask_on_default_device, first_of, "cache.1: the device"),
    (laws.preserves, "strict:device1", zeros_on_default_device, tanh_backward, "device"),
    (laws.pure, "readonly", writes_its_argument, tanh_backward, "read-only"),
    (laws.pure, "numpy", writes_its_argument, tanh_backward, "the arguments changed"),
    (laws.pure, "numpy", tanh, writes_its_cache, "Y, the cache or dY changed"),
    (laws.pure, "numpy", tanh, writes_dy, "Y, the cache or dY changed"),
    (laws.pure, "torch", tanh, writes_dy, "Y, the cache or dY changed"),
    (laws.pure, "jax", writes_its_argument, tanh_backward, "immutable"),
    (laws.pure, "numpy", remembers, tanh_backward, "a second forward changed"),
    (laws.agrees, "strict", other_elsewhere, tanh_backward, "Not equal to tolerance"),
    (laws.autograd, "torch", tanh, a_little_off, "not what autograd has"),
    (laws.jit, "jax", asks_for_a_value, tanh_backward, "traced array"),
    (laws.jit, "jax", other_when_traced, tanh_backward, "Not equal to tolerance"),
    (laws.lazy, "dask", asks_for_a_value, tanh_backward, "computed early"),
    (laws.lazy, "dask", other_elsewhere, tanh_backward, "Not equal to tolerance"),
    (laws.lazy_of_unknown_length, "dask", tanh, knows_m, "cannot be interpreted as an integer"),
]
HERE = {"numpy", "readonly", *(row.name for row in selected())}


@pytest.mark.parametrize(
    ("law", "where", "forward", "backward", "says"),
    [
        pytest.param(*row, id=f"{row[0].__name__}-{row[1]}-{row[2].__name__}-{row[3].__name__}")
        for row in WRONG
        if row[1] in HERE
    ],
)
def test_the_law_can_fail(law: Law, where: str, forward: Any, backward: Any, says: str) -> None:
    CALLS.clear()
    bench = next(row for row in ROWS if row.name == where).open()
    module = SimpleNamespace(tanh=tanh, tanh_backward=tanh_backward)
    law(replace(Z, module=module), bench)
    module = SimpleNamespace(tanh=forward, tanh_backward=backward)
    with pytest.raises(Exception, match=says):
        law(replace(Z, module=module), bench)


def test_every_law_is_shown_to_fail() -> None:
    assert {row[0] for row in WRONG} == {*EVERYWHERE, *(law for those in AT_HOME.values() for law in those)}
