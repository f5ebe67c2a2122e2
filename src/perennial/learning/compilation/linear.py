"""Compile the linear baseline: coefficients, rounded so that every processor has the same.

Why so: docs/decisions.md#d16
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Task
from perennial.model.engines.linear import LinearEngine

Array = NDArray[Any]

#: Significant digits of a linear model's coefficients. A BLAS rounds the last digits differently
#: from processor to processor; these are the same on all of them.
DIGITS = 6


def compile_linear(estimator: Any, task: Task) -> tuple[LinearEngine, dict[str, Any]]:
    """Compile a fitted `LogisticRegression` or `Ridge`: the engine, and its options."""
    coefficients = significant(np.atleast_2d(estimator.coef_))
    intercept = significant(np.atleast_1d(estimator.intercept_))
    link = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}[task]
    return LinearEngine(coefficients, intercept, link), {"link": link}


def significant(values: Array, digits: int = DIGITS) -> Array:
    """Round to significant digits, which numpy does to decimals alone. Any shape."""
    flat = [float(f"{value:.{digits}g}") for value in np.ravel(values)]
    return np.array(flat).reshape(np.shape(values))
