"""The few functions of the CUDA runtime that are asked for directly."""

from cupy.cuda.device import DEVICES, get_device_id

TOTAL, FREE = 80 << 30, 60 << 30


class CUDARuntimeError(RuntimeError):
    """A call that CUDA refuses."""


def getDeviceCount() -> int:
    return DEVICES


def getDevice() -> int:
    return get_device_id()


def memGetInfo() -> tuple[int, int]:
    return FREE, TOTAL
