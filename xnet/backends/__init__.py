"""Find a backend, choose it, explain why one is missing, move arrays, and time them."""

from xnet.backends.backend import Backend, Memory, Scan, Timer
from xnet.backends.choose import Status, backend, backend_of, backends, set_backend, use

# The library that every installation has, where people hold their data.
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
