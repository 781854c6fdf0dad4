"""What a program asks of the device, counted."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# The words that are counted: a kernel or a cuBLAS product is launched; the host waits for the device, or for an event;
# an array is copied to the device, to the host, or from device to device; a call is made that a capture forbids.
KINDS = (
    "kernel", "product", "synchronize", "event wait", "to device", "to host", "between devices", "capture violation",
)  # fmt: skip

_counters: list[Counter[str]] = []


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """The counter of everything that happens in the block; blocks nest."""
    counter: Counter[str] = Counter()
    _counters.append(counter)
    try:
        yield counter
    finally:
        _counters.remove(counter)


def count(kind: str, times: int = 1) -> None:
    if kind not in KINDS:
        raise ValueError(f"count: the kind must be one of {', '.join(KINDS)}; got {kind!r}")
    for counter in _counters:
        counter[kind] += times
