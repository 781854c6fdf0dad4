"""Backends: which one is chosen, what the errors say, how arrays come and go, what the clock measures."""

import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from backends import Bench, choose

from xnet.backends import Backend, Status, backend, backends, set_backend, table, use
from xnet.backends import choose as choosing
from xnet.errors import (
    BackendUnavailable,
    UnknownNameError,
    XnetError,
)

# `xnet.backends.backend` is the function; its file is had by name.
interface: Any = importlib.import_module("xnet.backends.backend")

pytestmark = pytest.mark.libraries

NAMES = ["numpy", "cupy", "torch", "jax", "dask", "strict"]


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is chosen when a test begins, and nothing is left when it ends."""
    monkeypatch.delenv("XNET_BACKEND", raising=False)
    for name in ("_set", "_auto"):
        monkeypatch.setattr(choosing, name, None)
    yield
    interface.instance.cache_clear()


@pytest.fixture
def lack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a library look not installed."""
    real = importlib.util.find_spec

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.delitem(sys.modules, name, raising=False)
        hidden = lambda name, package=None: None if name in names else real(name, package)  # noqa: E731
        monkeypatch.setattr(importlib.util, "find_spec", hidden)

    return hide


# Which one.


def test_order(monkeypatch: pytest.MonkeyPatch, lack: Any) -> None:
    lack("cupy")
    assert str(backend()) == "numpy"
    monkeypatch.setenv("XNET_BACKEND", "strict:device1")
    assert str(backend()) == "strict:device1"
    set_backend("strict:device2")
    assert str(backend()) == "strict:device2"
    with use("numpy") as inner:
        assert inner is backend()
        assert str(backend()) == "numpy"
        with use(backend("strict")):
            assert str(backend()) == "strict:cpu"
            assert str(backend("numpy")) == "numpy"
        assert str(backend()) == "numpy"
    assert str(backend()) == "strict:device2"
    set_backend(None)
    assert str(backend()) == "strict:device1"


def test_use_ends_with_an_error() -> None:
    with pytest.raises(ZeroDivisionError), use("strict"):
        raise ZeroDivisionError
    assert backend() != backend("strict")


def test_threads() -> None:
    """`set_backend` holds in every thread; `use` holds in its own."""
    seen = []
    set_backend("strict:device1")
    with use("strict:device2"):
        thread = threading.Thread(target=lambda: seen.append(str(backend())))
        thread.start()
        thread.join()
    assert seen == ["strict:device1"]


def test_a_backend_passes_through(xb: Bench) -> None:
    assert backend(xb.backend) is xb.backend
    set_backend(xb.backend)
    assert backend() is xb.backend


def test_a_backend_is_its_name(xb: Bench) -> None:
    b = xb.backend
    assert backend(str(b)) == b
    assert pickle.loads(pickle.dumps(b)) == b
    assert {b: 1}[backend(str(b))] == 1
    assert b.name in repr(b)
    assert b.version in repr(b)
    assert backend(f"{b.name}:{b.device}") == b
    assert b.device in b.devices()
    assert b != object()


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("numpi", UnknownNameError, ["auto, numpy, cupy, torch", "name='numpi'", 'did you mean "numpy"?']),
        ("pytorch", UnknownNameError, ['did you mean "torch"?']),
        ("xyzzy", UnknownNameError, ['use "auto"']),
        ("strict:device9", BackendUnavailable, ["name='strict:device9'", "strict:cpu, strict:device1"]),
        ("numpy:cuda", BackendUnavailable, ["the device must exist", "choose from: numpy"]),
        ("torch", BackendUnavailable, ["PyTorch is not installed", """pip install ".[torch]" in xnet's clone"""]),
        ("jax:cpu:0", BackendUnavailable, ["JAX is not installed", """pip install ".[jax]" in xnet's clone"""]),
        ("dask", BackendUnavailable, ["""pip install ".[dask]" in xnet's clone"""]),
        ("cupy:1", BackendUnavailable, ["CuPy is not installed", 'pip install ".[cuda1']),
    ],
)
def test_a_name_that_cannot_be(
    name: str, error: type[XnetError], words: list[str], lack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lack("torch", "jax", "dask", "cupy")
    set_backend("strict")
    monkeypatch.setenv("XNET_BACKEND", name)
    for ask, origin in (
        (lambda: backend(name), ""),
        (lambda: set_backend(name), "from set_backend"),
        (lambda: use(name).__enter__(), "from use"),
    ):
        with pytest.raises(error) as caught:
            ask()
        assert str(caught.value).startswith("backend: ")
        for word in (*words, origin):
            assert word in str(caught.value)
    assert str(backend()) == "strict:cpu", "a choice that fails leaves the old one"
    set_backend(None)
    with pytest.raises(error, match="from the environment variable XNET_BACKEND"):
        backend()


# Found, or why not.


def test_the_list_names_everything(lack: Any) -> None:
    lack("torch", "cupy")
    found = {status.name: status for status in backends()}
    assert list(found) == NAMES
    assert found["numpy"] == Status("numpy", np.__version__, ("cpu",), usable=True, why_not=None)
    assert not found["torch"].usable
    assert found["torch"].version is None
    assert found["torch"].why_not == """PyTorch is not installed: pip install ".[torch]" in xnet's clone"""
    assert "torch" not in sys.modules


def test_the_list_survives_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    from xnet.backends.strict import Strict

    def burst(cls: type) -> list[str]:
        raise OSError("libstrict.so: no such file")

    monkeypatch.setattr(Strict, "devices", classmethod(burst))
    status = backends()[-1]
    assert not status.usable
    assert status.why_not == "OSError: libstrict.so: no such file"


def test_a_broken_library_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    from xnet.backends.strict import Strict

    def broken(name: str) -> ModuleType:
        raise ImportError(f"{name} was built for another Python")

    monkeypatch.setattr(importlib, "import_module", broken)
    why = Strict.why_not()
    assert why is not None
    assert "installed but cannot be imported (ImportError: array_api_strict was built for another" in why
    assert why.endswith("""pip install ".[strict]" in xnet's clone""")


def test_auto_without_cupy(lack: Any) -> None:
    lack("cupy")
    assert backend("auto") == backend("numpy")


HEAVY = ("cupy", "torch", "jax", "dask", "array_api_strict", "matplotlib", "sklearn", "pandas")


@pytest.mark.parametrize(
    "code",
    [
        "import xnet.backends",
        "from xnet.backends import backend, backend_of; b = backend('numpy'); backend_of(b.asarray([1.0]))",
        "import xnet.backends.machine",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    show = f"; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code + show], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_rows_of_the_tests() -> None:
    assert [row.name for row in choose(" numpy, torch")] == ["numpy", "torch"]
    assert "cupy" not in [row.name for row in choose("all")]
    for wrong in ("nympy", ","):
        with pytest.raises(ValueError, match="XNET_TEST_BACKENDS"):
            choose(wrong)


def test_a_row_that_is_missing_is_an_error() -> None:
    """Not a skip: a run that asks for a backend and does not get it must not look like a success."""
    code = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda n, p=None: None if n in ('torch', 'cupy') else real(n, p)\n"
        "import pytest; sys.exit(pytest.main(['-q', '--co', '-p', 'no:cacheprovider', sys.argv[1]]))"
    )
    for asked, said in (("torch", """pip install ".[torch]" in xnet's clone"""), ("nympy", "nympy")):
        run = subprocess.run(
            [sys.executable, "-c", code, __file__],
            env=_environment(XNET_TEST_BACKENDS=asked),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == pytest.ExitCode.USAGE_ERROR
        assert said in run.stdout + run.stderr


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def test_the_classes_are_complete() -> None:
    assert list(table.TABLE) == NAMES
    for name in NAMES:
        found = table.backend_class(name)
        assert issubclass(found, Backend)
        assert found.name == name
        assert not found.__abstractmethods__
