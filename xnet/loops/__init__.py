"""The course's for-loops: a slow version of each kernel, which the tests compare with the kernel.

Each function computes with one Python float at a time and uses NumPy only to hold arrays.
A result has the dtype of the arguments.  Shapes are not checked.
ln 0, 1/0, e¹⁰⁰⁰ and a mean over no examples raise an error, as in Python.
"""

from xnet.loops.activation import activate, leaky_relu, relu, sigmoid, tanh
from xnet.loops.linear import dense_per_unit, matmul, matvec
from xnet.loops.logistic import cross_entropy, logistic_one_loop, logistic_two_loops
from xnet.loops.network import backprop_one_example, backprop_per_example, network_one_example, network_per_example
from xnet.loops.vectors import abs, add, divide, dot, exp, log, maximum, square, zeros

__all__ = [
    "abs",
    "activate",
    "add",
    "backprop_one_example",
    "backprop_per_example",
    "cross_entropy",
    "dense_per_unit",
    "divide",
    "dot",
    "exp",
    "leaky_relu",
    "log",
    "logistic_one_loop",
    "logistic_two_loops",
    "matmul",
    "matvec",
    "maximum",
    "network_one_example",
    "network_per_example",
    "relu",
    "sigmoid",
    "square",
    "tanh",
    "zeros",
]
