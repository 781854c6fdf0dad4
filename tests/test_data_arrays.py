"""Files of arrays, `.npz` and IDX: rows become columns, and wrong files are errors."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnet import data
from xnet.errors import DataError

Host = Any

pytestmark = pytest.mark.usefixtures("numpy_by_default")


@pytest.mark.parametrize("keys", [("X", "Y"), ("x", "y"), ("X", "y"), ("x_train", "y_train"), ("data", "target")])
@pytest.mark.parametrize(
    ("rows", "columns"), [((6, 3), (3, 6)), ((6, 4, 5), (1, 4, 5, 6)), ((6, 4, 5, 3), (3, 4, 5, 6))]
)
def test_npz_turns_rows_into_columns(
    tmp_path: Path, keys: tuple[str, str], rows: tuple[int, ...], columns: tuple[int, ...]
) -> None:
    X, y = np.random.default_rng(0).normal(size=rows), np.arange(6) % 2
    arrays: dict[str, Any] = {keys[0]: X, keys[1]: y}
    np.savez(tmp_path / "a.npz", **arrays)
    read = data.read(tmp_path / "a.npz")
    assert read.X.shape == columns
    assert read.X.dtype == np.float32
    example = np.moveaxis(read.X[..., 4], 0, -1).reshape(rows[1:])  # channels last again
    np.testing.assert_array_equal(example, X[4].astype(np.float32))
    np.testing.assert_array_equal(read.Y, y[None, :].astype(np.int32), strict=True)
    np.testing.assert_array_equal(data.read_features(tmp_path / "a.npz", int(np.prod(rows[1:]))), read.X)


@pytest.mark.parametrize(
    ("y", "Y", "classes"),
    [
        (np.asarray(["b", "a", "b"]), np.asarray([[1, 0, 1]], np.int32), ("a", "b")),
        (np.asarray([[1], [0], [1]], np.uint8), np.asarray([[1, 0, 1]], np.int32), None),
        (np.asarray([1.0, 2.0, 3.0]), np.asarray([[1, 2, 3]], np.float32), None),  # a type says what it is
        (np.eye(3, dtype=np.int64), np.eye(3, dtype=np.float32), None),
    ],
)
def test_npz_targets(tmp_path: Path, y: Host, Y: Host, classes: object) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((3, 2), np.uint8), Y=y)
    read = data.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.Y, Y, strict=True)
    assert read.classes == classes
    np.testing.assert_array_equal(read.X, np.ones((2, 3), np.float32), strict=True)  # bytes of a table are no pixels


def test_bytes_of_images_are_pixels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.full((2, 3, 3), 51, np.uint8), y=np.arange(2))
    np.testing.assert_allclose(data.read(tmp_path / "a.npz").X, 0.2, rtol=1e-6)


ONES = np.ones((4, 2))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": ONES}, "there must be arrays X and Y; got the keys X; np.savez(file, X=X, Y=Y)"),
        ({"X": np.asarray([None, "x"]), "Y": [0, 1]}, "readable without pickle; got Object arrays cannot be loaded"),
        ({"X": ONES, "Y": [0, 1]}, "as many as labels; got X.shape=(4, 2), 2 labels; save X.T"),
        ({"X": ONES, "Y": [0, 1, 2]}, "as many as labels; got X.shape=(4, 2), 3 labels; give each example its label"),
        ({"X": ONES[0], "Y": [0, 1]}, "X must be numbers, (m, features), (m, h, w) or (m, h, w, c); got X.shape=(2,)"),
        ({"X": 1.0, "Y": [0]}, "X must hold examples as rows; got X.shape=();"),
        ({"X": ONES[:0], "Y": []}, "there must be examples and features; got X.shape=(0, 2);"),
        ({"X": [[1, 2], [3, np.nan]], "Y": [0, 1]}, "X must be finite in float32; got X[1, 1]=nan;"),
        ({"X": [[1, 2], [1e300, 4]], "Y": [0, 1]}, "X must be finite in float32; got X[1, 0]=1e+300;"),
        ({"X": ONES, "Y": [0, 1, np.inf, 0]}, "Y must be finite in float32; got Y[2]=inf;"),
        (
            {"X": ONES, "Y": [[0, 1, 2, 3]]},
            "Y must be (m,), (m, 1) or (m, classes); got Y.shape=(1, 4); save Y.reshape(-1)",
        ),
        ({"X": ONES, "Y": [0, 1, 2, 2**40]}, "labels must fit int32; got Y from 0 to 1099511627776;"),
        ({"X": ONES, "Y": np.ones(4) * 1j}, "Y must be numbers or words; got Y.dtype=complex128;"),
        ({"X": [["a", "b"]], "Y": [0]}, "X must be numbers"),
    ],
)
def test_npz_refuses(tmp_path: Path, arrays: dict[str, Host], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError) as error:
        data.read(tmp_path / "a.npz")
    assert message in str(error.value)


def idx(A: Host, code: int = 8) -> bytes:
    return bytes([0, 0, code, A.ndim]) + struct.pack(f">{A.ndim}i", *A.shape) + bytes(A.tobytes())


IMAGES = np.random.default_rng(1).integers(0, 256, size=(7, 4, 3)).astype(np.uint8)
LABELS = np.arange(7, dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte.gz"),
        ("my-images.idx", "my-labels.idx"),
    ],
)
def test_idx(tmp_path: Path, images: str, labels: str) -> None:
    for name, A in ((images, IMAGES), (labels, LABELS)):
        (tmp_path / name).write_bytes(gzip.compress(idx(A)) if name.endswith(".gz") else idx(A))
    X, Y, classes, features = data.read(tmp_path / images)
    np.testing.assert_array_equal(X[0, :, :, 5], IMAGES[5] / np.float32(255), strict=True)
    np.testing.assert_array_equal(Y, LABELS[None, :].astype(np.int32), strict=True)
    assert (X.shape, classes, features) == ((1, 4, 3, 7), None, None)
    np.testing.assert_array_equal(data.read_features(tmp_path / images, 12), X)


@pytest.mark.parametrize(("code", "dtype"), [(9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_idx_of_other_numbers_are_no_pixels(tmp_path: Path, code: int, dtype: str) -> None:
    (tmp_path / "a-images.idx").write_bytes(idx(np.asarray([[-1, 2], [3, 100]], dtype), code))
    (tmp_path / "a-labels.idx").write_bytes(idx(LABELS[:2]))
    read = data.read(tmp_path / "a-images.idx")
    np.testing.assert_array_equal(read.X, np.asarray([[-1, 3], [2, 100]], np.float32), strict=True)


WHOLE = idx(IMAGES)


@pytest.mark.parametrize(
    ("name", "content", "labels", "message"),
    [
        ("a-images.idx", WHOLE[:-1], None, "as long as its header says; got 99 bytes where shape=(7, 4, 3) needs 100;"),
        ("a-images.idx", WHOLE + b"x", None, "as long as its header says; got 101 bytes"),
        ("a-images.idx", WHOLE[:9], None, "as long as its header says; got 9 bytes"),
        ("a-images.idx", b"\x89PNG....", None, "an IDX file begins 00 00, type, rank; got the bytes 89 50 4e 47;"),
        ("a-images.idx", b"\0\0\7\3" + WHOLE[4:], None, "got the bytes 00 00 07 03;"),
        ("a-images.idx", b"", None, "got the bytes none;"),
        ("a-images.idx", gzip.compress(WHOLE), None, "unpacked if its name does not end in .gz"),
        ("a-images.idx.gz", gzip.compress(WHOLE)[:-20], None, "the file must be readable; got"),
        ("a-images.idx.gz", WHOLE, None, "the file must be readable; got Not a gzipped file"),
        ("a-images.idx", WHOLE, None, "the labels' file must be beside it; got no labels in a-labels.idx;"),
        ("a.idx", WHOLE, None, "the labels' file must be beside it"),
        ("a-images.idx", WHOLE, idx(LABELS[:3]), "as many as labels; got X.shape=(7, 4, 3), 3 labels;"),
        ("a-images.idx", WHOLE, WHOLE, "labels must be one number an example; got shape=(7, 4, 3);"),
        ("a-labels.idx", idx(LABELS), None, "must be an image or a row; got shape=(7,); give the images' file"),
    ],
)
def test_idx_refuses(tmp_path: Path, name: str, content: bytes, labels: bytes | None, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    if labels is not None:
        (tmp_path / "a-labels.idx").write_bytes(labels)
    with pytest.raises(DataError) as error:
        data.read(tmp_path / name)
    assert message in str(error.value)
