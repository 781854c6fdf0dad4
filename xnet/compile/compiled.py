"""A compiled function: for each kind of arguments a program, made when they first come."""

import inspect
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from operator import is_
from typing import TypeAlias

import numpy as np
from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.backends import HOST, Backend, backend_of
from xnet.backends import backend as find_backend
from xnet.compile.arguments import Leaves, packer, unpacker
from xnet.compile.numpy import Program
from xnet.errors import TraceError
from xnet.graph.ir import Slot
from xnet.graph.tracing.trace import Traced, trace
from xnet.guards import one_device
from xnet.types import Array, Tree

Memory: TypeAlias = tuple[Callable[..., list[Array]], tuple[Array, ...]]  # what runs in it; the donated arrays

REMEMBERED = 32  # programs of one function: the last used
SETS = 4  # of memory of one program: for calls at the same time, and for donated arrays that take turns


class Compiled:
    """Called like the function that it was made of; `how` says in words what ran last."""

    def __init__(self, f: Callable[..., Tree], donate: tuple[str | int, ...], backend: str | Backend | None) -> None:
        self.f, self.donate = f, tuple(_number(f, argument) for argument in donate)
        self.backend = None if backend is None else find_backend(backend)
        self.how = "not called yet"
        self.programs: list[OnNumpy] = []  # the last used first
        self._elsewhere: dict[str, tuple[str, Callable[..., Tree]]] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: Tree) -> Tree:
        for program in self.programs:
            leaves = program.leaves(*args)
            if leaves is not None:
                if program is not self.programs[0]:
                    self._remember(program)
                self.how = program.how
                return program(leaves)
        return self._first_call(args)

    @property
    def source(self) -> str:
        """The program that ran last, as text."""
        if not self.programs:
            raise TraceError(
                f"compile: .source is for what ran on NumPy; got how={self.how!r}; call it on arrays of NumPy first"
            )
        return self.programs[0].source

    def _first_call(self, args: tuple[Tree, ...]) -> Tree:
        first = next(filter(is_array_api_obj, trees.leaves(args)), None)
        if first is None or any(isinstance(x, Traced) for x in trees.leaves(args)):
            return self.f(*args)
        library = backend_of(first)
        if library.name != HOST:
            self.how, f = self._on(library)
            return f(*args)
        program = OnNumpy(self.f, args, self.donate)
        self._remember(program)
        self.how = program.how
        leaves = program.leaves(*args)
        assert leaves is not None  # of these arguments it was made
        return program(leaves)

    def _remember(self, program: "OnNumpy") -> None:
        with self._lock:
            rest = [other for other in self.programs if other is not program]
            self.programs = [program, *rest][:REMEMBERED]

    def _on(self, library: Backend) -> tuple[str, Callable[..., Tree]]:
        if library.name not in self._elsewhere:
            asked = self.backend is not None and self.backend.name == library.name
            self._elsewhere[library.name] = library.compiled(self.f, self.donate, asked)
        return self._elsewhere[library.name]


class OnNumpy:
    """A program with its memory, more than one set of it when calls need it at the same time."""

    def __init__(self, f: Callable[..., Tree], args: tuple[Tree, ...], donate: tuple[int, ...]) -> None:
        graph = trace(f, *args)
        arrays = filter(is_array_api_obj, trees.leaves(args))
        one_device("compile", **{graph.names[node]: x for node, x in zip(graph.inputs, arrays, strict=True)})
        given = [graph.in_tree[i] for i in donate if i < len(args)]
        slots = [slot for slot in trees.leaves(given) if isinstance(slot, Slot)]
        name = getattr(f, "__name__", type(f).__name__)
        program = Program(graph, [graph.inputs[slot.index] for slot in slots], name)
        self.make, self.source, self.how = program.make, program.source, program.how
        self.leaves, self.pack = unpacker(graph, program.homes), packer(graph.out_tree)
        self.idle: list[Memory] = []  # sets of memory, of which a call takes one and puts it back

    def __call__(self, leaves: Leaves) -> Tree:
        others, donated = leaves
        memory = self._taken(donated)
        try:
            run, homes = memory
            if homes:  # which will be written over
                home = homes[0].base
                others = tuple([x.copy() if _lies_in(x, home) else x for x in others])
            results = run(*others)
        finally:
            self.idle.append(memory)
        return self.pack(results)

    def _taken(self, donated: tuple[Array, ...]) -> Memory:
        """Memory in which the donated arrays live already, else new memory, with copies: old may be somebody's."""
        others: list[Memory] = []
        while self.idle:
            try:
                memory = self.idle.pop()
            except IndexError:  # another thread was faster
                break
            if all(map(is_, memory[1], donated)):
                self.idle += others
                return memory
            others.append(memory)
        self.idle += others[: SETS - 1]
        run, homes = self.make()
        for home, x in zip(homes, donated, strict=True):
            np.copyto(home, x)
        quiet = copy_context()  # which costs less to enter than `np.errstate`
        quiet.run(partial(np.seterr, all="ignore"))
        return partial(quiet.run, run), homes


def _lies_in(x: Array, home: Array) -> bool:
    """Whether x may look at this memory.  To ask NumPy takes longer than to see that x, or its base, has its own."""
    base = x.base
    return base is home or (getattr(base, "base", base) is not None and np.may_share_memory(x, home))


def _number(f: Callable[..., Tree], argument: str | int) -> int:
    names = list(inspect.signature(f).parameters)
    if isinstance(argument, str) and argument in names:
        return names.index(argument)
    if isinstance(argument, int) and not isinstance(argument, bool) and 0 <= argument < len(names):
        return argument
    raise TraceError(
        f"compile: donate must name arguments of the function; got {argument!r}; it has {', '.join(names)}"
    )
