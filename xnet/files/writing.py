"""Atomic writes: a file is written completely or stays as it was."""

import contextlib
import os
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias

from xnet.errors import DataError

FilePath: TypeAlias = str | os.PathLike[str]


def write(path: FilePath, content: bytes) -> Path:
    """Write the content to the file.  After a full disk or Ctrl-C the old file is unchanged."""
    path = Path(path)
    check_writable(path)
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            target.write_bytes(content)  # a device or a pipe cannot be replaced by renaming
            return path
        beside = target.with_name(f".{target.name}.{token_hex(4)}")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink()
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from None
    return path


def check_writable(path: FilePath) -> None:
    """Raise an error if the file cannot be written.   Call it before a long computation whose result goes there."""
    path = Path(path)
    if path.is_dir():
        raise unwritable(path, "a folder")
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder must exist; got {path.parent}; make it, or choose another")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise unwritable(path, "no right to write")


def unwritable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: the file must be writable; got {why}; choose a folder that exists, is yours and has room"
    )
