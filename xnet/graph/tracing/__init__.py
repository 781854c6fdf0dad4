"""Tracing: stand-ins for arrays, and the functions of the standard for them."""
