"""C25.  How far each step should go: accuracy after a few epochs against the learning rate α, for three rules."""

import sys

import matplotlib.pyplot as plt

import xnet as xn

quick = "--quick" in sys.argv
(X, Y), valid = xn.data.split(*xn.data.digits(), test=0.25)
net = xn.Network([xn.Dense(64, "relu"), xn.Dense(32, "relu"), xn.Dense(10)])
rates = [10.0 ** (k / 2) for k in range(-8, 4, 3 if quick else 1)]


def accuracy(rule: type, lr: float) -> float:
    return xn.fit(net, X, Y, optimizer=rule(lr), epochs=1 if quick else 10).evaluate(*valid)["accuracy"]


fig, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
for rule in (xn.SGD, xn.Momentum, xn.Adam):
    right = [accuracy(rule, lr) for lr in rates]
    best, lr = max(zip(right, rates, strict=True))
    print(f"{rule.__name__:9} best at α = {lr:.2g}: {best:.1%}")
    ax.plot(rates, right, marker="o", label=rule.__name__)
ax.axhline(0.1, color="grey", linestyle=":")
ax.text(rates[0], 0.05, "a guess", color="grey")
ax.set(
    xscale="log",
    ylim=(0, 1),
    xlabel="learning rate α",
    ylabel="right on digits not seen",
    title="digits, 64-64-32-10, 10 epochs",
)
fig.legend(loc="outside lower center", ncols=3, frameon=False)
fig.savefig("learning_rates.png", dpi=120)
print("learning_rates.png")
