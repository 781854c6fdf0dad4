"""A table to train on, a saved model, and what the tests of the command line read and run."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import xnet as xn
from xnet.cli import main

Capture = pytest.CaptureFixture[str]


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


def saved() -> None:
    table()
    assert main(["train", "table.csv", "--epochs", "1", "--quiet", "--save", "net"]) == 0


def accuracy(out: str) -> float:
    """Of the test, in per cent."""
    line = next(line for line in out.splitlines() if line.startswith("accuracy: "))
    return float(line.split(", ")[1].split(" %")[0])
