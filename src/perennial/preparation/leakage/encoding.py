"""Columns as numbers, for the checks that compute with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Contract

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def target_values(train: pa.Table, contract: Contract) -> npt.NDArray[Any]:
    """Take the target's class codes, or a regression's values brought to the order of one.

    Parameters
    ----------
    train : pyarrow.Table
        Rows that all have their target.
    contract : Contract
        Names the target and its classes.

    Returns
    -------
    ndarray
        A number for each row.
    """
    values = train[contract.target]
    if contract.task == "regression":
        return scaled(values.cast(pa.float64(), safe=False).to_numpy())
    codes = pc.index_in(values, value_set=pa.array(contract.classes))
    return np.asarray(codes.to_numpy(), dtype=np.int64)


def scaled(values: FloatArray) -> FloatArray:
    """Bring values to the order of one.

    Parameters
    ----------
    values : ndarray
        None of them is missing.

    Returns
    -------
    ndarray
        The values, centred; the largest is 1 or -1, unless they are all the same.
    """
    centred: FloatArray = values - values.mean()
    largest = np.abs(centred).max(initial=0.0)
    return centred / largest if largest > 0 else centred


def numbered(values: pa.ChunkedArray) -> tuple[IntArray, int]:
    """Number the values in order of appearance; the last number is for missing ones, if any.

    Parameters
    ----------
    values : pyarrow.ChunkedArray
        Values of any type.

    Returns
    -------
    codes : ndarray
        The number of each row's value.
    distinct : int
        How many numbers there are.
    """
    encoded = values.combine_chunks().dictionary_encode()
    distinct = len(encoded.dictionary)
    codes = encoded.indices.fill_null(distinct).to_numpy().astype(np.int64)
    return codes, distinct + (values.null_count > 0)
