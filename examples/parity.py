"""C26.  Parity of n bits: a tree of small units, log n deep, or one wide layer with a unit for each odd pattern.

Both are built here from weights written down, and tried on all 2ⁿ inputs.  Then networks of either form are trained.
(ReLU units that see the sum of the bits would do with n in one layer; a unit a pattern is what gates without it need.)
"""

import sys
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

import xnet as xn

quick = "--quick" in sys.argv


def patterns(n: int) -> tuple[np.ndarray, np.ndarray]:
    """All 2ⁿ columns of n bits, and x₁ ⊕ … ⊕ xₙ of each."""
    X = np.array(list(product((0, 1), repeat=n)), dtype="float32").T
    return X, X.sum(axis=0, keepdims=True) % 2


def tree(n: int) -> tuple[xn.Network, list[dict[str, np.ndarray]]]:
    """a ⊕ b = max(a + b, 0) - 2 max(a + b - 1, 0), pair by pair, and pairs of pairs: n a power of two."""
    pair, thresholds, merge = np.array([[1, 1], [1, 1]]), np.array([[0], [-1]]), np.array([[1, -2]])
    params, combine, width = [], np.eye(n), n
    while width > 1:
        width //= 2
        params.append({"W": np.kron(np.eye(width), pair) @ combine, "b": np.tile(thresholds, (width, 1))})
        combine = np.kron(np.eye(width), merge)
    params.append({"W": combine, "b": np.zeros((1, 1))})
    return built(params)


def wide(n: int) -> tuple[xn.Network, list[dict[str, np.ndarray]]]:
    """A unit for each pattern with an odd number of ones: 1 for that pattern, and 0 for all others."""
    X, Y = patterns(n)
    odd = X[:, Y[0] == 1].T
    units = {"W": 2 * odd - 1, "b": 1 - odd.sum(axis=1, keepdims=True)}
    return built([units, {"W": np.ones((1, len(odd))), "b": np.zeros((1, 1))}])


def built(params: list[dict[str, np.ndarray]]) -> tuple[xn.Network, list[dict[str, np.ndarray]]]:
    params = [{name: W.astype("float32") for name, W in layer.items()} for layer in params]
    *hidden, last = (len(layer["W"]) for layer in params)
    return xn.Network([*(xn.Dense(n, "relu") for n in hidden), xn.Dense(last)]), params


sizes = [2, 4, 8] if quick else [2, 4, 8, 16]
counts: dict[str, list[int]] = {"tree": [], "wide": []}
for n in sizes:
    X, Y = patterns(n)
    for name, build in {"tree": tree, "wide": wide}.items():
        net, params = build(n)
        units = sum(len(layer["W"]) for layer in params[:-1])
        wrong = 0
        for part in range(0, X.shape[1], 4096):
            A, _ = net.forward(params, X[:, part : part + 4096])
            wrong += int(np.sum(Y[:, part : part + 4096] != A))
        counts[name].append(units)
        print(f"n = {n:2}  {name}: {len(params) - 1} hidden layers, {units:6} units, wrong on {wrong} of {2**n} inputs")

X, Y = patterns(8)
forms = {"deep, 16-16-16": [16, 16, 16], "wide, 64": [64]}
fits = {}
for name, units in forms.items():
    net = xn.Network([*(xn.Dense(n, "tanh") for n in units), xn.Dense(1)])
    fits[name] = xn.fit(net, X, Y, optimizer=xn.Adam(0.01), epochs=20 if quick else 600, batch_size=None, seed=1)
    print(f"trained {name}: right on {fits[name].evaluate(X, Y)['accuracy']:.1%} of the 256 inputs of 8 bits")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for name, units in counts.items():
    left.plot(sizes, units, marker="o", label=name)
left.set(xlabel="bits n", ylabel="hidden units", yscale="log", title="parity, built")
left.set_xticks(sizes, map(str, sizes))
left.legend()
xn.plot.history(fits, ax=right)
right.set_title("parity of 8 bits, trained")
fig.savefig("parity.png", dpi=120)
print("parity.png")
