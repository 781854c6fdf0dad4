"""C2.  Why logistic regression is given the cross-entropy: over one weight it is convex, and squared error is not."""

import matplotlib.pyplot as plt
import numpy as np

from xnet import kernels

x = np.array([[-4.0, -2.5, -1.0, 0.5, 1.5, 3.0]])
y = np.array([[0, 0, 1, 0, 1, 1]])
w = np.linspace(-6, 8, 600)
cross_entropy = [kernels.sigmoid_cross_entropy(wi * x, y)[0] for wi in w]
squared_error = [kernels.mean_squared_error(kernels.sigmoid(wi * x)[0], y)[0] for wi in w]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for ax, J, name in zip(axes, (cross_entropy, squared_error), ("cross-entropy", "squared error"), strict=True):
    bends_down = np.gradient(np.gradient(J, w), w)[2:-2] < -1e-4
    ax.plot(w, J)
    ax.fill_between(w[2:-2], 0, max(J), where=bends_down, alpha=0.15, label="not convex here")
    ax.set(title=name, xlabel="w", ylabel="J(w)")
    if bends_down.any():
        ax.legend(loc="upper right", framealpha=1)
    print(f"{name}: {'convex' if not bends_down.any() else 'not convex'}")
figure.savefig("cost_surfaces.png", dpi=120)
print("cost_surfaces.png")
