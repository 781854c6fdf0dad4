"""A program's memory and its calls."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from xnet.compile.c.place import Place
from xnet.compile.numpy.runtime import memory
from xnet.compile.plan import itemsize
from xnet.types import Array

SMALL = 1 << 14  # bytes
Value: TypeAlias = Callable[..., Array]


@dataclass(frozen=True)
class InC:
    """A function of the library: it is given the table of addresses, and returns 0 or the number of what failed."""

    name: str


@dataclass(frozen=True)
class InPython:
    """A call of NumPy between the parts in C, whose result is a memory of its own."""

    call: Value
    reads: tuple[Place, ...]
    result: str
    dtype: str


@dataclass(frozen=True)
class Index:
    """What may be out of range, and what raises NumPy's error for it."""

    indices: Place
    fail: Callable[[Array], object]


@dataclass(frozen=True)
class Result:
    """An output: the array of a memory itself, or a view of it, which may be copied."""

    place: Place
    whole: bool  # the array of the memory as it is
    copy: bool


@dataclass(frozen=True)
class Layout:
    """The table of addresses: `memories` are names in its order."""

    memories: tuple[str, ...]
    sizes: Mapping[str, int]  # bytes of the memories that a program keeps
    constants: Mapping[str, Array]
    functions: Mapping[str, int]  # addresses of the BLAS
    arguments: tuple[Place, ...]
    new: tuple[Place, ...]  # results that belong to the caller
    donated: tuple[Place, ...]


def array(place: Place, whole: Array) -> Array:
    size = itemsize(place.dtype)
    return np.ndarray(place.shape, place.dtype, whole, place.offset, [s * size for s in place.strides])


def address(x: Array) -> int:
    found: int = x.ctypes.data
    return found


def readable(x: Array) -> Array:
    """x as C can read it: contiguous, at an address that its type allows."""
    flags = x.flags
    return x if flags.c_contiguous and flags.aligned and type(x) is np.ndarray else np.array(x, order="C")


def is_small(place: Place) -> bool:
    """Whether an array is copied sooner than NumPy tells its address."""
    return place.size * itemsize(place.dtype) <= SMALL


def make(
    layout: Layout, parts: Sequence[InC | InPython], results: Sequence[Result], checks: Sequence[Index], library: Any
) -> tuple[Callable[..., list[Array]], tuple[Array, ...]]:
    """run(*arrays) -> results, in memory of its own; and the donated arrays in it."""
    slot = {name: i for i, name in enumerate(layout.memories)}
    table = (ctypes.c_void_p * max(len(slot), 1))()
    kept: list[Any] = [None] * len(slot)

    def put(name: str, x: Array) -> Array:
        kept[slot[name]] = x
        table[slot[name]] = address(x)
        return x

    for name, size in layout.sizes.items():
        put(name, memory(size))
    for name, x in layout.constants.items():
        put(name, x)
    for name, function in layout.functions.items():
        table[slot[name]] = function
    given = {place.memory: i for i, place in enumerate(layout.arguments)}
    buffers = {x.memory: put(x.memory, array(x, memory(x.size * itemsize(x.dtype))))
               for x in (*layout.arguments, *layout.new) if is_small(x)}  # fmt: skip
    copied = [(buffers[x.memory], i) for i, x in enumerate(layout.arguments) if x.memory in buffers]
    passed = [(slot[x.memory], i) for i, x in enumerate(layout.arguments) if x.memory not in buffers]
    new = [(slot[x.memory], x.shape, np.dtype(x.dtype)) for x in layout.new if x.memory not in buffers]
    calls = [_call(part, library, slot) for part in parts]
    where = ctypes.addressof(table)
    donated = {place: array(place, kept[slot[place.memory]]) for place in layout.donated}
    outputs = [_output(result, slot, given, buffers, donated) for result in results]

    def run(*arguments: Array) -> list[Array]:
        arrays = kept.copy()
        for buffer, i in copied:
            buffer[...] = arguments[i]
        for k, i in passed:
            arrays[k] = x = readable(arguments[i])
            table[k] = address(x)
        for k, shape, dtype in new:
            arrays[k] = x = np.empty(shape, dtype)
            table[k] = address(x)
        for call, part, k in calls:
            if part is None:
                failed = call(where)
                if failed:
                    check = checks[failed - 1]
                    check.fail(array(check.indices, arrays[slot[check.indices.memory]]))
            else:
                values = [array(x, arrays[slot[x.memory]]) for x in part.reads]
                arrays[k] = x = np.array(call(*values), dtype=part.dtype, order="C")
                table[k] = address(x)
        return [output(arguments, arrays) for output in outputs]

    keep = table, library  # as long as the function lives
    run.keep = keep  # type: ignore[attr-defined]
    return run, tuple(donated.values())


def _call(part: InC | InPython, library: Any, slot: Mapping[str, int]) -> tuple[Any, InPython | None, int]:
    if isinstance(part, InPython):
        return part.call, part, slot[part.result]
    function = library[part.name]
    function.restype, function.argtypes = ctypes.c_longlong, [ctypes.c_void_p]
    return function, None, 0


def _output(
    result: Result, slot: Mapping[str, int], given: Mapping[str, int], buffers: Mapping[str, Array],
    donated: Mapping[Place, Array],
) -> Callable[[Sequence[Array], Sequence[Array]], Array]:  # fmt: skip
    """What finds an output among the arguments and the arrays of a call."""
    place = result.place
    i = slot[place.memory]
    if place in donated:
        own = donated[place]
        return lambda arguments, arrays: own
    if result.whole and place.memory in given:
        k = given[place.memory]
        return lambda arguments, arrays: arguments[k]
    if result.whole and place.memory in buffers:
        return lambda arguments, arrays: arrays[i].copy()
    if result.whole:
        return lambda arguments, arrays: arrays[i].copy() if result.copy else arrays[i]
    copies = result.copy or place.memory in buffers
    return lambda arguments, arrays: array(place, arrays[i]).copy() if copies else array(place, arrays[i])
