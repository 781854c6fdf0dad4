"""C5, C6.  Functions as graphs: values from left to right, derivatives from right to left, and pictures of both."""

from pathlib import Path

import numpy as np

import xnet as xn
from xnet import kernels
from xnet.graph import Graph, trace
from xnet.graph.derive.gradients import derivatives
from xnet.types import Array, Tree


def J(a: Array, b: Array, c: Array) -> Array:
    u = b * c
    v = a + u
    return 3 * v


def L(w1: Array, x1: Array, w2: Array, x2: Array, b: Array, y: Array) -> Array:
    z = w1 * x1 + w2 * x2 + b
    a = 1 / (1 + np.exp(-z))
    return -(y * np.log(a) + (1 - y) * np.log(1 - a))


def cost(params: Tree, X: Array, Y: Array) -> Array:
    return kernels.sigmoid_cross_entropy(net.forward(params, X)[0], Y)[0]


def show(graph: Graph, args: tuple[Tree, ...], file: str) -> None:
    values, slopes = graph.values(*args), derivatives(graph, *args)
    print(graph)
    print("left to right: ", *(f"{graph.names[n]} = {x:.4g} " for n, x in values.items() if n in graph.names))
    print("right to left: ", *(f"d{graph.names[n]} = {dx:.4g} " for n, dx in slopes.items() if n in graph.names))
    save(file, graph.draw(values=values, derivatives=slopes))


def save(file: str, picture: str) -> None:
    Path(file).write_text(picture, "utf-8")
    print(f"{file}\n")


numbers = [np.asarray(x) for x in (5.0, 3.0, 2.0)]
show(trace(J, *numbers), tuple(numbers), "computation_graph.svg")

numbers = [np.asarray(x) for x in (0.5, 1.0, -0.25, 2.0, 0.0, 1.0)]
show(trace(L, *numbers), tuple(numbers), "logistic_graph.svg")

net = xn.Network([xn.Dense(4, "relu"), xn.Dense(3, "tanh"), xn.Dense(1)])
X, Y = xn.data.flower(m=100)
params = net.init((2,))
graph = trace(cost, params, X, Y)
print(graph)
save("network_graph.svg", graph.draw(values=graph.values(params, X, Y)))
