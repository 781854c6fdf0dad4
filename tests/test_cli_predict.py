"""`xnet predict` gives the predictions of the fit, from tables, arrays and data sets."""

from pathlib import Path

import numpy as np
import pytest
from cli_cases import Capture, accuracy, table

import xnet as xn
from xnet.cli import main

pytestmark = pytest.mark.usefixtures("own_folder")


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
    """With a header, columns are matched by name; without one, they keep their order."""
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
