"""The rules of the contract, and which values break each: one entry of `RULES`, one function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.data.contract import Column

BoolArray = npt.NDArray[np.bool_]

_INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Rule:
    """One rule that columns of the contract may have."""

    code: str
    """Its name in the quarantine's reasons and in `metrics/data.json`."""
    applies_to: Callable[[Column], bool]
    """Whether a column has the rule."""
    broken: Callable[[pd.Series, Column], BoolArray]
    """Which values of the labelled rows break it."""
    allowed: Callable[[Column], str] | None = None
    """What the column allows, in words, if the code does not say it."""


def is_missing(values: pd.Series, _: Column | None = None) -> BoolArray:
    """Mark nulls, and NaN among numbers."""
    missing = values.isna().to_numpy(dtype=np.bool_)
    return missing | np.isnan(_floats(values)) if values.dtype.kind == "f" else missing


def is_infinite(values: pd.Series, _: Column) -> BoolArray:
    """Mark infinite numbers."""
    return np.isinf(_floats(values))


def is_outside(values: pd.Series, column: Column) -> BoolArray:
    """Mark finite values below the column's minimum or above its maximum."""
    low, high = _bounds(column)
    outside = np.zeros(len(values), dtype=np.bool_)
    if low is not None:
        outside |= (values < low).to_numpy(dtype=np.bool_, na_value=False)
    if high is not None:
        outside |= (values > high).to_numpy(dtype=np.bool_, na_value=False)
    return outside & ~is_infinite(values, column) if column.type == "number" else outside


def is_unlisted(values: pd.Series, column: Column) -> BoolArray:
    """Mark values that are none of the column's categories."""
    return (values.notna() & ~values.isin(column.labels)).to_numpy(dtype=np.bool_)


def is_repeated(values: pd.Series, _: Column) -> BoolArray:
    """Mark values that an earlier row has."""
    # By number: `duplicated` compares integers with gaps as floats, exact to 2^53.
    numbers = pd.Series(values.factorize()[0])
    return numbers.duplicated().to_numpy() & ~is_missing(values)


def _is_required(column: Column) -> bool:
    return column.missing == 0 or column.role == "time"


def _range(column: Column) -> str:
    low, high = column.min, column.max
    return f"{'' if low is None else low} to {'' if high is None else high}"


def _categories(column: Column) -> str:
    names = column.labels
    return f"{', '.join(names[:8])}{', …' if len(names) > 8 else ''}"


#: Every rule. Reasons of a row and a column are given in this order.
RULES: tuple[Rule, ...] = (
    Rule("missing", _is_required, is_missing),
    Rule("not finite", lambda column: column.type == "number", is_infinite),
    Rule("range", lambda column: {column.min, column.max} != {None}, is_outside, _range),
    Rule("category", lambda column: column.categories is not None, is_unlisted, _categories),
    Rule("duplicate id", lambda column: column.role == "id", is_repeated),
)


def _bounds(column: Column) -> tuple[Any, Any]:
    if column.type == "integer":
        # Whole bounds within 64 bits compare exactly; Arrow would turn both sides into floats.
        return _whole(column.min, math.ceil), _whole(column.max, math.floor)
    if column.type == "datetime":
        return _moment(column.min), _moment(column.max)
    return column.min, column.max


def _whole(bound: Any, rounded: Callable[[Any], int]) -> int | None:
    return None if bound is None else rounded(min(max(bound, _INT64[0]), _INT64[1]))


def _moment(bound: Any) -> datetime | None:
    return None if bound is None else datetime.fromisoformat(bound)


def _floats(values: pd.Series) -> npt.NDArray[np.float64]:
    floats: npt.NDArray[np.float64] = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return floats
