"""`xnet info`: the backends and this computer, as tables or as JSON."""

import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xnet.backends import Status, backend, backends
from xnet.backends.machine import Machine, machine
from xnet.errors import BackendUnavailable, BackendWarning

# The instruction sets that decide the speed of arithmetic, for the table; --json has all of them.
DECISIVE = {"AVX2", "FMA3", "AVX512F", "AVX512BF16", "AVX512_BF16", "AVX512FP16", "NEON", "ASIMD", "ASIMDHP", "SVE"}


@dataclass(frozen=True)
class Info:
    version: str
    backends: list[Status]
    auto: str
    why: str
    chosen: str | None
    machine: Machine
    compiler: str  # of C, in words

    def json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def show(self) -> None:
        """Print the tables.  If standard output is no terminal: without colours, and each row on one line."""
        from rich.console import Console

        console = Console(markup=False, highlight=False, emoji=False)
        if console.is_terminal:
            console.print(*self._tables(), sep="\n")
            return
        console.width = 1000
        with console.capture() as text:
            console.print(*self._tables(), sep="\n")
        sys.stdout.writelines(line.rstrip() + "\n" for line in text.get().splitlines())

    def _tables(self) -> Iterator[Any]:
        from rich.box import SIMPLE_HEAD
        from rich.table import Column, Table
        from rich.text import Text

        yield Text(f"xnet {self.version}", "bold")
        # Long words are wrapped, so that a command to type is never cut off.
        table = Table(
            "backend",
            Column("version", overflow="fold"),
            Column("devices, or why there are none", overflow="fold"),
            box=SIMPLE_HEAD,
        )
        for status in self.backends:
            devices = Text(f"usable: {', '.join(status.devices)}", "green")
            table.add_row(
                status.name, status.version, devices if status.usable else Text(status.why_not or "", "yellow")
            )
        yield table
        rows = Table(Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False)
        for name, text in self._lines():
            rows.add_row(name, text)
        yield rows
        for advice in self.machine.advice:
            yield Text.assemble(("advice: ", "yellow"), advice)

    def _lines(self) -> list[tuple[str, str]]:
        here, blas = self.machine, self.machine.blas
        parts = blas and [
            f"{blas.name} {blas.version or ''}".strip(),
            f"{blas.threads} threads" if blas.threads else "",
            f"{blas.kernel} kernels" if blas.kernel else "",
        ]
        lines = [
            ("auto", f"{self.auto}, since {self.why}"),
            ("XNET_BACKEND", self.chosen or ""),
            ("processor", f"{here.cpu}, {here.cores} cores"),
            ("features", " ".join(name for name in here.features if name in DECISIVE)),
            ("BLAS", ", ".join(filter(None, parts or []))),
            ("C compiler", self.compiler),
            ("GPU", here.gpu or ""),
            ("memory", f"{here.memory / 2**30:.1f} GiB" if here.memory else ""),
            ("system", here.os),
            ("Python", here.python),
        ]
        return [(name, text) for name, text in lines if text]


def collect(version: str, compiler: str = "") -> Info:
    """What `xnet info` prints, of this version, and of the C compiler in words."""
    listed = backends()
    with warnings.catch_warnings():
        # The table says already why `auto` does not take CuPy.
        warnings.simplefilter("ignore", BackendWarning)
        auto = backend("auto")
    first = next(status for status in listed if status.name == "cupy")
    why = first.why_not or "CuPy can allocate, compile and multiply here"
    return Info(version, listed, str(auto), why, os.environ.get("XNET_BACKEND") or None, machine(), compiler)


def unusable(names: Sequence[str]) -> list[str]:
    """For each of these backends that cannot be used here, the reason.  An unknown name is an error."""
    found = []
    for name in names:
        try:
            backend(name)
        except BackendUnavailable as error:
            found.append(str(error))
    return found
