"""C23.  How training starts from zeros, from small, too large, He's and Xavier's weights."""

import sys
from functools import partial

import xnet as xn

epochs = 3 if "--quick" in sys.argv else 30
X, Y = xn.data.digits()
starts = {
    "zeros": "zeros",
    "normal, 0.01": "normal",
    "normal, 1": partial(xn.initializers.normal, scale=1.0),
    "He": "he",
    "Xavier": "xavier",
}
fits = {}
for name, init in starts.items():
    net = xn.Network([*(xn.Dense(32, "tanh", kernel_init=init) for _ in range(3)), xn.Dense(10, kernel_init=init)])
    fits[name] = xn.fit(net, X, Y, optimizer=xn.SGD(0.1), epochs=epochs)
    print(f"{name:12}  cost {fits[name].history['cost'][-1]:.3f} after {epochs} epochs")
ax = xn.plot.history(fits)
ax.set_title("digits, 64-32-32-32-10, tanh, gradient descent at 0.1")
ax.figure.savefig("initialisations.png", dpi=120)
print("initialisations.png")
