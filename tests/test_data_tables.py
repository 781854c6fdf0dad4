"""Tables: the result of reading each, a round trip, and wrong tables."""

import csv
import gzip
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet import data
from xnet.errors import DataError, UnknownNameError

Host = Any

pytestmark = pytest.mark.usefixtures("numpy_by_default")


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
         "a.csv, line 3, column 'size': a feature must be a number; got cell='big'; correct or delete the row"),
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
        ("1\n2\n", None, "must be features and a target; got one column, '1'; separate the cells of a .csv by commas"),
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
        ("1,2,cat\n3,4,\n", 2, None, [[1, 3], [2, 4]]),  # the target is not checked
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
        ("1,2\n3,4\n", "u v", None, [[1, 3], [2, 4]]),  # no header: in their order
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
def test_a_missing_column_is_reported(tmp_path: Path, text: str, target: str | None, got: str) -> None:
    (tmp_path / "house.csv").write_text(text)
    rule = f"house.csv: the columns must be those the model was trained on; got {got}; name them area, rooms"
    with pytest.raises(DataError, match=re.escape(rule)):
        data.read_features(tmp_path / "house.csv", 2, target, names=("area", "rooms"))
