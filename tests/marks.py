"""Marks of the tests that need what not every system has, with the reason why they are skipped elsewhere."""

from contextlib import suppress
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import pytest


def _makes_links() -> bool:
    with TemporaryDirectory() as folder, suppress(OSError):
        Path(folder, "link").symlink_to("target")
        return True
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
