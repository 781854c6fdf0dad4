"""The two devices.  Each thread has its own current device, as in CUDA, and begins on device 0."""

import threading
from typing import Self

from cupy._counts import count

DEVICES = 2


class _Current(threading.local):
    """The current device is the last of the list; `with Device(1)` adds one for its block."""

    def __init__(self) -> None:
        self.ids = [0]


_current = _Current()


def get_device_id() -> int:
    return _current.ids[-1]


class Device:
    def __init__(self, device: "int | Device | None" = None) -> None:
        self.id = get_device_id() if device is None else int(device)

    def __enter__(self) -> Self:
        _current.ids.append(self.id)
        return self

    def __exit__(self, *exception: object) -> None:
        _current.ids.pop()

    def use(self) -> Self:
        _current.ids[-1] = self.id
        return self

    def synchronize(self) -> None:
        from cupy.cuda.stream import get_current_stream

        get_current_stream(self.id).synchronize()

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


def check_current(device_id: int) -> None:
    """CuPy's own check before each launch, between devices that cannot read each other's memory."""
    if device_id != get_device_id():
        raise ValueError(
            f"The device where the array resides ({device_id}) is different from the current device "
            f"({get_device_id()}). Peer access is unavailable between these devices."
        )


def count_copy(from_id: int) -> None:
    count("between devices" if from_id != get_device_id() else "kernel")
