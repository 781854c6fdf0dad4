"""Functions that create stand-ins: nodes without inputs, evaluated on the device of the graph's arguments."""

from collections.abc import Callable
from math import ceil
from typing import Any

from xnet.errors import TraceError
from xnet.graph.dtypes import NUMBERS, check_scalar, is_number, named
from xnet.graph.tracing.checks import require, shape_of
from xnet.graph.tracing.elementwise import astype
from xnet.graph.tracing.manipulation import broadcast_arrays, broadcast_to, reshape
from xnet.graph.tracing.traced import Traced, as_node, record, refuse
from xnet.types import Shape


def _create(op: str, args: tuple[Any, ...], shape: Shape, dtype: Any, default: str, /, **options: Any) -> Traced:
    """Without a dtype the library that evaluates the node takes its own default."""
    asked = None if dtype is None else named(dtype)
    return record(op, (), shape, asked or default, args=args, dtype=asked, **options)


def _filled(op: str) -> Callable[..., Traced]:
    def f(shape: Any, *, dtype: Any = None, device: Any = None) -> Traced:
        sizes = shape_of(op, shape)
        return _create(op, (sizes,), sizes, dtype, "float64")

    return f


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Traced:
    sizes = shape_of("full", shape)
    if isinstance(fill_value, Traced):
        return broadcast_to(astype(fill_value, dtype or fill_value.dtype), sizes)
    if not is_number(fill_value):
        raise TraceError(f"trace: xp.full takes a number; got fill_value={fill_value!r}")
    if dtype is not None:
        check_scalar(fill_value, named(dtype))
    return _create("full", (sizes, fill_value), sizes, dtype, NUMBERS[type(fill_value)])


def _like(f: Callable[..., Traced]) -> Callable[..., Traced]:
    def of(x: Any, /, *value: Any, dtype: Any = None, **options: Any) -> Traced:
        return f(x.shape, *value, dtype=dtype or as_node(x).dtype, **options)

    return of


SHAPED = {"zeros": _filled("zeros"), "ones": _filled("ones"), "empty": _filled("zeros"), "full": full}
GENERATED = {**SHAPED, **{f"{name}_like": _like(f) for name, f in SHAPED.items()}}


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Traced:
    first, last = (0, start) if stop is None else (start, stop)
    kinds = {type(n) for n in (first, last, step)}
    if not kinds <= {int, float}:
        refuse(f"xp.arange({first!r}, {last!r}, {step!r}): the shape would depend on values", "sizes off a shape")
    require(step != 0, "xp.arange cannot go in steps of 0; got step=0")
    shape = (max(ceil((last - first) / step), 0),)
    return _create("arange", (first, last, step), shape, dtype, "float64" if float in kinds else "int64")


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Traced:
    if not is_number(start) or not is_number(stop):
        raise TraceError(f"trace: xp.linspace takes numbers; got start={start!r}, stop={stop!r}")
    default = "complex128" if complex in {type(start), type(stop)} else "float64"
    return _create("linspace", (start, stop, num), shape_of("linspace", num), dtype, default, endpoint=endpoint)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Traced:
    shape = shape_of("eye", (n_rows, n_rows if n_cols is None else n_cols))
    return _create("eye", shape, shape, dtype, "float64", k=k)


def asarray(x: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Traced:
    if is_number(x):
        return full((), x, dtype=dtype)
    if not hasattr(x, "shape"):
        refuse(f"xp.asarray of a {type(x).__name__} has no rule", "an argument, or xp.full, xp.stack and xp.arange")
    node = as_node(x)
    return x if isinstance(x, Traced) and dtype in {None, node.dtype} else astype(Traced(node), dtype or node.dtype)


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Traced, ...]:
    n, shapes = len(arrays), [x.shape for x in arrays]
    alike = {*map(len, shapes)} <= {1} and len({as_node(x).dtype for x in arrays}) <= 1
    require(alike, "xp.meshgrid takes vectors of one dtype; got shapes {}", shapes)
    axes = (1, 0, *range(2, n)) if indexing == "xy" and n > 1 else range(n)
    spread = (reshape(x, (1,) * i + (-1,) + (1,) * (n - 1 - i)) for i, x in zip(axes, arrays, strict=True))
    return broadcast_arrays(*spread)
