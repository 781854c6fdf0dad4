"""Training: the step and its parts, the loop, `fit`, and the trained model."""

from xnet.train.fit import Fit, fit
from xnet.train.step import Step

__all__ = ["Fit", "Step", "fit"]
