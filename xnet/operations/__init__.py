"""Operations on many numbers that the Array API lacks: pure functions on arrays of any library.

While a function is traced, each of them becomes one operation of its graph.
"""

from xnet.operations.patches import fold, patches
from xnet.operations.scan import scan
from xnet.operations.scatter import scatter_add, scatter_add_along_axis

__all__ = ["fold", "patches", "scan", "scatter_add", "scatter_add_along_axis"]
