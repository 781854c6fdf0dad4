"""Names as the registry: of a module, of a package, and of the hyper-parameters of a function."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from xnet import kernels, layers, names
from xnet.errors import ValueRangeError
from xnet.kernels import activation
from xnet.layers import Layer, dense


def grouped(X: Any, groups: int = 1, approximate: bool = False, slope: float = 0.1, mode: str = "same") -> Any:
    return X, groups, approximate, slope, mode


def test_a_module_has_what_it_defines_and_not_what_it_imports() -> None:
    assert names.public(dense).keys() == {"Dense"}
    assert "relu" in names.public(activation)
    assert "relu_backward" not in names.public(activation)


def test_a_package_has_what_it_imports_from_its_own_files() -> None:
    assert names.public(kernels).keys() > names.public(activation).keys()
    assert {"Dense", "Network", "Layer", "map_gradients"} <= names.public(layers).keys()
    found = names.subclasses(layers, Layer)
    assert {"Activation", "Dense", "Flatten", "Lambda", "Network"} <= found.keys()
    assert {"Layer", "Becomes"}.isdisjoint(found)


def test_hyper_parameters_keep_the_type_of_their_default() -> None:
    given = {"groups": np.int64(2), "approximate": True, "slope": 1, "mode": "valid"}
    found = names.hyper_parameters("convolution", grouped, given)
    assert found == {"groups": 2, "approximate": True, "slope": 1.0, "mode": "valid"}
    assert [type(value) for value in found.values()] == [int, bool, float, str]


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"groups": 2.5}, "convolution grouped: groups must be of type int; got groups=2.5"),
    ({"groups": True}, "convolution grouped: groups must be of type int; got groups=True"),
    ({"approximate": 1}, "convolution grouped: approximate must be of type bool; got approximate=1"),
    ({"slope": "0.1"}, "convolution grouped: slope must be of type float; got slope='0.1'"),
    ({"X": 1}, "hyper-parameters are ['groups', 'approximate', 'slope', 'mode']; got X=1"),
]


@pytest.mark.parametrize(("given", "says"), MISTAKES)
def test_a_wrong_hyper_parameter_is_refused(given: dict[str, Any], says: str) -> None:
    f: Callable[..., Any] = grouped
    with pytest.raises(ValueRangeError, match=re.escape(says)):
        names.hyper_parameters("convolution", f, given)
