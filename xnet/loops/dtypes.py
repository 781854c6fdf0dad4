"""The dtype of a loop's result."""

from typing import Any

import numpy as np


def common_dtype(*arrays: Any) -> Any:
    """float32 stays float32; lists and integers become float64."""
    return np.result_type(np.float32, *(getattr(array, "dtype", float) for array in arrays))
