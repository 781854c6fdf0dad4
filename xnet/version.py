"""The version, for those below the public face who name it."""

__version__ = "0.1.0"
