"""xnet cache."""

import json
import os
import re
from pathlib import Path

import pytest
from cli_cases import Capture
from marks import needs_a_compiler, needs_sh
from native_cases import program

from xnet.cli import main
from xnet.compile.c import cache


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XNET_CACHE_SIZE", raising=False)
    monkeypatch.setenv("XNET_CACHE", str(tmp_path / "xnet"))
    return tmp_path / "xnet"


def test_an_empty_cache(folder: Path, capsys: Capture) -> None:
    assert main(["cache"]) == 0
    assert capsys.readouterr() == (f"folder     {folder}\nlibraries  0, 0.0 kB of at most 256.0 MB\n", "")


@needs_a_compiler
def test_what_is_there_where_and_how_large(folder: Path, capsys: Capture) -> None:
    for n in range(2):
        cache.load(program(n))
    kept = cache.libraries(folder)
    for age, library in enumerate(kept):
        os.utime(library.path, (1.7e9 - age, 1.7e9 - age))
    assert main(["cache"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"libraries  2, \d+\.\d kB of at most 256\.0 MB", lines[1])
    assert [line.split()[0] for line in lines[2:]] == [library.key for library in kept]
    assert all(re.search(r" +\d+\.\d kB  last used 2023-11-1\d \d\d:\d\d$", line) for line in lines[2:])

    assert main(["cache", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["folder"], told["limit"], told["ziglang_bytes"]) == (str(folder), 256_000_000, 0)
    assert [library["path"] for library in told["libraries"]] == [str(library.path) for library in kept]
    assert told["bytes"] == sum(library["bytes"] for library in told["libraries"])
    assert told["libraries"][0]["used"] == 1.7e9
    assert "removed" not in told


@needs_a_compiler
def test_a_long_list_is_cut(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xnet.cli.cache.SHOWN", 1)
    for n in range(3):
        cache.load(program(n))
    assert main(["cache"]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == ["  and 2 more; --json lists all"]


@needs_a_compiler
def test_clear(folder: Path, capsys: Capture) -> None:
    cache.load(program())
    (folder / "zig").mkdir()
    (folder / "zig" / "libc").write_bytes(bytes(2_000_000))
    size = cache.libraries(folder)[0].bytes
    assert main(["cache"]) == 0
    assert "ziglang    2.0 MB, its own files, beyond that\n" in capsys.readouterr().out
    assert main(["cache", "--clear"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [f"removed    1, {size / 1000:.1f} kB", "libraries  0, 0.0 kB of at most 256.0 MB"]
    assert list(folder.iterdir()) == []
    cache.load(program())
    assert main(["cache", "--clear", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["removed"] == {"libraries": 1, "bytes": size}
    assert told["libraries"] == []


@needs_sh
def test_a_folder_that_is_refused_is_said(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    assert main(["cache"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"not used   {folder}: others may write into it"
    assert second.startswith("folder     ")


def test_a_cache_turned_off(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("XNET_CACHE_SIZE", "0")
    assert main(["cache"]) == 0
    assert "libraries  none: XNET_CACHE_SIZE=0\n" in capsys.readouterr().out
    monkeypatch.setenv("XNET_CACHE_SIZE", "a lot")
    assert main(["cache"]) == 2
    assert capsys.readouterr().err.startswith("xnet: XNET_CACHE_SIZE: it must be a number of megabytes")


def test_a_word_too_many(capsys: Capture) -> None:
    assert main(["cache", "clean"]) == 2
    assert capsys.readouterr().err == "xnet: unrecognized arguments: clean; see xnet --help\n"
