"""A compiled function: a program for each kind of arguments, made at their first call.  No library is named here."""

import inspect
import threading
from collections.abc import Callable, Sequence
from math import inf
from operator import is_
from typing import TypeAlias

from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.backends import HOST, Backend, backend_of
from xnet.compile.arguments import Leaves, packer, unpacker
from xnet.compile.choice import later
from xnet.compile.donation import matched
from xnet.compile.planner import plan
from xnet.compile.rewrite import rewrite
from xnet.compile.shared import SharedMemory, is_shared
from xnet.compile.target import Run, Target, find_target
from xnet.errors import TraceError
from xnet.graph.graph import Graph
from xnet.graph.ir import Slot
from xnet.graph.tracing.trace import Traced, trace
from xnet.guards import one_device
from xnet.types import Array, Tree

Memory: TypeAlias = tuple[Run, tuple[Array, ...]]  # what runs in it; the donated arrays

REMEMBERED = 32  # programs of one function: the last used
SETS = 4  # of memory of one program: for calls at the same time, and for donated arrays that take turns


class Compiled:
    """Called like the function that it was made of; `how` says in words what ran last."""

    def __init__(
        self,
        f: Callable[..., Tree],
        donate: tuple[str | int, ...],
        backend: Backend | None,
        target: Target | None,
        calls: int | None = None,
    ) -> None:
        self.f, self.donate = f, tuple(_number(f, argument) for argument in donate)
        self.backend, self.target, self.calls = backend, target, calls
        self.how = "not called yet"
        self.programs: list[Program] = []  # the last used first
        self._elsewhere: dict[str, tuple[str, Callable[..., Tree]]] = {}
        self._untraceable: set[str] = set()  # the libraries on which f runs as written for that reason
        self._lock = threading.Lock()

    def __call__(self, *args: Tree) -> Tree:
        for program in self.programs:
            leaves = program.leaves(*args)
            if leaves is not None:
                if program is not self.programs[0]:
                    self._remember(program)
                program.calls_left -= 1
                if program.calls_left < 0:
                    return self._run(self._followed(program), args)
                self.how = program.how
                return program(leaves)
        return self._first_call(args)

    @property
    def source(self) -> str:
        """The program that ran last, as text."""
        if not self.programs:
            raise TraceError(
                f"compile: .source is for what a target wrote; got how={self.how!r}; call it on arrays of NumPy first"
            )
        return self.programs[0].source

    def _first_call(self, args: tuple[Tree, ...]) -> Tree:
        first = next(filter(is_array_api_obj, trees.leaves(args)), None)
        if first is None or any(isinstance(x, Traced) for x in trees.leaves(args)):
            return self.f(*args)
        library = backend_of(first)
        target = self._target_for(library, args)
        if target is None:
            self.how, f = self._on(library)
            return f(*args)
        try:
            graph = trace(self.f, *args)
        except TraceError as error:
            if library.name == HOST or self.target is not None:
                raise
            # A function of PyTorch's own methods is not one of the standard, and PyTorch runs it.
            self._untraceable.add(library.name)
            self._elsewhere[library.name] = f"as written, for it cannot be traced ({error})", self.f
            return self._first_call(args)
        arrays = filter(is_array_api_obj, trees.leaves(args))
        one_device("compile", **{graph.names[node]: x for node, x in zip(graph.inputs, arrays, strict=True)})
        given = [graph.in_tree[i] for i in self.donate if i < len(args)]
        donated = [slot.index for slot in trees.leaves(given) if isinstance(slot, Slot)]
        title = getattr(self.f, "__name__", type(self.f).__name__)
        program = Program(graph, donated, title, library, target, may_follow=self.target is None)
        if self.calls is not None:  # the number of calls was given for the arguments of the first call
            program = program.following() if program.calls_left <= self.calls else program
            self.calls = None
        self._remember(program)
        return self._run(program, args)

    def _run(self, program: "Program", args: tuple[Tree, ...]) -> Tree:
        self.how = program.how
        leaves = program.leaves(*args)
        assert leaves is not None  # of these arguments it was made
        return program(leaves)

    def _followed(self, program: "Program") -> "Program":
        """The program of the next target, in the place of this one."""
        found = program.following()
        with self._lock:
            self.programs = [found if other is program else other for other in self.programs]
        return found

    def _target_for(self, library: Backend, args: tuple[Tree, ...]) -> Target | None:
        """The target that was asked for, else the first that writes programs for the library's arrays."""
        asked = self.backend is not None and self.backend.name == library.name
        shares = bool(library.targets) and not asked and library.name not in self._untraceable
        usable = library.name == HOST or (shares and is_shared(library, args))
        if self.target is None:
            return find_target(library.targets[0]) if library.targets and usable else None
        if usable and self.target.name in library.targets:
            return self.target
        raise TraceError(
            f"compile: a target takes arrays of its own library; got target={self.target.name!r}, arrays on {library}; "
            f"leave target out"
        )

    def _remember(self, program: "Program") -> None:
        with self._lock:
            rest = [other for other in self.programs if other is not program]
            self.programs = [program, *rest][:REMEMBERED]

    def _on(self, library: Backend) -> tuple[str, Callable[..., Tree]]:
        if library.name not in self._elsewhere:
            asked = self.backend is not None and self.backend.name == library.name
            self._elsewhere[library.name] = library.compiled(self.f, self.donate, asked)
        return self._elsewhere[library.name]


class Program:
    """The code for arguments of one kind, with its memory: a set of it for each call at the same time."""

    def __init__(
        self, graph: Graph, given: Sequence[int], title: str, library: Backend, target: Target, may_follow: bool = False
    ) -> None:
        """`given` are the numbers of the donated arguments; another target of the library may follow where it may."""
        outputs, names = rewrite(graph, target)
        planned = plan(graph.inputs, outputs, matched(outputs, [graph.inputs[i] for i in given]), target)
        code = target.build(planned, names, title)
        arrays_of = target if library.name == HOST else SharedMemory(target, library)
        if isinstance(arrays_of, SharedMemory):
            code = arrays_of.code(code)
        self.copy_into = arrays_of.copy_into
        self.make, self.source, self.how = code.make, code.source, code.how
        donated = [i for i, x in enumerate(graph.inputs) if x in planned.donated.values()]
        self.leaves, self.pack = unpacker(graph, donated, arrays_of), packer(graph.out_tree)
        self.idle: list[Memory] = []  # sets of memory, of which a call takes one and puts it back
        found = later(target, planned, library.targets if may_follow else ())
        self.calls_left: float = found[1] if found else inf  # until the next target is worth its making
        self._made_of, self._next = (graph, given, title, library), found[0] if found else None

    def following(self) -> "Program":
        """The same program for the next target."""
        return self if self._next is None else Program(*self._made_of, find_target(self._next))

    def __call__(self, leaves: Leaves) -> Tree:
        others, donated = leaves
        memory = self._memory_for(donated)
        try:
            results = memory[0](*others)
        finally:
            self.idle.append(memory)
        return self.pack(results)

    def _memory_for(self, donated: tuple[Array, ...]) -> Memory:
        """The memory that holds the donated arrays, or new memory with copies: the caller may keep another result."""
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
        run, own = self.make()
        for out, x in zip(own, donated, strict=True):
            self.copy_into(out, x)
        return run, own


def _number(f: Callable[..., Tree], argument: str | int) -> int:
    names = list(inspect.signature(f).parameters)
    if isinstance(argument, str) and argument in names:
        return names.index(argument)
    if isinstance(argument, int) and not isinstance(argument, bool) and 0 <= argument < len(names):
        return argument
    raise TraceError(
        f"compile: donate must name arguments of the function; got {argument!r}; it has {', '.join(names)}"
    )
