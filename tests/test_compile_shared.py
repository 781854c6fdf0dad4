"""Programs for NumPy's arrays on PyTorch's tensors in the same memory, and the tensors for which there are none."""

import re
from typing import Any

import pytest
from array_api_compat import array_namespace
from backends import selected
from train_cases import CLASSES, corners, distance, xor

import xnet as xn
from xnet import trees
from xnet.errors import TraceError

pytestmark = pytest.mark.skipif("torch" not in {row.name for row in selected()}, reason="torch was not asked for")

HOW = r"on NumPy, .*, on arrays of torch:cpu"


def f(x: Any, y: Any) -> Any:
    return 2.0 * x + y


def tensor(x: Any) -> Any:
    import torch

    return torch.tensor(x, dtype=torch.float32)


def test_results_are_tensors() -> None:
    c = xn.compile(lambda x, y: (f(x, y), array_namespace(x).sum(x * y), x))
    for x in (tensor([[1.0, 2.0], [3.0, 4.0]]), tensor([[5.0, 6.0], [7.0, 8.0]])):
        both, total, same = c(x, x.T)  # other strides are NumPy's too
        assert both.tolist() == (2 * x + x.T).tolist()
        assert (float(total), total.shape, total.dtype) == (float((x * x.T).sum()), (), x.dtype)
        assert same.tolist() == x.tolist()
    assert re.fullmatch(HOW, c.how)


def test_donated_tensors_are_updated_where_they_lie() -> None:
    c = xn.compile(f, donate=("x",))
    x = begun = tensor([1.0, 2.0])
    y = tensor([1.0, 1.0])
    x = c(x, y)
    address = x.data_ptr()
    for _ in range(3):
        x = c(x, y)
        assert x.data_ptr() == address
    assert (begun.tolist(), x.tolist(), y.tolist()) == ([1.0, 2.0], [31.0, 47.0], [1.0, 1.0])


def leaning(x: Any) -> Any:
    return x.requires_grad_(True)


def half(x: Any) -> Any:
    import torch

    return x.to(torch.bfloat16)


@pytest.mark.parametrize("change", [leaning, half])
def test_other_tensors_run_as_written(change: Any) -> None:
    """Also after tensors of the same shape for which there is a program."""
    x, y = tensor([1.0, 2.0]), tensor([1.0, 1.0])
    c = xn.compile(f)
    c(x, y)
    z = c(change(x), y)
    assert c.how == 'as written; xn.compile(f, backend="torch") asks for torch.compile'
    assert (z.tolist(), z.requires_grad) == ([3.0, 5.0], x.requires_grad)
    c(tensor([1.0]), tensor([1.0]))
    assert re.fullmatch(HOW, c.how)
    with pytest.raises(TraceError, match="compile: a target takes arrays of its own library; got target='numpy'"):
        xn.compile(f, target="numpy")(change(tensor([1.0, 2.0])), y)


def test_gradients_of_torch_pass_through() -> None:
    x, y = tensor([1.0, 2.0]), tensor([1.0, 1.0])
    c = xn.compile(f)
    c(x, y)
    c(leaning(x), y).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_inside_a_function_of_torch() -> None:
    import torch

    c = xn.compile(lambda x: array_namespace(x).sum(x * x))
    x = tensor([1.0, 2.0])
    assert float(c(x)) == 5.0
    assert torch.func.grad(c)(x).tolist() == [2.0, 4.0]


def test_a_function_that_is_not_of_the_standard_runs_as_written() -> None:
    c = xn.compile(lambda x: x.clone())
    for x in (tensor([1.0, 2.0]), tensor([3.0])):
        assert c(x).tolist() == x.tolist()
        assert c.how.startswith("as written, for it cannot be traced (trace: an array of the standard has no .clone")


@pytest.mark.parametrize("optimizer", [xn.SGD(0.1), xn.Adam(0.01)], ids=lambda one: type(one).__name__)
def test_training_gives_the_numbers_of_numpy(optimizer: Any) -> None:
    X, Y = corners(40)
    b = xn.backend("torch")
    options: dict[str, Any] = {"epochs": 3, "batch_size": 16, "optimizer": optimizer, "compile": True}
    here = xn.fit(CLASSES, X, Y, validation=(X, Y), **options)
    there = xn.fit(CLASSES, b.asarray(X), b.asarray(Y), validation=(b.asarray(X), b.asarray(Y)), **options)
    assert there.how.endswith("on arrays of torch:cpu")
    assert there.history["cost"] == pytest.approx(here.history["cost"], rel=1e-5)
    assert there.history["validation_cost"] == pytest.approx(here.history["validation_cost"], rel=1e-5)
    assert distance(trees.map(b.to_numpy, there.params), here.params) < 1e-5
    assert all(b.owns(W) for W in trees.leaves((there.params, there.state, there.predict(b.asarray(X)))))


def test_what_callbacks_saw_stays() -> None:
    X, Y = xor()
    b, seen = xn.backend("torch"), []
    net = xn.Network([xn.Dense(1)])
    xn.fit(net, b.asarray(X), b.asarray(Y), epochs=3, compile=True, callbacks=[lambda fit: seen.append(fit.params)])
    assert len({float(params[0]["W"][0, 0]) for params in seen}) == 3
