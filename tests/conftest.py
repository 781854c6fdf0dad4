"""The fixture `xb`, with which a test runs once on each backend asked for; and what a test may need around it."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from backends import Bench, Row, prepare, selected
from compile_laws import EVERY_WAY, SMALL_BLOCKS, WHOLE

from xnet.bench import run
from xnet.compile.target import Target
from xnet.errors import XnetError


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--libraries-only",
        action="store_true",
        help="only tests that depend on the array libraries: those with the fixture xb, those of files that read the "
        "selected backends, and those marked `libraries`",
    )


# The folder of compiled libraries of one run of pytest, which xdist's processes share.
CACHE = pytest.StashKey[str]()


def pytest_unconfigure(config: pytest.Config) -> None:
    if CACHE in config.stash:
        shutil.rmtree(config.stash[CACHE], ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """A backend that was asked for and does not work stops everything: nothing is skipped."""
    if not hasattr(config, "workerinput"):
        config.stash[CACHE] = os.environ["XNET_CACHE"] = tempfile.mkdtemp(prefix="xnet-tests-")
    try:
        rows = selected()
        if any(row.name == "jax" for row in rows):
            import jax

            jax.config.update("jax_enable_x64", True)
        prepare(rows)
        for row in rows:
            row.open()
    except (ValueError, ImportError, XnetError) as error:
        raise pytest.UsageError(f"XNET_TEST_BACKENDS: {error}") from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `gpu` run only where `cupy` or `fake-cupy` was asked for, those marked `fake_cupy` on the fake."""
    rows = selected()
    lacking = {"gpu": not any(row.gpu for row in rows), "fake_cupy": not any(row.fake for row in rows)}
    absent = [name for name, lacks in lacking.items() if lacks]
    left_out = {item for item in items if any(item.get_closest_marker(name) for name in absent)}
    if config.getoption("--libraries-only"):
        left_out |= {item for item in items if not depends_on_libraries(item)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def depends_on_libraries(item: pytest.Item) -> bool:
    reads_selection = isinstance(item, pytest.Function) and hasattr(item.module, "selected")
    return reads_selection or "xb" in getattr(item, "fixturenames", ()) or bool(item.get_closest_marker("libraries"))


def _param(row: Row) -> object:
    return pytest.param(row, id=row.name, marks=[pytest.mark.gpu] if row.gpu else [])


@pytest.fixture(params=[_param(row) for row in selected()])
def xb(request: pytest.FixtureRequest) -> Bench:
    row: Row = request.param
    return row.open()


@pytest.fixture
def cp() -> Any:
    """The fake CuPy, for tests marked `fake_cupy`."""
    import cupy

    return cupy


@pytest.fixture
def numpy_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_BACKEND", "numpy")


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test works in a folder of its own, with no backend named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XNET_BACKEND", raising=False)


@pytest.fixture
def brief_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every measurement of `xnet bench` as short as possible, with given ceilings in place of measured ones."""
    monkeypatch.setitem(run.SECONDS, "quick", 0.0)
    monkeypatch.setattr(run, "PAUSE", 0.0)
    monkeypatch.setattr(run, "ceilings", lambda backend: {"bytes_per_second": 1e9, "flops_per_second": 1e9})


@pytest.fixture(params=[*EVERY_WAY.values()], ids=[*EVERY_WAY])
def way(request: pytest.FixtureRequest) -> Target:
    """What is compiled runs over whole arrays, then in small blocks on several threads, and then in C."""
    target: Target = request.param
    return target


@pytest.fixture(params=[WHOLE, SMALL_BLOCKS], ids=["whole", "in-blocks"])
def numpy_way(request: pytest.FixtureRequest) -> Target:
    """The ways whose text is Python."""
    target: Target = request.param
    return target
