"""The compiler: a pure function, as fast as one written by hand with memory made once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from xnet.backends import Backend
from xnet.backends import backend as find_backend
from xnet.types import Tree

if TYPE_CHECKING:
    from xnet.compile.compiled import Compiled
    from xnet.compile.target import Target


def compile(
    f: Callable[..., Tree],
    *,
    donate: str | int | Sequence[str | int] = (),
    backend: str | Backend | None = None,
    target: "str | Target | None" = None,
    calls: int | None = None,
) -> "Compiled":
    """f, a pure function of arrays in dicts, lists and tuples, made faster; its results are the same to rounding.

    On NumPy it becomes one function of calls that write into memory made once (`.source` shows it), on JAX it is
    `jax.jit`; elsewhere it runs as written, unless `backend="torch"` asks for `torch.compile`.  `.how` says which.
    f is traced once for arguments of each shape and dtype: whatever else it reads stays as it was then.
    After many calls on NumPy, so many that it saves time, the function is written in C, where a C compiler is found.
    `calls` says how many there will be, so that this is decided at once.  `target="numpy"` and `target="c"` accept no
    other code than that of this target, and so no arrays of other libraries.

    Arguments named in `donate`, or numbered, are given away: results of their shape and dtype take their memory, so do
    not use them afterwards.  Other results are yours to keep.
    """
    from xnet.compile.compiled import Compiled
    from xnet.compile.target import find_target

    found = None if backend is None else find_backend(backend)
    donated = (donate,) if isinstance(donate, str | int) else tuple(donate)
    return Compiled(f, donated, found, None if target is None else find_target(target), calls)
