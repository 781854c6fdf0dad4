"""Finding a C compiler, and what is made of one that does not work."""

import ctypes
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cli_cases import ENVIRONMENT
from marks import needs_a_compiler, needs_dev_full, needs_sh, needs_ziglang
from native_cases import BROKEN, program, script

from xnet.compile.c import compiler
from xnet.compile.c.compiler import ADVICE, FLAGS, Compiler, NoCompiler
from xnet.errors import CompilerError

Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Set what decides which compiler is found; without a word there is none, and no wheel ziglang."""
    monkeypatch.setattr(compiler, "_zig", lambda: ())

    def set_to(XNET_CC: str = "", CC: str = "", PATH: str = "") -> None:
        for name, value in {"XNET_CC": XNET_CC, "CC": CC, "PATH": PATH}.items():
            monkeypatch.setenv(name, value)
        compiler._find.cache_clear()

    set_to()
    yield set_to
    compiler._find.cache_clear()


@pytest.fixture
def bin(tmp_path: Path) -> Path:
    """A folder of programs whose name has a space and letters that are not ASCII."""
    folder = tmp_path / "ein Käfig"
    folder.mkdir()
    return folder


def reason() -> str:
    found = compiler.find()
    assert isinstance(found, NoCompiler)
    return found.reason


def test_without_a_compiler_there_are_a_reason_and_advice(environment: Environment) -> None:
    assert compiler.find() == NoCompiler("cc, gcc, clang: not installed; ziglang: not installed", ADVICE)
    assert ADVICE.endswith("install gcc or clang, or pip install ziglang")


def test_none_turns_it_off(environment: Environment) -> None:
    environment(XNET_CC="none", PATH=os.defpath)
    assert compiler.find() == NoCompiler("XNET_CC=none turns the C compiler off", "unset XNET_CC")


@needs_sh
def test_the_order_of_search(environment: Environment, bin: Path) -> None:
    for name in ("mine", "theirs", "clang", "gcc", "cc"):
        script(bin / name, "", f"echo {name} 1.0; exit 0")
    order = [("XNET_CC", str(bin / "mine")), ("CC", str(bin / "theirs")), ("PATH", str(bin))]
    for i, expected in enumerate(("mine 1.0, by XNET_CC", "theirs 1.0, by CC", "cc 1.0")):
        environment(**dict(order[i:]))
        assert str(compiler.find()) == expected
    for gone, expected in (("cc", "gcc 1.0"), ("gcc", "clang 1.0")):
        (bin / gone).unlink()
        environment(PATH=str(bin))
        assert str(compiler.find()) == expected


@needs_sh
def test_a_command_has_options_and_its_path_has_spaces(environment: Environment, bin: Path) -> None:
    path = script(bin / "my cc", "")
    environment(XNET_CC=path)
    assert compiler.find() == Compiler((path,), "fake 1.0", "XNET_CC")
    environment(XNET_CC=os.path.relpath(path))
    assert compiler.find() == Compiler((path,), "fake 1.0", "XNET_CC")
    environment(XNET_CC=f"{shlex.quote(path)} -m64 -DA='b c'")
    assert compiler.find() == Compiler((path, "-m64", "-DA=b c"), "fake 1.0", "XNET_CC")


@needs_sh
def test_one_that_does_not_answer_is_passed_over(
    environment: Environment, bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "ASK_LIMIT", 0.3)
    script(bin / "gcc", "")
    for action, said in (
        ("echo broken 2.0 error; exit 1", "--version ended with status 1 and wrote: broken 2.0 error"),
        ("exit 0", "--version ended with status 0 and wrote: nothing"),
        ("sleep 60", "--version gave no answer in 0.3 s"),
    ):
        asked = script(bin / "asked", "", action)
        environment(CC=asked, PATH=f"{bin}:/bin:/usr/bin")
        assert str(compiler.find()).startswith(("fake 1.0", "gcc", "cc"))
        environment(XNET_CC=asked, PATH=f"{bin}:/bin:/usr/bin")
        assert reason() == f"XNET_CC={shlex.quote(asked)}: {said}"


def test_a_name_that_is_no_program(environment: Environment) -> None:
    environment(XNET_CC="no-such-compiler -O2")
    found = compiler.find()
    said = "XNET_CC=no-such-compiler -O2: there is no such program"
    assert found == NoCompiler(said, "set XNET_CC to a C compiler, or unset it")
    environment(XNET_CC="'")
    assert "there is no such program" in reason()


def test_a_file_that_cannot_run(environment: Environment, bin: Path) -> None:
    (bin / "cc").write_bytes(b"\0\1\2")
    (bin / "cc").chmod(0o755)
    environment(XNET_CC=str(bin / "cc"))
    assert "cc': " in reason()


def alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z" if Path("/proc/self/stat").exists() else True
    return False


WRITES = {
    "fails": "ended with status 3 and wrote: program.c:1:5: error: no such thing",
    "says nothing": "ended with status 1 and wrote: nothing",
    "writes no text": "ended with status 1 and wrote: ��bad",
    "is killed": "was killed by signal 9",
    "hangs": "no library after 0.5 s",
    "writes without end": "was killed by signal ",
    "makes no library": "success and no library; it wrote: done",
}


@needs_sh
@pytest.mark.parametrize("what", WRITES)
def test_a_compiler_that_does_not_work(what: str, bin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "BUILD_LIMIT", 0.5)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    fake = Compiler((script(bin / "cc", BROKEN[what]),), "fake 1.0", "XNET_CC")
    start = time.monotonic()
    with pytest.raises(CompilerError) as raised:
        compiler.build(fake, program(), FLAGS, work)
    assert time.monotonic() - start < 20
    before, _, after = str(raised.value).partition(WRITES[what])
    assert before == "C compiler: it must make a library that loads; got "
    assert after.endswith(
        f", from {shlex.quote(str(bin / 'cc'))}; set XNET_CC to another compiler, or XNET_CC=none to go without"
    )
    assert len(str(raised.value)) < 800
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ein Käfig", "work"]
    if (bin / "children").exists():
        assert not alive(int((bin / "children").read_text()))


@needs_sh
def test_a_compiler_with_another_word_for_this_processor(bin: Path, tmp_path: Path) -> None:
    """It fails at -march=native and takes -mcpu=native; a third takes neither."""
    for refused, taken in (("*march=native*", "-mcpu=native"), ("*=native*", "")):
        action = f'case "$given" in {refused}) echo error: no such option; exit 1;; esac; echo "$given" > "$out"'
        fake = script(bin / "cc", action)
        Path(fake).write_text(Path(fake).read_text().replace("\nwhile", '\ngiven="$*"\nwhile'))
        work = tmp_path / refused.strip("*")
        work.mkdir()
        library = compiler.build(Compiler((fake,), "fake 1.0", "XNET_CC"), program(), FLAGS, work)
        words = library.read_text().split()
        assert [word for word in words if "native" in word] == [taken] * bool(taken)
        assert set(FLAGS) - {"-march=native"} <= set(words)


@needs_a_compiler
def test_the_compiler_of_this_computer(bin: Path) -> None:
    found = compiler.find()
    assert isinstance(found, Compiler)
    library = ctypes.CDLL(str(compiler.build(found, program(2), FLAGS, bin)))
    assert library.add(40) == 42


@needs_a_compiler
def test_a_mistake_in_the_text_is_said(bin: Path) -> None:
    found = compiler.find()
    assert isinstance(found, Compiler)
    with pytest.raises(CompilerError, match=r"wrote: program\.c:1:\d+: .*error"):
        compiler.build(found, "int f( {", FLAGS, bin)


@needs_dev_full
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "program.c").symlink_to("/dev/full")
    with pytest.raises(CompilerError, match="got No space left on device for its input, from cc;"):
        compiler.build(Compiler(("cc",), "1.0", "cc"), program(), FLAGS, tmp_path)


@needs_ziglang
@pytest.mark.timeout(300)
def test_ziglang_alone_is_enough(bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XNET_CC", "CC", "PATH"):
        monkeypatch.setenv(name, "")
    found = compiler.find()
    assert isinstance(found, Compiler)
    assert found.chosen_by == "ziglang"
    library = ctypes.CDLL(str(compiler.build(found, program(2), FLAGS, bin)))
    assert library.add(40) == 42


def test_an_import_starts_no_process_and_warns_of_nothing() -> None:
    watch = (
        "import sys; sys.addaudithook(lambda event, _: event in ('subprocess.Popen', 'os.exec') and sys.exit(event))"
    )
    modules = "[name for name in sys.modules if name.startswith('xnet.compile.c.')]"
    text = f"{watch}\nimport xnet\nprint({modules})\nfrom xnet.compile.c import blas, cache, compiler\nprint({modules})"
    line = [sys.executable, "-W", "error", "-c", text]
    done = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    first, second = done.stdout.splitlines()
    assert done.stderr == ""
    assert first == "[]"
    assert "xnet.compile.c.cache" in second
