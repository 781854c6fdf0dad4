"""The options of `pytest benchmarks/`."""

import pytest

from xnet.backends.machine import how_to_install


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    if not pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError(f"benchmarks: pytest-benchmark must be installed; type {how_to_install('bench')}")
    add = parser.getgroup("xnet").addoption
    add("--full", action="store_const", dest="mode", const="full", default="quick", help="all sizes, in some minutes")
    add("--backend", action="append", default=[], metavar="NAME", help="only this one (every one that is usable)")
