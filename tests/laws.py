"""What holds for every kernel: a law takes a row of cases.py and a backend, and raises AssertionError."""

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import device, is_array_api_obj
from cases import EXAMPLES, Case, Inputs
from numpy.typing import NDArray

from xnet import trees
from xnet.backends import backend

STEP = {"float64": (1e-5, 1e-6), "float32": (2e-3, 2e-3)}  # dtype: h, and how far the slope may be off
ROUNDING = {"float64": 1e-13, "float32": 2e-6}


class Pass(NamedTuple):
    """Once forward and once back."""

    arguments: list[Any]
    Y: Any
    cache: Any
    upstream: Any
    grads: tuple[Any, ...]


def dtypes(xb: Any) -> list[str]:
    return ["float32", "float64"] if xb.float64 else ["float32"]


def finest(xb: Any) -> str:
    return dtypes(xb)[-1]


def place(xb: Any, dtype: str, inputs: Inputs) -> list[Any]:
    """The arguments on the backend: numbers in that dtype, integers as they are."""
    return [xb.asarray(V, dtype if V.dtype.kind == "f" else None) for V in inputs.values()]


def random_like(xb: Any, dtype: str, Y: Any, seed: int = 1) -> Any:
    """A random dY."""
    return xb.asarray(np.asarray(np.random.default_rng(seed).normal(size=tuple(Y.shape))), dtype=dtype)


def run(case: Case, xb: Any, dtype: str, m: int = EXAMPLES) -> Pass:
    arguments = place(xb, dtype, case.inputs(m=m))
    Y, cache = case.forward(*arguments)
    dY = random_like(xb, dtype, Y)
    return Pass(arguments, Y, cache, dY, case.backward(dY, cache))


def to_numpy(xb: Any, tree: Any) -> list[NDArray[Any]]:
    """Copies of all arrays of the tree, on the host."""
    return [np.array(xb.to_numpy(x)) for x in trees.leaves(tree) if is_array_api_obj(x)]


def close(actual: list[NDArray[Any]], expected: list[NDArray[Any]], rtol: float) -> None:
    """Equal up to rounding, a sum's rounding being as large as its terms."""
    for one, other in zip(actual, expected, strict=True):
        scale = max(np.max(np.abs(other), initial=0), 1e-3)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale, strict=True)


def adjoint(case: Case, xb: Any) -> None:
    """Σ dX V = d/dt Σ dY f(X + t V), for random V and dY."""
    dtype = finest(xb)
    h, rtol = STEP[dtype]
    inputs, rng = case.inputs(), np.random.default_rng(2)
    V = {name: rng.normal(size=inputs[name].shape) for name in case.wrt}
    once = run(case, xb, dtype)
    dY = xb.to_numpy(once.upstream)

    def along(t: float) -> float:
        moved = inputs | {name: inputs[name] + t * V[name] for name in case.wrt}
        return float(np.sum(dY * xb.to_numpy(case.forward(*place(xb, dtype, moved))[0])))

    slope = (along(h) - along(-h)) / (2 * h)
    grads = [xb.to_numpy(grad) for grad in once.grads]
    terms = [np.sum(V[name] * grad) for name, grad in zip(case.wrt, grads, strict=True)]
    size = sum(np.sum(np.abs(V[name] * grad)) for name, grad in zip(case.wrt, grads, strict=True))
    difference = abs(slope - sum(terms))
    assert difference <= rtol * size, f"not the adjoint: {sum(terms)} where the slope is {slope}"


def autograd(case: Case, xb: Any) -> None:
    """Our backward is what PyTorch derives from our forward."""
    import torch

    inputs = case.inputs()
    arguments = place(xb, "float64", inputs)
    active = [x.requires_grad_(True) for name, x in zip(inputs, arguments, strict=True) if name in case.wrt]
    Y, cache = case.forward(*arguments)
    dY = random_like(xb, "float64", Y)
    expected = torch.autograd.grad(Y, active, dY, retain_graph=True)
    with torch.no_grad():
        grads = case.backward(dY, cache)
    for grad, wanted in zip(grads, expected, strict=True):
        np.testing.assert_allclose(grad.detach(), wanted, rtol=1e-12, atol=1e-12, err_msg="not what autograd has")


def preserves(case: Case, xb: Any, m: int = EXAMPLES) -> None:
    """What comes out, and all that is kept between, has the dtype and the device of what went in."""
    for dtype in dtypes(xb):
        all_alike(case, xb, run(case, xb, dtype, m))


def all_alike(case: Case, xb: Any, once: Pass) -> None:
    like = once.upstream
    for what, x in trees.named_leaves({"Y": once.Y, "cache": once.cache, "grads": once.grads}):
        if not is_array_api_obj(x):
            assert what.startswith("cache"), f"{what} is no array: {x!r}"
            continue
        kept = what.startswith("cache") and not xb.xp.isdtype(x.dtype, "real floating")
        assert kept or x.dtype == like.dtype, f"{what}: the dtype is {x.dtype}, not {like.dtype}"
        assert device(x) == device(like), f"{what}: the device is {device(x)}, not {device(like)}"
    for name, V, grad in zip(case.wrt, wrt(case, once.arguments), once.grads, strict=True):
        assert grad.shape == V.shape, f"d{name}: the shape is {grad.shape}, not {V.shape}"


def wrt(case: Case, arguments: list[Any]) -> list[Any]:
    return [x for name, x in zip(case.inputs(), arguments, strict=True) if name in case.wrt]


def pure(case: Case, xb: Any) -> None:
    """Nothing that a kernel was given changes, and the same again gives the same."""
    arguments = place(xb, finest(xb), case.inputs())
    before = to_numpy(xb, arguments)
    Y, cache = case.forward(*arguments)
    dY = random_like(xb, finest(xb), Y)
    first = to_numpy(xb, [Y, cache, dY])
    grads = case.backward(dY, cache)
    results = to_numpy(xb, grads)
    for what, now, then in [
        ("the arguments", arguments, before),
        ("Y, the cache or dY", [Y, cache, dY], first),
        ("the result of a second backward", case.backward(dY, cache), results),
        ("the result of a second forward", [*case.forward(*arguments), dY], first),
    ]:
        for one, other in zip(to_numpy(xb, now), then, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=f"{what} changed")


def agrees(case: Case, xb: Any) -> None:
    """The numbers are those of NumPy in float64."""
    exact = run(case, backend("numpy"), "float64")
    for dtype in dtypes(xb):
        once = run(case, xb, dtype)
        actual = [x.astype("float64") for x in to_numpy(xb, [once.Y, once.grads])]
        close(actual, to_numpy(backend("numpy"), [exact.Y, exact.grads]), 10 * ROUNDING[dtype])


def jit(case: Case, xb: Any) -> None:
    """Compiled by XLA, forward and backward in one, it is what it is step by step."""
    import jax

    once = run(case, xb, finest(xb))

    def step(arguments: list[Any], dY: Any) -> tuple[Any, tuple[Any, ...]]:
        Y, cache = case.forward(*arguments)
        return Y, case.backward(dY, cache)

    compiled = jax.jit(step)(once.arguments, once.upstream)
    close(to_numpy(xb, compiled), to_numpy(xb, [once.Y, once.grads]), ROUNDING[finest(xb)])


def lazy_of_unknown_length(case: Case, xb: Any) -> None:
    """The same when Dask does not know the number of examples."""
    lazy(case, xb, unknown=True)


def lazy(case: Case, xb: Any, unknown: bool = False) -> None:
    """Dask builds it all, in chunks of examples, without computing."""
    import dask
    import dask.array

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("computed early")

    def chunked(V: NDArray[Any]) -> Any:
        """Each column is an example, except in parameters and dJ: those are one chunk."""
        if V.shape[-1:] != (EXAMPLES,):
            return xb.asarray(V, None)
        x = dask.array.from_array(V, chunks=(*V.shape[:-1], 2))
        return x[..., dask.array.from_array(np.full(EXAMPLES, True), chunks=2)] if unknown else x

    exact = run(case, backend("numpy"), "float64")
    with dask.config.set(scheduler=refuse):
        Y, cache = case.forward(*map(chunked, case.inputs().values()))
        grads = case.backward(chunked(exact.upstream), cache)
    close(to_numpy(xb, [Y, grads]), to_numpy(backend("numpy"), [exact.Y, exact.grads]), 1e-13)
