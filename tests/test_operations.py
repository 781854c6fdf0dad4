"""patches, fold and scatter_add on every backend, against plain loops."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from array_api_compat import device
from backends import selected
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import xnet as xn
from xnet.errors import DtypeError, ShapeError, ValueRangeError
from xnet.operations import fold, patches, scatter_add, scatter_add_along_axis

Shape = tuple[int, ...]
NUMPY = xn.backend("numpy")


def numbers(*shape: int, dtype: str = "float64", seed: int = 0) -> Any:
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(size=shape).astype(dtype) if dtype[0] == "f" else rng.integers(-9, 9, size=shape).astype(dtype)


# patches and fold


def patches_by_loops(X: Any, size: Shape, stride: Shape, padding: Any, dilation: Shape) -> Any:
    """Number by number, with a test of the borders in place of padding."""
    channels, *spatial, m = X.shape
    counts = [
        (n + sum(pads) - d * (k - 1) - 1) // s + 1
        for n, k, s, pads, d in zip(spatial, size, stride, padding, dilation, strict=True)
    ]
    P: Any = np.zeros((channels, *size, *counts, m), X.dtype)
    for place in product(*map(range, size)):
        for at in product(*map(range, counts)):
            where = [p * d + a * s - low
                     for p, a, s, (low, _), d in zip(place, at, stride, padding, dilation, strict=True)]  # fmt: skip
            if all(0 <= i < n for i, n in zip(where, spatial, strict=True)):
                P[(slice(None), *place, *at)] = X[(slice(None), *where)]
    return P.reshape(channels * np.prod(size), *counts, m)


WINDOWS = [  # shape, size, stride, padding, dilation
    ((2, 5, 6, 3), (3, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    ((2, 5, 6, 3), (3, 3), (2, 1), ((1, 1), (1, 1)), (1, 1)),
    ((1, 7, 5, 2), (2, 3), (3, 2), ((0, 2), (1, 0)), (2, 1)),
    ((3, 4, 4, 1), (4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    ((3, 4, 4, 2), (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((2, 9, 4), (3,), (2,), ((2, 0),), (2,)),
    ((2, 3, 4, 3, 2), (2, 2, 2), (1, 2, 1), ((0, 0), (1, 0), (0, 1)), (1, 1, 2)),
]
EMPTY = [
    ((2, 4, 5, 0), (2, 2), (1, 1), ((1, 1), (0, 0)), (1, 1)),
    ((0, 4, 5, 3), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
]


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_patches_are_what_loops_find(case: Any, dtype: str, xb: Any) -> None:
    shape, *window = case
    X = numbers(*shape, dtype=dtype)
    P = patches(given_X := xb.asarray(X, None), *window)
    assert (P.dtype, device(P)) == (given_X.dtype, device(given_X))
    assert_array_equal(xb.to_numpy(P), patches_by_loops(X, *window), strict=True)


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_fold_is_the_adjoint_of_patches(case: Any, xb: Any) -> None:
    shape, *window = case
    X = numbers(*shape, dtype="float32")
    P = patches(X, *window)
    dP = numbers(*P.shape, dtype="float32", seed=1)
    dX = fold(given_dP := xb.asarray(dP, None), shape, *window)
    assert (dX.dtype, device(dX), tuple(dX.shape)) == (given_dP.dtype, device(given_dP), shape)
    assert_allclose(np.sum(xb.to_numpy(dX) * X), np.sum(dP * P), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("library", [row.name for row in selected() if row.name not in {"dask", "readonly"}])
@pytest.mark.parametrize("case", EMPTY, ids=str)
def test_patches_of_no_examples_or_channels(case: Any, library: str) -> None:
    """Dask reshapes no empty array."""
    shape, *window = case
    xb = xn.backend(library)
    P = patches(xb.asarray(numbers(*shape), "float32"), *window)
    assert tuple(P.shape) == patches_by_loops(numbers(*shape), *window).shape
    assert tuple(fold(P, shape, *window).shape) == shape


def test_a_number_stands_for_every_axis(xb: Any) -> None:
    X = xb.asarray(numbers(2, 6, 7, 3), "float32")
    one, other = patches(X, 3, 2, 1, 1), patches(X, (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
    assert_array_equal(xb.to_numpy(one), xb.to_numpy(other), strict=True)
    assert_array_equal(xb.to_numpy(patches(X, 3, padding=(1, (0, 2)))), xb.to_numpy(patches(X, 3, 1, ((1, 1), (0, 2)))))
    again, and_again = fold(one, X.shape, 3, 2, 1), fold(other, X.shape, (3, 3), (2, 2), (1, (1, 1)))
    assert_array_equal(xb.to_numpy(again), xb.to_numpy(and_again), strict=True)


def test_a_convolution_is_a_product_with_patches(xb: Any) -> None:
    X, W = numbers(2, 5, 4, 3), numbers(6, 2, 3, 3)
    P = patches(xb.asarray(X, "float32"), 3, padding=1)
    Z = xb.xp.tensordot(xb.asarray(W.reshape(6, 18), "float32"), P, axes=1)
    expected = np.zeros((6, 5, 4, 3))
    padded = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for i, j in product(range(5), range(4)):
        expected[:, i, j] = np.tensordot(W, padded[:, i : i + 3, j : j + 3], axes=3)
    assert_allclose(xb.to_numpy(Z), expected, rtol=1e-4, atol=1e-5)


SIDE = st.tuples(st.integers(1, 3), st.integers(1, 3), st.tuples(*[st.integers(0, 2)] * 2), st.integers(1, 2))


@settings(max_examples=60, deadline=None)
@given(sides=st.lists(SIDE, min_size=1, max_size=3), channels=st.integers(1, 2), m=st.integers(1, 2), data=st.data())
def test_windows_at_random(sides: list[Any], channels: int, m: int, data: Any) -> None:
    size, stride, padding, dilation = map(tuple, zip(*sides, strict=True))
    least = [max(1, d * (k - 1) + 1 - sum(pads)) for k, _, pads, d in sides]
    spatial = [data.draw(st.integers(n, n + 3)) for n in least]
    X = numbers(channels, *spatial, m)
    P = patches(X, size, stride, padding, dilation)
    assert_array_equal(P, patches_by_loops(X, size, stride, padding, dilation), strict=True)
    dP = numbers(*P.shape, seed=1)
    assert_allclose(np.sum(fold(dP, X.shape, size, stride, padding, dilation) * X), np.sum(dP * P), atol=1e-10)


X4 = np.ones((2, 5, 6, 3), "float32")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: patches(X4, 0), r"patches: size must be a whole number from 1, or one for .* got size=0, 2 "
         r"spatial axes"),
        (lambda: patches(X4, (3, 3, 3)), r"patches: size must be .*; got size=\(3, 3, 3\), 2 spatial axes; size=1"),
        (lambda: patches(X4, 3, (0, 1)), r"patches: stride must be a whole number from 1.*; got stride=\(0, 1\)"),
        (lambda: patches(X4, 3, dilation=True), r"patches: dilation must be a whole number from 1.*; got "
         r"dilation=True"),
        (lambda: patches(X4, 3, padding=-1), r"patches: padding must be a whole number from 0, .*; got padding=-1"),
        (lambda: patches(X4, 3, padding=((1, 1),)), r"patches: padding must be .*; got padding=\(\(1, 1\),\), 2 "
         r"spatial"),
        (lambda: patches(X4, (3, 7)), r"patches: the window must fit into the padded image; got size=\(3, 7\), "
         r"dilation="
         r"\(1, 1\), padded image=\(5, 6\); use more padding or a smaller size"),
        (lambda: patches(X4[0, 0], 3), r"patches: X must be of shape \(channels, height, width, m\), with one spatial"),
        (lambda: fold(X4, (2, 9, 9, 3), 3), r"fold: P must have the shape of the patches of X; got P.shape="
         r"\(2, 5, 6, 3\) where X of shape=\(2, 9, 9, 3\) has patches of shape \(18, 7, 7, 3\); use the shape"),
    ],
)  # fmt: skip
def test_a_window_that_does_not_fit_is_refused(call: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        call()


# scatter_add


def added(G: Any, indices: Any, n: int, axis: int) -> Any:
    Y = np.zeros((*G.shape[:axis], n, *G.shape[axis + 1 :]), G.dtype)
    for k, i in enumerate(indices):
        Y[(slice(None),) * axis + (i,)] += G[(slice(None),) * axis + (k,)]
    return Y


SCATTERED = [  # shape, indices, n, axis
    ((5,), [2, 0, 2, 2, -1], 4, 0),
    ((5, 3), [2, 0, 2, 2, -1], 4, 0),
    ((2, 5, 3), [7, 7, 7, 7, 7], 8, 1),
    ((2, 3, 5), [4, 3, 2, 1, 0], 5, 2),
    ((1, 2), [0], 3, 0),
    ((0, 2), [], 3, 0),
    ((4, 0), [0, 1, 1, 2], 3, 0),
    ((2, 0), [], 0, 1),
]


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("case", SCATTERED, ids=str)
def test_entries_of_one_index_add_up(case: Any, dtype: str, xb: Any) -> None:
    shape, indices, n, axis = case
    G, i = numbers(*shape, dtype=dtype), np.asarray(indices, "int64")
    Y = scatter_add(given_G := xb.asarray(G, None), xb.asarray(i, None), n, axis)
    assert (Y.dtype, device(Y)) == (given_G.dtype, device(given_G))
    assert_allclose(xb.to_numpy(Y), added(G, i, n, axis), rtol=1e-6, strict=True)
    again = scatter_add(given_G, xb.asarray(i, None), n, axis - len(shape))
    assert_array_equal(xb.to_numpy(again), xb.to_numpy(Y), strict=True)


@pytest.mark.parametrize("library", ["numpy", "strict"])  # its own way, and the way of a library that has none
@settings(max_examples=60, deadline=None)
@given(k=st.integers(0, 40), n=st.integers(1, 9), axis=st.integers(0, 2), seed=st.integers(0, 99))
def test_scatter_add_at_random(library: str, k: int, n: int, axis: int, seed: int) -> None:
    shape = [2, 3, 2]
    shape[axis] = k
    G, i = numbers(*shape, seed=seed), np.random.default_rng(seed).integers(-n, n, size=k)
    xb = xn.backend(library)
    Y = scatter_add(xb.asarray(G), xb.asarray(i), n, axis)
    assert_allclose(xb.to_numpy(Y), added(G, i, n, axis), rtol=1e-12, atol=1e-12, strict=True)


def test_many_entries_of_one_index_keep_their_digits() -> None:
    """No difference of running sums, in which small numbers would drown."""
    G = np.full((4000, 1), 0.1, "float32")
    G[:10] = 1e8
    i = np.where(np.arange(4000) < 10, 0, 1)
    for xb in (NUMPY, xn.backend("strict")):
        Y = xb.to_numpy(scatter_add(xb.asarray(G), xb.asarray(i), 2))
        assert_allclose(Y[1, 0], 399.0, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize(("places", "axis"), [((2, 4, 3), 1), ((1, 4, 1), 1), ((2, 4, 3), -2), ((2, 1, 3), 2)])
def test_along_an_axis_every_place_has_its_indices(places: Shape, axis: int, dtype: str, xb: Any) -> None:
    G, n = numbers(2, 4, 3, dtype=dtype), 5
    i = np.random.default_rng(0).integers(-n, n, size=places)
    Y = scatter_add_along_axis(given_G := xb.asarray(G, None), xb.asarray(i, None), n, axis)
    expected = np.zeros([n if j == axis % 3 else size for j, size in enumerate(G.shape)], dtype)
    for place in product(*map(range, G.shape)):
        to = [*place]
        to[axis] = np.broadcast_to(i, G.shape)[place]
        expected[tuple(to)] += G[place]
    assert (Y.dtype, device(Y)) == (given_G.dtype, device(given_G))
    assert_allclose(xb.to_numpy(Y), expected, rtol=1e-6, strict=True)


G53 = np.ones((5, 3), "float32")
FIVE = np.arange(5)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: scatter_add(G53 > 0, FIVE, 5), DtypeError, r"scatter_add: G must be of numbers, .*; got G.dtype=bool"),
        (lambda: scatter_add(G53, G53[:, 0], 5), DtypeError, r"scatter_add: indices must be integers; got "
         r"indices.dtype="
         r"float32; xp.astype"),
        (lambda: scatter_add(G53, FIVE[:4], 5), ShapeError, r"indices must be one for each entry of G along the "
         r"axis; got "
         r"indices.shape=\(4,\), G.shape=\(5, 3\), axis=0; xp.reshape them to \(5,\)"),
        (lambda: scatter_add(G53, FIVE, -1), ShapeError, r"scatter_add: n must be a whole number from 0; got "
         r"n=-1; n=W.sh"),
        (lambda: scatter_add(G53, FIVE, 5, 2), ShapeError, r"scatter_add: the axis must be one of G; got "
         r"axis=2, G.shape="),
        (lambda: scatter_add(G53, FIVE, 4), ValueRangeError, r"scatter_add: indices must be from -n to n - 1; "
         r"got indices."
         r"min\(\)=0, indices.max\(\)=4, n=4; use the size of the axis that take reads"),
        (lambda: scatter_add_along_axis(G53, FIVE, 5), ShapeError, r"scatter_add_along_axis: indices must have "
         r"the size of "
         r"G along the axis, .*; got indices.shape=\(5,\), G.shape=\(5, 3\), axis=-1; xp.reshape them"),
    ],
)  # fmt: skip
def test_what_cannot_be_added_up_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


# Other libraries' own ways

HERE = {row.name for row in selected()}

if "jax" in HERE:

    def test_operations_run_under_jit() -> None:
        import jax

        xb = xn.backend("jax")
        X, i = xb.asarray(numbers(2, 5, 4, 3), "float32"), xb.asarray(np.asarray([1, 0, 1, -1, 2]), None)
        fold_of_patches = jax.jit(lambda X: fold(patches(X, 3, 2, 1), X.shape, 3, 2, 1))
        assert_allclose(fold_of_patches(X), fold(patches(X, 3, 2, 1), X.shape, 3, 2, 1), rtol=1e-6)
        assert_allclose(jax.jit(lambda X, i: scatter_add(X, i, 3, 1))(X, i), scatter_add(X, i, 3, 1), rtol=1e-6)


if "torch" in HERE:

    @pytest.mark.parametrize("case", [case for case in WINDOWS if len(case[0]) == 4], ids=str)
    def test_patches_are_torchs_unfold(case: Any) -> None:
        import torch

        shape, size, stride, padding, dilation = case
        X = torch.asarray(numbers(*shape))
        (top, bottom), (left, right) = padding
        padded = torch.nn.functional.pad(X.permute(3, 0, 1, 2), (left, right, top, bottom))
        columns = torch.nn.functional.unfold(padded, size, stride=stride, dilation=dilation)
        P = patches(X, size, stride, padding, dilation)
        assert_array_equal(P.permute(3, 0, 1, 2).reshape(columns.shape), columns)


if "dask" in HERE:

    def test_dask_stays_lazy() -> None:
        import dask
        import dask.array

        def refuse(*_: Any, **__: Any) -> None:
            raise AssertionError("computed early")

        x = dask.array.from_array(numbers(2, 5, 4, 6), chunks=(2, 5, 4, 2))
        i = dask.array.from_array(np.asarray([1, 0, 1, -1, 2]), chunks=2)
        with dask.config.set(scheduler=refuse):
            P = patches(x, 3, padding=1)
            results = [P, fold(P, x.shape, 3, padding=1), scatter_add(x, i, 3, 1)]
            results += xn.scan(lambda total, x: (total + x,) * 2, x[:, 0], x)
        X = numbers(2, 5, 4, 6)
        P = patches(X, 3, padding=1)
        expected = [P, fold(P, X.shape, 3, padding=1), added(X, [1, 0, 1, -1, 2], 3, 1), X.sum(1) + X[:, 0]]
        for found, wanted in zip(results, [*expected, np.cumsum(X, 1) + X[:, :1]], strict=True):
            assert_allclose(found.compute(), wanted, rtol=1e-12)
