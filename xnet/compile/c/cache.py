"""Compiled C libraries on disk: private to the user, checked before each use, and bounded in size.

A library is the file `<key>-<digest>.so`.  The key is of all that went in, the digest of the file itself.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xnet.backends.machine import cpu_features, cpu_name
from xnet.compile.c import compiler
from xnet.compile.c.compiler import FLAGS, Compiler, NoCompiler
from xnet.errors import CompilerError, DataError, ValueRangeError

FORMAT = "1"  # a change makes every key another
DEFAULT_SIZE = 256.0  # megabytes
ZIG, WORK = "zig", "work-"
ABANDONED = 3600.0  # seconds; a process that was killed left such a working folder


@dataclass(frozen=True)
class Loaded:
    """A library in this process, and where it came from, in words."""

    functions: ctypes.CDLL
    how: str


@dataclass(frozen=True)
class Folder:
    """Where libraries are kept: the path, and why better places were refused."""

    path: Path | None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """A library in the cache."""

    path: Path
    bytes: int
    used: float  # seconds since 1970

    @property
    def key(self) -> str:
        return self.path.name.partition("-")[0]


def load(source: str, flags: Sequence[str] = FLAGS) -> Loaded:
    """The C text as a library in this process, from the cache or compiled now; else a CompilerError that says why."""
    found = compiler.find()
    if isinstance(found, NoCompiler):
        raise CompilerError(f"C compiler: there must be one; got {found.reason}; {found.advice}")
    limit = size_limit()
    folder = find_folder() if limit else Folder(None, ("XNET_CACHE_SIZE=0 turns the cache off",))
    key = _key(source, flags, found)
    for path in sorted(folder.path.glob(f"{key}-*.so")) if folder.path else ():
        library = _load_kept(path)
        if library is not None:
            return Loaded(library, "from the cache")
    return _compile(found, source, flags, key, folder, limit)


def _compile(found: Compiler, source: str, flags: Sequence[str], key: str, folder: Folder, limit: int) -> Loaded:
    start = time.perf_counter()
    with _working_folder(folder) as (work, kept_in, why_not):
        built = compiler.build(found, source, flags, work, kept_in and kept_in / ZIG)
        how = f"compiled by {found} in {time.perf_counter() - start:.2f} s"
        try:
            # Before it is moved: another process may remove it from the cache at any time.
            library = ctypes.CDLL(str(built))
        except OSError as error:
            raise compiler.failed(found, f"a file that does not load ({' '.join(str(error).split())})") from None
        failed = why_not if kept_in is None else _keep(built, key, kept_in, limit)
    return Loaded(library, f"{how}; not kept, since {failed}" if failed else how)


@contextmanager
def _working_folder(folder: Folder) -> Iterator[tuple[Path, Path | None, str]]:
    """A folder for one compilation, in the cache if that can be written; the cache or None; why it is None."""
    why_not = "; ".join(folder.refused)
    work, kept_in = None, folder.path
    if kept_in is not None:
        try:
            work = tempfile.TemporaryDirectory(prefix=WORK, dir=kept_in, ignore_cleanup_errors=True)
            why_not = ""
        except OSError as error:
            why_not, kept_in = f"{kept_in}: {error.strerror}", None
    try:
        work = work or tempfile.TemporaryDirectory(prefix="xnet-", ignore_cleanup_errors=True)
    except OSError as error:
        raise CompilerError(
            f"C compiler: it needs a folder to write into; got {why_not}; {error.strerror}; "
            "set XNET_CACHE to a folder of yours"
        ) from None
    with work as name:
        yield Path(name), kept_in, why_not


def _keep(built: Path, key: str, folder: Path, limit: int) -> str:
    """Move the library into the cache, whole and at once; why that failed, or nothing."""
    try:
        content = built.read_bytes()
        if len(content) > limit:
            return f"it has {len(content):,} bytes and the cache may have {limit:,} (XNET_CACHE_SIZE)"
        built.chmod(0o600)
        os.replace(built, path := folder / f"{key}-{hashlib.sha256(content).hexdigest()}.so")
    except OSError as error:
        return f"{folder}: {error.strerror}"
    _shrink(folder, limit, path)
    return ""


def _shrink(folder: Path, limit: int, newest: Path) -> None:
    """Remove what was not used for longest, until the rest is within the limit; and what killed processes left."""
    total = 0
    for kept in libraries(folder):
        total += kept.bytes
        if total > limit and kept.path != newest:
            _remove(kept.path)
    for work in folder.glob(f"{WORK}*"):
        with suppress(OSError):
            if time.time() - work.stat().st_mtime > ABANDONED:
                _remove(work)


def _remove(path: Path) -> None:
    """A file or a folder, unless another process was faster or the system forbids it."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def libraries(folder: Path) -> list[Kept]:
    """What is in the cache, the last used first."""
    found = []
    for path in folder.glob("*-*.so"):
        with suppress(OSError):  # another process has removed it
            status = path.stat()
            found.append(Kept(path, status.st_size, status.st_mtime))
    return sorted(found, key=lambda kept: kept.used, reverse=True)


def ziglang_bytes(folder: Path) -> int:
    """What the compiler in the wheel `ziglang` keeps in the cache."""
    total = 0
    for path in (folder / ZIG).rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def clear(folder: Path) -> list[Kept]:
    """Remove all libraries and what ziglang keeps; those that were there."""
    before = libraries(folder)
    for kept in before:
        _remove(kept.path)
    _remove(folder / ZIG)
    if left := {kept.path for kept in libraries(folder)} & {kept.path for kept in before}:
        first = min(left)
        raise DataError(f"{first}: the file must be removable; got no right to remove it; remove {folder} yourself")
    return before


def _load_kept(path: Path) -> ctypes.CDLL | None:
    """A library of the cache, or None if it is not this user's, not whole, or of another system."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or not _is_mine(status) or _others_write(status):
            return None
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem.partition("-")[2]:
            _remove(path)
            return None
        library = ctypes.CDLL(str(path))
    except OSError:
        return None  # another process has removed it, or it needs another C library
    with suppress(OSError):  # a file system that is read-only
        os.utime(path)
    return library


def _key(source: str, flags: Sequence[str], found: Compiler) -> str:
    """Of all that decides the library: a change of the compiler or of the processor is a change of the key."""
    parts = (FORMAT, source, *flags, *compiler.LIBRARY, *found.command, found.version, *_processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@cache
def _processor() -> tuple[str, ...]:
    """All that -march=native may ask: NumPy's list has fewer instruction sets than Linux's."""
    flags = ""
    with suppress(OSError), Path("/proc/cpuinfo").open(errors="replace") as file:
        for line in file:
            if line.lower().startswith(("flags", "features")):
                flags = line
                break
    return sys.platform, platform.machine(), cpu_name(), *cpu_features(), flags


def size_limit() -> int:
    """Bytes: XNET_CACHE_SIZE megabytes, or 256."""
    text = os.environ.get("XNET_CACHE_SIZE", "").strip()
    try:
        size = float(text) if text else DEFAULT_SIZE
    except ValueError:
        size = -1.0
    if not 0 <= size < 1e9:
        raise ValueRangeError(
            f"XNET_CACHE_SIZE: it must be a number of megabytes of at least 0; got {text!r}; "
            f"export XNET_CACHE_SIZE={DEFAULT_SIZE:.0f}, or unset it"
        )
    return int(size * 1e6)


def find_folder() -> Folder:
    """The first that is private to this user of: XNET_CACHE, or else the user's cache; a folder for temporary files."""
    refused: list[str] = []
    for path in _candidates():
        reason = _refusal(path)
        if reason is None:
            return Folder(path, tuple(refused))
        refused.append(f"{path}: {reason}")
    return Folder(None, tuple(refused))


def _candidates() -> Iterator[Path]:
    if asked := os.environ.get("XNET_CACHE"):
        yield Path(os.path.expanduser(asked)).absolute()
    else:
        with suppress(RuntimeError):  # there is no home
            yield _user_cache()
    with suppress(OSError):  # no folder for temporary files
        user = os.geteuid() if hasattr(os, "geteuid") else "user"
        yield Path(tempfile.gettempdir(), f"xnet-{user}")


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "xnet"
    variable, otherwise = ("LOCALAPPDATA", "AppData/Local") if os.name == "nt" else ("XDG_CACHE_HOME", ".cache")
    path = Path(os.environ.get(variable, ""))
    return (path if path.is_absolute() else Path.home() / otherwise) / "xnet"


def _refusal(path: Path) -> str | None:
    """Make the folder if it is missing; say why it cannot be the cache."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        link, status = path.lstat(), path.stat()
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISDIR(status.st_mode):
        return "it is no folder"
    if not (_is_mine(link) and _is_mine(status)):
        return "it belongs to another user"
    if _others_write(status):
        return "others may write into it"
    if hasattr(os, "statvfs") and os.statvfs(path).f_flag & getattr(os, "ST_NOEXEC", 0):
        return "code there may not run: the file system is mounted with noexec"
    return None


def _is_mine(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _others_write(status: os.stat_result) -> bool:
    """On Windows the mode tells nothing; the user's own folder is private there."""
    return os.name == "posix" and bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
