"""The result of every reader, rows as in the file, and the errors of the readers."""

import zlib
from os import PathLike
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from xnet.errors import DataError
from xnet.types import Array

FilePath: TypeAlias = str | PathLike[str]


class Rows(NamedTuple):
    """X (m, …) and y (m, …) on the host, in the order of the file."""

    X: Array
    y: Array | None = None
    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None


def wrong(where: object, rule: str, got: str, fix: str) -> DataError:
    return DataError(f"{where}: {rule}; got {got}; {fix}")


def only_for(name: str, value: object, kind: str, path: FilePath) -> None:
    if value is not None:
        raise wrong(path, f"{name}= is for {kind}", f"{name}={value!r}", f"leave {name} out")


def read_bytes(path: Path) -> bytes:
    """The content of the file, decompressed if its name ends in `.gz`."""
    import gzip

    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix.lower() == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise wrong(
            path, "the file must be readable", str(error), "download it again, or check its permissions"
        ) from None


def numbers(path: Path, X: Array) -> Array:
    """X as finite float32 numbers.  The uint8 pixels of images become numbers in [0, 1]."""
    if X.dtype.kind not in "biuf" or X.ndim not in (2, 3, 4):
        got = f"X.shape={X.shape}, X.dtype={X.dtype}"
        raise wrong(path, "X must be numbers, (m, features), (m, h, w) or (m, h, w, c)", got, "reshape or convert X")
    if not X.size:
        raise wrong(path, "there must be examples and features", f"X.shape={X.shape}", "check what wrote the file")
    if X.dtype == np.uint8 and X.ndim > 2:
        return X / np.float32(255)
    return _float32(path, "X", X)


def labels(path: Path, y: Array) -> tuple[Array, tuple[str, ...] | None]:
    """Words → labels in sorted order, and the words; integers → int32; other numbers → float32."""
    if y.dtype.kind == "U":
        words, places = np.unique(y, return_inverse=True)
        return places.astype(np.int32).reshape(y.shape), tuple(str(word) for word in words)
    if y.dtype.kind not in "biuf":
        raise wrong(path, "Y must be numbers or words", f"Y.dtype={y.dtype}", "convert Y to numbers")
    if y.dtype.kind == "f":
        return _float32(path, "Y", y), None
    if y.size and not -(2**31) <= int(y.min()) <= int(y.max()) < 2**31:
        raise wrong(path, "labels must fit int32", f"Y from {y.min()} to {y.max()}", "number the labels from 0")
    return y.astype(np.int32), None


def columns(X: Array) -> Array:
    """(m, n) → (n, m), (m, h, w) → (1, h, w, m), (m, h, w, c) → (c, h, w, m), each a view."""
    if X.ndim == 2:
        return X.T
    return np.moveaxis(X[..., None] if X.ndim == 3 else X, (0, 3), (3, 0))


def _float32(path: Path, name: str, A: Array) -> Array:
    with np.errstate(over="ignore"):
        values = A.astype(np.float32)
    if not np.all(np.isfinite(values)):
        at = tuple(np.argwhere(~np.isfinite(values))[0])
        got = f"{name}[{', '.join(map(str, at))}]={A[at]}"
        raise wrong(path, f"{name} must be finite in float32", got, "correct it, or leave the example out")
    return values
