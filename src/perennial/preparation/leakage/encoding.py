"""Columns as numbers, for the checks that compute with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.data.contract import Contract

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def target_values(train: pd.DataFrame, contract: Contract) -> npt.NDArray[Any]:
    """Take the target's class codes, or a regression's values brought to the order of one."""
    values = train[contract.target]
    if contract.task == "regression":
        return scaled(as_floats(values))
    codes, distinct = values.factorize()
    return np.array([contract.classes.index(label) for label in distinct])[codes]


def scaled(values: FloatArray) -> FloatArray:
    """Centre values, and divide them by the largest unless they are all the same."""
    centred: FloatArray = values - values.mean()
    largest = np.abs(centred).max(initial=0.0)
    return centred / largest if largest > 0 else centred


def as_floats(values: pd.Series) -> FloatArray:
    """Take numbers, or the microseconds of moments, as floats; missing ones are NaN."""
    if values.dtype.kind == "M":
        values = values.astype("int64[pyarrow]")
    floats: FloatArray = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return floats


def numbered(values: pd.Series) -> tuple[IntArray, int]:
    """Number the values in order of appearance, missing ones last, and count the numbers."""
    codes, distinct = values.factorize()
    is_null = codes < 0
    codes[is_null] = len(distinct)
    return codes, len(distinct) + bool(is_null.any())
