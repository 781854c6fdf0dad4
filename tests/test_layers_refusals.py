"""Every text with which a layer or a network refuses."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_cases import ACTIVATIONS, EXAMPLES, cube, drawn

import xnet as xn
from xnet import kernels, names, trees
from xnet.backends import backend
from xnet.errors import DeviceMismatchError, DtypeError, ShapeError, TraceError, UnknownNameError, ValueRangeError

X = drawn((4, EXAMPLES)).astype("float32")
PARAMS = xn.Dense(3).init((4,), backend="numpy")
STRICT, DEVICE1 = backend("strict"), backend("strict:device1")
NET = xn.Network([xn.Dense(4, "relu"), xn.Dense(1)])
NET_PARAMS = NET.init((4,), backend="numpy")


class Nothing(xn.Flatten):
    def forward(self, params: Any, X: Any) -> Any:
        X * X  # and no return


def on(b: xn.Backend) -> Any:
    return trees.map(b.asarray, PARAMS)


REFUSALS: dict[str, tuple[Callable[[], Any], type[xn.XnetError], str]] = {
    "rank-1": (
        lambda: xn.Dense(3).forward(PARAMS, X[:, 0]),
        ShapeError,
        "Dense(units=3): X must have two axes or more, examples last; got X.shape=(4,); "
        "X[:, None] is a column, X[None, :] a row",
    ),
    "rank-1 activation": (
        lambda: xn.Activation("relu").forward({}, X[0]),
        ShapeError,
        "Activation(name='relu'): X must have two axes or more, examples last; got X.shape=(5,)",
    ),
    "rank-1 flatten": (
        lambda: xn.Flatten().forward({}, X[0]),
        ShapeError,
        "Flatten(): X must have two axes or more, examples last; got X.shape=(5,)",
    ),
    "rank-1 in a network": (
        lambda: NET.forward(NET_PARAMS, X[:, 0]),
        ShapeError,
        "layer 1, Dense(units=4, activation='relu'): X must have two axes or more",
    ),
    "rank 0": (
        lambda: xn.Dense(3).forward(PARAMS, X[0, 0]),
        ShapeError,
        "must have two axes or more, examples last; got X.shape=(); xp.reshape(X, (1, 1))",
    ),
    "features": (
        lambda: xn.Dense(3).forward(PARAMS, np.ones((7, 5), "float32")),
        ShapeError,
        "Dense(units=3): X must be (4, m); got X.shape=(7, 5); init(in_shape=(7,))",
    ),
    "features of a later layer": (
        lambda: NET.forward([NET_PARAMS[0], {**NET_PARAMS[1], "W": np.ones((1, 9), "float32")}], X),
        ShapeError,
        "layer 2, Dense(units=1): X must be (9, m); got X.shape=(4, 5)",
    ),
    "rows": (
        lambda: xn.Dense(3).forward(PARAMS, X.T),
        ShapeError,
        "Dense(units=3): X must be (4, m); got X.shape=(5, 4); X = X.T if examples are rows",
    ),
    "images into Dense": (
        lambda: xn.Dense(3).forward(PARAMS, np.ones((4, 2, 5), "float32")),
        ShapeError,
        "Dense(units=3): X must be (4, m); got X.shape=(4, 2, 5)",
    ),
    "images into a network without Flatten": (
        lambda: NET.init((4, 2)),
        ShapeError,
        "layer 1, Dense(units=4, activation='relu'): inputs must be columns (n, m); got in_shape=(4, 2); "
        "put Flatten() before it",
    ),
    "two libraries": (
        lambda: xn.Dense(3).forward(on(STRICT), X),
        DeviceMismatchError,
        "Dense(units=3): X and W must be on one device of one library; got X on numpy, W on strict:cpu; "
        "move one, for instance xn.backend('strict:cpu').asarray(X)",
    ),
    "two devices": (
        lambda: xn.Dense(3).forward(on(DEVICE1), STRICT.asarray(X)),
        DeviceMismatchError,
        "got X on strict:cpu, W on strict:device1; move one, for instance xn.backend('strict:device1').asarray(X)",
    ),
    "two dtypes": (
        lambda: xn.Dense(3).forward(PARAMS, X.astype("float64")),
        DtypeError,
        "Dense(units=3): X and W must have one dtype; got X.dtype=float64, W.dtype=float32; xp.astype(X, xp.float32)",
    ),
    "integers": (
        lambda: xn.Dense(3).forward(PARAMS, np.ones((4, 5), "uint8")),
        DtypeError,
        "Dense(units=3): X must hold floating-point numbers; got X.dtype=uint8; xp.astype(X, xp.float32) / 255",
    ),
    "b of another shape": (
        lambda: xn.Dense(3).forward({**PARAMS, "b": np.ones((1, 3), "float32")}, np.ones((4, 5), "float32")),
        ShapeError,
        "Dense(units=3): params must be its own; got W.shape=(3, 4), b.shape=(1, 3); net.init(in_shape) makes them",
    ),
    "b of another dtype": (
        lambda: xn.Dense(3).forward({**PARAMS, "b": np.ones((3, 1))}, np.ones((4, 5), "float32")),
        DtypeError,
        "Dense(units=3): X and b must have one dtype; got X.dtype=float32, b.dtype=float64",
    ),
    "integer weights": (
        lambda: xn.Dense(3).init(4, dtype="int32"),
        DtypeError,
        "init: dtype must be one of float16, bfloat16, float32, float64; got dtype='int32'; dtype='float32'",
    ),
    "integers into an activation": (
        lambda: xn.Activation("relu").forward({}, np.ones((4, 5), "int64")),
        DtypeError,
        "Activation(name='relu'): X must hold floating-point numbers; got X.dtype=int64",
    ),
    "a list": (
        lambda: xn.Flatten().forward({}, [[1.0], [2.0]]),
        DtypeError,
        "Flatten(): X must be an array; got X of type list; make it one with xn.backend().asarray(X)",
    ),
    "a list into Dense": (
        lambda: xn.Dense(3).forward(PARAMS, [[1.0], [2.0], [3.0], [4.0]]),
        DtypeError,
        "Dense(units=3): X must be an array; got X of type list",
    ),
    "Lambda of no function": (
        lambda: xn.Lambda("relu"),  # type: ignore[arg-type]
        ValueRangeError,
        "Lambda: f must be a function of X; got f='relu'; Lambda(lambda X: X * X)",
    ),
    "Lambda of a kernel": (
        lambda: xn.Network([xn.Dense(4), xn.Lambda(kernels.relu)]).init(4),
        ShapeError,
        "layer 2, Lambda(f=relu): f must give one array, examples last; got Y of type tuple for X.shape=(4, 5); "
        "f(X)[0] takes the first of several, keepdims=True keeps an axis",
    ),
    "Lambda of a kernel without init": (
        lambda: xn.Lambda(kernels.relu).forward({}, X),
        ShapeError,
        "Lambda(f=relu): f must give one array, examples last; got Y of type tuple",
    ),
    "Lambda that loses the examples": (
        lambda: xn.Lambda(lambda X: np.mean(X, axis=-1, keepdims=True)).init((4,)),
        ShapeError,
        "got Y.shape=(4, 1) for X.shape=(4, 5)",
    ),
    "Lambda that turns the examples": (
        lambda: xn.Lambda(lambda X: X.mT).init((2,)),
        ShapeError,
        "got Y.shape=(3, 2) for X.shape=(2, 3)",
    ),
    "Lambda that loses the features": (
        lambda: xn.Lambda(lambda X: np.sum(X, axis=0)).init((4,)),
        ShapeError,
        "got Y.shape=(5,) for X.shape=(4, 5)",
    ),
    "Lambda that asks for a value": (
        lambda: xn.Lambda(lambda X: X if X[0, 0] > 0 else -X).init((4,)),
        TraceError,
        "the truth of an array needs a value, and a traced array has only a shape and a dtype; "
        "got it at test_layers_refusals.py:",
    ),
    "integers into Lambda": (
        lambda: xn.Lambda(cube).forward({}, np.ones((4, 5), "uint8")),
        DtypeError,
        "Lambda(f=cube): X must hold floating-point numbers; got X.dtype=uint8",
    ),
    "a list into Lambda": (lambda: xn.Lambda(cube).forward({}, [[1.0]]), DtypeError, "got X of type list"),
    "a forward that gives nothing": (
        lambda: Nothing().forward({}, X),
        DtypeError,
        "Nothing(): Y must be an array; got Y of type NoneType",
    ),
    "no units": (lambda: xn.Dense(0), ValueRangeError, "Dense: units must be an integer of at least 1; got units=0"),
    "units and a fraction": (lambda: xn.Dense(2.5), ValueRangeError, "got units=2.5"),  # type: ignore[arg-type]
    "units by name": (lambda: xn.Dense("relu"), ValueRangeError, "got units='relu'"),  # type: ignore[arg-type]
    "True units": (lambda: xn.Dense(True), ValueRangeError, "got units=True"),
    "activation": (
        lambda: xn.Dense(3, "rleu"),
        UnknownNameError,
        f"activation: one of {', '.join(ACTIVATIONS)}; got activation='rleu'; did you mean 'relu'?",
    ),
    "activation layer": (
        lambda: xn.Activation("sigmoidal"),
        UnknownNameError,
        "got activation='sigmoidal'; did you mean 'sigmoid'?",
    ),
    "a backward is no activation": (
        lambda: xn.Dense(3, "relu_backward"),
        UnknownNameError,
        "got activation='relu_backward'",
    ),
    "hyper-parameter of an activation": (
        lambda: xn.Activation("leaky_relu", {"alpha": 0.2}),
        ValueRangeError,
        "alpha",
    ),
    "hyper-parameter of another type": (
        lambda: xn.Activation("elu", alpha="large"),
        ValueRangeError,
        "activation elu: alpha must be of type float; got alpha='large'",
    ),
    "activation that is another layer": (
        lambda: xn.Dense(3, xn.Flatten()),  # type: ignore[arg-type]
        UnknownNameError,
        "got activation=Flatten()",
    ),
    "init": (
        lambda: xn.Dense(3, init="he"),  # type: ignore[call-arg]
        UnknownNameError,
        "Dense: init is now called kernel_init; got init='he'; kernel_init='he' replaces it",
    ),
    "initializer": (
        lambda: xn.Dense(3, kernel_init="xaviar"),
        UnknownNameError,
        f"kernel_init: one of {', '.join(sorted(names.public(xn.initializers)))}; got kernel_init='xaviar'; "
        "did you mean 'xavier'?",
    ),
    "initializer of another shape": (
        lambda: xn.Dense(3, kernel_init=lambda key, shape: np.ones((4, 3), "float32")).init((4,)),
        ShapeError,
        "kernel_init: must return the shape it is asked for; got W.shape=(4, 3), shape=(3, 4)",
    ),
    "initializer of no array": (
        lambda: xn.Dense(3, kernel_init=lambda key, shape: 0.0).init((4,)),
        DtypeError,
        "kernel_init: W must be an array; got W of type float",
    ),
    "no in_shape": (
        lambda: xn.Dense(3).init(()),
        ShapeError,
        "in_shape: the sizes of one example, without the examples' axis; got in_shape=(); (784,) for columns of "
        "784 numbers, (1, 28, 28) for images",
    ),
    "in_shape of nothing": (lambda: xn.Dense(3).init((0,)), ShapeError, "got in_shape=(0,)"),
    "in_shape with a fraction": (lambda: NET.init((4.0,)), ShapeError, "got in_shape=(4.0,)"),  # type: ignore[arg-type]
    "in_shape of None": (lambda: NET.init(None), ShapeError, "got in_shape=None"),  # type: ignore[arg-type]
    "X for in_shape": (lambda: NET.init(X), ShapeError, "in_shape: the sizes of one example"),  # type: ignore[arg-type]
    "summary's in_shape": (lambda: NET.summary(()), ShapeError, "got in_shape=()"),
    "seed": (lambda: NET.init((4,), seed=-1), ValueRangeError, "seed: an integer from 0 to 2**64 - 1; got seed=-1"),
    "no layer": (
        lambda: xn.Network([xn.Dense(3), "relu"]),  # type: ignore[list-item]
        ValueRangeError,
        "Network: entries must be layers, like Dense(10); got layers[1]='relu'",
    ),
    "a class for a layer": (
        lambda: xn.Network([xn.Flatten]),  # type: ignore[list-item]
        ValueRangeError,
        "Network: entries must be layers, like Dense(10); got layers[0]=<class",
    ),
    "a layer for layers": (lambda: xn.Network(xn.Dense(3)), ValueRangeError, "Network:"),  # type: ignore[arg-type]
    "parameters of a longer network": (
        lambda: NET.forward([*NET_PARAMS, {}], X),
        ShapeError,
        "Network: params must have an entry a layer; got len(params)=3, len(layers)=2; "
        "params = net.init(in_shape) makes them",
    ),
    "parameters of another network": (
        lambda: NET.forward(xn.Network([xn.Dense(4), xn.Activation("relu")]).init((4,), backend="numpy"), X),
        ShapeError,
        "layer 2, Dense(units=1)",
    ),
    "parameters of a wider layer": (
        lambda: xn.Dense(3).forward(xn.Dense(8).init((4,), backend="numpy"), X),
        ShapeError,
        "Dense(units=3)",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name: str) -> None:
    call, kind, fragment = REFUSALS[name]
    with pytest.raises(kind, match=re.escape(fragment)):
        call()
