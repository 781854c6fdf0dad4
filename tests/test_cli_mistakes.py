"""Each mistake at the command line gives one clear line; an unexpected error keeps its traceback."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_cases import Capture, saved, table
from marks import needs_dev_full

from xnet.cli import main, train

pytestmark = pytest.mark.usefixtures("own_folder")


def write(name: str, content: str | bytes) -> Callable[[], object]:
    return lambda: Path(name).write_bytes(content.encode() if isinstance(content, str) else content)


def saved_and_cut() -> None:
    saved()
    Path("net").write_bytes(Path("net").read_bytes()[:-5])


def saved_and_wide() -> None:
    saved()
    Path("wide.csv").write_text("1,2,3,4\n5,6,7,8\n")


def saved_and_other() -> None:
    saved()
    Path("other.csv").write_text("length,height,kind\n1,2,iris\n")


def nothing() -> None:
    """No file is needed."""


IDX = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02abc"
TEXT = "a,b,y\n1,2,0\n3,four,1\n5,6,0\n"
MISTAKES: list[tuple[str, Callable[[], object], str]] = [
    ("train nothing.csv", nothing, "nothing.csv"),
    ("train digit", nothing, "did you mean 'digits'?"),
    ("train text.csv", write("text.csv", TEXT), "'four'"),
    ("train empty.csv", write("empty.csv", ""), "empty"),
    ("train one.csv", write("one.csv", "a,y\n1,x\n2,x\n"), "got only 'x'; choose another --target"),
    ("train one.csv", write("one.csv", "a,y\n1,0.5\n2,0.5\n"),
     "one.csv: the target must vary; got the same number in every row; choose another --target"),
    ("train one.csv --numbers", write("one.csv", "a,y\n1,3\n2,3\n"), "one.csv: the target must vary; got the same"),
    ("train x-idx3-ubyte", write("x-idx3-ubyte", IDX), "x-idx3-ubyte"),
    ("train table.csv --target knd", table, "did you mean 'kind'?"),
    ("train table.csv --numbers", table, "the target must be numbers; got words, like 'iris'"),
    ("train moons --backend nunpy", nothing, 'did you mean "numpy"?'),
    ("train moons --backend torch:cuda:77", nothing, "torch:cuda:77"),
    ("train moons --activation rleu", nothing, "did you mean 'relu'?"),
    ("train moons --activation rleu --layers=", nothing, "did you mean 'relu'?"),
    ("train moons --optimizer Adamm", nothing, "did you mean 'adam'?"),
    ("train moons --layers 64,x", nothing, "argument --layers: must be whole numbers"),
    ("train moons --layers 64,0", nothing, "got '64,0'"),
    ("train moons --epochs 0", nothing, "argument --epochs: must be a whole number of at least 1; got '0'"),
    ("train moons --batch-size 1.5", nothing, "argument --batch-size"),
    ("train moons --lr -1", nothing, "argument --lr: must be a number above 0; got '-1'"),
    ("train moons --lr nan", nothing, "argument --lr"),
    ("train moons --l2 -1", nothing, "argument --l2"),
    ("train moons --test 1", nothing, "argument --test: must be a share between 0 and 1"),
    ("train moons --seed -1", nothing, "argument --seed"),
    ("train moons --lr 1e30 --optimizer sgd --epochs 3", nothing, "try a smaller learning rate"),
    ("train moons --save no/net", nothing, "no/net: the folder must exist; got no;"),
    ("train moons --save .", nothing, "the file must be writable; got a folder;"),
    ("train", nothing, "the following arguments are required: DATA; see xnet train --help"),
    ("train moons --epoch-count 3", nothing, "unrecognized arguments: --epoch-count"),
    ("tain", nothing, "invalid choice: 'tain'"),
    ("predict net table.csv", table, "net: the file must exist"),
    ("predict net table.csv", saved_and_cut, "must be a whole safetensors file"),
    ("predict text.csv table.csv", write("text.csv", TEXT), "must be a whole safetensors file"),
    ("predict net nothing.csv", saved, "nothing.csv"),
    ("predict net wide.csv", saved_and_wide, "2 features"),
    ("predict net table.csv --backend nunpy", saved, 'did you mean "numpy"?'),
    ("predict net table.csv --output no/out.csv", saved, "no/out.csv: the folder must exist; got no;"),
    ("predict net moon", saved, "did you mean 'moons'?"),
    ("predict net digits", saved, "digits: an example must have 2 features; got X.shape=(64, 1797);"),
    ("predict net moons --target y", saved, "target= is for a table; got target='y'; leave target out"),
    ("predict net other.csv", saved_and_other, "other.csv: the columns must be those the model was trained on; got "
     "length, height, kind; name them length, weight"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "prepare", "says"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_is_one_line(line: str, prepare: Callable[[], object], says: str, capsys: Capture) -> None:
    prepare()
    capsys.readouterr()
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert err.startswith("xnet: ")
    assert says in err
    assert (err.count("\n"), err[-1]) == (1, "\n")
    assert "Traceback" not in out + err


@needs_dev_full
@pytest.mark.parametrize(
    "line", ["train moons --epochs 1 --save /dev/full", "predict net table.csv --output /dev/full"]
)
def test_a_full_disk(line: str, capsys: Capture) -> None:
    saved()
    capsys.readouterr()
    assert main(line.split()) == 2
    assert capsys.readouterr().err.startswith("xnet: /dev/full: the file must be writable; got No space left")
    assert not Path("/dev/full").is_file()


def test_a_folder_without_permission(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes before the training, whose result could not be saved."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the superuser may write anywhere
    monkeypatch.setattr(train, "fit", None)
    assert main(["train", "moons", "--save", "net"]) == 2
    assert "net: the file must be writable; got no right to write" in capsys.readouterr().err


def test_an_unexpected_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "fit", None)
    with pytest.raises(TypeError):
        main(["train", "moons", "--quiet"])


def test_an_error_of_another_file_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "secret")

    monkeypatch.setattr(train, "fit", fails)
    with pytest.raises(PermissionError):
        main(["train", "moons", "--quiet"])
