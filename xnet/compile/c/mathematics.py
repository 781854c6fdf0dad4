"""The mathematical functions in C, as text for a program that is one text.

The headers in the folder `mathematics/` hold them: `xnet_expf` for float, `xnet_exp` for double.  docs/mathematics.md
has their errors and speed, and the functions that stay calls of the C library.
"""

import re
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "mathematics"
HEADERS = {
    "exponential.h": ("exp", "exp2", "expm1", "tanh", "sinh", "cosh", "sigmoid"),
    "logarithm.h": ("log", "log2", "log10", "log1p"),
    "trigonometric.h": ("sin", "cos", "tan", "atan"),
    "error_function.h": ("erf",),
}
FUNCTIONS = {function: header for header, functions in HEADERS.items() for function in functions}
_INCLUDE = re.compile(r'(?m)^#include "(.+)"\n')


def mathematics(functions: Iterable[str]) -> str:
    """The text of the headers that define these functions, and of those that they include, each once."""
    found: dict[str, str] = {}

    def add(header: str) -> None:
        text = (FOLDER / header).read_text("utf-8")
        for included in _INCLUDE.findall(text):
            if included not in found:
                add(included)
        found[header] = _INCLUDE.sub("", text).replace("#pragma once\n", "")

    for header in dict.fromkeys(FUNCTIONS[function] for function in functions):
        if header not in found:
            add(header)
    return "\n".join(found.values())
