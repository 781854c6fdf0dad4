"""The target that writes Python functions of NumPy's calls."""
