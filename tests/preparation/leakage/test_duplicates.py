"""Equal rows, and no others, share a hash, as PL004 needs it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.data.contract import Type
from perennial.data.parquet import ARROW
from perennial.preparation.leakage.duplicates import row_hashes

EPOCH = datetime.fromisoformat("1970-01-01")
FIRST, LAST = (datetime.fromisoformat(text) for text in ("0001-01-01", "9999-12-31T23:59:59.9"))
# Values that are easily confused: with each other, with a missing one, with what fills its place.
VALUES: dict[Type, list[Any]] = {
    "number": [None, 0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, 5e-324, 2.0**53],
    "integer": [None, 0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**61 - 1],
    "category": [None, "", "0", "None", "nan", "<NA>", "a", "b", "a\0", "\0a"],
    "text": [None, "", "0", "a", "b", "ab", "é", "e\u0301"],
    "boolean": [None, True, False],
    "datetime": [None, EPOCH, EPOCH + timedelta(microseconds=1), FIRST, LAST],
}


def frame(kinds: list[Type], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = zip(kinds, zip(*rows, strict=True), strict=True)
    return pd.DataFrame(
        {
            place: pd.Series(values, dtype=pd.ArrowDtype(ARROW[kind]))
            for place, (kind, values) in enumerate(columns)
        }
    )


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[Type], list[list[tuple[Any, ...]]]]:
    """Columns of any types, one type often twice, and the rows of two frames of them."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5))
    row = st.tuples(*(st.sampled_from(VALUES[kind]) for kind in kinds))
    side = st.lists(row, min_size=1, max_size=30)
    return kinds, [draw(side), draw(side)]


@given(two_sides())
def test_rows_have_the_same_hash_just_when_they_are_equal(
    sides: tuple[list[Type], list[list[tuple[Any, ...]]]],
) -> None:
    kinds, (left, right) = sides
    one, other = (row_hashes(frame(kinds, rows)).to_numpy() for rows in (left, right))
    same = np.array([[a == b for b in right] for a in left])
    assert ((one[:, None] == other[None, :]) == same).all()


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_pairs_of_values_hash_alike_in_no_other_order(kind: Type) -> None:
    rows = [(a, b) for a in VALUES[kind] for b in VALUES[kind]]
    hashes = row_hashes(frame([kind, kind], rows))
    # -0.0 equals 0.0 in Python too.
    assert hashes.nunique() == len(set(rows))


def test_columns_that_say_the_same_do_not_cancel_out() -> None:
    hashes = row_hashes(frame(["integer", "integer"], [(0, 0), (1, 1), (2, None)]))
    assert hashes.nunique() == 3


def test_chunks_do_not_matter_nor_does_what_the_other_rows_are() -> None:
    rows = [tuple(values[i % len(values)] for values in VALUES.values()) for i in range(40)]
    whole = frame(list(VALUES), rows)
    parts = [whole.iloc[:7], whole.iloc[7:8], whole.iloc[8:]]
    hashes = row_hashes(whole)
    assert row_hashes(pd.concat(parts)).tolist() == hashes.tolist()
    assert [h for part in parts for h in row_hashes(part)] == hashes.tolist()


def test_a_million_rows_that_differ_have_a_million_hashes() -> None:
    number = np.arange(1_000_000)
    columns = {"high": number // 1000, "low": number % 1000, "third": number % 7}
    rows = pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)
    assert row_hashes(rows).is_unique
