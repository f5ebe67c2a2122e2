"""How the rows of a frame differ from those of an earlier one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

# No contract names a column so.
_COPY = "\0"


@dataclass(frozen=True)
class RowChange:
    """How many rows differ."""

    added: int
    """Rows that only the new frame has."""
    removed: int
    """Rows that only the old one has."""
    changed: int
    """Rows with a known id and other values; always 0 without an id."""


def count_changes(old: pd.DataFrame, new: pd.DataFrame, key: str | None) -> RowChange:
    """Count how rows have changed; `key` is the column of role `id`, if there is one."""
    lost, gained = difference(old, new)
    both = (_ids(lost, key) & _ids(gained, key)).total()
    return RowChange(len(gained) - both, len(lost) - both, both)


def difference(old: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that `new` has lost, and rows that it has gained; equal rows count each."""
    # Numbering equal rows makes every row of a frame differ from its others.
    numbered = [
        rows.assign(**{_COPY: rows.groupby(list(rows), dropna=False, sort=False).cumcount()})
        for rows in (old, new)
    ]
    only = ~pd.concat(numbered, ignore_index=True).duplicated(keep=False).to_numpy(dtype=np.bool_)
    return old[only[: len(old)]], new[only[len(old) :]]


def _ids(rows: pd.DataFrame, key: str | None) -> Counter[Any]:
    return Counter(rows[key].dropna()) if key else Counter()
