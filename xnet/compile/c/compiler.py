"""Find a C compiler on this computer, and run it with a time limit."""

import contextlib
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xnet.errors import CompilerError

# gcc's -O2 leaves loops of unknown length scalar: Adam's update takes eight times as long.  A step compiles in 0.22 s
# of processor time with -O3, and in 0.19 s with -O2.
# Without -fno-math-errno, sqrtf may call the C library, and its loop stays scalar: eight times as long again.
# Without -fno-trapping-math, gcc may not compute both sides of a choice.  No flag here changes NaN, ±inf or -0.0.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
SANITIZE = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
LIBRARY = ("-shared",) if os.name == "nt" else ("-shared", "-fPIC")
# What a compiler may take for this processor's own instructions instead of -march=native, in order.
NATIVE = {"-march=native": ("-mcpu=native",)}

ADVICE = "a C compiler makes compiled steps faster: install gcc or clang, or pip install ziglang"
ON_PATH = ("cc", "gcc", "clang")
ASK_LIMIT, BUILD_LIMIT = 10.0, 120.0  # seconds; ziglang builds its own C library first, which takes 10 s
MOST_OUTPUT = 1 << 20  # bytes


@dataclass(frozen=True)
class Compiler:
    """A C compiler that has told its version."""

    command: tuple[str, ...]
    version: str
    chosen_by: str

    def __str__(self) -> str:
        return self.version if self.chosen_by in ON_PATH else f"{self.version}, by {self.chosen_by}"


@dataclass(frozen=True)
class NoCompiler:
    """Why there is no C compiler, and what would bring one."""

    reason: str
    advice: str = ADVICE

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class _Run:
    status: int
    output: str
    timed_out: bool = False


def find() -> Compiler | NoCompiler:
    """The C compiler of XNET_CC alone where that is set; else the first that works of CC, cc, gcc, clang, ziglang.

    XNET_CC=none means no compiler.  The result is remembered for the same variables.
    """
    environment = {name: os.environ.get(name, "") for name in ("XNET_CC", "CC", "PATH")}
    return _find(tuple(environment.items()))


@cache
def _find(environment: tuple[tuple[str, str], ...]) -> Compiler | NoCompiler:
    variables = dict(environment)
    asked = variables["XNET_CC"].strip()
    if asked.lower() == "none":
        return NoCompiler("XNET_CC=none turns the C compiler off", "unset XNET_CC")
    reasons = []
    for chosen_by, command in _candidates(variables):
        found = _ask(chosen_by, command)
        if isinstance(found, Compiler):
            return found
        reasons.append(found)
    if asked:
        return NoCompiler(reasons[0], "set XNET_CC to a C compiler, or unset it")
    return NoCompiler("; ".join(reasons))


def _candidates(variables: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Who chooses, and the command.  No command where the program is missing."""
    if variables["XNET_CC"].strip():
        yield "XNET_CC", _words(variables["XNET_CC"])
        return
    if variables["CC"].strip():
        yield "CC", _words(variables["CC"])
    there = [name for name in ON_PATH if shutil.which(name, path=variables["PATH"])]
    yield from ((name, (name,)) for name in there)
    if not there:
        yield ", ".join(ON_PATH), ()
    yield "ziglang", _zig()


def _words(text: str) -> tuple[str, ...]:
    """A command and its options; the name of an existing file is one word, with its spaces."""
    text = text.strip()
    if Path(text).is_file():
        return (text,)
    try:
        return tuple(shlex.split(text, posix=os.name == "posix"))
    except ValueError:
        return (text,)


def _zig() -> tuple[str, ...]:
    """The compiler in the wheel `ziglang`, called without the Python around it: 20 ms instead of 70."""
    found = importlib.util.find_spec("ziglang")
    for folder in (found.submodule_search_locations or ()) if found else ():
        program = Path(folder, "zig.exe" if os.name == "nt" else "zig")
        if program.is_file():
            return str(program), "cc"
    return ()


def _ask(chosen_by: str, command: tuple[str, ...]) -> Compiler | str:
    """The compiler, or the reason why it is none."""
    if not command:
        return f"{chosen_by}: not installed"
    said = shlex.join(command) if chosen_by in ("XNET_CC", "CC") else ""
    name = f"{chosen_by}={said}" if said else chosen_by
    program = shutil.which(command[0])
    if program is None:
        return f"{name}: there is no such program"
    program = os.path.abspath(program)  # it runs in another folder
    run = _run((program, *command[1:], "--version"), ASK_LIMIT)
    version = _first_line(run.output)
    if run.timed_out:
        return f"{name}: --version gave no answer in {ASK_LIMIT:g} s"
    if run.status != 0 or not version:
        return f"{name}: --version {_ended(run)}"
    return Compiler((program, *command[1:]), version, chosen_by)


def build(compiler: Compiler, source: str, flags: Sequence[str], folder: Path, keep: Path | None = None) -> Path:
    """The C text as a shared library in the folder, which also takes all temporary files.

    What ziglang makes once and reads again (48 MB) goes into the folder `keep`.
    """
    # Names without a folder, in the folder: spaces and letters of any language in a path reach no compiler.
    text, library = folder / "program.c", folder / "program.so"
    keep = keep or folder
    try:
        text.write_text(source, encoding="utf-8")
    except OSError as error:
        raise failed(compiler, f"{error.strerror} for its input") from None
    run = _build(compiler, flags, text.name, library.name, folder, keep)
    if run.status and not run.timed_out and (others := _understood(compiler, flags, folder, keep)) != [*flags]:
        run = _build(compiler, others, text.name, library.name, folder, keep)
    if run.timed_out:
        raise failed(compiler, f"no library after {BUILD_LIMIT:g} s")
    if run.status != 0:
        raise failed(compiler, _ended(run))
    if not library.is_file():
        raise failed(compiler, f"success and no library; it wrote: {_first_line(run.output) or 'nothing'}")
    return library


def failed(compiler: Compiler, what: str) -> CompilerError:
    command = shlex.join(compiler.command)
    return CompilerError(
        f"C compiler: it must make a library that loads; got {what}, from {command}; "
        "set XNET_CC to another compiler, or XNET_CC=none to go without"
    )


def _build(compiler: Compiler, flags: Sequence[str], text: str, library: str, folder: Path, keep: Path) -> _Run:
    command = (*compiler.command, *flags, *LIBRARY, "-o", library, text, "-lm")
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP", "ZIG_LOCAL_CACHE_DIR"), str(folder))
    # Without a folder that it can write into, ziglang waits for ever.
    return _run(command, BUILD_LIMIT, folder, temporary | {"ZIG_GLOBAL_CACHE_DIR": str(keep)})


def _understood(compiler: Compiler, flags: Sequence[str], folder: Path, keep: Path) -> list[str]:
    """The flags, with others or nothing for those of NATIVE that fail with an empty program.

    This is asked only after a failure, so that a compiler that takes all flags is run once.
    """
    with contextlib.suppress(OSError):  # a full disk; then no flag works, and the first failure is what is told
        (folder / "empty.c").write_text("int xnet_empty;\n")

    def works(flag: str) -> bool:
        return _build(compiler, (flag,), "empty.c", "empty.so", folder, keep).status == 0

    understood: list[str] = []
    for flag in flags:
        if flag in NATIVE:
            understood += [word for word in (flag, *NATIVE[flag]) if works(word)][:1]
        else:
            understood.append(flag)
    return understood


def _run(
    command: Sequence[str], limit: float, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> _Run:
    """Run a command; after the time limit, or after too much output, kill it with all that it has started."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"LC_ALL": "C", **(variables or {})},  # messages in English
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return _Run(127, error.strerror or str(error))
    with process:
        timed_out = threading.Event()

        def stop() -> None:
            timed_out.set()
            _kill(process)

        timer = threading.Timer(limit, stop)
        timer.start()
        try:
            assert process.stdout is not None
            output = process.stdout.read(MOST_OUTPUT)
            if len(output) == MOST_OUTPUT:
                _kill(process)
            status = process.wait()
        finally:
            timer.cancel()
            _kill(process)  # after Ctrl-C it still runs
    return _Run(status, output.decode(errors="replace"), timed_out.is_set())


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and its children, which are one group; not after it was waited for: its number may be another's."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def _ended(run: _Run) -> str:
    """How a run that failed ended, in words."""
    if run.status < 0:
        return f"was killed by signal {-run.status}"
    return f"ended with status {run.status} and wrote: {_first_line(run.output) or 'nothing'}"


def _first_line(output: str) -> str:
    """The first line that names an error, or else the first that says anything."""
    lines = ["".join(c for c in line if c.isprintable()).strip()[:200] for line in output.splitlines()]
    return next((line for line in lines if "error" in line.lower()), next(filter(None, lines), ""))
