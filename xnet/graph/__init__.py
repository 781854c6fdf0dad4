"""The computation graph of a pure function: traced, read, drawn, differentiated."""

from xnet.errors import TraceError
from xnet.graph.derive.check import check_gradients
from xnet.graph.derive.gradients import grad, value_and_grad
from xnet.graph.graph import Graph
from xnet.graph.ir import Node
from xnet.graph.tracing.trace import Spec, spec, trace

__all__ = [
    "Graph",
    "Node",
    "Spec",
    "TraceError",
    "check_gradients",
    "grad",
    "spec",
    "trace",
    "value_and_grad",
]
