"""Devices, streams, events and memory."""

from cupy.cuda import device, runtime, stream
from cupy.cuda.device import Device
from cupy.cuda.stream import Event, Graph, Stream, get_current_stream, get_elapsed_time

__all__ = [
    "Device", "Event", "Graph", "MemoryPool", "Stream", "device", "get_current_stream", "get_elapsed_time",
    "is_available", "runtime", "stream",
]  # fmt: skip


def is_available() -> bool:
    return True


class MemoryPool:
    """A pool that holds memory which no array uses: a gigabyte on each device."""

    def free_bytes(self) -> int:
        return 1 << 30

    def total_bytes(self) -> int:
        return runtime.TOTAL - runtime.FREE

    def used_bytes(self) -> int:
        return self.total_bytes() - self.free_bytes()
