"""Rows that only one of two tables has are found and counted, each as often as it stands there."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.data.row_changes import RowChange, count_changes, difference

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "2", ""])), max_size=6)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_the_difference_is_exact_and_zero_only_for_the_same_rows(
    old: list[tuple[str, str]], new: list[tuple[str, str]]
) -> None:
    def table(rows: list[tuple[str, str]]) -> pa.Table:
        schema = pa.schema({"id": pa.string(), "x": pa.int64(), "y": pa.float64()})
        values = [{"id": key, "x": int(x) if x else None, "y": None} for key, x in rows]
        return pa.Table.from_pylist(values, schema)

    change = count_changes(table(old), table(new), "id")
    lost, gained = difference(table(old), table(new))
    assert (change == RowChange(0, 0, 0)) == (sorted(old) == sorted(new))
    assert change.added + change.changed == len(gained)
    assert change.removed + change.changed == len(lost)
    rebuilt = old.copy()
    for row in lost.to_pylist():
        rebuilt.remove((row["id"], "" if row["x"] is None else str(row["x"])))
    rebuilt += [(r["id"], "" if r["x"] is None else str(r["x"])) for r in gained.to_pylist()]
    assert sorted(rebuilt) == sorted(new)
