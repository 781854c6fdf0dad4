"""Array libraries and their devices: find and choose them, move arrays, measure time and memory."""

from xnet.backends.backend import Backend, Memory, Scan
from xnet.backends.choose import Status, backend, backend_of, backends, set_backend, use
from xnet.backends.timer import Timer

# The library that every installation has, and in which users hold their data.
HOST = "numpy"

__all__ = [
    "HOST",
    "Backend",
    "Memory",
    "Scan",
    "Status",
    "Timer",
    "backend",
    "backend_of",
    "backends",
    "set_backend",
    "use",
]
