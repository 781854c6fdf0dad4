"""Files of arrays: NumPy's `.npz`, and IDX, the format of the MNIST data sets."""

import math
import zlib
from pathlib import Path

import numpy as np

from xnet.data.rows import Rows, labels, read_bytes, wrong
from xnet.types import Array

PAIRS = (("X", "Y"), ("x", "y"), ("X", "y"), ("x_train", "y_train"), ("data", "target"))
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_npz(path: Path, labelled: bool) -> Rows:
    """X (m, …) and Y (m,), (m, 1) or one-hot (m, classes) from an archive.  Pickled objects are refused."""
    import zipfile

    if not zipfile.is_zipfile(path):
        fix = "write it again: np.savez(file, X=X, Y=Y)"
        raise wrong(path, "the archive must be whole", "a file cut short, or of another kind", fix)
    try:
        with np.load(path, allow_pickle=False) as file:
            keys = list(file)
            pairs = [(x, y) for x, y in PAIRS if x in keys and (y in keys or not labelled)]
            found = [file[key] for key in pairs[0][: 1 + labelled]] if pairs else []
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        fix = "save plain numbers: np.savez(file, X=X, Y=Y)"
        raise wrong(path, "the arrays must be readable without pickle", str(error).rstrip("."), fix) from None
    if not found:
        rule = "there must be arrays X and Y" if labelled else "there must be an array X"
        raise wrong(path, rule, f"the keys {', '.join(keys) or 'none'}", "np.savez(file, X=X, Y=Y)")
    X, *rest = found
    if X.ndim == 0:
        raise wrong(path, "X must hold examples as rows", "X.shape=()", "save X as (m, features)")
    if not rest:
        return Rows(X)
    y = rest[0]
    if y.ndim not in (1, 2) or (y.ndim == 2 and len(y) == 1 < len(X)):
        raise wrong(path, "Y must be (m,), (m, 1) or (m, classes)", f"Y.shape={y.shape}", "save Y.reshape(-1)")
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "biu":
        y = y.astype(np.float32)  # one-hot columns are numbers, not labels
    return Rows(X, *labels(path, y))


def read_idx(path: Path, labelled: bool) -> Rows:
    """A file of images, and the file of labels with the matching name in the same folder."""
    X = idx(path)
    if X.ndim < 2:
        fix = "give the images' file; the labels are found beside it"
        raise wrong(path, "an example must be an image or a row", f"shape={X.shape}", fix)
    if not labelled:
        return Rows(X)
    images = path.name.removesuffix(".gz")
    name = images.replace("images", "labels").replace(f"idx{X.ndim}", "idx1")
    beside = [path.with_name(name), path.with_name(name + ".gz")]
    found = next((file for file in beside if file.exists() and name != images), None)
    if found is None:
        fix = "name the two …images-idx3-ubyte and …labels-idx1-ubyte, in one folder"
        raise wrong(path, "the labels' file must be beside it", f"no labels in {name}", fix)
    y = idx(found)
    if y.ndim != 1:
        raise wrong(found, "labels must be one number an example", f"shape={y.shape}", "check which file it is")
    return Rows(X, *labels(found, y))


def idx(path: Path) -> Array:
    """The array of an IDX file: two zero bytes, a type, a rank, the shape as big-endian int32, then the numbers."""
    content = read_bytes(path)
    kind, ndim = (content[2], content[3]) if len(content) >= 4 else (0, 0)
    if content[:2] != b"\0\0" or kind not in IDX_TYPES or not ndim:
        fix = "check that it is an IDX file, and unpacked if its name does not end in .gz"
        raise wrong(path, "an IDX file begins 00 00, type, rank", f"the bytes {content[:4].hex(' ') or 'none'}", fix)
    start = 4 + 4 * ndim
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    dtype = np.dtype(IDX_TYPES[kind])
    size = start + math.prod(shape) * dtype.itemsize
    if len(content) != size:
        got = f"{len(content):,} bytes where shape={shape} needs {size:,}"
        raise wrong(path, "the file must be as long as its header says", got, "download it again")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
