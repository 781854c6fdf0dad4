"""Training: what a step is made of, the loop around it, and the model that is left."""

from xnet.train.fit import Fit, fit
from xnet.train.step import Step

__all__ = ["Fit", "Step", "fit"]
