"""The stand-in for an array: it has a shape and a dtype but no values, and records the operations applied to it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from math import prod
from os import sep
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import array_api_compat
from array_api_compat import is_array_api_obj

from xnet.errors import TraceError
from xnet.graph.dtypes import DTYPES, expect, is_number, named, together
from xnet.graph.ir import Node, describe, source_line
from xnet.types import Namespace, Shape

PACKAGE = Path(__file__).parents[2]
# Files whose lines are not the user's.
PRIMITIVE = (f"{PACKAGE / 'kernels' / 'primitive.py'}", f"{PACKAGE / 'graph' / 'tracing' / 'kernel.py'}")
FOLDERS = (PACKAGE / "graph", PACKAGE / "operations", Path(array_api_compat.__file__).parent)
HERE = (*(f"{folder}{sep}" for folder in FOLDERS), *PRIMITIVE)


class NoRuleError(TraceError, AttributeError):
    """An AttributeError, so that hasattr(xp, name) is False; the text says why."""


class Traced:
    __slots__ = ("node",)
    xp: ClassVar[Namespace]  # the functions for stand-ins; namespace.py sets it
    __xnet_primitive__: ClassVar[Any]  # how kernels are recorded; namespace.py sets it
    device = "traced"
    shape = property(lambda self: self.node.shape)
    dtype = property(lambda self: DTYPES[self.node.dtype])
    ndim = property(lambda self: len(self.node.shape))
    size = property(lambda self: prod(self.node.shape))
    mT = property(lambda self: self.xp.matrix_transpose(self))  # noqa: N815  (the standard's name)
    T = property(lambda self: self.mT if self.ndim == 2 else refuse(f".T is for matrices: {self}", "xp.permute_dims"))

    def __init__(self, node: Node) -> None:
        self.node = node

    def __array_namespace__(self, *, api_version: str | None = None) -> Namespace:
        return self.xp

    def __repr__(self) -> str:
        return f"Traced({self.node.op}: {describe(self.node)})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        refuse(f"an array of the standard has no .{name}", f"xp.{name}(x, …), if there is one", NoRuleError)

    def to_device(self, device: Any, /, *, stream: Any = None) -> "Traced":
        return self

    def astype(self, dtype: Any, *, copy: bool = True) -> "Traced":
        return self.xp.astype(self, dtype)  # type: ignore[no-any-return]

    def __len__(self) -> int:
        if not self.shape:
            raise TraceError("trace: an array without axes has no length; got shape=()")
        return self.shape[0]  # type: ignore[no-any-return]

    def __iter__(self) -> "Iterator[Traced]":
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> "Traced":
        return self.xp.index(self, key)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        refuse("assignment into an array would change what was written down", "xp.where, or xp.concat of the parts")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> "Traced":
        """`array + traced` comes here, and so does a library's ufunc that the standard has too."""
        if method != "__call__" or options:
            refuse(f"{ufunc.__name__}.{method} with {', '.join(options) or 'no options'} has no rule", OWN)
        return getattr(self.xp, ufunc.__name__)(*inputs)  # type: ignore[no-any-return]

    def __array_function__(self, f: Any, types: Any, args: Any, options: Any) -> Any:
        return getattr(self.xp.linalg if "linalg" in f.__module__ else self.xp, f.__name__)(*args, **options)


# fmt: off
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}
NOT_REFLECTED = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert",
}
# fmt: on
ITSELF, OWN = "the array itself", "xp = array_namespace(x) and its functions"
NEED_A_VALUE = {
    "__bool__": ("if, and, or, not: the truth of an array", "xp.where, or & | ~"),
    "__index__": ("an array as an index or a size", "xp.take, or a shape"),
    "__int__": ("int()", f"{ITSELF}, or a shape"),
    **{f"__{name}__": (f"{name}()", ITSELF) for name in ("float", "complex")},
    **{name: (f".{name}()", ITSELF) for name in ("item", "tolist")},
    **dict.fromkeys(("__array__", "__dlpack__"), ("an array of another library", OWN)),
}


def _operator(op: str, reflected: bool = False) -> Callable[..., Any]:
    def method(self: Traced, *other: Any) -> Any:
        if other and not (isinstance(other[0], Traced | bool | int | float | complex) or is_array_api_obj(other[0])):
            return NotImplemented
        return getattr(self.xp, op)(*((*other, self) if reflected else (self, *other)))

    return method


def _refusal(what: str, instead: str) -> Callable[..., NoReturn]:
    return lambda *_, **__: refuse(f"{what} needs a value, and a traced array has only a shape and a dtype", instead)


for _name, _op in {**OPERATORS, **NOT_REFLECTED}.items():
    setattr(Traced, f"__{_name}__", _operator(_op))
for _name, _op in OPERATORS.items():
    setattr(Traced, f"__r{_name}__", _operator(_op, reflected=True))
for _name, _why in NEED_A_VALUE.items():
    setattr(Traced, _name, _refusal(*_why))


def as_node(x: Any) -> Node:
    """A stand-in's node; an array that the function closes over becomes a constant."""
    if isinstance(x, Traced):
        return x.node
    if not is_array_api_obj(x):
        refuse(f"a {type(x).__name__} is no array: {x!r}", "an array, or Python's numbers beside one")
    return Node("constant", (), {"value": x}, tuple(map(int, x.shape)), named(x.dtype), *user_line())


def operands(op: str, kind: Any, *xs: Any) -> tuple[list[Node], str]:
    """The nodes of arrays and of Python numbers beside them, and their common dtype."""
    nodes = [x if is_number(x) else as_node(x) for x in xs]
    dtype = together(op, *(x.dtype if isinstance(x, Node) else x for x in nodes))
    expect(op, dtype, kind)
    return [x if isinstance(x, Node) else Node("scalar", (), {"value": x}, (), dtype) for x in nodes], dtype


def record(op: str, inputs: Sequence[Node], shape: Shape, dtype: str, /, **attrs: Any) -> Traced:
    return Traced(Node(op, tuple(inputs), attrs, shape, dtype, *user_line()))


def user_line() -> tuple[tuple[str, int], int, tuple[str, int]]:
    """The nearest line outside of this package, the instruction in it, and the line that called its function."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    back = frame.f_back
    while back is not None and back.f_code.co_filename.startswith(PRIMITIVE):
        back = back.f_back
    caller = (back.f_code.co_filename, back.f_lineno) if back is not None else ("", 0)
    return (frame.f_code.co_filename, frame.f_lineno), frame.f_lasti, caller


def refuse(what: str, instead: str, error: type[TraceError] = TraceError) -> NoReturn:
    line, *_ = user_line()
    raise error(f"trace: {what}; got it at {source_line(line)}; use {instead}")
