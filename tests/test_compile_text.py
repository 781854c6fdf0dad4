"""The text of a compiled function, as it is read."""

import re
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from marks import needs_a_compiler

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
    assert without_places(shown) == without_places(c.source)


def update(W: Any, b: Any, A: Any, dZ: Any) -> Any:
    xp = array_namespace(W)
    dW = dZ @ A.mT
    db = xp.sum(dZ, axis=1, keepdims=True)
    return W - 0.1 * dW, b - 0.1 * db


@needs_a_compiler
def test_the_page_shows_the_c_that_runs() -> None:
    """The numbers of a BLAS may be wider or narrower elsewhere."""
    c = xn.compile(update, donate=("W", "b"), target="c")
    c(*(np.ones(shape, "float32") for shape in ((64, 32), (64, 1), (32, 128), (64, 128))))
    page = (Path(__file__).parent.parent / "docs" / "compiler.md").read_text("utf-8")
    (shown,) = re.findall(r"(?ms)^```c\n(.*?)^```", page)
    assert without_places(shown) == without_places(c.source).replace("typedef int N", "typedef long long N")


def without_places(text: str) -> str:
    return re.sub(r"\(\w+\.py:\d+\)", "", text).strip()
