"""C30.  More data and larger networks: accuracy against the number of examples, for four sizes of model."""

import sys
from statistics import mean

import matplotlib.pyplot as plt

import xnet as xn

quick = "--quick" in sys.argv
(X, Y), test = xn.data.split(*xn.data.digits(), test=0.3)
models = {"softmax regression": [], "8 units": [8], "64 units": [64], "256-256 units": [256, 256]}
amounts = [20, 50, 100, 200, 500, X.shape[1]]
amounts = amounts[::2] if quick else amounts
seeds = range(1 if quick else 5)


def accuracy(units: list[int], m: int, seed: int) -> float:
    """Of a network that has seen m examples: each model takes as many steps, whatever m is."""
    net = xn.Network([*(xn.Dense(n, "relu") for n in units), xn.Dense(10)])
    epochs = (20 if quick else 500) * 32 // m + 1
    fit = xn.fit(net, X[:, :m], Y[:, :m], epochs=epochs, batch_size=32, seed=seed)
    return fit.evaluate(*test)["accuracy"]


fig, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
for name, units in models.items():
    right = [mean(accuracy(units, m, seed) for seed in seeds) for m in amounts]
    print(f"{name:20}", *(f"m = {m}: {one:.1%} " for m, one in zip(amounts, right, strict=True)))
    ax.plot(amounts, right, marker="o", label=name)
ax.set(xscale="log", xlabel="examples m", ylabel="right on digits not seen", title="data, and the size of the network")
ax.set_xticks(amounts, map(str, amounts), minor=False)
ax.minorticks_off()
ax.legend()
fig.savefig("scale.png", dpi=120)
print("scale.png")
