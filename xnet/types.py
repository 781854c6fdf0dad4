"""The types in the signatures.  Array is Any, because the standard defines no class of arrays."""

from typing import Any, TypeAlias

Array: TypeAlias = Any
Namespace: TypeAlias = Any
Tree: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]
