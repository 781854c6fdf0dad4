"""The text of a compiled function, as it is read."""

import re
import traceback
from pathlib import Path

import numpy as np
import pytest
from array_api_compat import array_namespace

import xnet as xn
from xnet.compile.target import Target


def test_the_source_can_be_read(numpy_way: Target) -> None:
    net = xn.Network([xn.Dense(5, "relu"), xn.Dense(3)])
    X, Y = np.ones((4, 6), "float32"), np.zeros((1, 6), "int64")
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init(4, backend="numpy")
    c = xn.compile(step, donate=("params", "state"), target=numpy_way)
    c(params, step.optimizer.init(params), X, Y)
    assert "# return W @ A + b, (A, W)   (linear.py:" in c.source
    assert re.search(r"dot\(params_0_W, X, \w+\)", c.source)
    compile(c.source, "source", "exec")


def test_errors_show_the_text() -> None:
    c = xn.compile(lambda x, rows: 2.0 * array_namespace(x).take(x, rows, axis=0))
    c(np.ones((2, 2)), np.asarray([0, 1]))
    with pytest.raises(IndexError) as error:
        c(np.ones((2, 2)), np.asarray([0, 9]))
    shown = "".join(traceback.format_exception(error.value))
    assert re.search(r'File "<<lambda>, compiled by xnet, \d+>", line \d+, in run\n +take_into\(x, rows', shown)


def test_the_page_shows_what_runs() -> None:
    """docs/compiler.md has the step of 784-256-128-10 as it is written today."""
    net = xn.Network([xn.Dense(256, "relu"), xn.Dense(128, "relu"), xn.Dense(10)])
    step = xn.Step(net, xn.Cost("softmax_cross_entropy"), xn.Adam())
    params = net.init((784,), backend="numpy")
    c = xn.compile(step, donate=("params", "state"))
    c(params, step.optimizer.init(params), np.zeros((784, 128), "float32"), np.zeros((1, 128), "int64"))
    page = (Path(__file__).parent.parent / "docs" / "compiler.md").read_text("utf-8")
    (shown,) = re.findall(r"(?ms)^```text\n(.*?)^```", page)
    places = r"\(\w+\.py:\d+\)"
    assert re.sub(places, "", shown) == re.sub(places, "", c.source)
