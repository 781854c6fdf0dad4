"""The command line: what it prints, what it returns, and that each mistake is one clear line."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marks import needs_dev_full

import xnet as xn
from xnet import cli, info
from xnet.cli import main
from xnet.scaling import Scaling, into_first, into_last

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test works in a folder of its own, with no backend named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XNET_BACKEND", raising=False)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "xnet", *arguments]


# Unbuffered, Python drops the rest of a write that a closed pipe cuts short, and says nothing.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(xn.__file__).parent.parent), "PYTHONUNBUFFERED": ""}


def table(path: str = "table.csv", m: int = 120, seed: int = 0) -> None:
    """Flowers of two kinds, one measure in millimetres and one in tonnes."""
    rng = np.random.default_rng(seed)
    kind = np.arange(m) % 2
    rows = np.stack([5000 + 300 * kind + 100 * rng.normal(size=m), 1e-6 * rng.uniform(size=m)], axis=1)
    lines = [f"{a:.6g},{b:.6g},{('iris', 'rose')[k]}" for (a, b), k in zip(rows, kind, strict=True)]
    Path(path).write_text("\n".join(["length,weight,kind", *lines]) + "\n")


# Training


def test_digits_in_seconds(capsys: Capture) -> None:
    """The promise of the README: at least 96 % of the digits that it has not seen."""
    assert main(["train", "digits", "--quiet"]) == 0
    assert accuracy(capsys.readouterr().out) >= 96


@pytest.mark.parametrize(("name", "least"), [("flower", 85), ("moons", 95), ("spirals", 95)])
def test_the_other_sets(name: str, least: float, capsys: Capture) -> None:
    assert main(["train", name, "--quiet", "--seed", "1"]) == 0
    assert accuracy(capsys.readouterr().out) >= least


def accuracy(out: str) -> float:
    """Of the test, in per cent."""
    line = next(line for line in out.splitlines() if line.startswith("accuracy: "))
    return float(line.split(", ")[1].split(" %")[0])


def test_what_training_tells(capsys: Capture) -> None:
    arguments = "--layers 8,4 --activation tanh --optimizer SGD --epochs 2 --batch-size 500 --save net.safetensors"
    assert main(["train", "digits", *arguments.split()]) == 0
    out, err = capsys.readouterr()
    for words in (
        "digits: 1,797 examples of 64 features, 10 classes; 1,438 to train on, 359 to test",
        "Dense(units=4, activation='tanh')",
        "total    606",
        "SGD, lr 0.2 falling to 0, 2 epochs in batches of 500, on numpy",
        "all 2 epochs done: 6 steps in ",
        f" ms a step, on numpy (NumPy {np.__version__})",
        "cost (softmax_cross_entropy): ",
        "accuracy: ",
        "saved to net.safetensors",
    ):
        assert words in out
    assert err == ""


def test_quiet_prints_the_result_alone(capsys: Capture) -> None:
    assert main(["train", "moons", "--epochs", "1", "--quiet"]) == 0
    cost, right = capsys.readouterr().out.splitlines()
    assert cost.startswith("cost (sigmoid_cross_entropy): ")
    assert right.startswith("accuracy: ")


def test_no_hidden_layer_is_logistic_regression(capsys: Capture) -> None:
    assert main(["train", "moons", "--layers", "", "--save", "net"]) == 0
    assert xn.load("net").net == xn.Network([xn.Dense(1)])


def test_one_epoch_is_one(capsys: Capture) -> None:
    assert main(["train", "moons", "--epochs", "1"]) == 0
    assert "\n1 epoch done: 5 steps in " in capsys.readouterr().out


def test_with_patience_the_learning_rate_still_falls_to_0(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A tenth is held out before steps are counted, and before the columns' sizes are taken."""
    table(m=500)
    seen: dict[str, Any] = {}
    monkeypatch.setattr(cli, "fit", lambda net, X, Y, **told: seen.update(told, X=X) or xn.fit(net, X, Y, **told))
    assert main(["train", "table.csv", "--patience", "9", "--epochs", "3", "--batch-size", "40"]) == 0
    out = capsys.readouterr().out
    assert "500 examples of 2 features, 2 classes; 360 to train on, 40 to watch, 100 to test" in out
    assert "all 3 epochs done: 27 steps" in out
    assert (seen["optimizer"].lr.steps, seen["validation"][0].shape) == (27, (2, 40))
    np.testing.assert_allclose(seen["X"].mean(axis=1), 0, atol=1e-3)


def test_r2_of_a_part_that_does_not_vary_is_undefined(capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    np.savez("rows.npz", X=rng.normal(size=(20, 2)), Y=rng.normal(size=20))
    assert main(["train", "rows.npz", "--test", "0.05", "--epochs", "1", "--quiet"]) == 0
    assert capsys.readouterr().out.endswith(" in training, undefined in the test\n")


@pytest.mark.parametrize("rows", [1, 2])
def test_r2_is_of_the_parts_own_variance(rows: int) -> None:
    Y = np.tile(np.array([[1.0, 2, 3, 6]], "float32"), (rows, 1))
    assert cli._r2(0.35, Y) == f"{1 - 0.35 / 3.5:.4f}"
    assert cli._r2(0.0, Y[:, :1]) == "undefined"


def test_patience_ends_training(capsys: Capture) -> None:
    assert main(["train", "moons", "--layers", "4", "--patience", "1", "--lr", "3"]) == 0
    assert ", no better validation cost for 1 epoch: " in capsys.readouterr().out


def test_the_same_seed_gives_the_same_file() -> None:
    for name in ("a", "b"):
        assert main(["train", "moons", "--epochs", "2", "--quiet", "--seed", "7", "--save", name]) == 0
    a, b = (xn.load(name).params for name in ("a", "b"))
    assert all(bool((W == V).all()) for W, V in zip(xn.trees.leaves(a), xn.trees.leaves(b), strict=True))


def test_whole_numbers_are_classes_with_their_own_names(capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    np.savez("rows.npz", X=rng.normal(size=(60, 3)).astype("float32"), Y=np.array([3, 5, 9] * 20))
    assert main(["train", "rows.npz", "--epochs", "1", "--save", "net"]) == 0
    assert "3 classes" in capsys.readouterr().out
    assert xn.load("net").classes == ("3", "5", "9")


@pytest.mark.parametrize(("whole", "options"), [(False, []), (True, []), (True, ["--numbers"])])
def test_quantities_are_predicted_in_their_own_units(whole: bool, options: list[str], capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    area, year = rng.uniform(20, 300, 150), rng.integers(1900, 2020, 150)
    price = 1e5 + 2e3 * area + 500 * (year - 1960) + rng.normal(size=150)
    rows = [f"{a},{y},{round(p) if whole else p}" for a, y, p in zip(area, year, price, strict=True)]
    Path("houses.csv").write_text("\n".join(["area,year,price", *rows]))
    assert main(["train", "houses.csv", "--save", "net", *options]) == 0
    out = capsys.readouterr().out
    assert "numbers to predict" in out
    assert float(out.split("R²: ")[1].split(", ")[1].split()[0]) > 0.98
    assert main(["predict", "net", "houses.csv"]) == 0
    predicted = np.array([float(line) for line in capsys.readouterr().out.split()])
    assert np.median(abs(predicted - price)) < 0.02 * price.mean()


def test_images_are_flattened() -> None:
    rng = np.random.default_rng(0)
    np.savez("images.npz", X=rng.integers(0, 255, (30, 4, 5, 3), dtype=np.uint8), Y=np.arange(30) % 3)
    assert main(["train", "images.npz", "--epochs", "1", "--quiet", "--save", "net"]) == 0
    model = xn.load("net")
    assert isinstance(model.net, xn.Network)
    assert (model.in_shape, model.net.layers[0]) == ((3, 4, 5), xn.Flatten())
    assert main(["predict", "net", "images.npz", "--output", "out.csv"]) == 0
    assert len(Path("out.csv").read_text().splitlines()) == 31


def test_scaling_goes_into_the_weights() -> None:
    rng = np.random.default_rng(0)
    X = (np.array([[1e6], [1e-6], [2000]]) + np.array([[1e5], [1e-7], [10]]) * rng.normal(size=(3, 50))).astype(
        "float32"
    )
    Y = (1e5 + 1e4 * rng.normal(size=(2, 50))).astype("float32")
    net = xn.Network([xn.Dense(4, "tanh"), xn.Dense(2)])
    params = net.init((3,), backend="numpy")
    x, y = Scaling.of(X), Scaling.of(Y)
    np.testing.assert_allclose(x(X).mean(axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(x(X).std(axis=1), 1, rtol=1e-3)
    direct, _ = net.forward(into_last(into_first(params, x), y), X)
    np.testing.assert_allclose(direct, y.scale * net.forward(params, x(X))[0] + y.mean, rtol=1e-4)
    flat = Scaling.of(np.ones((2, 5), "float32"))
    np.testing.assert_array_equal(flat(np.ones((2, 5), "float32")), 0)


# Prediction


def test_predictions_are_those_of_the_fit(capsys: Capture) -> None:
    X, Y = xn.data.digits(backend="numpy")
    fit = xn.fit(xn.Network([xn.Dense(16, "relu"), xn.Dense(10)]), X, Y, epochs=2, progress=False)
    xn.save("net", fit, classes=tuple(f"digit {i}" for i in range(10)))
    np.savez("rows.npz", X=X.T[:50])
    assert main(["predict", "net", "rows.npz"]) == 0
    P = np.asarray(fit.predict(X[:, :50]))
    np.testing.assert_array_equal(xn.load("net", "numpy").predict(X[:, :50]), P)
    expected = [f"digit {p.argmax()},{p.max():.6g}" for p in P.T]
    assert capsys.readouterr().out.splitlines() == expected


def test_a_table_with_and_without_its_target(capsys: Capture) -> None:
    table()
    assert main(["train", "table.csv", "--save", "net"]) == 0
    assert accuracy(capsys.readouterr().out) >= 80
    lines = Path("table.csv").read_text().splitlines()
    Path("bare.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
    for name in ("table.csv", "bare.csv"):
        assert main(["predict", "net", name, "--output", f"{name}.out"]) == 0
    head, *rows = Path("table.csv.out").read_text().splitlines()
    assert head == "label,probability"
    right = [row.startswith(line.rpartition(",")[2]) for row, line in zip(rows, lines[1:], strict=True)]
    assert sum(right) > 100
    assert all(0.5 <= float(row.partition(",")[2]) <= 1 for row in rows)
    assert Path("bare.csv.out").read_text() == Path("table.csv.out").read_text()


@pytest.mark.parametrize("head", [False, True])
def test_columns_are_found_by_their_names(head: bool, capsys: Capture) -> None:
    """A header says which column is which; without one they are taken as they stand."""
    table()
    assert main(["train", "table.csv", "--epochs", "3", "--quiet", "--save", "net"]) == 0
    lines = [line.split(",") for line in Path("table.csv").read_text().splitlines()]
    straight = [line[:2] for line in lines] if head else [line[:2] for line in lines[1:]]
    turned = [[line[2], line[1], line[0]] for line in lines] if head else straight
    for name, rows in (("straight.csv", straight), ("turned.csv", turned)):
        Path(name).write_text("\n".join(map(",".join, rows)))
        assert main(["predict", "net", name, "--output", f"{name}.out"]) == 0
    assert Path("turned.csv.out").read_text() == Path("straight.csv.out").read_text()


def test_a_data_sets_name_is_enough_to_predict(capsys: Capture) -> None:
    assert main(["train", "moons", "--quiet", "--save", "net"]) == 0
    capsys.readouterr()
    assert main(["predict", "net", "moons"]) == 0
    labels = [line.partition(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert np.mean(np.array(labels, int) == xn.data.moons(backend="numpy")[1][0]) > 0.9


# Information


def test_json_tells_all_backends(capsys: Capture) -> None:
    assert main(["info", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [status["name"] for status in told["backends"]] == [status.name for status in xn.backends()]
    assert told["version"] == xn.__version__
    assert told["auto"] == str(xn.backend("auto"))
    assert told["machine"]["cores"] >= 1


def test_the_table_tells_the_same_in_plain_lines(capsys: Capture) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    for status in xn.backends():
        line = " ".join(next(line for line in lines if line[:1] == [status.name]))
        assert (status.version or "") in line
        assert ("usable" if status.usable else " ".join(str(status.why_not).split())) in line
    assert "\x1b" not in out


def test_a_narrow_terminal_cuts_nothing_off(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    found = info.look("1")
    why = "CuPy is not installed: pip install something-longer-than-the-column-is"
    status = replace(found.backends[1], usable=False, version=None, devices=(), why_not=why)
    replace(found, backends=[status], why=why).show()
    out = re.sub("\x1b[^m]*m", "", capsys.readouterr().out)
    letters = "".join(out.split())
    assert letters.count("something-longer-than-the-column-is") == 2
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 40


def test_why_auto_and_what_decides_speed(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    found = info.look("1")
    found = replace(found, auto="numpy", machine=replace(found.machine, features=("SSE42", "AVX2", "FMA3", "MOVBE")))
    found.show()
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith("auto numpy, since CuPy is not installed: pip install ") for line in lines)
    assert "features AVX2 FMA3" in lines
    assert json.loads(found.json())["machine"]["features"] == ["SSE42", "AVX2", "FMA3", "MOVBE"]


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    info.look("1").show()
    assert "\x1b" in capsys.readouterr().out


def test_a_required_backend_decides_the_status(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["info", "--require", "numpy", "--require", "auto"]) == 0
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(info, "look", lambda version: FakeInfo())
    capsys.readouterr()
    assert main(["info", "--json", "--require", "numpy", "--require", "cupy:7"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("{}\n", 1)
    assert err.startswith("xnet: backend: ")
    assert main(["info", "--require", "nunpy"]) == 2


class FakeInfo:
    def json(self) -> str:
        return "{}"


def test_version_and_help(capsys: Capture) -> None:
    assert main([]) == 0
    assert "predict" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"xnet {xn.__version__}\n"


# Mistakes


def write(name: str, content: str | bytes) -> Callable[[], object]:
    return lambda: Path(name).write_bytes(content.encode() if isinstance(content, str) else content)


def saved() -> None:
    table()
    assert main(["train", "table.csv", "--epochs", "1", "--quiet", "--save", "net"]) == 0


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
    """Said before the training whose result could not be kept."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the superuser may write anywhere
    monkeypatch.setattr(cli, "fit", None)
    assert main(["train", "moons", "--save", "net"]) == 2
    assert "net: the file must be writable; got no right to write" in capsys.readouterr().err


def test_what_nobody_expected_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "fit", None)
    with pytest.raises(TypeError):
        main(["train", "moons", "--quiet"])


# As a command


def test_as_a_module() -> None:
    line = command("train", "digits", "--epochs", "1", "--quiet")
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", env=ENVIRONMENT, check=True)
    assert "accuracy: " in done.stdout
    assert done.stderr == ""


def test_a_closed_pipe_is_no_error() -> None:
    saved()
    rows = [f"{i},{i}" for i in range(20_000)]
    Path("long.csv").write_text("\n".join(["length,weight", *rows]))
    line = command("predict", "net", "long.csv")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as pipe:
        assert pipe.stdout is not None
        assert pipe.stderr is not None
        pipe.stdout.readline()
        pipe.stdout.close()
        assert pipe.stderr.read() == b""
    assert pipe.returncode == 141


@needs_dev_full
@pytest.mark.parametrize("line", ["info", "info --json", "--help", "--version", "predict net long.csv", "train moons"])
def test_a_full_output_is_said_in_one_line(line: str) -> None:
    if line.startswith("predict"):
        saved()
        Path("long.csv").write_text("length,weight\n" + "1,2\n" * 20_000)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(*line.split()), stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)
    assert done.stderr == b"xnet: the output must be writable; got No space left on device\n"
    assert done.returncode == 2


@needs_dev_full
def test_where_nobody_can_be_told_the_status_still_tells() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("info"), stdout=full, stderr=full, env=ENVIRONMENT, check=False)
    assert done.returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sh")
def test_a_closed_output_is_said_in_one_line() -> None:
    line = ["sh", "-c", '"$0" "$@" >&-', *command("info")]
    done = subprocess.run(line, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)
    assert done.stderr == b"xnet: the output must be writable; got a closed standard output\n"
    assert done.returncode == 2


def test_an_error_of_another_file_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "secret")

    monkeypatch.setattr(cli, "fit", fails)
    with pytest.raises(PermissionError):
        main(["train", "moons", "--quiet"])


# In a shell's background SIGINT is ignored, which a new process inherits.
HEED = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from xnet.cli import main; "


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_saves_what_was_trained() -> None:
    """The progress line, shown where colours are forced, tells that training is on its way."""
    line = [sys.executable, "-c", HEED + "sys.exit(main())", "train", "moons", "--epochs", "20000", "--save", "net"]
    environment = ENVIRONMENT | {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as train:
        assert train.stdout is not None
        assert train.stderr is not None
        shown = b""
        while b"cost" not in shown and (more := os.read(train.stderr.fileno(), 4096)):
            shown += more
        train.send_signal(signal.SIGINT)
        out, err = train.communicate(timeout=60)
    assert train.returncode == 130, shown + err
    assert b", by Ctrl-C: " in out
    assert b", 0 ms a step" not in out
    assert b"accuracy: " in out
    assert b"Traceback" not in err
    assert xn.load("net").classes == ("0", "1")
