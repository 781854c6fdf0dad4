"""The standard's functions for stand-ins, put together from its chapters."""

from math import e, inf, nan, pi
from typing import Any

from xnet.graph import dtypes
from xnet.graph.tracing.manipulation import Creation
from xnet.graph.tracing.reductions import LinearAlgebra, Reductions
from xnet.graph.tracing.traced import Traced


class Namespace(Creation, Reductions):
    """`xp` for stand-ins."""

    __array_api_version__ = "2024.12"
    pi, e, inf, nan, newaxis = pi, e, inf, nan, None
    linalg = LinearAlgebra("xp.linalg")


xp: Any = Namespace("xp")
Traced.xp = xp
vars(xp).update({name: name for name in dtypes.ALL})
