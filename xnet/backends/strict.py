"""array-api-strict: the Array API standard alone, with simulated devices, to find mistakes on a CPU."""

import sys
from typing import Any

from xnet.backends import host
from xnet.backends.backend import Backend, Memory, no_copy
from xnet.types import Array, Namespace


class Strict(Backend):
    name = "strict"
    package = "array_api_strict"
    title = "array-api-strict"

    @classmethod
    def devices(cls) -> list[str]:
        return [cls._name(device) for device in cls.namespace().__array_namespace_info__().devices()]

    @staticmethod
    def _name(device: Any) -> str:
        """`Device('CPU_DEVICE')` is `cpu`, `Device('device1')` is `device1`."""
        name = str(device).split("'")[1]
        return "cpu" if name == "CPU_DEVICE" else name

    @classmethod
    def device_name(cls, device: str) -> str:
        return "cpu" if device == "CPU_DEVICE" else device

    @classmethod
    def namespace(cls) -> Namespace:
        import array_api_strict

        return array_api_strict

    @classmethod
    def owns(cls, x: object) -> bool:
        library = sys.modules.get("array_api_strict")
        return library is not None and isinstance(x, type(library.empty(0)))

    @classmethod
    def device_of(cls, x: Array) -> str:
        return cls._name(x.device)

    def native(self, device: str) -> Any:
        return self.xp.Device("CPU_DEVICE" if device == "cpu" else device)

    def has(self, dtype: str) -> bool:
        known = self.xp.__array_namespace_info__().dtypes(device=self.native_device)
        return dtype in known

    def synchronize(self) -> None:
        """It computes with NumPy, which has finished when it returns."""

    def memory(self) -> Memory:
        from xnet.backends.machine import memory_total, memory_used

        return Memory(memory_used(), memory_total())

    def to_host(self, x: Array) -> host.HostArray:
        return host.from_array(x.to_device(self.xp.Device("CPU_DEVICE")))

    def from_host(self, x: host.HostArray, copy: bool | None) -> Array:
        if copy is False and self.device != "cpu":
            raise no_copy(f"a NumPy array into {self}")
        return self.xp.asarray(x.copy() if copy else x, device=self.native_device)

    def move(self, x: Array, dtype: str | None, copy: bool | None) -> Array:
        name = host.dtype_name(x)
        if self.device_of(x) != self.device:
            if copy is False:
                raise no_copy(f"an array on {self.device_of(x)} into {self}")
            values = self.to_host(x)
            return self.from_host(host.cast(values, dtype) if dtype else self._narrowed(values), copy=True)
        if dtype not in (None, name):
            if copy is False:
                raise no_copy(f"dtype={name} to {dtype}")
            return self.xp.astype(x, getattr(self.xp, dtype))
        return self.xp.asarray(x, copy=True) if copy else x
