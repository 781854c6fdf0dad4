"""What cannot be traced is refused with why, where and what to do instead; what only looks like it is taken."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace

import xnet as xn
from xnet.errors import ShapeError, TraceError
from xnet.graph import spec, trace


def branch(x: Any) -> Any:
    return x if x > 0 else -x


def mask(x: Any) -> Any:
    return x[x > 0]


def write_into(x: Any) -> Any:
    x[0] = 1
    return x


def library(x: Any) -> Any:
    return np.partition(x, 1)


def sized(x: Any) -> Any:
    return array_namespace(x).zeros((x,))


REFUSED: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "if": (branch, "the truth of an array needs a value", "use xp.where"),
    "while": (lambda x: [x for _ in iter(lambda: bool(x), True)], "needs a value", "use xp.where"),
    "float": (float, "float() needs a value", "use the array itself"),
    "int": (int, "int() needs a value", "use the array itself"),
    "complex": (complex, "complex() needs a value", "use the array itself"),
    "item": (lambda x: x.item(), ".item() needs a value", "use the array itself"),
    "tolist": (lambda x: x.tolist(), ".tolist() needs a value", "use the array itself"),
    "range": (lambda x: list(range(x)), "an array as an index or a size needs a value", "a shape"),
    "mask": (mask, "x[…] with a mask", "use xp.where"),
    "array and index": (lambda x: x[np.asarray([0, 1]), None], "x[…] with an array and other", "use xp.take"),
    "a known truth as index": (lambda x: x[np.asarray(True)], "x[…] with a list or a truth", "use xp.take, or xp"),
    "list as index": (lambda x: x[[0, 1]], "x[…] with a list", "use xp.take"),
    "write": (write_into, "assignment into an array", "use xp.where"),
    "no rule": (lambda x: array_namespace(x).vander(x), "xp.vander has no rule", "use the standard's functions"),
    "no rule in linalg": (lambda x: array_namespace(x).linalg.pinv(x), "xp.linalg.pinv has no rule", "functions"),
    "one vector": (lambda x: array_namespace(x).linalg.diagonal(x), "xp.linalg.diagonal needs two axes", "shape=(3,)"),
    "not square": (lambda x: array_namespace(x).linalg.inv(x[None, :]), "xp.linalg.inv needs square", "shape=(1, 3)"),
    "rows to solve": (
        lambda x: array_namespace(x).linalg.solve(x[:, None] * x, x[:2]),
        "xp.linalg.solve needs as many rows on both sides",
        "got shapes (3, 3) and (2,)",
    ),
    "cross": (
        lambda x: array_namespace(x).linalg.cross(x[:2], x[:2]),
        "xp.linalg.cross needs an axis below 0 of size 3",
        "got axis=-1, shapes (2,) and (2,)",
    ),
    "mode of qr": (lambda x: array_namespace(x).linalg.qr(x[:, None], mode="r"), "modes reduced and", "mode='r'"),
    "unknown shape": (lambda x: array_namespace(x).nonzero(x), "xp.nonzero has no rule", "use xp.where"),
    "shape from a value": (sized, "the shape would depend on values", "sizes read off a shape"),
    "range from a value": (lambda x: array_namespace(x).arange(x), "the shape would depend on values", "a shape"),
    "a library's function": (library, "xp.partition has no rule", "use the standard's functions"),
    "a library's method": (np.add.reduce, "add.reduce", "array_namespace(x)"),
    "a library's array": (np.asarray, "an array of another library needs a value", "array_namespace(x)"),
    "text": (lambda x: array_namespace(x).add(x, "1"), "a str is no array: '1'", "an array"),
    "numbers alone": (lambda x: array_namespace(x).add(1, 2), "must be given an array; got 1, 2", "math"),
    "the wrong kind": (lambda x: array_namespace(x).bitwise_xor(x, x), "xp.bitwise_xor is for", "xp.astype"),
    "two kinds": (lambda x: x + (x > 0), "got float32 and bool", "xp.astype"),
    "a wider number": (lambda x: x.astype("int8") + 0.5, "got 0.5 beside int8", "xp.astype"),
    "shapes": (lambda x: x + x[:2], "shapes must broadcast; got ((3,), (2,))", "equal, or 1"),
    "axis": (lambda x: array_namespace(x).sum(x, axis=1), "xp.sum needs an axis from -1 to 0; got axis=1", "ndim=1"),
    "matmul": (lambda x: x @ x[:2], "xp.matmul needs the columns", "got shapes (3,) and (2,)"),
    "reshape": (lambda x: array_namespace(x).reshape(x, (2, 2)), "xp.reshape keeps the number", "(3,) into (2, 2)"),
    "transpose": (lambda x: x.T, ".T is for matrices", "xp.permute_dims"),
    "a library's own method": (lambda x: x.sum(), "an array of the standard has no .sum", "use xp.sum(x, …)"),
    "no arrays to join": (lambda x: array_namespace(x).concat(x), "xp.concat takes a list of arrays", "got Traced"),
    "too few arguments": (lambda x: array_namespace(x).add(x), "xp.add takes 2 arrays", "got 1"),
    "wider bounds": (lambda x: array_namespace(x).clip(x, np.zeros(3)), "xp.clip keeps the type of x", "float64"),
    "full of text": (lambda x: array_namespace(x).full((2,), "1"), "xp.full takes a number", "fill_value='1'"),
    "from an array": (lambda x: array_namespace(x).linspace(x, 1, 3), "xp.linspace takes numbers", "start=Traced"),
    "array of a list": (lambda x: array_namespace(x).asarray([1]), "xp.asarray of a list has no", "use an argument"),
    "length": (lambda x: len(x[0]), "an array without axes has no length", "got shape=()"),
    "iteration": (lambda x: list(x[0]), "an array without axes has no length", "got shape=()"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_why_where_and_what_instead(name: str) -> None:
    f, why, instead = REFUSED[name]
    with pytest.raises((TraceError, ShapeError)) as caught:
        trace(f, spec((3,)))
    text = re.sub(
        r"(test_trace_refusals\.py:\d+): .*; use ", r"\1; use ", str(caught.value)
    )  # less the line, which says `why` too
    assert why in text, text
    assert instead in text.partition(why)[2], text
    if "use " in instead:
        assert "got it at test_trace_refusals.py:" in text


def test_a_refusal_quotes_the_users_line() -> None:
    with pytest.raises(TraceError, match=r"test_trace_refusals\.py:\d+: return x if x > 0 else -x; use xp\.where"):
        trace(branch, spec((3,)))


def test_a_function_without_a_rule_is_one_that_the_namespace_does_not_have() -> None:
    def f(x: Any) -> Any:
        assert not hasattr(array_namespace(x), "erf")
        assert hasattr(array_namespace(x), "exp")
        return x

    trace(f, spec((3,)))


STRANGE: dict[str, tuple[Any, str]] = {
    "the other byte order": (np.ones(3, np.dtype(np.float32).newbyteorder()), 'x.astype(x.dtype.newbyteorder("="))'),
    "half precision": (np.ones(3, "float16"), "xp.astype(x, xp.float32)"),
    "text": (np.asarray(["1", "2"]), "xp.astype(x, xp.float32)"),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("entry", [trace, xn.compile, xn.grad])
def test_arrays_of_strange_types_are_refused_with_what_to_do(name: str, entry: Any) -> None:
    """Wherever they come in: as an argument, within one, or as a constant."""
    x, fix = STRANGE[name]

    def double(params: Any) -> Any:
        return params["W"] + params["W"]

    def add(W: Any) -> Any:
        return array_namespace(W).sum(W + x)

    for f, argument, where in ((double, {"W": x}, "params.W.dtype"), (add, np.ones(3), "dtype")):
        with pytest.raises(TraceError) as caught:
            trace(f, argument) if entry is trace else entry(f)(argument)
        assert f"got {where}={x.dtype!r}; {fix}" in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), "float32"])
def test_a_type_may_be_a_librarys_own(dtype: Any) -> None:
    f = trace(lambda x: array_namespace(x).zeros((2,), dtype=dtype) + x.astype(dtype), spec((2,), "float64"))
    assert f.outputs[0].dtype == "float32"
    with pytest.raises(TraceError, match=r"a dtype must be one of bool, .*got dtype='half'"):
        trace(lambda x: x.astype("half"), spec((2,)))


def test_spec_knows_its_types() -> None:
    with pytest.raises(TraceError, match="a dtype must be one of bool, int8"):
        spec((3,), "float16")
    assert spec((3,), np.int8) == spec((3,), "int8")


def test_adding_to_a_name_is_no_assignment_into_an_array() -> None:
    def f(x: Any) -> Any:
        y = x
        y += 1
        return y

    np.testing.assert_array_equal(trace(f, spec((2,), "float64"))(np.zeros(2)), np.ones(2))


@pytest.mark.parametrize("entry", [lambda f: lambda x: trace(f, x), xn.grad, xn.compile])
def test_a_namespace_of_an_argument_and_an_array_beside_it_is_refused_with_what_to_do(entry: Any) -> None:
    c = np.ones(3)

    def f(x: Any) -> Any:
        return array_namespace(x, c).sum(x * c)

    with pytest.raises(TraceError) as caught:
        entry(f)(np.ones(3))
    text = re.sub(r"py:\d+", "py:7", str(caught.value))
    assert text == (
        "trace: array_namespace must be given arguments of the function, without arrays that the function closes over; "
        "got it at test_trace_refusals.py:7: return array_namespace(x, c).sum(x * c); "
        "use array_namespace of an argument alone, or make the other array an argument too"
    )
    with pytest.raises(TypeError, match=r"^mine$"):
        trace(lambda x: (_ for _ in ()).throw(TypeError("mine")), c)
