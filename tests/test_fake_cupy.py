"""The fake CuPy refuses what CuPy refuses, and counts what costs time on a GPU."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import counting

from xnet.backends import backend

pytestmark = [pytest.mark.gpu, pytest.mark.fake_cupy]


def test_its_names_are_cupys(cp: Any) -> None:
    """Every public name of the fake is one of CuPy 14.2."""
    import cupyx

    for title, names in cp._known_names().items():
        module: Any = cupyx if title == "cupyx" else cp
        for part in title.split(".")[1:]:
            module = getattr(module, part)
        found = {name for name, value in vars(module).items() if not name.startswith("_") and _is_its_own(value)}
        assert found <= set(names), title


def _is_its_own(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] in ("cupy", "cupyx", "numpy")


REFUSED: list[tuple[Callable[[Any, Any], Any], type[Exception], str]] = [
    (lambda cp, x: np.asarray(x), TypeError, "Implicit conversion to a NumPy array is not allowed"),
    (lambda cp, x: x + np.ones(2), TypeError, "Unsupported type <class 'numpy.ndarray'>"),
    (lambda cp, x: cp.maximum(x, np.ones(2)), TypeError, "Unsupported type <class 'numpy.ndarray'>"),
    (lambda cp, x: np.ones(2) * x, TypeError, "Unsupported type <class 'numpy.ndarray'>"),
    (lambda cp, x: x + "1", TypeError, "Unsupported type <class 'str'>"),
    (lambda cp, x: cp.asarray([None]), ValueError, "Unsupported dtype object"),
    (lambda cp, x: x.flags.writeable, KeyError, "writeable"),
    (lambda cp, x: hash(x), TypeError, "unhashable"),
    (lambda cp, x: x.get(out=np.zeros(3)), ValueError, "Shape or type mismatch"),
    (lambda cp, x: cp.asarray([1.0, 2.0]) + _on(cp, 1, x), ValueError, "resides .1. is different from the current"),
    (lambda cp, x: _on(cp, 1, x).sum(), ValueError, "Peer access is unavailable"),
    (lambda cp, x: _on(cp, 1, x).__setitem__(0, 1.0), ValueError, "Peer access is unavailable"),
    (lambda cp, x: cp.array(_on(cp, 1, x), copy=False), ValueError, "Unable to avoid copy"),
    (lambda cp, x: cp.ElementwiseKernel("T x", "T y", "y = x; y += 1"), ValueError, "one line"),
]


def _on(cp: Any, device: int, x: Any) -> Any:
    with cp.cuda.Device(device):
        return cp.asarray(x)


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_what_cupy_refuses(call: Callable[[Any, Any], Any], error: type[Exception], words: str, cp: Any) -> None:
    with pytest.raises(error, match=words):
        call(cp, cp.asarray([1.0, 2.0]))


COUNTS: list[tuple[Callable[[Any, Any], Any], dict[str, int]]] = [
    (lambda cp, x: x + 1, {"kernel": 1}),
    (lambda cp, x: np.float32(2) * x, {"kernel": 1}),
    (lambda cp, x: np.exp(x), {"kernel": 1}),
    (lambda cp, x: x @ x, {"product": 1}),
    (lambda cp, x: x[:0] @ x, {}),  # without elements
    (lambda cp, x: (x.T, x[0], x[..., None], x.reshape(4), cp.broadcast_to(x, (3, 2, 2)), x.shape, x.dtype), {}),
    (lambda cp, x: cp.result_type(x, "float32"), {}),
    (lambda cp, x: x.T.reshape(4), {"kernel": 1}),  # not in order: it is copied
    (lambda cp, x: x.astype("float32", copy=False), {}),
    (lambda cp, x: cp.zeros((2, 2)), {"kernel": 1}),
    (lambda cp, x: x[x > 0], {"kernel": 2, "synchronize": 1}),
    (lambda cp, x: x[cp.asarray([0])], {"kernel": 1, "to device": 1}),
    (lambda cp, x: float(x.sum()), {"kernel": 1, "synchronize": 1, "to host": 1}),
    (lambda cp, x: bool(x[0, 0] > 0), {"kernel": 1, "synchronize": 1, "to host": 1}),
    (lambda cp, x: cp.asarray(np.ones(3)), {"to device": 1}),
    (lambda cp, x: _on(cp, 1, x), {"between devices": 1}),
    (lambda cp, x: cp.cuda.get_current_stream().synchronize(), {"synchronize": 1}),
    (lambda cp, x: cp.cuda.Event().synchronize(), {"event wait": 1}),
    (lambda cp, x: x.get(out=np.zeros((2, 2), "float32"), blocking=False), {"to host": 1, "synchronize": 1}),
]


@pytest.mark.parametrize(("call", "expected"), COUNTS)
def test_what_is_counted(call: Callable[[Any, Any], Any], expected: dict[str, int], cp: Any) -> None:
    x = cp.asarray(np.eye(2, dtype="float32"))
    with counting() as outer, counting() as counts:
        call(cp, x)
    assert dict(counts) == dict(outer) == expected


def test_a_copy_that_does_not_wait_arrives_with_its_event(cp: Any) -> None:
    import cupyx

    x, host = cp.asarray([1.0, 2.0]), cupyx.empty_pinned((2,))
    early = cp.cuda.Event()
    early.record()
    with counting() as counts:
        x.get(out=host, blocking=False)
        x += 1
        event = cp.cuda.Event(disable_timing=True)
        event.record()
        early.synchronize()
        assert np.isnan(host).all(), "an event from before the copy says nothing of it"
        event.synchronize()
    assert host.tolist() == [1.0, 2.0], "the values of when the copy was asked for"
    assert counts["synchronize"] == 0
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="disable_timing"):
        cp.cuda.get_elapsed_time(early, event)


@pytest.mark.parametrize(
    "call",
    [
        lambda cp, x: x @ x,
        lambda cp, x: float(x[0, 0]),
        lambda cp, x: cp.cuda.get_current_stream().synchronize(),
        lambda cp, x: x[x > 0],
        lambda cp, x: cp.nonzero(x),
    ],
)
def test_what_a_capture_forbids(call: Callable[[Any, Any], Any], cp: Any) -> None:
    x, stream = cp.asarray(np.eye(2)), cp.cuda.get_current_stream()
    stream.begin_capture()
    try:
        with counting() as counts, pytest.raises((RuntimeError, NotImplementedError), match=r"captur|Capture"):
            call(cp, x)
    finally:
        graph = stream.end_capture()
    assert counts["capture violation"] == 1
    with pytest.raises(RuntimeError, match="cannot launch"):
        graph.launch()


def test_arrays_have_devices(cp: Any) -> None:
    x = _on(cp, 1, np.eye(2))
    assert x.device == x.T.device == x[0].device == copy.deepcopy(x).device == cp.cuda.Device(1)
    assert pickle.loads(pickle.dumps(x)).device == cp.cuda.Device(0)
    assert float(x[0, 0]) == 1.0, "a copy to the host works from anywhere"
    before = cp.cuda.Device()
    cp.cuda.Device(1).use()
    try:
        assert cp.zeros(1).device == cp.cuda.Device(1)
    finally:
        before.use()
    assert str(backend("cupy:1")) == "cupy:1"
