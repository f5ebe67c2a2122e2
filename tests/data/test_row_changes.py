"""Rows that only one of two frames has are counted, each as often as it is there."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from perennial.data.row_changes import RowChange, count_changes, difference

Row = tuple[str | None, int | None]

# Two whole numbers that are one as floats.
ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([2**53, 2**53 + 1, None])),
    max_size=6,
)


def frame(rows: list[Row]) -> pd.DataFrame:
    schema = pa.schema({"id": pa.string(), "x": pa.int64(), "y": pa.float64()})
    values = [{"id": key, "x": x, "y": None} for key, x in rows]
    return pa.Table.from_pylist(values, schema).to_pandas(types_mapper=pd.ArrowDtype)


def counted(rows: pd.DataFrame) -> Counter[Row]:
    values = pa.Table.from_pandas(rows, preserve_index=False).to_pylist()
    return Counter((row["id"], row["x"]) for row in values)


@given(ROWS, ROWS)
def test_the_difference_is_exact_and_zero_only_for_the_same_rows(
    old: list[Row], new: list[Row]
) -> None:
    lost, gained = difference(frame(old), frame(new))
    assert counted(lost) == Counter(old) - Counter(new)
    assert counted(gained) == Counter(new) - Counter(old)
    change = count_changes(frame(old), frame(new), "id")
    assert (change == RowChange(0, 0, 0)) == (Counter(old) == Counter(new))
    assert change.added + change.changed == len(gained)
    assert change.removed + change.changed == len(lost)


def test_columns_are_matched_by_name() -> None:
    rows = frame([("a", 1)])
    assert count_changes(rows, rows[["y", "x", "id"]], "id") == RowChange(0, 0, 0)


def test_a_row_of_a_known_id_with_other_values_is_changed() -> None:
    old, new = frame([("a", 1), ("b", 2)]), frame([("a", 2), ("c", 2)])
    assert count_changes(old, new, "id") == RowChange(added=1, removed=1, changed=1)
    assert count_changes(old, new, None) == RowChange(added=2, removed=2, changed=0)
