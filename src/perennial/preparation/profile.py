"""Figures that describe the prepared rows, for `metrics/data.json`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.data.contract import Contract


def label_rates(target: pd.Series, contract: Contract) -> dict[str, float]:
    """Describe how a target without missing values is distributed.

    `positive` for a binary task, the share of each class for several, `mean` and `std` (over the
    rows, not an estimate) for a regression.
    """
    if contract.task == "regression":
        values = target.to_numpy(dtype=np.float64)
        return {"mean": float(values.mean()), "std": float(values.std())}
    shares = {str(label): int((target == label).sum()) / len(target) for label in contract.classes}
    if contract.task == "binary":
        return {"positive": shares[str(contract.classes[-1])]}
    return shares


def missing_shares(sides: dict[str, pd.DataFrame]) -> dict[str, dict[str, float]]:
    """Share of rows that lack a column, by column and side with rows; no side has NaN."""
    sides = {side: rows for side, rows in sides.items() if len(rows)}
    names = next(iter(sides.values())).columns
    return {
        name: {side: int(rows[name].isna().sum()) / len(rows) for side, rows in sides.items()}
        for name in names
    }


def time_ranges(sides: dict[str, pd.DataFrame], contract: Contract) -> dict[str, dict[str, str]]:
    """First and last moment of each side in ISO 8601; empty if no column has role time."""
    name = contract.only("time")
    if name is None:
        return {}
    return {
        side: {"first": rows[name].min().isoformat(), "last": rows[name].max().isoformat()}
        for side, rows in sides.items()
        if len(rows)
    }
