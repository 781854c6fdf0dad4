"""CuPy, on the fake one: whether it works, which device arrays are on, and how often the host waits."""

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from backends import counting

import xnet as xn
from xnet import trees
from xnet.backends import backend, backend_of, backends, set_backend, use
from xnet.backends import choose as choosing
from xnet.backends.cupy import CuPy, remedy
from xnet.errors import BackendUnavailable, BackendWarning

pytestmark = [pytest.mark.gpu, pytest.mark.fake_cupy]


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No backend is chosen, and CuPy has not been probed."""
    monkeypatch.delenv("XNET_BACKEND", raising=False)
    monkeypatch.setattr(choosing, "_auto", None)
    monkeypatch.setattr(importlib.import_module("xnet.backends.cupy"), "_results", {})
    yield
    set_backend(None)


# Whether it works.

FAILURES = [
    ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "install an NVIDIA driver"),
    ("cudaErrorNoDevice: no CUDA-capable device is detected", "unset CUDA_VISIBLE_DEVICES"),
    ("libnvrtc.so.13: cannot open shared object file", 'pip install ".[cuda1'),
    ("Out of memory allocating 512 bytes (allocated so far: 0 bytes)", "free memory on the GPU"),
    ("cudaErrorMemoryAllocation: out of memory", "free memory on the GPU"),
    ("cudaErrorIllegalAddress: an illegal memory access was encountered", "start Python again"),
]


@pytest.mark.parametrize(("text", "fix"), FAILURES)
def test_a_probe_that_fails(text: str, fix: str, cp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` says so once and takes NumPy; asking by name is an error with the same reason."""
    calls = []

    def ones(*shape: Any, **options: Any) -> Any:
        calls.append(shape)
        raise RuntimeError(text)

    monkeypatch.setattr(cp, "ones", ones)
    with pytest.warns(BackendWarning, match=r"auto.*took NumPy, because CuPy 14.2.0 is installed") as caught:
        assert backend() == backend("numpy")
    assert len(caught) == 1
    assert text in str(caught[0].message)
    assert fix in str(caught[0].message)
    assert backend() == backend("numpy"), "and not a second time: warnings are errors here"
    with pytest.raises(BackendUnavailable) as error:
        backend("cupy")
    assert text in str(error.value)
    assert fix in str(error.value)
    status = backends()[1]
    assert (status.usable, status.version) == (False, "14.2.0")
    assert len(calls) == 1, "the probe runs once in a process"


def test_a_probe_that_multiplies_wrongly(cp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cp, "ones", cp.zeros)
    assert "came out wrong" in str(CuPy.why_not())


def test_an_error_of_another_kind_has_the_extra_for_a_remedy() -> None:
    assert remedy("libcublas.so.12: cannot open shared object file") is None


def test_a_cupy_that_works() -> None:
    b = backend("auto")
    assert (b.name, b.device, str(b), str(backend("cupy:1"))) == ("cupy", "cuda:0", "cupy:0", "cupy:1")
    assert backend("cupy:cuda:1").native_device.id == 1
    with pytest.raises(BackendUnavailable, match="choose from: cupy:0, cupy:1"):
        backend("cupy:2")


def test_free_memory_of_the_pool_does_not_count_as_used() -> None:
    used, total = backend("cupy").memory()
    assert (used, total) == (19 << 30, 80 << 30)


def test_threads_probe_once(cp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], cp.ones

    def slow(*shape: Any, **options: Any) -> Any:
        calls.append(shape)
        time.sleep(0.02)
        return real(*shape, **options)

    monkeypatch.setattr(cp, "ones", slow)
    threads = [threading.Thread(target=backend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


# Which device: arrays for cupy:1, while device 0 is the current one.

THERE = "cupy:1"
X = np.arange(6, dtype="float32").reshape(2, 3)


def there(A: Any) -> Any:
    return backend(THERE).asarray(A)


def places(tree: Any) -> set[str]:
    return {str(backend_of(leaf)) for leaf in trees.leaves(tree)}


MADE: dict[str, Callable[[], Any]] = {
    "init": lambda: xn.Dense(3).init((5,), backend=THERE),
    "a list": lambda: there([[1.0, 2.0]]),
    "numpy": lambda: there(X),
    "cast": lambda: backend(THERE).asarray(there(X), dtype="float64"),
    "copy": lambda: backend(THERE).asarray(there(X), copy=True),
    "from device 0": lambda: there(backend("cupy:0").asarray(X)),
    "from device 0, cast": lambda: backend(THERE).asarray(backend("cupy:0").asarray(X), dtype="float64"),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_another_device_than_the_current_one(make: Callable[[], Any], cp: Any) -> None:
    assert places(make()) == {THERE}
    assert cp.cuda.Device().id == 0, "the current device is as it was"


def test_creation_follows_the_choice(cp: Any) -> None:
    """CuPy's own functions too: in the block of `use`, and after `set_backend` in its thread."""
    with use(THERE) as b:
        assert places([b.xp.zeros(3), cp.ones(2), backend().asarray([1.0])]) == {THERE}
    assert places(cp.ones(2)) == {"cupy:0"}
    for name, where in ((THERE, THERE), ("cupy:0", "cupy:0"), (THERE, THERE), ("numpy", "cupy:0"), (THERE, THERE)):
        set_backend(name)
        assert places(cp.ones(2)) == {where}
    with pytest.raises(BackendUnavailable):
        set_backend("cupy:7")
    assert places(cp.ones(2)) == {THERE}
    set_backend(None)
    assert places(cp.ones(2)) == {"cupy:0"}


def test_a_number_is_read_later(cp: Any) -> None:
    with use(THERE) as b:
        x = b.asarray([0.5, 1.0])
        with counting() as counts:
            read = b.later(x.sum())
            x += 1
    with counting() as reading:
        assert read() == 1.5
    assert (counts["synchronize"], counts["event wait"], counts["to host"]) == (0, 0, 1)
    assert dict(reading) == {"event wait": 1}
