"""C21.  A shallow network learns the flower, and draws the boundary that it found."""

import sys

import matplotlib.pyplot as plt

import xnet as xn

epochs = 30 if "--quick" in sys.argv else 400
X, Y = xn.data.flower(m=400)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
for ax, units in zip(axes, (1, 4, 20), strict=True):
    net = xn.Network([xn.Dense(units, "tanh"), xn.Dense(1)])
    fit = xn.fit(net, X, Y, optimizer=xn.Adam(0.02), epochs=epochs, batch_size=None)
    accuracy = fit.evaluate(X, Y)["accuracy"]
    title = f"{units} hidden unit{'s' * (units > 1)}: {accuracy:.0%} right"
    xn.plot.boundary(fit, X, Y, ax).set_title(title)
    print(title)
figure.savefig("flower.png", dpi=120)
print("flower.png")
