"""What a graph leaves out: what does nothing, what is done twice, and no bit of a result."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet.graph import simplify, spec, trace
from xnet.graph.ir import Node


def ops(f: Callable[..., Any], *examples: Any) -> list[str]:
    return [node.op for node in trace(f, *examples).nodes if node.op not in {"input", "scalar"}]


def turned(x: Any) -> Any:
    return array_namespace(x).permute_dims(x, (1, 0))


A, I = spec((3, 4)), spec((3, 4), "int64")  # noqa: E741  (an array of integers)
GONE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "x * 1": (lambda x: x * 1, A),
    "1 * x": (lambda x: 1.0 * x, A),
    "x / 1": (lambda x: x / 1, A),
    "x ** 1": (lambda x: x**1, A),
    "x - 0": (lambda x: x - 0, A),
    "x + -0.0": (lambda x: x + -0.0, A),
    "whole x + 0": (lambda x: 0 + x, I),
    "+x": (lambda x: +x, A),
    "-(-x)": (lambda x: array_namespace(x).negative(-x), A),
    "~~x": (lambda x: ~(~x), I),
    "x.T.T": (lambda x: x.T.T, A),
    "permuted back": (lambda x: turned(turned(x)), A),
    "astype": (lambda x: array_namespace(x).astype(x, x.dtype), A),
    "reshape": (lambda x: array_namespace(x).reshape(x, (3, -1)), A),
    "reshape back": (lambda x: array_namespace(x).reshape(array_namespace(x).reshape(x, (12,)), (3, 4)), A),
    "broadcast_to": (lambda x: array_namespace(x).broadcast_to(x, (3, 4)), A),
    "x[...]": (lambda x: x[...], A),
    "ones": (lambda x: x * array_namespace(x).ones_like(x), A),
    "dead": (lambda x: (x, array_namespace(x).exp(x))[0], A),
}
STAYS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "x + 0 may be -0.0 + 0": (lambda x: x + 0, A),
    "x * 0 may be NaN": (lambda x: x * 0, A),
    "0 - x": (lambda x: 0 - x, I),
    "1 / x": (lambda x: 1 / x, A),
    "1 ** x": (lambda x: 1**x, A),
    "ones that widen": (lambda x: x[0, :] * array_namespace(x).ones((3, 4), dtype=x.dtype), A),
    "ones that promote": (lambda x: x * array_namespace(x).ones((3, 4), dtype="float64"), A),
    "ones of the library's own type": (lambda x: x * array_namespace(x).ones((3, 4)), A),
    "astype": (lambda x: array_namespace(x).astype(x, "float64"), A),
    "flip": (lambda x: array_namespace(x).flip(x), A),
}


@pytest.mark.parametrize("name", GONE)
def test_what_does_nothing_goes(name: str) -> None:
    assert ops(*GONE[name]) == []


@pytest.mark.parametrize("name", STAYS)
def test_what_does_something_stays(name: str) -> None:
    assert ops(*STAYS[name])


def test_what_is_done_twice_is_done_once() -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return [xp.exp(x) * 2, xp.exp(x) * 2.0, xp.sum(x, axis=0), xp.sum(x, axis=-2), xp.sum(x, axis=1)]

    assert ops(f, A) == ["exp", "multiply", "multiply", "sum", "sum"]
    graph = trace(f, A)
    assert graph.outputs[2] is graph.outputs[3]


def test_numbers_alone_are_worked_out_as_the_type_would() -> None:
    def number(value: float) -> Node:
        return Node("scalar", (), {"value": value}, (), "float32")

    product = Node("multiply", (number(0.1), number(3)), {}, (), "float32")
    node = Node("negative", (product,), {}, (), "float32")
    result = simplify.simplified([node], {})[0][node]
    assert (result.op, result.attrs["args"]) == ("full", ((), float(-(np.float32(0.1) * np.float32(3)))))


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "times": lambda x, y: x * y,
    "plus": lambda x, y: x + y,
    "minus": lambda x, y: x - y,
    "one": lambda x, y: x * 1 / 1,
    "zero": lambda x, y: x + 0 - 0 + -0.0,
    "nothing": lambda x, y: x * 0,
    "turn": lambda x, y: x.mT.mT,
    "sign": lambda x, y: array_namespace(x).negative(-x),
    "square": lambda x, y: x * x + 0,
    "types": lambda x, y: array_namespace(x).astype(array_namespace(x).astype(x > 0, x.dtype), x.dtype),
    "shape": lambda x, y: array_namespace(x).reshape(array_namespace(x).reshape(x, (-1, 1)), x.shape),
    "swap": lambda x, y: array_namespace(x).where(x > y, y, x),
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)
)
@settings(deadline=None, max_examples=60)
def test_simplifying_changes_no_bit(plan: list[tuple[str, int, int]]) -> None:
    """Also where there are zeros of both signs, infinities and NaN."""

    def f(x: Any, y: Any) -> Any:
        row = [x, y]
        for name, i, j in plan:
            row.append(STEPS[name](row[i % len(row)], row[j % len(row)]))
        return row

    x = np.asarray([[0.0, -0.0, 1.5], [np.inf, -np.inf, np.nan]])
    y = np.asarray([[-0.0, -0.0, 2.0], [3.0, np.inf, -1.0]])
    with np.errstate(all="ignore"):
        for one, other in zip(trace(f, x, y)(x, y), f(x, y), strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(np.signbit(one[one == one]), np.signbit(other[other == other]))
