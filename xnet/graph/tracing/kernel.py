"""Record a kernel as one node beside the operations that it is made of."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from array_api_compat import is_array_api_obj

from xnet import trees
from xnet.errors import TraceError
from xnet.graph.ir import Node, Slot, describe
from xnet.graph.tracing.traced import Traced, as_node


def record_kernel(f: Callable[..., Any], backward: Callable[..., Any] | None, args: Any, hyper: dict[str, Any]) -> Any:
    """(Y, cache) of f on stand-ins, where Y is a node "kernel" whose value is its first input.

    The inputs of the node are Y as the operations of f compute it, then the arrays among the arguments of f, then those
    in the cache.  Of its attributes, `cache` is the cache with slots for inputs; Slot(0) is the kernel node itself.
    """
    if backward is None:
        name = f"{f.__name__}_backward"
        raise TraceError(
            f"primitive: the backward of {f.__name__} must be in the same module, outside of any function; "
            f"got no {name} in {f.__module__}; def {name}(dY, cache): return dX, …"
        )
    result = f(*args, **hyper)
    if not isinstance(result, tuple) or len(result) != 2:
        raise TraceError(
            f"primitive: {f.__name__} must return (Y, cache); got {describe(result)}; return Y, (X, W) with what "
            f"{f.__name__}_backward(dY, cache) needs"
        )
    Y, cache = result
    if not isinstance(Y, Traced):
        return Y, cache
    y, bound = Y.node, signature(f).bind(*args, **hyper)
    inputs = [y, *(as_node(x) for x in (*bound.args, *bound.kwargs.values()) if is_array_api_obj(x))]
    attrs: dict[str, Any] = {"name": f.__name__, "backward": backward, "arguments": len(inputs) - 1}

    def slot(x: Any) -> Any:
        if not is_array_api_obj(x):
            return x
        inputs.append(as_node(x))
        return Slot(0 if inputs[-1] is y else len(inputs) - 1)

    attrs["cache"] = trees.map(slot, cache)
    kernel = Node("kernel", tuple(inputs), attrs, y.shape, y.dtype, y.line, y.place, y.caller)
    return Traced(kernel), cache_of(kernel)


def cache_of(kernel: Node) -> Any:
    """The cache that the backward of a kernel node takes."""
    values = (kernel, *kernel.inputs[1:])
    return trees.map(lambda x: Traced(values[x.index]) if isinstance(x, Slot) else x, kernel.attrs["cache"])
