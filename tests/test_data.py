"""Data sets, one-hot labels, the split, and every reader: round trips, and a table of what each refuses."""

import csv
import gzip
import io
import re
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends import Bench
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xnet import data
from xnet.backends import backend
from xnet.data.sets import SETS
from xnet.errors import DataError, DtypeError, ShapeError, UnknownNameError, ValueRangeError, XnetError

Host = Any


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNET_BACKEND", "numpy")


# Data sets


@pytest.mark.parametrize(
    ("name", "n", "classes"), [("digits", 64, 10), ("flower", 2, 2), ("moons", 2, 2), ("spirals", 2, 3)]
)
def test_each_set_is_the_same_columns_on_every_backend(name: str, n: int, classes: int, xb: Bench) -> None:
    X, Y, *_ = data.load(name, backend=str(xb.backend))
    host_X, host_Y = SETS[name](backend="numpy")
    m = host_Y.shape[1]
    assert (host_X.dtype, host_Y.dtype, host_X.shape, host_Y.shape) == (np.float32, np.int32, (n, m), (1, m))
    assert xb.backend.owns(X)
    assert xb.backend.owns(Y)
    np.testing.assert_array_equal(xb.to_numpy(X), host_X)
    np.testing.assert_array_equal(xb.to_numpy(Y), host_Y)
    assert sorted(set(host_Y[0].tolist())) == list(range(classes))


def test_digits_are_the_ones_of_uci() -> None:
    X, Y = data.digits()
    assert X.shape == (64, 1797)
    assert np.bincount(Y[0]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (X * 16).sum(dtype=np.float64) == 561718
    assert (X.min(), X.max()) == (0, 1)
    assert data.sets.DIGITS.stat().st_size < 50_000


@pytest.mark.parametrize("make", [data.flower, data.moons, data.spirals])
def test_a_seed_gives_its_set_and_no_other(make: Callable[..., tuple[Host, Host]]) -> None:
    (X, Y), (again, _), (other, _) = make(m=90, seed=3), make(m=90, seed=3), make(m=90, seed=4)
    np.testing.assert_array_equal(X, again)
    assert not np.array_equal(X, other)
    assert len(set(np.bincount(Y[0]).tolist())) == 1
    assert set(Y[0, :45].tolist()) == set(Y[0].tolist())
    assert np.abs(X).max() < 4


def test_flower_has_six_petals_by_turns() -> None:
    X, Y = data.flower(m=600)
    far = np.hypot(X[0], X[1]) > 1
    np.testing.assert_array_equal(Y[0, far], np.sin(3 * np.arctan2(X[1], X[0]))[far] < 0)


def test_moons_without_noise_are_two_circles() -> None:
    X, Y = data.moons(m=50, noise=0)
    np.testing.assert_allclose(np.hypot(X[0] - Y[0], X[1] - 0.5 * Y[0]), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: data.flower(m=1), "flower: m must be an integer of at least 2; got m=1;"),
        (lambda: data.spirals(m=2.5), "spirals: m must be an integer of at least 3; got m=2.5;"),  # type: ignore[arg-type]
        (lambda: data.spirals(classes=0), "classes must be an integer of at least 1; got classes=0;"),
        (lambda: data.moons(seed=-1), "moons: seed must be an integer of at least 0; got seed=-1; try seed=0"),
        (lambda: data.moons(noise=-1.0), "moons: noise must be a number of at least 0; got noise=-1.0;"),
        (lambda: data.moons(noise=float("nan")), "got noise=nan;"),
    ],
)
def test_sets_refuse(call: Callable[[], object], text: str) -> None:
    with pytest.raises(ValueRangeError) as error:
        call()
    assert text in str(error.value)


# Labels and parts


def test_one_hot(xb: Bench) -> None:
    Y = data.one_hot(xb.asarray([[2, 0, 1, 2]], dtype="int32"), 4)
    assert xb.backend.owns(Y)
    np.testing.assert_array_equal(xb.to_numpy(Y), np.eye(4, dtype=np.float32)[:, [2, 0, 1, 2]], strict=True)
    assert data.one_hot(xb.asarray([[7]], dtype="uint8"), 300).shape == (300, 1)


def test_split_shares_out_every_example_once(xb: Bench) -> None:
    Y = np.repeat(np.arange(4), [50, 30, 15, 5])[None, :].astype(np.int32)
    X = np.stack([np.arange(100), Y[0]]).astype(np.float32)
    (X_train, Y_train), (X_test, Y_test) = data.split(xb.asarray(X), xb.asarray(Y, dtype="int32"), test=0.2, seed=5)
    assert xb.backend.owns(X_test)
    parts = [xb.to_numpy(A) for A in (X_train, Y_train, X_test, Y_test)]
    assert [A.shape for A in parts] == [(2, 80), (1, 80), (2, 20), (1, 20)]
    assert [A.dtype for A in parts] == [np.float32, np.int32] * 2
    assert np.bincount(parts[3][0]).tolist() == [10, 6, 3, 1]
    np.testing.assert_array_equal(np.sort(np.concatenate([parts[0][0], parts[2][0]])), np.arange(100))
    np.testing.assert_array_equal(parts[0][1], parts[1][0])  # X and Y went the same way
    np.testing.assert_array_equal(parts[2][1], parts[3][0])
    assert (np.diff(parts[0][0]) < 0).any()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.floats(0.01, 0.99), st.integers(0, 9))
def test_split_keeps_each_labels_share(labels: list[int], test: float, seed: int) -> None:
    Y = np.asarray([labels], dtype=np.int32)
    (_, kept), (_, taken) = data.split(Y * 1.0, Y, test, seed)
    m, n = len(labels), taken.shape[1]
    assert 1 <= n < m
    assert kept.shape[1] + n == m
    for label in set(labels):
        assert abs((taken == label).sum() - labels.count(label) * n / m) <= 1


@pytest.mark.parametrize("Y", [np.ones((1, 10), np.float32), np.ones((3, 10), np.int32)])
def test_split_takes_images_and_targets_of_any_kind(Y: Host) -> None:
    X = np.zeros((3, 8, 8, 10), np.float32)
    (X_train, Y_train), (X_test, Y_test) = data.split(X, Y, test=0.3)
    assert (X_train.shape, X_test.shape) == ((3, 8, 8, 7), (3, 8, 8, 3))
    assert (Y_train.shape[1], Y_test.shape[1]) == (7, 3)


X2, Y2 = np.zeros((3, 5), np.float32), np.zeros((1, 5), np.int32)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: data.one_hot(Y2[0], 2), ShapeError, "Y[None, :]"),
        (lambda: data.one_hot(np.zeros((2, 5), np.int32), 2), ShapeError, "Y must be (1, m); got Y.shape=(2, 5);"),
        (lambda: data.one_hot(Y2 * 1.0, 2), DtypeError, "Y must hold integer labels; got Y.dtype=float64; xp.astype(Y"),
        (lambda: data.one_hot(np.asarray([[0, 1, 5, 9]]), 3), ValueRangeError,
         "labels must be from 0 to 2; got Y[0, 2]=5, classes=3; use classes=10"),
        (lambda: data.one_hot(np.asarray([[0, -1]]), 3), ValueRangeError, "got Y[0, 1]=-1, classes=3;"),
        (lambda: data.split(X2, Y2[0]), ShapeError, "Y[None, :]"),
        (lambda: data.split(X2[0], Y2), ShapeError, "X[None, :]"),
        (lambda: data.split(X2.T, Y2), ShapeError, "as many examples (the last axis); got X.shape=(5, 3)"),
        (lambda: data.split(X2, Y2, test=1.0), ValueRangeError, "between 0 and 1; got test=1.0; try test=0.2"),
        (lambda: data.split(X2[:, :1], Y2[:, :1]), ShapeError, "two parts need two examples; got X.shape=(3, 1);"),
        (lambda: data.split(X2, Y2, seed=-2), ValueRangeError, "seed must be an integer of at least 0; got seed=-2;"),
        (lambda: data.split(X2.tolist(), Y2), DtypeError, "X must be an array"),
    ],
)  # fmt: skip
def test_examples_refuse(call: Callable[[], object], kind: type[XnetError], text: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert text in str(error.value)


# Tables


@pytest.mark.parametrize(
    ("name", "text", "target", "X", "Y", "classes", "features"),
    [
        ("a.csv", "1,2,0\n3,4,1\n", None, [[1, 3], [2, 4]], [0, 1], None, None),
        ("a.csv", "u,v,y\n1,2,0\n3,4,1\n", None, [[1, 3], [2, 4]], [0, 1], None, ("u", "v")),
        ("a.csv", "y,u,v\r\n0.5,1,2\r\n1,3,4\r\n", "y", [[1, 3], [2, 4]], [0.5, 1.0], None, ("u", "v")),
        ("a.csv", "0,1,2\n1,3,4\n", 0, [[1, 3], [2, 4]], [0, 1], None, None),
        ("a.csv", "1,2,2\n3,4,4\n", "2", [[1, 3], [2, 4]], [2, 4], None, None),  # an index, whatever the cells are
        ("a.csv", "0,1,2\n1,3,4\n", "-3", [[1, 3], [2, 4]], [0, 1], None, None),
        ("a.csv", "1,2,dog\n3,4,cat\n", None, [[1, 3], [2, 4]], [1, 0], ("cat", "dog"), None),  # a label, no header
        ("a.csv", "0,1,y\n1,2,7\n3,4,8\n", None, [[1, 3], [2, 4]], [7, 8], None, ("0", "1")),
        ("a.csv", "0,1,y\n1,2,cat\n3,4,ape\n", "y", [[1, 3], [2, 4]], [1, 0], ("ape", "cat"), ("0", "1")),
        ("a.csv", "u;v;y\n1;2;0\n3;4;1\n", None, [[1, 3], [2, 4]], [0, 1], None, ("u", "v")),
        ("a.tsv", "1\t2\t0\n3\t4\t1", None, [[1, 3], [2, 4]], [0, 1], None, None),
        ("a.csv", '\ufeff\n"u, ""x""","v\nw",y\n\n1, 2,0\n"3",4, 1\n\n', None,
         [[1, 3], [2, 4]], [0, 1], None, ('u, "x"', "v\nw")),
        ("a.csv", "1e-3,-2,3.0\n.5,+4,1\n", None, [[1e-3, 0.5], [-2, 4]], [3, 1], None, None),
        ("a.csv", "1,2,3000000000\n3,4,1\n", None, [[1, 3], [2, 4]], [3e9, 1.0], None, None),
        ("a.csv.gz", "1,2,0\n3,4,1\n", None, [[1, 3], [2, 4]], [0, 1], None, None),
    ],
)  # fmt: skip
def test_tables(
    tmp_path: Path, name: str, text: str, target: str | int | None, X: Host, Y: Host, classes: object, features: object
) -> None:
    path = tmp_path / name
    content = text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    read = data.read(path, target)
    np.testing.assert_array_equal(read.X, np.asarray(X, np.float32), strict=True)
    kind = np.float32 if any(isinstance(y, float) for y in Y) else np.int32
    np.testing.assert_array_equal(read.Y, np.asarray([Y], kind), strict=True)
    assert (read.classes, read.features) == (classes, features)


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
words = st.text(st.characters(codec="utf-8", categories=["L"]), min_size=2).filter(
    lambda word: word.lower() not in ("nan", "inf", "infinity")
)


@settings(deadline=None, max_examples=100)
@given(
    st.data(), st.integers(1, 6), st.integers(1, 4), st.booleans(), st.booleans(), st.sampled_from(["a.csv", "a.tsv"])
)
def test_a_table_written_is_the_table_read(
    draw: st.DataObject, m: int, n: int, header: bool, named: bool, name: str
) -> None:
    rows = draw.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=m, max_size=m))
    y: list[Any] = draw.draw(st.lists(words if named else st.integers(-(2**31), 2**31 - 1), min_size=m, max_size=m))
    names = [f"feature {i}" for i in range(n)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter="," if name.endswith("csv") else "\t")
    writer.writerows([[*names, "target"]] if header else [])
    writer.writerows([*map(repr, row), label] for row, label in zip(rows, y, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(out.getvalue(), "utf-8", newline="")
        read = data.read(path)
        features = data.read_features(path, n)
    np.testing.assert_array_equal(read.X, np.asarray(rows, np.float32).T, strict=True)
    np.testing.assert_array_equal(features, read.X)
    assert read.features == (tuple(names) if header else None)
    classes = sorted(set(y))
    assert read.classes == (tuple(classes) if named else None)
    assert read.Y.tolist() == [[classes.index(label) for label in y] if named else y]


HEAD = "age,size,y\n1,2,0\n"


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        (HEAD + "1,big,0\n", None,
         "a.csv, line 3, column 'size': a feature must be a number; got cell='big'; mend or delete the row"),
        ("1,2,0\n\n1,big,0\n", None, "a.csv, line 3, column 2 of 3: a feature must be a number; got cell='big';"),
        ('age,"si\nze",y\n1,2,0\n1,x,0\n', None, "a.csv, line 4, column 'si\\nze': a feature must be a number"),
        (HEAD + "1,,0\n", None, "line 3, column 'size': no cell may be empty; got cell=''; fill it, or delete the row"),
        (HEAD + "1,2,\n", None, "line 3, column 'y': no cell may be empty"),
        (",2,0\n1,2,0\n", None, "line 1, column 1 of 3: no cell may be empty"),
        (HEAD + "1,nan,0\n", None, "line 3, column 'size': numbers must be finite in float32; got cell='nan';"),
        (HEAD + "-inf,1,0\n", None, "line 3, column 'age': numbers must be finite in float32; got cell='-inf';"),
        (HEAD + "1,1e39,0\n", None, "line 3, column 'size': numbers must be finite in float32; got cell='1e39';"),
        (HEAD + "1,2,nan\n", None, "line 3, column 'y': numbers must be finite in float32; got cell='nan';"),
        (HEAD + "1,2\n", None, "line 3: rows must be of one length; got 2 cells where the first row has 3;"),
        (HEAD + "1,2,3,4\n", None, "line 3: rows must be of one length; got 4 cells where the first row has 3;"),
        (HEAD + "1,2,cat\n", None, "line 3, column 'y': targets must be all numbers, as the first is; got cell='cat';"),
        ("1,2,cat\n1,2,dog\n", 0, "line 1, column 3 of 3: a feature must be a number"),
        ("a,b,y\n1,2,cat\n1,2,3\n", None, "column 'y': targets must be all words, as the first is; got cell='3';"),
        (HEAD + "1_000,2,0\n", None, "column 'age': a feature must be a number; got cell='1_000';"),
        ("a;b;y\n1,5;2;0\n", None, "a feature must be a number; got cell='1,5'; write decimals with a point"),
        ("", None, "a.csv: there must be a table; got an empty file;"),
        ("\n\n", None, "a.csv: there must be a table; got an empty file;"),
        ("a,b,y\n", None, "a.csv: there must be examples; got a header alone;"),
        ("1\n2\n", None, "must be features and a target; got one column, '1'; part the cells of a .csv by commas"),
        (b"a,b,y\n1,2,caf\xe9\n", None, "a.csv: the text must be UTF-8; got byte 0xe9 at 13; save it as UTF-8"),
        ('a,b,y\n1,2,"' + "x" * 200_000, None, "line 2: a row must be readable; got field larger than field limit"),
        (HEAD, "ages", "the target must name one column of age, size, y; got target='ages'; did you mean 'age'?"),
        ("a,a,y\n1,2,3\n", "a", "the target must name one column of a, a, y; got target='a'"),
        (HEAD, 3, "the target's index must be from 0 to 2; got target=3; or -1 for the last column"),
    ],
)  # fmt: skip
def test_tables_refuse(tmp_path: Path, text: str | bytes, target: str | int | None, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises((DataError, UnknownNameError)) as error:
        data.read(path, target)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected", "target", "X"),
    [
        ("1,2\n3,4\n", 2, None, [[1, 3], [2, 4]]),
        ("u,v\n1,2\n3,4\n", 2, None, [[1, 3], [2, 4]]),
        ("1,2,9\n3,4,9\n", 2, None, [[1, 3], [2, 4]]),
        ("1,2,cat\n3,4,\n", 2, None, [[1, 3], [2, 4]]),  # what stands in the target is nobody's business
        ("u,y,v\n1,0,2\n3,0,4\n", 2, "y", [[1, 3], [2, 4]]),
        ("5\n6\n", 1, None, [[5, 6]]),
    ],
)
def test_features_alone(tmp_path: Path, text: str, expected: int, target: str | None, X: Host) -> None:
    (tmp_path / "a.csv").write_text(text)
    np.testing.assert_array_equal(
        data.read_features(tmp_path / "a.csv", expected, target), np.asarray(X, np.float32), strict=True
    )


@pytest.mark.parametrize(
    ("text", "names", "target", "X"),
    [
        ("v,u\n1,2\n3,4\n", "u v", None, [[2, 4], [1, 3]]),
        ("v,y,u\n1,cat,2\n3,dog,4\n", "u v", None, [[2, 4], [1, 3]]),  # the extra one is the target
        ("v,u,y\n1,2,9\n3,4,9\n", "u v", "y", [[2, 4], [1, 3]]),
        ("v,u,y\n1,2,9\n3,4,9\n", "u v", -1, [[2, 4], [1, 3]]),
        ("1,2\n3,4\n", "u v", None, [[1, 3], [2, 4]]),  # no header: as they stand
        ("1,2,cat\n3,4,dog\n", "u v", None, [[1, 3], [2, 4]]),
        ("1,0\n7,8\n", "0 1", None, [[8], [7]]),  # numbers can be names
        ("a,b,a\n1,2,3\n", "a a", "b", [[1], [3]]),
        ("a,a\n1,2\n", "a", None, [[1]]),
    ],
)
def test_features_by_name(tmp_path: Path, text: str, names: str, target: str | int | None, X: Host) -> None:
    (tmp_path / "a.csv").write_text(text)
    read = data.read_features(tmp_path / "a.csv", len(names.split()), target, names=names.split())
    np.testing.assert_array_equal(read, np.asarray(X, np.float32), strict=True)


@pytest.mark.parametrize(
    ("text", "target", "got"),
    [
        ("area,size\n1,2\n", None, "area, size"),
        ("area,size,price\n1,2,3\n", None, "area, size, price"),
        ("area\n1\n", None, "area"),
        ("area,rooms,size,price\n1,2,3,4\n", None, "area, rooms, size, price"),
        ("area,rooms,price\n1,2,3\n", "rooms", "area, rooms, price"),
    ],
)
def test_a_missing_column_is_said(tmp_path: Path, text: str, target: str | None, got: str) -> None:
    (tmp_path / "house.csv").write_text(text)
    rule = f"house.csv: the columns must be those the model was trained on; got {got}; name them area, rooms"
    with pytest.raises(DataError, match=re.escape(rule)):
        data.read_features(tmp_path / "house.csv", 2, target, names=("area", "rooms"))


# Arrays


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


# Images


def paint(path: Path, colour: Any, size: tuple[int, int] = (64, 64), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), colour).save(path)


def test_a_folder_of_images_becomes_columns(tmp_path: Path) -> None:
    """C1: an image 64×64×3 is a column of 12288 once flattened."""
    paint(tmp_path / "dog" / "b.png", (255, 0, 51))
    paint(tmp_path / "cat" / "a.JPG", (0, 0, 0))
    paint(tmp_path / "cat" / "c.png", 255, mode="L")
    paint(tmp_path / ".hidden" / "c.png", 255)
    X, Y, classes, _ = data.read(tmp_path)
    assert (X.shape, X.dtype, classes) == ((3, 64, 64, 3), np.float32, ("cat", "dog"))
    np.testing.assert_array_equal(Y, np.asarray([[0, 0, 1]], np.int32), strict=True)
    pixel = np.asarray([[0, 1, 1], [0, 1, 0], [0, 1, 0.2]])  # red, green, blue of each image
    np.testing.assert_allclose(X[:, 1, 2], pixel, atol=1e-6)
    assert X.reshape(-1, 3).shape == (12288, 3)


def test_grey_images_have_one_channel_and_can_be_resized(tmp_path: Path) -> None:
    paint(tmp_path / "0" / "a.png", 255, (4, 6), "L")
    paint(tmp_path / "1" / "b.png", 0, (8, 8), "L")
    assert data.read(tmp_path, size=(4, 6)).X.shape == (1, 4, 6, 2)


def test_a_photograph_is_turned_the_right_way_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    (tmp_path / "a").mkdir()
    Image.new("RGB", (6, 4)).save(tmp_path / "a" / "a.jpg", exif=exif)
    assert data.read(tmp_path).X.shape == (3, 6, 4, 1)


def _sizes(folder: Path) -> None:
    paint(folder / "a" / "1.png", 0, (4, 6))
    paint(folder / "a" / "2.png", 0, (5, 6))


def _torn(folder: Path) -> None:
    paint(folder / "a" / "1.png", 0)
    (folder / "a" / "1.png").write_bytes((folder / "a" / "1.png").read_bytes()[:60])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            _sizes,
            "2.png: images must be of one size; got 5×6 (height×width), and 1.png is 4×6; resize them all: size=(4, 6)",
        ),
        (_torn, "1.png: the image must be readable; got"),
        (lambda folder: paint(folder / "a" / "1.png", 9, mode="I;16"), "a pixel must be a byte; got mode=I;16;"),
        (
            lambda folder: (folder / "a").mkdir(),
            "a: a class needs images; got {here}/a without any; lay it out as folder/CLASS",
        ),
        (lambda folder: paint(folder / "1.png", 0), "each class is a folder of images; got {here} without folders;"),
    ],
)
def test_folders_refuse(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path)
    with pytest.raises(DataError) as error:
        data.read(tmp_path)
    assert message.format(here=tmp_path) in str(error.value)


def test_without_pillow_the_error_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path / "a" / "1.png", 0)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r'pip install "\.\[images\]" in xnet'):
        data.read(tmp_path)


# Whatever the file

END = "<the end>"


def test_a_file_goes_to_the_backend_asked_for(tmp_path: Path, xb: Bench) -> None:
    (tmp_path / "a.csv").write_text("1,2,0\n3,4,1\n")
    X, Y, *_ = data.load(tmp_path / "a.csv", backend=str(xb.backend))
    assert xb.backend.owns(X)
    assert xb.backend.owns(Y)
    np.testing.assert_array_equal(xb.to_numpy(X), [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: data.load("digit"), UnknownNameError,
         "one of digits, flower, moons, spirals, or a file; got name='digit'; did you mean 'digits'?"),
        (lambda: data.load("nothing.csv"), DataError, "nothing.csv: the file must exist; got {here}/nothing.csv; "),
        (lambda: data.load("mnist"), UnknownNameError, "or a file; got name='mnist'" + END),
        (lambda: data.load("./digits"), DataError, "digits: the file must exist; got {here}/digits; "),
        (lambda: data.load("digits", target="y"), DataError, "is for a table; got target='y'; leave target out"),
        (lambda: data.read("a.npz", "y"), DataError, "a.npz: target= is for a table; got target='y';"),
        (lambda: data.read("a.npz", size=(2, 2)), DataError, "size= is for a folder of images; got size=(2, 2);"),
        (lambda: data.read("a.npz"), DataError, "a.npz: the archive must be whole; got a file cut short"),
        (lambda: data.read("a.parquet"), DataError, "a.parquet: a file ends in .csv, .tsv, .npz, .idx or idx3-ubyte"),
        (lambda: data.read_features("b.csv", 4), DataError,
         "b.csv: there must be 4 features, or those and the target; got 3 columns;"),
        (lambda: data.read_features("b.npz", 4), DataError, "an example must have 4 features; got X.shape=(2, 3);"),
        (lambda: data.read_features("c.npz", 4), DataError, "c.npz: there must be an array X; got the keys Z;"),
        (lambda: data.read_features("folder", 4), DataError, "folder: features are read from a file; got a folder;"),
    ],
)  # fmt: skip
def test_files_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object], kind: type[XnetError], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.npz", "a.parquet"):
        Path(name).write_bytes(b"PK\3\4 cut short")
    Path("b.csv").write_text("1,2,3\n")
    np.savez("b.npz", X=np.ones((2, 3)))
    np.savez("c.npz", Z=np.ones((2, 3)))
    Path("folder").mkdir()
    with pytest.raises(kind) as error:
        call()
    assert message.format(here=tmp_path) in f"{error.value}{END}"


def test_the_turn_to_columns_is_a_view(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((5, 3)), Y=np.arange(5))
    X = data.read(tmp_path / "a.npz", backend=str(backend("numpy"))).X
    assert X.T.flags.c_contiguous
