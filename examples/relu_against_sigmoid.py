"""C31.  How many epochs ReLU, tanh and sigmoid take to the same cost."""

import sys

import xnet as xn

TARGET = 0.1
epochs = 5 if "--quick" in sys.argv else 600
X, Y = xn.data.digits()
fits = {}
for name in ("relu", "tanh", "sigmoid"):
    net = xn.Network([xn.Dense(64, name), xn.Dense(64, name), xn.Dense(10)])
    fits[name] = xn.fit(net, X, Y, optimizer=xn.SGD(0.1), epochs=epochs)
    costs = fits[name].history["cost"]
    reached = next((f"after {i + 1} epochs" for i, J in enumerate(costs) if J < TARGET), f"not in {epochs} epochs")
    print(f"{name:8} J < {TARGET} {reached}")
ax = xn.plot.history(fits)
ax.axhline(TARGET, color="grey", linestyle=":")
ax.set_title("digits, 64-64-64-10, gradient descent at 0.1")
ax.figure.savefig("relu_against_sigmoid.png", dpi=120)
print("relu_against_sigmoid.png")
