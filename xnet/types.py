"""The words the signatures use.  An array is whatever a library calls one: the standard has no class."""

from typing import Any, TypeAlias

Array: TypeAlias = Any
Namespace: TypeAlias = Any
Tree: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]
