"""The table of benchmarks: each row has a loop of the course, the same work on arrays, and inputs of any size."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

from xnet import loops
from xnet.bench import forms
from xnet.bench.forms import DEEP, EXAMPLES, FEATURES, FLOWER, LAYER, ROWS, TWO_LAYERS, Inputs, Random, Sizes
from xnet.types import Array, Tree

BOTH = ("float32", "float64")


@dataclass(frozen=True, eq=False)
class Case:
    """A row of the table.

    The time of `loop` is proportional to the size, so it is run at `loop_size` at most; `one_loop` is run at the size
    itself.  `bytes` is the size of inputs and results, None if no memory is read or written.
    """

    name: str
    course: str
    title: str
    inputs: Callable[[int, str, Random], Inputs]
    vectorised: Callable[..., Tree]
    quick: tuple[int, ...]
    full: tuple[int, ...]
    loop: Callable[..., Tree] | None = None
    one_loop: Callable[..., Tree] | None = None
    loop_size: int = 20_000
    bytes: Callable[[int, int], int] | None = None
    flops: Callable[[int], int] | None = None
    text: str = "n = {:,}"
    dtypes: tuple[str, ...] = ("float32",)
    compiled: bool = False


def traffic(arrays: int) -> Callable[[int, int], int]:
    """The bytes of that many arrays of n numbers, as a function of n."""
    return lambda n, itemsize: arrays * n * itemsize


def elementwise(name: str, title: str, vectorised: Callable[..., Array], loop: Callable[..., Array], n: int) -> Case:
    """A case of C11: n arrays in, one out."""
    return Case(
        name,
        "C11",
        title,
        partial(forms.vectors, n),
        vectorised,
        quick=(1_000_000,),
        full=(10_000, 1_000_000, 10_000_000),
        loop=loop,
        bytes=traffic(n + 1),
        flops=lambda n: n,
    )


def stacked(
    name: str,
    course: str,
    title: str,
    inputs: Callable[[int, str, Random], Inputs],
    vectorised: Callable[..., Tree],
    **more: Any,
) -> Case:
    """A case whose size is the number of examples, stacked as columns."""
    full = (1, 10, 100, 1_000, 10_000)
    return Case(name, course, title, inputs, vectorised, quick=(1_000,), full=full, text="m = {:,}", **more)


def logistic_case(name: str, of: str, shape: Callable[[int], tuple[int, int]], **more: Any) -> Case:
    """A case with two loops, one loop and none.   The size is n or m of X (n, m)."""
    return Case(
        name,
        "C7 C8 C9",
        f"gradient of logistic regression on {of}",
        lambda size, dtype, rng: forms.logistic_inputs(*shape(size), dtype, rng),
        forms.logistic,
        loop=loops.logistic_two_loops,
        one_loop=loops.logistic_one_loop,
        bytes=lambda size, itemsize: forms.logistic_bytes(*shape(size), itemsize),
        flops=lambda size: 4 * prod(shape(size)),
        compiled=True,
        **more,
    )


def step_case(name: str, course: str, title: str, sizes: Sizes, **more: Any) -> Case:
    return Case(
        name,
        course,
        f"{title}, {'-'.join(map(str, sizes))}",
        partial(forms.step_inputs, sizes),
        forms.step(sizes),
        loop=forms.step_loop,
        bytes=lambda m, itemsize: itemsize * (2 * forms.numbers(sizes) + (sizes[0] + 1) * m + 1),
        flops=lambda m: m * forms.both_ways(sizes) + 2 * forms.numbers(sizes),
        text="m = {:,}",
        compiled=True,
        **more,
    )


CASES = {
    case.name: case
    for case in (
        Case(
            "dot",
            "C10",
            "dot product",
            partial(forms.vectors, 2),
            forms.dot,
            quick=(1_000, 100_000, 1_000_000),
            full=tuple(10**k for k in range(2, 9)),
            loop=loops.dot,
            loop_size=1_000_000,
            bytes=lambda n, itemsize: (2 * n + 1) * itemsize,
            flops=lambda n: 2 * n,
            dtypes=BOTH,
        ),
        elementwise("exp", "e to the power of each", forms.exp, loops.exp, 1),
        elementwise("log", "logarithm of each", forms.log, loops.log, 1),
        elementwise("abs", "absolute value of each", forms.abs, loops.abs, 1),
        elementwise("maximum", "the larger of each two", forms.maximum, loops.maximum, 2),
        elementwise("square", "square of each", forms.square, loops.square, 1),
        elementwise("divide", "quotient of each two", forms.divide, loops.divide, 2),
        Case(
            "zeros",
            "C11",
            "memory filled with zeros",
            partial(forms.vectors, 1),
            forms.zeros,
            quick=(1_000_000,),
            full=(10_000, 1_000_000, 10_000_000),
            loop=forms.zeros_loop,
            bytes=traffic(1),
        ),
        Case(
            "reshape",
            "C15",
            "reshape, in constant time",
            partial(forms.vectors, 1),
            forms.reshape,
            quick=(1_000, 1_000_000),
            full=(100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000),
        ),
        Case(
            "broadcast",
            "C13",
            f"a column added to a matrix ({ROWS:,}, m)",
            partial(forms.matrix_and, ROWS),
            forms.add_column,
            quick=(1_000,),
            full=(10, 100, 1_000, 10_000),
            loop=forms.add_column_loop,
            loop_size=20,
            bytes=lambda m, itemsize: itemsize * ROWS * (2 * m + 1),
            flops=lambda m: ROWS * m,
            text="m = {:,}",
        ),
        Case(
            "matvec",
            "C12",
            f"a matrix ({ROWS:,}, n) times a vector",
            partial(forms.matrix_and, 0),
            forms.matvec,
            quick=(1_000,),
            full=(10, 100, 1_000, 10_000),
            loop=loops.matvec,
            loop_size=50,
            bytes=lambda n, itemsize: itemsize * (ROWS * n + n + ROWS),
            flops=lambda n: 2 * ROWS * n,
            dtypes=BOTH,
        ),
        stacked(
            "layer",
            "C12",
            f"a layer of {LAYER[1]} units on {LAYER[0]} features",
            forms.layer_inputs,
            forms.layer,
            loop=loops.dense_per_unit,
            loop_size=10,
            bytes=lambda m, itemsize: itemsize * (forms.numbers(LAYER) + sum(LAYER) * m),
            flops=lambda m: m * (forms.products(LAYER) + LAYER[1]),
        ),
        logistic_case(
            "logistic",
            f"{FEATURES} features",
            lambda m: (FEATURES, m),
            quick=(10, 1_000),
            full=(10, 100, 1_000, 10_000, 100_000),
            loop_size=500,
            text="m = {:,}",
            dtypes=BOTH,
        ),
        logistic_case(
            "logistic-features",
            f"{EXAMPLES:,} examples",
            lambda n: (n, EXAMPLES),
            quick=(1_000,),
            full=(10, 100, 1_000, 10_000),
            loop_size=50,
        ),
        stacked(
            "forward",
            "C18",
            f"two layers forward, {'-'.join(map(str, TWO_LAYERS))}",
            forms.forward_inputs,
            forms.forward,
            loop=loops.network_per_example,
            one_loop=forms.forward_one_loop,
            loop_size=50,
            bytes=lambda m, itemsize: itemsize * (forms.numbers(TWO_LAYERS) + (TWO_LAYERS[0] + 1) * m),
            flops=lambda m: m * forms.products(TWO_LAYERS),
            compiled=True,
        ),
        stacked(
            "backprop",
            "C22",
            f"two layers forward and back, {'-'.join(map(str, TWO_LAYERS))}",
            forms.backprop_inputs,
            forms.backprop,
            loop=loops.backprop_per_example,
            one_loop=forms.backprop_one_loop,
            loop_size=10,
            bytes=lambda m, itemsize: itemsize * (2 * forms.numbers(TWO_LAYERS) + (TWO_LAYERS[0] + 1) * m + 1),
            flops=lambda m: m * forms.both_ways(TWO_LAYERS),
            compiled=True,
        ),
        step_case(
            "step-shallow",
            "C21",
            "a step of gradient descent",
            FLOWER,
            quick=(400,),
            full=(40, 400, 4_000, 40_000),
            loop_size=400,
        ),
        step_case(
            "step-deep",
            "C24",
            "a step of gradient descent",
            DEEP,
            quick=(256,),
            full=(64, 256, 1_024, 4_096),
            loop_size=4,
            dtypes=BOTH,
        ),
    )
}
