"""The version of xnet."""

__version__ = "0.1.0"
