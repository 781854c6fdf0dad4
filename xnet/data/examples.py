"""Preparing labelled examples for training: one-hot labels, and the split into a training and a test part."""

import numpy as np

from xnet import guards
from xnet.backends import backend_of
from xnet.data.sets import Pair, generator
from xnet.errors import DtypeError, ShapeError, ValueRangeError
from xnet.types import Array


def one_hot(Y: Array, classes: int) -> Array:
    """Labels (1, m) → (classes, m): 1 in the row of the label, 0 elsewhere."""
    guards.array("one_hot", Y=Y)
    b = backend_of(Y)
    if not b.xp.isdtype(Y.dtype, "integral"):
        fix = "xp.astype(Y, xp.int32)"
        raise DtypeError(f"one_hot: Y must hold integer labels; got Y.dtype={guards.dtype_name(Y)}; {fix}")
    if Y.ndim != 2 or Y.shape[0] != 1:
        raise ShapeError(f"one_hot: Y must be (1, m); got Y.shape={tuple(Y.shape)}; xp.reshape(Y, (1, -1))")
    labels = b.to_numpy(Y)[0]
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise ValueRangeError(
            f"one_hot: labels must be from 0 to {classes - 1}; got Y[0, {wrong[0]}]={labels[wrong[0]]}, "
            f"classes={classes}; use classes={labels.max() + 1}, or number the labels from 0"
        )
    rows = b.xp.reshape(b.xp.arange(classes, dtype=b.xp.int32, device=b.native_device), (classes, 1))
    return b.xp.astype(rows == b.xp.astype(Y, b.xp.int32), b.xp.float32)


def split(X: Array, Y: Array, test: float = 0.2, seed: int = 0) -> tuple[Pair, Pair]:
    """(X_train, Y_train), (X_test, Y_test), both shuffled.   Each label keeps its proportion, to one example."""
    guards.array("split", X=X, Y=Y)
    guards.same_examples("split", X=X, Y=Y)
    m = X.shape[-1]
    if m < 2:
        raise ShapeError(f"split: two parts need two examples; got X.shape={tuple(X.shape)}; give more examples")
    if not 0 < test < 1:
        raise ValueRangeError(f"split: test is a share between 0 and 1; got test={test!r}; try test=0.2")
    rng = generator("split", m, seed)
    order = rng.permutation(m)
    if Y.shape[0] == 1 and Y.ndim == 2 and backend_of(Y).xp.isdtype(Y.dtype, "integral"):
        order = order[np.argsort(backend_of(Y).to_numpy(Y)[0][order], kind="stable")]
    # The examples are sorted by label and the test part takes every so many: so it has its share of each label.
    n = min(max(round(test * m), 1), m - 1)
    taken = np.diff(np.arange(m + 1) * n // m) == 1
    train_part, test_part = rng.permutation(order[~taken]), rng.permutation(order[taken])
    return (_take(X, train_part), _take(Y, train_part)), (_take(X, test_part), _take(Y, test_part))


def _take(A: Array, examples: Array) -> Array:
    b = backend_of(A)
    return b.xp.take(A, b.asarray(examples), axis=-1)
