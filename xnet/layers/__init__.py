"""Layers: frozen dataclasses whose fields are their configuration."""

from xnet.layers.activation import Activation
from xnet.layers.dense import Dense
from xnet.layers.function import Lambda
from xnet.layers.layer import Layer
from xnet.layers.network import Network
from xnet.layers.reshape import Flatten
from xnet.layers.state import Becomes, map_gradients

__all__ = ["Activation", "Becomes", "Dense", "Flatten", "Lambda", "Layer", "Network", "map_gradients"]
