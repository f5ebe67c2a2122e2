"""How the rows of a table differ from those of an earlier one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# No contract names a column so.
_SIGN = "\0"


@dataclass(frozen=True)
class RowChange:
    """How many rows differ."""

    added: int
    """Rows that only the new table has."""
    removed: int
    """Rows that only the old one has."""
    changed: int
    """Rows with a known id and other values; always 0 without an id."""


def count_changes(old: pa.Table, new: pa.Table, key: str | None) -> RowChange:
    """Count how rows have changed.

    Parameters
    ----------
    old, new : pyarrow.Table
        Rows of the same types, in any order.
    key : str or None
        The column of role `id`, by which a row is known as changed.

    Returns
    -------
    RowChange
        All zero if the rows are the same.
    """
    lost, gained = difference(old, new)
    both = _ids(lost, key) & _ids(gained, key)
    return RowChange(len(gained) - both.total(), len(lost) - both.total(), both.total())


def difference(old: pa.Table, new: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Find the rows that only one of two tables has; a row counts as often as it stands there.

    Parameters
    ----------
    old, new : pyarrow.Table
        Rows of the same types.

    Returns
    -------
    tuple of pyarrow.Table
        The rows that `new` has lost and those that it has gained.
    """
    signed = [
        table.append_column(_SIGN, pa.repeat(sign, len(table)))
        for table, sign in ((old, -1), (new, 1))
    ]
    counted = pa.concat_tables(signed).group_by(new.column_names).aggregate([(_SIGN, "sum")])
    surplus = counted[f"{_SIGN}_sum"].to_numpy()
    rows = counted.drop_columns([f"{_SIGN}_sum"])
    return (
        rows.take(np.repeat(np.arange(len(rows)), np.maximum(-surplus, 0))),
        rows.take(np.repeat(np.arange(len(rows)), np.maximum(surplus, 0))),
    )


def _ids(rows: pa.Table, key: str | None) -> Counter[Any]:
    return Counter(pc.drop_null(rows[key]).to_pylist()) if key else Counter()
