"""Marks of the tests that need what not every system has, with the reason why they are skipped elsewhere."""

import importlib.util
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from xnet.compile.c import compiler


def _makes_links() -> bool:
    with TemporaryDirectory() as folder, suppress(OSError):
        Path(folder, "link").symlink_to("target")
        return True
    return False


def _has_sanitizers() -> bool:
    """Whether cc is a gcc with its library of AddressSanitizer."""
    with suppress(OSError, subprocess.CalledProcessError):
        asked = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
        return Path(asked.stdout.strip()).is_absolute()
    return False


needs_dev_full = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no /dev/full, Linux's device without any space left"
)
needs_links = pytest.mark.skipif(
    not _makes_links(), reason="Windows makes symbolic links only for administrators and in its developer mode"
)
needs_c_compilers = pytest.mark.skipif(
    not (which("cc") and which("c++")), reason="this system has no compilers of C and C++ named cc and c++"
)
needs_sh = pytest.mark.skipif(os.name != "posix", reason="the stand-ins for a compiler are scripts of a POSIX shell")
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file to another user"
)
needs_a_compiler = pytest.mark.skipif(
    isinstance(compiler.find(), compiler.NoCompiler), reason=f"no C compiler is here: {compiler.find()}"
)
needs_ziglang = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None, reason="the wheel ziglang is not installed; it has 440 MB"
)
needs_sanitizers = pytest.mark.skipif(not _has_sanitizers(), reason="cc is no gcc with AddressSanitizer")


def _c_compiler() -> str | None:
    return next(filter(None, map(which, (os.environ.get("CC", "cc"), "gcc", "clang"))), None)


C_COMPILER = _c_compiler()
needs_c_compiler = pytest.mark.skipif(C_COMPILER is None, reason="this system has no C compiler: no cc, gcc or clang")
needs_vectors_on_the_stack = pytest.mark.skipif(
    sys.platform == "win32", reason="gcc for Windows does not align the stack for AVX, and such a program may stop"
)
needs_gnu_linker = pytest.mark.skipif(
    sys.platform != "linux", reason="the linker's option to refuse undefined names, -z defs, is that of Linux"
)
needs_long_double = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="this system's long double has no more digits than double"
)
