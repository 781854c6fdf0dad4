"""What native code stands on: the C compiler, the cache of compiled libraries, and the BLAS that NumPy has loaded."""
