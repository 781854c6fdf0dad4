"""The namespace of stand-ins, assembled from the modules of their functions."""

from inspect import isfunction
from math import e, inf, nan, pi
from types import ModuleType
from typing import Any

from xnet.graph import dtypes
from xnet.graph.tracing import checks, creation, elementwise, indexing, linalg, manipulation, operations, reductions
from xnet.graph.tracing.kernel import record_kernel
from xnet.graph.tracing.scan import scan
from xnet.graph.tracing.traced import NoRuleError, Traced, refuse

INSTEAD = {
    "erf": "xnet.kernels.erf",
    "nonzero": "xp.where, since the shape of the result would depend on values",
    "from_dlpack": "an argument of the function",
}
INSTEAD |= dict.fromkeys(("unique_all", "unique_counts", "unique_inverse", "unique_values"), INSTEAD["nonzero"])
# A library's own names of the standard's functions: such a function of a library may be called on a stand-in.
ALIASES = {
    "absolute": "abs", "arccos": "acos", "arcsin": "asin", "arctan": "atan", "arctan2": "atan2", "arccosh": "acosh",
    "arcsinh": "asinh", "arctanh": "atanh", "power": "pow", "true_divide": "divide", "conjugate": "conj",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
    "concatenate": "concat", "transpose": "permute_dims", "cumsum": "cumulative_sum", "cumprod": "cumulative_prod",
}  # fmt: skip


class Namespace:
    """An object like a module, whose attributes are functions for stand-ins."""

    def __init__(self, name: str, **members: Any) -> None:
        self.__name__ = name
        vars(self).update(members)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in ALIASES:
            instead = INSTEAD.get(name, "the standard's functions that have one")
            refuse(f"{self.__name__}.{name} has no rule", instead, NoRuleError)
        return getattr(self, ALIASES[name])


def functions(module: ModuleType) -> dict[str, Any]:
    """The public functions that the module defines, by their names."""
    defined = {name: f for name, f in vars(module).items() if isfunction(f) and f.__module__ == module.__name__}
    return {name: f for name, f in defined.items() if not name.startswith("_")} | getattr(module, "GENERATED", {})


def _namespace() -> Namespace:
    products = functions(linalg)
    main = {name: products[name] for name in ("matmul", "matrix_transpose", "tensordot", "vecdot")}
    for module in (elementwise, reductions, manipulation, indexing, creation):
        main |= functions(module)
    constants = {"pi": pi, "e": e, "inf": inf, "nan": nan, "newaxis": None, "__array_api_version__": "2024.12"}
    return Namespace(
        "xp",
        **constants,
        **dtypes.DTYPES,
        **main,
        broadcast_shapes=checks.broadcast_shapes,
        linalg=Namespace("xp.linalg", **products),
        operations=Namespace("xnet.operations", **functions(operations), scan=scan),
    )


xp: Any = _namespace()
Traced.xp, Traced.__xnet_primitive__ = xp, staticmethod(record_kernel)
