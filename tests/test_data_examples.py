"""One-hot labels, and the split into a training and a test part."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet import data
from xnet.errors import DtypeError, ShapeError, ValueRangeError, XnetError

Host = Any


def test_one_hot(xb: Bench) -> None:
    Y = data.one_hot(xb.asarray([[2, 0, 1, 2]], dtype="int32"), 4)
    assert xb.backend.owns(Y)
    np.testing.assert_array_equal(xb.to_numpy(Y), np.eye(4, dtype=np.float32)[:, [2, 0, 1, 2]], strict=True)
    assert data.one_hot(xb.asarray([[7]], dtype="uint8"), 300).shape == (300, 1)


def test_split_shares_out_every_example_once(xb: Bench) -> None:
    Y = np.repeat(np.arange(4), [50, 30, 15, 5])[None, :].astype(np.int32)
    X = np.stack([np.arange(100), Y[0]]).astype(np.float32)
    (X_train, Y_train), (X_test, Y_test) = data.split(xb.asarray(X), xb.asarray(Y, dtype="int32"), test=0.2, seed=5)
    assert xb.backend.owns(X_test)
    parts = [xb.to_numpy(A) for A in (X_train, Y_train, X_test, Y_test)]
    assert [A.shape for A in parts] == [(2, 80), (1, 80), (2, 20), (1, 20)]
    assert [A.dtype for A in parts] == [np.float32, np.int32] * 2
    assert np.bincount(parts[3][0]).tolist() == [10, 6, 3, 1]
    np.testing.assert_array_equal(np.sort(np.concatenate([parts[0][0], parts[2][0]])), np.arange(100))
    np.testing.assert_array_equal(parts[0][1], parts[1][0])  # X and Y went the same way
    np.testing.assert_array_equal(parts[2][1], parts[3][0])
    assert (np.diff(parts[0][0]) < 0).any()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.floats(0.01, 0.99), st.integers(0, 9))
def test_split_keeps_each_labels_share(labels: list[int], test: float, seed: int) -> None:
    Y = np.asarray([labels], dtype=np.int32)
    (_, kept), (_, taken) = data.split(Y * 1.0, Y, test, seed)
    m, n = len(labels), taken.shape[1]
    assert 1 <= n < m
    assert kept.shape[1] + n == m
    for label in set(labels):
        assert abs((taken == label).sum() - labels.count(label) * n / m) <= 1


@pytest.mark.parametrize("Y", [np.ones((1, 10), np.float32), np.ones((3, 10), np.int32)])
def test_split_takes_images_and_targets_of_any_kind(Y: Host) -> None:
    X = np.zeros((3, 8, 8, 10), np.float32)
    (X_train, Y_train), (X_test, Y_test) = data.split(X, Y, test=0.3)
    assert (X_train.shape, X_test.shape) == ((3, 8, 8, 7), (3, 8, 8, 3))
    assert (Y_train.shape[1], Y_test.shape[1]) == (7, 3)


X2, Y2 = np.zeros((3, 5), np.float32), np.zeros((1, 5), np.int32)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: data.one_hot(Y2[0], 2), ShapeError, "Y[None, :]"),
        (lambda: data.one_hot(np.zeros((2, 5), np.int32), 2), ShapeError, "Y must be (1, m); got Y.shape=(2, 5);"),
        (lambda: data.one_hot(Y2 * 1.0, 2), DtypeError, "Y must hold integer labels; got Y.dtype=float64; xp.astype(Y"),
        (lambda: data.one_hot(np.asarray([[0, 1, 5, 9]]), 3), ValueRangeError,
         "labels must be from 0 to 2; got Y[0, 2]=5, classes=3; use classes=10"),
        (lambda: data.one_hot(np.asarray([[0, -1]]), 3), ValueRangeError, "got Y[0, 1]=-1, classes=3;"),
        (lambda: data.split(X2, Y2[0]), ShapeError, "Y[None, :]"),
        (lambda: data.split(X2[0], Y2), ShapeError, "X[None, :]"),
        (lambda: data.split(X2.T, Y2), ShapeError, "as many examples (the last axis); got X.shape=(5, 3)"),
        (lambda: data.split(X2, Y2, test=1.0), ValueRangeError, "between 0 and 1; got test=1.0; try test=0.2"),
        (lambda: data.split(X2[:, :1], Y2[:, :1]), ShapeError, "two parts need two examples; got X.shape=(3, 1);"),
        (lambda: data.split(X2, Y2, seed=-2), ValueRangeError, "seed must be an integer of at least 0; got seed=-2;"),
        (lambda: data.split(X2.tolist(), Y2), DtypeError, "X must be an array"),
    ],
)  # fmt: skip
def test_examples_refuse(call: Callable[[], object], kind: type[XnetError], text: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert text in str(error.value)
