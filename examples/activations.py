"""C19.  The non-linearities, each with its derivative."""

import xnet as xn

axes = xn.plot.activations()
axes[0].figure.savefig("activations.png", dpi=120)
print("activations.png")
