"""Arrays come into a backend and go out again; whose they are; what the clock and the memory say."""

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from backends import Bench, selected

from xnet.backends import backend, backend_of
from xnet.errors import (
    DeviceMismatchError,
    DtypeError,
    ShapeError,
    UnknownNameError,
    ValueRangeError,
    XnetError,
)

F4 = np.arange(6, dtype="float32").reshape(2, 3)

PYTHON = [
    (1.5, "float32"),
    (3, "int64"),
    (True, "bool"),
    (1 + 2j, "complex64"),
    ([1.0, 2.0], "float32"),
    ([[1, 2], [3, 4]], "int64"),
    ((True, False), "bool"),
    ([1, 2.5], "float32"),
    (range(3), "int64"),
    ([], "float32"),
    ([[], []], "float32"),
    ([float("nan"), float("inf")], "float32"),
    ([np.float64(1), 2.0], "float64"),  # NumPy's scalars keep their type
]


@pytest.mark.parametrize(("values", "dtype"), PYTHON, ids=str)
def test_python_values(xb: Bench, values: Any, dtype: str) -> None:
    x = xb.backend.asarray(values)
    host = xb.to_numpy(x)
    assert backend_of(x) == xb.backend
    assert host.dtype.name == dtype
    np.testing.assert_array_equal(host, np.asarray(values, dtype=dtype))


NUMPY = {
    "float32": F4,
    "float64": F4.astype("float64"),
    "float16": F4.astype("float16"),
    "int32": F4.astype("int32"),
    "uint8": F4.astype("uint8"),
    "bool": F4 > 2,
    "complex64": F4 * 1j,
    "scalar": np.float32(2.5),
    "0-d": np.asarray(2.5, dtype="float32"),
    "empty": F4[:, :0],
    "transposed": F4.T,
    "strided": F4[:, ::2],
    "reversed": F4[::-1, ::-1],
    "big-endian": F4.astype(">f4"),
    "memory": memoryview(b"abc"),
}


@pytest.mark.parametrize("readonly", [False, True], ids=["", "readonly"])
@pytest.mark.parametrize("values", NUMPY.values(), ids=NUMPY)
def test_numpy_arrays_keep_their_type(xb: Bench, values: Any, readonly: bool) -> None:
    given = np.array(values, copy=True, subok=True) if readonly else values
    if readonly:
        given.setflags(write=False)
    if xb.backend.name == "strict" and np.asarray(values).dtype == "float16":
        with pytest.raises(DtypeError, match="dtype=float16"):  # not in the standard
            xb.backend.asarray(given)
        return
    host = xb.to_numpy(xb.backend.asarray(given))
    assert host.dtype.name == np.asarray(given).dtype.name
    assert host.dtype.isnative
    np.testing.assert_array_equal(host, np.asarray(given))


@pytest.mark.parametrize("there", selected(), ids=lambda row: row.name)
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_from_every_library_to_every_other(xb: Bench, there: Any, dtype: str) -> None:
    x = there.open().asarray([[0, 1, 2], [3, 4, 5]], dtype=dtype)
    y = xb.backend.asarray(x)
    assert backend_of(y) == xb.backend
    np.testing.assert_array_equal(xb.to_numpy(y), F4.astype(dtype))
    assert xb.to_numpy(y).dtype.name == dtype
    np.testing.assert_array_equal(xb.to_numpy(x), F4.astype(dtype))  # any library's array, to NumPy


def test_a_gradient_stays_behind(xb: Bench) -> None:
    x = xb.asarray([1.0, 2.0])
    if xb.backend.name == "torch":
        x.requires_grad_()
    np.testing.assert_array_equal(xb.to_numpy(x), [1, 2])
    np.testing.assert_array_equal(backend("numpy").asarray(x), [1, 2])
    np.testing.assert_array_equal(xb.to_numpy(backend("strict:device1").asarray(x)), [1, 2])


# Whether NumPy's memory is taken as it is, and whether it can be seen on the way back.
SHARES = {
    "numpy": (True, True),
    "readonly": (True, True),
    "strict": (True, True),
    "strict:device1": (False, False),
    "torch": (True, True),
    "jax": (False, True),
    "dask": (True, False),
    "cupy": (False, False),
    "fake-cupy": (False, False),
}


def test_memory_is_shared_where_it_can_be(xb: Bench) -> None:
    taken, seen = SHARES[xb.name]
    x = xb.backend.asarray(F4)
    assert np.shares_memory(F4, xb.to_numpy(x)) is (taken and seen)
    assert np.shares_memory(xb.to_numpy(x), xb.to_numpy(x)) is seen
    assert not np.shares_memory(F4, xb.to_numpy(xb.backend.asarray(F4, copy=True)))
    with nullcontext() if taken else pytest.raises(ValueRangeError, match="copy=False allows no copy"):
        xb.backend.asarray(F4, copy=False)


def test_own_arrays_pass_through(xb: Bench) -> None:
    b = xb.backend
    x = b.asarray([[1.0, 2.0]])
    assert b.asarray(x) is x
    assert b.asarray(x, dtype="float32") is x
    assert b.asarray(x, copy=False) is x
    copied = b.asarray(x, copy=True)
    assert copied is not x
    assert not np.shares_memory(b.to_numpy(copied), b.to_numpy(x))
    assert b.to_numpy(b.asarray(x, dtype="int32")).dtype == "int32"
    with pytest.raises(ValueRangeError, match="copy=False allows no copy"):
        b.asarray(x, dtype="int32", copy=False)


def test_own_arrays_change_device() -> None:
    x = backend("strict:device1").asarray([1.0, 2.0])
    there = backend("strict:device2")
    assert str(backend_of(there.asarray(x))) == "strict:device2"
    with pytest.raises(ValueRangeError, match="an array on device1 into strict:device2"):
        there.asarray(x, copy=False)


@pytest.mark.parametrize("copy", [False, True])
def test_lists_are_copied(xb: Bench, copy: bool) -> None:
    with pytest.raises(ValueRangeError, match="one is needed; got list") if not copy else nullcontext():
        xb.backend.asarray([1.0], copy=copy)


def test_a_type_that_is_asked_for(xb: Bench) -> None:
    for dtype in ("float32", "float64", "int32", "uint8", "bool"):
        for values in ([0, 1], [0.0, 1.0], F4[0, :2], F4[0, :2].astype("int64")):
            x = xb.backend.asarray(values, dtype=dtype)
            assert xb.to_numpy(x).dtype.name == dtype
            np.testing.assert_array_equal(xb.to_numpy(x), np.asarray([0, 1], dtype=dtype))


@pytest.mark.parametrize(
    ("values", "options", "error", "words"),
    [
        ([[1, 2], [3]], {}, ShapeError, "one length; got x=[[1, 2], [3]]; pad the rows"),
        ("abc", {}, DtypeError, "must be numbers; got dtype=str96, x='abc'"),
        (["1.5"], {"dtype": "float32"}, DtypeError, "must be numbers"),
        (None, {}, DtypeError, "dtype=object, x=None"),
        ({}, {}, DtypeError, "dtype=object, x={}"),
        (2**70, {}, DtypeError, "dtype=object, x=1180591620717411303424"),
        (np.array([None, 1]), {}, DtypeError, "dtype=object, x=[None, 1]"),
        (np.array(["2020-01-01"], dtype="M8[D]"), {}, DtypeError, "must be numbers; got dtype=datetime64"),
        (np.ma.masked_equal([1.0, 2.0], 2.0), {}, ValueRangeError, "fill them: x.filled(0)"),
        ([1e300], {}, ValueRangeError, "must fit float32; got min=1e+300, max=1e+300; scale them, or keep dtype"),
        ([300], {"dtype": "uint8"}, ValueRangeError, "must fit uint8; got min=300, max=300"),
        ([float("nan")], {"dtype": "int32"}, ValueRangeError, "must fit int32"),
        ([1j], {"dtype": "float32"}, DtypeError, "complex to float32 would drop a part"),
        ([1.0], {"dtype": "flaot32"}, UnknownNameError, 'did you mean "float32"?'),
        ([1.0], {"dtype": np.float32}, DtypeError, 'write dtype="float32"'),
    ],
    ids=str,
)
def test_what_is_refused(xb: Bench, values: Any, options: Any, error: type[XnetError], words: str) -> None:
    with pytest.raises(error) as caught:
        xb.backend.asarray(values, **options)
    assert str(caught.value).startswith("asarray: ")
    assert words in str(caught.value)


def test_a_list_of_arrays_of_a_library_is_refused() -> None:
    x = backend("strict").asarray([1.0])
    with pytest.raises(DtypeError, match=r"a list of Array; stack them in their own library"):
        backend("numpy").asarray([x, x])


# Devices without 64 bits: the name, the types it lacks, and the second fix.
NARROW = [
    ("strict:no_x64", ["float64", "complex128", "int64"], ""),
    ("strict:no_float64", ["float64", "complex128"], ""),
    *(
        ("jax", ["float64", "complex128", "int64"], 'jax.config.update("jax_enable_x64", True)')
        for row in selected()
        if row.name == "jax"
    ),
]


@pytest.fixture
def narrow_jax() -> Iterator[None]:
    """JAX as a user finds it, without 64 bits."""
    jax = sys.modules.get("jax")
    if jax is None:
        yield
        return
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.usefixtures("narrow_jax")
@pytest.mark.parametrize(("name", "lacks", "second"), NARROW)
def test_no_cast_is_silent(name: str, lacks: list[str], second: str) -> None:
    b = backend(name)
    assert b.to_numpy(b.asarray([1.0])).dtype == "float32"
    for dtype in ("float64", "complex128"):
        narrower = {"float64": "float32", "complex128": "complex64"}[dtype]
        wide = np.ones(2, dtype)
        for values, asked in ((wide, None), (backend("strict").asarray(wide), None), ([1.0], dtype)):
            with pytest.raises(DtypeError) as caught:
                b.asarray(values, dtype=asked)
            assert f"{b} must have the type; got dtype={dtype}" in str(caught.value)
            assert f'dtype="{narrower}"' in str(caught.value)
            assert second in str(caught.value)
        assert b.to_numpy(b.asarray(wide, dtype=narrower)).dtype == narrower
    integers = "int32" if "int64" in lacks else "int64"
    for values in ([1, 2], np.array([1, 2]), backend("strict").asarray([1, 2])):
        assert b.to_numpy(b.asarray(values)).dtype == integers
    if integers == "int32":
        for values, asked in (([2**40], None), ([1], "int64")):
            with pytest.raises(DtypeError, match="dtype=int64"):
                b.asarray(values, dtype=asked)


def test_own_array_of_a_type_the_device_lacks() -> None:
    x = backend("strict").asarray([1.0], dtype="float64")
    with pytest.raises(DtypeError, match="strict:no_float64 must have the type; got dtype=float64"):
        backend("strict:no_float64").asarray(x)


# Whose array.


def test_of(xb: Bench) -> None:
    x, y = xb.asarray([1.0]), xb.asarray([2], dtype=None)
    assert backend_of(x) == backend_of(x, y) == xb.backend
    assert backend_of(xb.asarray([1.0])).native_device == xb.backend.native_device
    assert backend_of(np.float32(1)) == backend("numpy")


def test_of_inside_jit(xb: Bench) -> None:
    """While JAX traces, an array is JAX's and its device is not known yet."""
    import array_api_compat

    seen = []

    def f(x: Any) -> Any:
        seen.append(backend_of(x, xb.asarray([1.0])))
        return x + xb.xp.ones(x.shape, dtype=x.dtype, device=seen[0].native_device)

    x = xb.asarray([1.0])
    run = sys.modules["jax"].jit(f) if array_api_compat.is_jax_array(x) else f
    np.testing.assert_array_equal(xb.to_numpy(run(x)), [2])
    assert seen == [xb.backend]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["strict", "strict:device1"], ["argument 0 on strict:cpu, argument 1 on strict:device1", "'strict:cpu'"]),
        (["numpy", "numpy", "strict"], ["argument 0 on numpy, argument 2 on strict:cpu", "xn.backend('numpy')"]),
        (["strict:device2", "numpy"], ["argument 0 on strict:device2, argument 1 on numpy"]),
    ],
)
def test_arrays_apart(names: list[str], words: list[str]) -> None:
    with pytest.raises(DeviceMismatchError) as caught:
        backend_of(*(backend(name).asarray([1.0]) for name in names))
    for word in (*words, "one library on one device", ").asarray(x)"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0],), "argument 0 must be an array; got list=[1.0]; make it one: xn.backend().asarray(x)"),
        ((F4, 1.5), "argument 1 must be an array; got float=1.5"),
        ((list(range(99)),), "…"),
        ((), "got no arguments"),
    ],
)
def test_no_arrays(arguments: Any, words: str) -> None:
    with pytest.raises(DtypeError) as caught:
        backend_of(*arguments)
    assert isinstance(caught.value, TypeError)
    assert words in str(caught.value)


# The device.


def test_the_timer(xb: Bench) -> None:
    """It is positive, and longer for longer."""
    b = xb.backend

    def seconds(pause: float) -> float:
        with b.timer() as t:
            time.sleep(pause)
            b.asarray(F4) + 1
        return t.seconds

    seconds(0)
    short, long = seconds(0.002), seconds(0.05)
    assert 0.002 <= short < long
    assert 0.05 <= long < 5


def test_the_timer_waits(xb: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first reading and before the last, the device has finished."""
    calls: list[int] = []
    monkeypatch.setattr(xb.backend, "synchronize", lambda: calls.append(1))
    with xb.backend.timer():
        assert len(calls) == 1
    assert len(calls) == 2


def test_memory(xb: Bench) -> None:
    used, total = xb.backend.memory()
    assert used is None or used > 0
    assert total is None or total > (used or 0)


def test_a_device_for_creation(xb: Bench) -> None:
    """`native_device` is what the library's own functions take."""
    x = xb.xp.zeros((2, 3), dtype=xb.xp.float32, device=xb.backend.native_device)
    assert backend_of(x) == xb.backend
    xb.backend.synchronize()
