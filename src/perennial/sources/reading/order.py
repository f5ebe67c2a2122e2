"""Rows in an order of their own, whatever order they came in."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Contract


def canonical(table: pa.Table, contract: Contract) -> pa.Table:
    """Sort rows by time, then id, then all columns: the same rows, the same table.

    Parameters
    ----------
    table : pyarrow.Table
        Rows in any order, in the contract's types.
    contract : Contract
        Names the columns of time and id.

    Returns
    -------
    pyarrow.Table
        The rows sorted, missing values last.
    """
    first = [name for name in (contract.only("time"), contract.only("id")) if name]
    keys = dict.fromkeys([*first, *table.column_names], "ascending")
    return table.take(pc.sort_indices(table, sort_keys=list(keys.items())))
