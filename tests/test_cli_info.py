"""The command xnet info, the version and the help."""

import json
import re
import sys
from dataclasses import replace

import pytest
from cli_cases import Capture

import xnet as xn
from xnet.backends import info
from xnet.cli import main

pytestmark = [pytest.mark.usefixtures("own_folder"), pytest.mark.libraries]


def test_json_tells_all_backends(capsys: Capture) -> None:
    assert main(["info", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [status["name"] for status in told["backends"]] == [status.name for status in xn.backends()]
    assert told["version"] == xn.__version__
    assert told["auto"] == str(xn.backend("auto"))
    assert told["machine"]["cores"] >= 1


def test_the_table_has_the_same_content_in_plain_lines(capsys: Capture) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    for status in xn.backends():
        line = " ".join(next(line for line in lines if line[:1] == [status.name]))
        assert (status.version or "") in line
        assert ("usable" if status.usable else " ".join(str(status.why_not).split())) in line
    assert "\x1b" not in out


def test_a_narrow_terminal_cuts_nothing_off(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    found = info.collect("1")
    why = "CuPy is not installed: pip install something-longer-than-the-column-is"
    status = replace(found.backends[1], usable=False, version=None, devices=(), why_not=why)
    replace(found, backends=[status], why=why).show()
    out = re.sub("\x1b[^m]*m", "", capsys.readouterr().out)
    letters = "".join(out.split())
    assert letters.count("something-longer-than-the-column-is") == 2
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 40


def test_the_c_compiler_or_what_would_bring_one(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_CC", "none")
    assert main(["info"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "C compiler none: XNET_CC=none turns the C compiler off; unset XNET_CC" in lines


def test_why_auto_and_what_decides_speed(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    found = info.collect("1")
    found = replace(found, auto="numpy", machine=replace(found.machine, features=("SSE42", "AVX2", "FMA3", "MOVBE")))
    found.show()
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith("auto numpy, since CuPy is not installed: pip install ") for line in lines)
    assert "features AVX2 FMA3" in lines
    assert json.loads(found.json())["machine"]["features"] == ["SSE42", "AVX2", "FMA3", "MOVBE"]


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    info.collect("1").show()
    assert "\x1b" in capsys.readouterr().out


def test_a_required_backend_decides_the_status(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["info", "--require", "numpy", "--require", "auto"]) == 0
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(info, "collect", lambda version, compiler: FakeInfo())
    capsys.readouterr()
    assert main(["info", "--json", "--require", "numpy", "--require", "cupy:7"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("{}\n", 1)
    assert err.startswith("xnet: backend: ")
    assert main(["info", "--require", "nunpy"]) == 2


class FakeInfo:
    def json(self) -> str:
        return "{}"


def test_version_and_help(capsys: Capture) -> None:
    assert main([]) == 0
    assert "predict" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"xnet {xn.__version__}\n"
