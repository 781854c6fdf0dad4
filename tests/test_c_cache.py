"""The cache of compiled libraries: private, checked, bounded, and never in the way."""

import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_cases import ENVIRONMENT
from marks import needs_a_compiler, needs_root, needs_sanitizers, needs_sh
from native_cases import BROKEN, LOAD_THREE, program, script

from xnet.compile.c import cache, compiler
from xnet.compile.c.cache import load
from xnet.compile.c.compiler import FLAGS, SANITIZE
from xnet.errors import CompilerError, DataError, ValueRangeError

pytestmark = needs_a_compiler

COMPILED = re.compile(r"compiled by .+ in \d+\.\d\d s$")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache, in a folder with a space and letters that are not ASCII; temporary files have a folder beside it."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("XNET_CACHE_SIZE", raising=False)
    monkeypatch.setenv("XNET_CACHE", str(tmp_path / "ein Käfig" / "xnet"))
    return tmp_path / "ein Käfig" / "xnet"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_compiled_once_and_then_from_the_cache(folder: Path, tmp_path: Path) -> None:
    first, second = load(program()), load(program())
    assert COMPILED.match(first.how)
    assert second.how == "from the cache"
    assert (first.functions.add(1), second.functions.add(1)) == (2, 2)
    assert re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{64}\.so", only_file(folder).name)
    assert names(tmp_path / "temporary") == []


@needs_sh
def test_it_is_private_to_the_user(folder: Path) -> None:
    before = os.umask(0)
    try:
        load(program())
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert only_file(folder).stat().st_mode & 0o777 == 0o600


def test_all_that_decides_the_library_is_in_its_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compiler.find()
    assert isinstance(found, compiler.Compiler)
    same = {cache._key(program(), FLAGS, found) for _ in range(2)}
    others = {
        cache._key(program(2), FLAGS, found),
        cache._key(program(), FLAGS[1:], found),
        cache._key(program(), FLAGS, compiler.Compiler(found.command, "1.0", found.chosen_by)),
        cache._key(program(), FLAGS, compiler.Compiler((*found.command, "-m64"), found.version, found.chosen_by)),
    }
    monkeypatch.setattr(cache, "_processor", lambda: ("another",))
    others.add(cache._key(program(), FLAGS, found))
    assert len(same) == 1
    assert len(others - same) == 5


def test_ten_processes_at_once(folder: Path) -> None:
    runs = [subprocess.Popen(LOAD_THREE, stdout=subprocess.PIPE, env=ENVIRONMENT | os.environ) for _ in range(10)]
    for run in runs:
        out, _ = run.communicate(timeout=100)
        assert out == b"[40, 41, 42]\n"
    assert len({name.partition("-")[0] for name in names(folder)}) == 3
    assert all(name.endswith(".so") for name in names(folder))


def written(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """A new file with that made of the old content; the old one is loaded in this process and must stay as it is."""

    def write(path: Path) -> None:
        old = path.read_bytes()
        path.unlink()
        path.write_bytes(content(old))
        path.chmod(0o600)

    return write


def by_a_link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


NEVER_LOADED: list[Any] = [
    pytest.param(written(lambda old: old[:99] + bytes([old[99] ^ 1]) + old[100:]), id="another digest"),
    pytest.param(written(lambda old: old[:-1]), id="cut short"),
    pytest.param(written(lambda old: b""), id="empty"),
    pytest.param(by_a_link, id="a link", marks=needs_sh),
    pytest.param(lambda path: path.chmod(0o620), id="written by the group", marks=needs_sh),
    pytest.param(lambda path: path.chmod(0o602), id="written by others", marks=needs_sh),
    pytest.param(lambda path: os.chown(path, 54321, -1), id="of another user", marks=needs_root),
]


@pytest.mark.parametrize("spoil", NEVER_LOADED)
def test_what_is_not_to_be_trusted_is_compiled_again(spoil: Callable[[Path], object], folder: Path) -> None:
    load(program())
    path = only_file(folder)
    spoil(path)
    again = load(program())
    assert COMPILED.match(again.how)
    assert again.functions.add(1) == 2
    assert load(program()).how == "from the cache"
    assert only_file(folder).name.partition("-")[0] == path.name.partition("-")[0]


NOT_USED: list[Any] = [
    pytest.param(lambda path: path.chmod(0o770), "others may write into it", marks=needs_sh, id="group"),
    pytest.param(lambda path: path.chmod(0o707), "others may write into it", marks=needs_sh, id="others"),
    pytest.param(lambda path: os.chown(path, 54321, -1), "it belongs to another user", marks=needs_root, id="owner"),
    pytest.param(lambda path: (path.rmdir(), path.write_text("")), "File exists", marks=needs_sh, id="a file"),
]


@pytest.mark.parametrize(("spoil", "reason"), NOT_USED)
def test_a_folder_that_is_not_private_is_not_used(
    spoil: Callable[[Path], object], reason: str, folder: Path, tmp_path: Path
) -> None:
    """The next is one for temporary files, private too; where that is refused as well, nothing is kept."""
    folder.mkdir(parents=True)
    spoil(folder)
    found = cache.find_folder()
    assert found.path is not None
    assert found.path.parent == tmp_path / "temporary"
    assert found.refused == (f"{folder}: {reason}",)
    assert COMPILED.match(load(program()).how)
    assert load(program()).how == "from the cache"

    found.path.chmod(0o777)
    assert cache.find_folder().path is None
    loaded = load(program())
    assert loaded.functions.add(1) == 2
    assert loaded.how.endswith(f"; not kept, since {folder}: {reason}; {found.path}: others may write into it")
    assert names(tmp_path / "temporary") == [found.path.name]


@needs_sh
def test_a_link_of_another_user_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("mine")
    assert cache._refusal(tmp_path / "link") is None
    mine = os.geteuid()
    real = os.lstat(tmp_path / "link")
    theirs = os.stat_result([*real[:4], mine + 1, *real[5:10]])
    monkeypatch.setattr(Path, "lstat", lambda self: theirs)
    assert cache._refusal(tmp_path / "link") == "it belongs to another user"


@pytest.mark.skipif(not hasattr(os, "ST_NOEXEC"), reason="this system does not tell what a mount forbids")
def test_where_code_may_not_run_nothing_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(folder.parent.parent)
    forbids = os.statvfs_result([*real[:8], real.f_flag | os.ST_NOEXEC, *real[9:]])
    monkeypatch.setattr(os, "statvfs", lambda path: forbids if path == folder else real)
    assert cache.find_folder().refused == (f"{folder}: code there may not run: the file system is mounted with noexec",)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nobody, not even root, can write into Linux's /proc")
@pytest.mark.parametrize("variables", [{"HOME": "/proc/nobody"}, {"HOME": "", "XDG_CACHE_HOME": "/proc/nobody"}])
def test_without_a_home_there_is_a_private_temporary_folder(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XNET_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = cache.find_folder()
    assert found.path == tmp_path / "temporary" / f"xnet-{os.geteuid()}"
    assert found.path.stat().st_mode & 0o777 == 0o700
    assert "/proc/nobody" in found.refused[0]


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/xnet"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, ".cache/xnet"),
        ("linux", {"XDG_CACHE_HOME": "HOME/other"}, "other/xnet"),
        ("darwin", {"XDG_CACHE_HOME": "HOME/other"}, "Library/Caches/xnet"),
    ],
)
@needs_sh
def test_where_each_system_keeps_caches(
    platform: str, variables: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("HOME", str(tmp_path)))
    assert cache._user_cache() == tmp_path / expected


def read_only(monkeypatch: pytest.MonkeyPatch, below: Path) -> None:
    """The system refuses each new file there, as where the disk is mounted for reading alone."""
    real = tempfile.mkdtemp

    def mkdtemp(suffix: Any = None, prefix: Any = None, dir: Any = None) -> str:
        if str(dir or tempfile.gettempdir()).startswith(str(below)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return str(real(suffix, prefix, dir))

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    monkeypatch.setattr(os, "utime", lambda path: os.stat(path / "no such"))


def test_a_cache_that_can_only_be_read_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(program())
    read_only(monkeypatch, folder)
    assert load(program()).how == "from the cache"
    new = load(program(3))
    assert new.functions.add(1) == 4
    assert new.how.endswith(f"; not kept, since {folder}: Read-only file system")
    assert names(tmp_path / "temporary") == []
    assert len(names(folder)) == 1


def test_where_nothing_can_be_written_the_error_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only(monkeypatch, tmp_path)
    with pytest.raises(CompilerError) as raised:
        load(program())
    assert str(raised.value) == (
        f"C compiler: it needs a folder to write into; got {folder}: Read-only file system; "
        "Read-only file system; set XNET_CACHE to a folder of yours"
    )


def test_what_was_used_last_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        load(program(n))
    kept = {kept.key: kept.path for kept in cache.libraries(folder)}
    found = compiler.find()
    assert isinstance(found, compiler.Compiler)
    keys = [cache._key(program(n), FLAGS, found) for n in range(4)]
    for age, key in enumerate(keys[:3]):
        os.utime(kept[key], (1e9 - age, 1e9 - age))  # the last made is the least used
    load(program(1))
    size = sum(kept.bytes for kept in cache.libraries(folder))
    monkeypatch.setenv("XNET_CACHE_SIZE", f"{size / 1e6:f}")
    load(program(3))
    assert [kept.key for kept in cache.libraries(folder)] == [keys[3], keys[1], keys[0]]


def test_a_library_larger_than_the_cache_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_CACHE_SIZE", "0.001")
    loaded = load(program())
    assert loaded.functions.add(1) == 2
    assert re.search(
        r"not kept, since it has [\d,]+ bytes and the cache may have 1,000 \(XNET_CACHE_SIZE\)", loaded.how
    )
    assert names(folder) == []


def test_a_size_of_0_turns_the_cache_off(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_CACHE_SIZE", "0")
    assert load(program()).how.endswith("; not kept, since XNET_CACHE_SIZE=0 turns the cache off")
    assert not folder.exists()
    assert names(tmp_path / "temporary") == []


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf"])
def test_a_size_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_CACHE_SIZE", text)
    with pytest.raises(ValueRangeError) as raised:
        load(program())
    assert str(raised.value) == (
        f"XNET_CACHE_SIZE: it must be a number of megabytes of at least 0; got {text!r}; "
        "export XNET_CACHE_SIZE=256, or unset it"
    )


def test_what_a_killed_process_left_goes_away(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    for name, age in (("work-old", 2 * cache.ABANDONED), ("work-new", 0)):
        (folder / name).mkdir()
        (folder / name / "program.c").write_text("")
        os.utime(folder / name, (time.time() - age, time.time() - age))
    load(program())
    assert [name for name in names(folder) if "work" in name] == ["work-new"]


def test_clear_removes_all_and_no_file_of_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(program())
    load(program(2))
    (folder / "zig" / "o").mkdir(parents=True)
    (folder / "zig" / "o" / "made").write_text("12345")
    (folder / "mine.txt").write_text("")
    assert cache.ziglang_bytes(folder) == 5 + (folder / "zig" / "o").stat().st_size
    assert len(cache.clear(folder)) == 2
    assert names(folder) == ["mine.txt"]
    assert cache.clear(folder) == []

    load(program(3))
    monkeypatch.setattr(cache, "_remove", lambda path: None)
    with pytest.raises(DataError, match=r"\.so: the file must be removable; got no right to remove it; remove .*xnet"):
        cache.clear(folder)


@needs_sh
@pytest.mark.parametrize("what", ["fails", "makes rubbish", "makes an empty file"])
def test_a_compiler_that_does_not_work_leaves_nothing(
    what: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XNET_CC", script(tmp_path / "broken", BROKEN[what]))
    said = "error: no such thing" if what == "fails" else "got a file that does not load ("
    with pytest.raises(CompilerError, match=re.escape(said)):
        load(program())
    assert names(folder) == []
    assert names(tmp_path / "temporary") == []


def test_without_a_compiler_the_error_says_what_would_bring_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_CC", "none")
    with pytest.raises(CompilerError) as raised:
        load(program())
    assert str(raised.value) == (
        "C compiler: there must be one; got XNET_CC=none turns the C compiler off; unset XNET_CC"
    )


@needs_sanitizers
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("int* volatile a = malloc(8); return a[a0 + 1];", "AddressSanitizer: heap-buffer-overflow"),
        ("return a0 + 2147483647;", "runtime error: signed integer overflow"),
    ],
)
def test_sanitizers_find_mistakes(body: str, said: str) -> None:
    text = f"#include <stdlib.h>\nint wrong(int a0) {{ {body} }}"
    code = f"from xnet.compile.c.cache import load; load({text!r}, {SANITIZE!r}).functions.wrong(1)"
    ask = ["cc", "-print-file-name=libasan.so"]
    library = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    variables = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, env=ENVIRONMENT | os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert said in done.stderr
