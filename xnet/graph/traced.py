"""The stand-in for an array: it has a shape and a dtype, no values, and writes down what is done to it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from linecache import getline
from math import prod
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import array_api_compat
from array_api_compat import is_array_api_obj

from xnet.errors import TraceError
from xnet.graph.ir import Node, dtype_of
from xnet.types import Namespace, Shape

HERE = (str(Path(__file__).parent / "_")[:-1], str(Path(array_api_compat.__file__).parent / "_")[:-1])


class Traced:
    __slots__ = ("node",)
    xp: ClassVar[Namespace]  # the standard's functions for stand-ins; namespace.py puts itself here

    def __init__(self, node: Node) -> None:
        self.node = node

    def __array_namespace__(self, *, api_version: str | None = None) -> Namespace:
        return self.xp

    @property
    def shape(self) -> Shape:
        return self.node.shape

    @property
    def dtype(self) -> str:
        return self.node.dtype

    @property
    def ndim(self) -> int:
        return len(self.node.shape)

    @property
    def size(self) -> int:
        return prod(self.node.shape)

    @property
    def device(self) -> str:
        return "traced"

    def to_device(self, device: Any, /, *, stream: Any = None) -> "Traced":
        return self

    @property
    def mT(self) -> "Traced":
        return self.xp.matrix_transpose(self)  # type: ignore[no-any-return]

    @property
    def T(self) -> "Traced":
        if self.ndim != 2:
            raise TraceError(f"trace: .T is for matrices; got shape={self.shape}; xp.permute_dims says which axes")
        return self.mT

    def astype(self, dtype: str) -> "Traced":
        return self.xp.astype(self, dtype)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Traced({self.node.op}: {self.dtype}{list(self.shape)})"

    def __len__(self) -> int:
        if not self.shape:
            raise TraceError("trace: an array without axes has no length; got shape=()")
        return self.shape[0]

    def __iter__(self) -> "Iterator[Traced]":
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> "Traced":
        return self.xp.index(self, key)  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> "Traced":
        """`array + traced` comes here; so does a ufunc called by its library's name, when the standard has it."""
        if method != "__call__" or options:
            refuse(f"{ufunc.__name__}.{method} with {', '.join(options) or 'no options'} has no rule", OWN)
        return getattr(self.xp, ufunc.__name__)(*inputs)  # type: ignore[no-any-return]

    def __array_function__(self, f: Any, types: Any, args: Any, options: Any) -> Any:
        return getattr(self.xp, f.__name__)(*args, **options)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        refuse(f"an array of another library {NO_VALUE}", OWN)

    def __dlpack__(self, **_: Any) -> NoReturn:
        refuse(f"an array of another library {NO_VALUE}", OWN)

    def __bool__(self) -> NoReturn:  # noqa: PLE0304  (it always raises)
        refuse(f"if, and, or, not: the truth of an array {NO_VALUE}", "xp.where, or & | ~")

    def __float__(self) -> NoReturn:
        refuse(f"float() {NO_VALUE}", "the array itself")

    def __int__(self) -> NoReturn:
        refuse(f"int() {NO_VALUE}", "the array itself, or a shape")

    def __complex__(self) -> NoReturn:
        refuse(f"complex() {NO_VALUE}", "the array itself")

    def __index__(self) -> NoReturn:  # noqa: PLE0305  (it always raises)
        refuse(f"an array as an index or a size {NO_VALUE}", "xp.take, or a shape")

    def item(self) -> NoReturn:
        refuse(f".item() {NO_VALUE}", "the array itself")

    def tolist(self) -> NoReturn:
        refuse(f".tolist() {NO_VALUE}", "the array itself")

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        refuse("assignment into an array would change what was written down", "xp.where, or xp.concat of the parts")


NO_VALUE = "needs a value, and a traced array has only a shape and a dtype"
OWN = "xp = array_namespace(x) and its functions"

OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
COMPARISONS = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
SIGNS = {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert"}


def _operator(op: str, turned: bool = False) -> Callable[..., Any]:
    def method(self: Traced, *other: Any) -> Any:
        if other and not (isinstance(other[0], Traced | bool | int | float | complex) or is_array_api_obj(other[0])):
            return NotImplemented
        return getattr(self.xp, op)(*((*other, self) if turned else (self, *other)))

    return method


for _name, _op in {**OPERATORS, **COMPARISONS, **SIGNS}.items():
    setattr(Traced, f"__{_name}__", _operator(_op))
for _name, _op in OPERATORS.items():
    setattr(Traced, f"__r{_name}__", _operator(_op, turned=True))
Traced.__hash__ = object.__hash__  # type: ignore[method-assign]


def as_node(x: Any) -> Node:
    """A stand-in's node; an array that the function closes over is a constant."""
    if isinstance(x, Traced):
        return x.node
    if not is_array_api_obj(x):
        refuse(f"a {type(x).__name__} is no array: {x!r}", "an array, or Python's numbers beside one")
    return Node("constant", (), {"value": x}, tuple(map(int, x.shape)), dtype_of(x), *source_line())


def write(op: str, inputs: Sequence[Node], shape: Shape, dtype: str, /, **attrs: Any) -> Traced:
    return Traced(Node(op, tuple(inputs), attrs, shape, dtype, *source_line()))


def source_line() -> tuple[tuple[str, int], int, tuple[str, int]]:
    """The nearest line that is not of this folder, the instruction in it, and the line that called its function."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    back = frame.f_back
    caller = (back.f_code.co_filename, back.f_lineno) if back is not None else ("", 0)
    return (frame.f_code.co_filename, frame.f_lineno), frame.f_lasti, caller


def refuse(what: str, instead: str, error: type[TraceError] = TraceError) -> NoReturn:
    (file, number), *_ = source_line()
    text = getline(file, number).strip()
    raise error(f"trace: {what}; got it at {Path(file).name}:{number}{text and f': {text}'}; use {instead}")
