"""The computation graph of a pure function: traced, read, drawn."""

from xnet.errors import TraceError
from xnet.graph.ir import Graph, Node
from xnet.graph.trace import Spec, spec, trace

__all__ = ["Graph", "Node", "Spec", "TraceError", "spec", "trace"]
