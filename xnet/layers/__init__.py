"""Layers: frozen dataclasses whose fields are their configuration."""

from xnet.layers.layer import Activation, Dense, Flatten, Lambda, Layer
from xnet.layers.network import Network

__all__ = ["Activation", "Dense", "Flatten", "Lambda", "Layer", "Network"]
