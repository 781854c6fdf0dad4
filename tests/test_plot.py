"""Pictures show the values of the network."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import xnet as xn
from xnet.errors import ShapeError, UnknownNameError

mpl.use("agg")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def planar(classes: int) -> tuple[np.ndarray, np.ndarray, xn.Fit]:
    X = np.asarray([[-1, 1, -1, 1], [-1, -1, 1, 1]], "float32")
    Y = np.asarray([[0, 1, 2, 1]]) % classes
    net = xn.Network([xn.Dense(1 if classes == 2 else classes)])
    return X, Y, xn.fit(net, X, Y, epochs=1, optimizer=xn.SGD(0.1))


@pytest.mark.parametrize("classes", [2, 3])
def test_boundary_shades_the_plane_and_puts_the_examples_on_it(classes: int) -> None:
    X, Y, fit = planar(classes)
    ax = xn.plot.boundary(fit, X, Y, points=20)
    areas, points = ax.collections
    np.testing.assert_allclose(np.asarray(points.get_offsets()), X.T)
    np.testing.assert_array_equal(points.get_array(), Y[0])
    assert areas.get_datalim(ax.transData).contains(*X[:, 0])


def test_boundary_refuses_what_is_not_a_plane() -> None:
    X, Y, fit = planar(2)
    with pytest.raises(ShapeError, match=r"boundary: X must be \(2, m\)"):
        xn.plot.boundary(fit, X[:1], Y)


def test_history_draws_each_cost_by_its_name() -> None:
    X, Y, _ = planar(2)
    net = xn.Network([xn.Dense(1)])
    fit = xn.fit(net, X, Y, epochs=3, validation=(X, Y))
    ax = xn.plot.history({"a": fit, "b": fit})
    labels = ["a cost", "a validation cost", "b cost", "b validation cost"]
    (lone,) = xn.plot.history({"c": xn.fit(net, X, Y, epochs=2)}, plt.figure().subplots()).lines
    assert lone.get_label() == "c"
    assert [line.get_label() for line in ax.lines] == labels
    np.testing.assert_allclose(np.asarray(ax.lines[0].get_ydata()), np.asarray(fit.history["cost"]))


def test_activations_draw_g_and_its_derivative() -> None:
    (ax,) = xn.plot.activations(["tanh"], limit=2)
    z, a = np.asarray(ax.lines[0].get_data())
    np.testing.assert_allclose(a, np.tanh(z))
    np.testing.assert_allclose(np.asarray(ax.lines[1].get_ydata()), 1 - np.tanh(z) ** 2)
    with pytest.raises(UnknownNameError, match="did you mean 'tanh'"):
        xn.plot.activations(["tanhh"])
