"""Find a backend, choose it, explain why one is missing, move arrays, and time them."""

from xnet.backends.backend import Backend, Memory, Timer
from xnet.backends.choose import Status, backend, backends, of, set_backend, use

# The library that every installation has, where people hold their data.
HOST = "numpy"

__all__ = ["HOST", "Backend", "Memory", "Status", "Timer", "backend", "backends", "of", "set_backend", "use"]
