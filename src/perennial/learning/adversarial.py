"""Rows made to show a difference between two models: hostile raw values, and split thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.columns import Columns

Array = NDArray[Any]

#: How often an adversarial row keeps an honest value in a column.
HONEST = 0.7

_NUMBERS = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324, 1e300, -1e300)
_INTEGERS = (2.0**53, 2.0**53 + 2, -(2.0**53), 2.0**63, -(2.0**63), 16777217.0)
_TEXTS = (None, "", " ", "never seen before", "☃ 雪 🙂", "x" * 100_000, "nan", "None", "0")
_DATES = (
    "NaT",
    "0001-01-01",
    "1900-02-28T23:59:59.999999",  # the last moment of a February without a 29th
    "1969-12-31T23:59:59.999999",
    "1970-01-01",
    "2024-02-29T23:59:59",
    "2262-04-11T23:47:16.854775",  # where nanoseconds end
    "9999-12-31T23:59:59.999999",
)


def adversarial_columns(columns: Columns, types: dict[str, str], rows: int, seed: int) -> Columns:
    """Mix honest values with hostile ones, by the contract's type of each column."""
    rng = np.random.default_rng(seed)
    return {name: _mixed(columns[name], kind, rows, rng) for name, kind in types.items()}


def _mixed(values: Array, kind: str, rows: int, rng: np.random.Generator) -> Array:
    honest = values[rng.integers(0, len(values), rows)]
    pool = _hostile_values(values, kind)
    hostile = pool[rng.integers(0, len(pool), rows)]
    return np.where(rng.random(rows) < HONEST, honest, hostile)


def _hostile_values(values: Array, kind: str) -> Array:
    if kind in {"category", "text"}:
        known = next((value for value in values if value), "")
        return np.array([*_TEXTS, known.upper(), known.lower(), f"{known} "], dtype=object)
    if kind == "datetime":
        return np.array(_DATES, dtype="datetime64[us]")
    if kind == "boolean":
        return np.array([0.0, 1.0, np.nan])
    known = values[~np.isnan(values)]
    edges = np.array([known.min(), known.max()]) if len(known) else np.zeros(2)
    beside = np.concatenate([np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    return np.concatenate([np.array(_NUMBERS + _INTEGERS), edges, beside])


def at_split_points(matrix: Array, points: list[Array], dtype: str, seed: int) -> Array:
    """Copy encoded rows, with values on every column's thresholds and one unit beside them.

    The unit is the last place of `dtype`, the type that the model compares in.
    """
    rng = np.random.default_rng(seed)
    changed = matrix.copy()
    for place, thresholds in enumerate(points):
        if len(thresholds):
            on = thresholds.astype(dtype)
            ends = np.array([-np.inf, np.inf], dtype=dtype)
            values = np.concatenate([on, *(np.nextafter(on, end) for end in ends)])
            is_put = rng.random(len(matrix)) > HONEST
            # In turn, so that none is left out where there are rows for all.
            turn = np.arange(is_put.sum()) % len(values)
            changed[is_put, place] = rng.permutation(values)[turn]
    return changed
