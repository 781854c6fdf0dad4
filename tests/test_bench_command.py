"""`xnet bench`: what it writes and shows, its exit status, and mistakes."""

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_rows import REPORT, ROW
from rich.console import Console

from xnet.bench.cases import CASES
from xnet.bench.command import COLUMNS, Tables, line
from xnet.bench.rows import read
from xnet.cli import main

pytestmark = [pytest.mark.usefixtures("own_folder", "brief_benchmarks"), pytest.mark.libraries]
Capture = pytest.CaptureFixture[str]
BENCH = ("bench", "--case", "reshape", "--backend", "numpy")


def test_the_command(capsys: Capture) -> None:
    assert main([*BENCH, "--json", "new.json", "--html", "new.html"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == line(COLUMNS)
    assert [text.split()[:4] for text in out[1:3]] == [["reshape", "n", "=", n] for n in ("1,000", "1,000,000")]
    assert "numpy reached 1 GB/s in a pass over a large array, 1 GFLOP/s in a large product (float32)" in [
        text.replace("1.00", "1") for text in out
    ]
    report = read("new.json")
    assert asdict(report) == json.loads(Path("new.json").read_text("utf-8"))
    assert report.options == {"mode": "quick", "cases": ["reshape"], "backends": ["numpy"], "dtype": None}
    assert [row.size for row in report.rows] == [1000, 1_000_000]
    assert "reshape" in Path("new.html").read_text("utf-8")


def test_slower_than_before_is_1(capsys: Capture) -> None:
    assert main([*BENCH, "--json", "old.json"]) == 0
    old = read("old.json")
    for factor, status, word in ((1e-3, 1, "slower"), (1e3, 0, "faster")):
        rows = [replace(row, seconds=factor * row.seconds, spread=0.0) for row in old.rows]
        Path("old.json").write_text(replace(old, rows=rows).json(), "utf-8")
        assert main([*BENCH, "--compare", "old.json"]) == status
        assert f"2 {word}" in capsys.readouterr().out


def test_a_failure_is_1_and_ctrl_c_130(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    for error, status in ((MemoryError("no room\nat all"), 1), (KeyboardInterrupt(), 130)):

        def fail(V: Any, error: BaseException = error) -> Any:
            if not isinstance(V, np.ndarray):
                raise error
            return V

        monkeypatch.setitem(CASES, "reshape", replace(CASES["reshape"], vectorised=fail))
        assert main(["bench", "--case", "reshape", "--backend", "strict", "--json", "new.json"]) == status
        assert Path("new.json").exists()
    assert "failed: reshape, n = 1,000, float32, strict:cpu: no room at all" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--case dott", "case: one of abs, "),
        ("--case dott", "got case='dott'; did you mean 'dot'?"),
        ("--backend nunpy", 'did you mean "numpy"?'),
        ("--dtype float16", "invalid choice: 'float16'"),
        ("--quick --full", "not allowed with"),
        ("--json no/such/folder.json", "no/such/folder.json: the folder must exist"),
        ("--compare missing.json", "missing.json: the file must be readable; got No such file"),
        ("--compare words.txt", "words.txt: must be a report, from xnet bench --json; got something else"),
        ("--compare list.json", "list.json: must be a report"),
        ("--compare deep.json", "deep.json: must be a report"),
        ("--compare number.json", "number.json: must be a report"),
        ("--compare=", "the file must be readable; got "),
        ("--json=", "the file must be writable; got a folder"),
        ("--compare other.json", "bench --compare: the reports must share a row; got none"),
    ],
)
def test_mistakes_are_one_line(arguments: str, text: str, capsys: Capture) -> None:
    Path("words.txt").write_text("words")
    Path("list.json").write_text('["rows"]')
    Path("number.json").write_text("5")
    Path("deep.json").write_text("[" * 100_000)
    Path("other.json").write_text(REPORT.json())
    assert main([*BENCH, *arguments.split()]) == 2
    err = capsys.readouterr().err
    assert err.startswith("xnet: ")
    assert err.count("\n") == 1
    assert text in err


def test_tables_grow_in_a_terminal() -> None:
    out = io.StringIO()
    tables = Tables(Console(file=out, force_terminal=True, width=160))
    tables.show(replace(ROW, extrapolated=True))
    tables.show(replace(ROW, case="exp", title="e to the power of each"))
    tables.end()
    text = out.getvalue()
    assert "dot: dot product (C10)" in text
    assert "exp: e to the power of each (C10)" in text
    assert "~1 ms" in text.replace("1.00", "1")


@pytest.mark.parametrize(
    ("width", "missing"),
    [
        (60, "dtype speed-up spread first call rate"),
        (80, "spread first call rate"),
        (100, "rate"),
        (120, ""),
    ],
)
def test_a_narrow_terminal_cuts_no_word_short(width: int, missing: str) -> None:
    out = io.StringIO()
    tables = Tables(Console(file=out, width=width))
    tables.show(replace(ROW, size_text="n = 100,000,000", backend="torch:cuda:0", form="transfer back", bytes=10**7))
    tables.end()
    shown = out.getvalue()
    assert "…" not in shown
    assert all(len(text) <= width for text in shown.splitlines())
    for name in COLUMNS:
        assert (name in shown) == (name not in missing and name != "case"), name


def test_a_line_has_every_column() -> None:
    assert line(("a",) * 10).split() == ["a"] * 10
