"""Rows in an order of their own, whatever order they came in."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Contract


def canonical(rows: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Sort rows by time, then id, then all columns, missing last: the same rows, the same frame."""
    first = [name for name in (contract.only("time"), contract.only("id")) if name]
    keys = dict.fromkeys([*first, *rows], "ascending")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    # pandas ranks every column before it compares a row: twice the time on 23 columns.
    order = pc.sort_indices(table, sort_keys=list(keys.items()))
    return rows.take(order.to_numpy()).reset_index(drop=True)
