"""Record a kernel as one operation of a computation graph, with its backward as the derivative."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def primitive(f: Callable[P, R]) -> Callable[P, R]:
    """f(X, …) -> (Y, cache), differentiated by f_backward(dY, cache), which is defined in the same module.

    On arrays f runs as it is.  Where one of its arguments is a stand-in for an array, the class of the stand-in says
    by `__xnet_primitive__` how to record f.
    """
    module, name = f.__globals__, f"{f.__name__}_backward"

    @wraps(f)
    def kernel(*args: P.args, **hyper: P.kwargs) -> R:
        for x in args if not hyper else (*args, *hyper.values()):
            record = getattr(type(x), "__xnet_primitive__", None)
            if record is not None:
                return record(f, module.get(name), args, hyper)  # type: ignore[no-any-return]
        return f(*args, **hyper)

    return kernel
