"""Checks of the columns that a sample is made of; each error names the parameter and the value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.runtime.errors import PerennialError

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class SampleError(PerennialError, ValueError):
    """The sample is too small, or too poor, for a figure."""


def float_column(name: str, values: npt.ArrayLike) -> FloatArray:
    """A column of finite numbers as float64; no rows are a `SampleError`."""
    column = np.asarray(values, dtype=np.float64)
    _one_dimension(name, column)
    finite(name, column)
    return column


def boolean_column(name: str, values: npt.ArrayLike) -> BoolArray:
    """A column of booleans; 0 and 1 are refused, for they may be codes of anything."""
    column = np.asarray(values)
    _one_dimension(name, column)
    if column.dtype != np.bool_:
        raise ValueError(f"{name}: must be boolean, got {column.dtype}")
    return column


def integer_column(name: str, values: npt.ArrayLike) -> IntArray:
    """A column of whole numbers as int64; no rows are a `SampleError`."""
    column = np.asarray(values)
    _one_dimension(name, column)
    if not np.issubdtype(column.dtype, np.integer):
        raise ValueError(f"{name}: must be whole numbers, got {column.dtype}")
    return column.astype(np.int64)


def block_codes(blocks: npt.ArrayLike | None, rows: int) -> IntArray:
    """Blocks numbered from 0 up, shape (rows,); None makes each row its own block."""
    if blocks is None:
        return np.arange(rows)
    column = integer_column("blocks", blocks)
    same_rows("blocks", column, rows)
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def finite(name: str, values: FloatArray) -> None:
    """Refuse NaN and infinities."""
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"{name}: row {bad[0][0]} holds {values[tuple(bad[0])]}, not a number")


def between_0_and_1(name: str, values: FloatArray) -> None:
    """Refuse values that are no probabilities."""
    bad = np.argwhere((values < 0) | (values > 1))
    if bad.size:
        value = values[tuple(bad[0])]
        raise ValueError(f"{name}: row {bad[0][0]} holds {value}, which is not between 0 and 1")


def same_rows(name: str, values: npt.NDArray[Any], rows: int) -> None:
    """Refuse a column of another length than the target's."""
    if len(values) != rows:
        raise ValueError(f"{name}: has {len(values)} rows where {rows} are expected")


def _one_dimension(name: str, column: npt.NDArray[Any]) -> None:
    if column.ndim != 1:
        raise ValueError(f"{name}: must have one dimension, got shape {column.shape}")
    if column.size == 0:
        raise SampleError("there are no rows", where=name, hint="score one row at least")
