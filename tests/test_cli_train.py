"""`xnet train`: its accuracy, its output, the saved model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_cases import Capture, accuracy, table

import xnet as xn
from xnet.cli import main, train

pytestmark = pytest.mark.usefixtures("own_folder")


def test_digits_in_seconds(capsys: Capture) -> None:
    """At least 96 % of the test digits."""
    assert main(["train", "digits", "--quiet"]) == 0
    assert accuracy(capsys.readouterr().out) >= 96


@pytest.mark.parametrize(("name", "least"), [("flower", 85), ("moons", 95), ("spirals", 95)])
def test_the_other_sets(name: str, least: float, capsys: Capture) -> None:
    assert main(["train", name, "--quiet", "--seed", "1"]) == 0
    assert accuracy(capsys.readouterr().out) >= least


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
    """The validation part is held out before the steps are counted and before the columns are scaled."""
    table(m=500)
    seen: dict[str, Any] = {}
    monkeypatch.setattr(train, "fit", lambda net, X, Y, **told: seen.update(told, X=X) or xn.fit(net, X, Y, **told))
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
    assert train.r2(0.35, Y) == f"{1 - 0.35 / 3.5:.4f}"
    assert train.r2(0.0, Y[:, :1]) == "undefined"


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
