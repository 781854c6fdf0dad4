"""All kinds of files: the backend of the result, and files that no reader accepts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from backends import Bench

from xnet import data
from xnet.backends import backend
from xnet.errors import DataError, UnknownNameError, XnetError

pytestmark = pytest.mark.usefixtures("numpy_by_default")

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
