"""PL004: held-out rows that stand in train to the letter."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample


def find_duplicates(sample: Sample, limits: Checks) -> list[Detail] | NotApplicable:
    """PL004: held-out rows stand in train to the letter."""
    columns = [*sample.contract.features, sample.contract.target]
    known = row_hashes(sample.train[columns])
    details = []
    for name, rows in sample.held_out.items():
        share = float(row_hashes(rows[columns]).isin(known).mean())
        if share > limits.duplicates:
            text = f"{share:.2%} of its rows stand in train, limit {limits.duplicates:.2%}"
            details.append(Detail(name, share, text))
    return details


def row_hashes(rows: pd.DataFrame) -> pd.Series:
    """Hash each row to 64 bits: equal rows have equal hashes, in any table of the same columns.

    Two other rows share one with a chance of 2^-64: among a million by a million, of 5e-8.
    """
    hashes = pd.Series(np.zeros(len(rows), dtype=np.uint64))
    for name in rows.columns:
        # Column by column: what a column is turned into takes as much memory as the column.
        pair = pd.DataFrame({"so far": hashes, "value": _comparable(rows[name])}, copy=False)
        hashes = pd.util.hash_pandas_object(pair, index=False)
    return hashes


def _comparable(values: pd.Series) -> Any:
    """Give values a form that pandas hashes alike just where they are equal.

    Arrow's numbers with gaps would become objects or floats first, the latter exact to 2^53.
    """
    if values.dtype.kind == "U":
        return values.array
    if values.dtype.kind == "f":
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    whole: npt.NDArray[np.int64] = values.astype("int64[pyarrow]").to_numpy(np.int64, na_value=0)
    return pd.arrays.IntegerArray(whole, values.isna().to_numpy())
