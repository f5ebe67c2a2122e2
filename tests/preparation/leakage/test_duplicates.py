"""Rows are told apart by their hashes, as PL004 needs it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from perennial.data.contract import Type
from perennial.data.parquet import ARROW
from perennial.preparation.leakage.duplicates import row_hashes


def test_rows_that_differ_in_the_sign_of_nought_are_the_same() -> None:
    one, other = row_hashes([pa.table({"x": [0.0]}), pa.table({"x": [-0.0]})], ["x"])
    assert one == other


def test_columns_that_say_the_same_do_not_cancel_out() -> None:
    columns = {"x": pa.array([0, 1, 2]), "y": pa.array([0, 1, None])}
    (hashes,) = row_hashes([pa.table(columns)], ["x", "y"])
    assert len(set(hashes.tolist())) == 3


VALUES: dict[Type, Any] = {
    "number": st.none() | st.sampled_from([0.0, -0.0, 1.0, math.inf, 5e-324]),
    "integer": st.none() | st.sampled_from([0, 1, -1, 2**62]),
    "category": st.none() | st.sampled_from(["", "a", "b"]),
    "boolean": st.none() | st.booleans(),
    "datetime": st.none() | st.sampled_from([datetime(2013, 1, 1), datetime(2013, 1, 1, 1)]),  # noqa: DTZ001,
}
ROW = st.tuples(*VALUES.values())


@given(st.lists(ROW, min_size=1, max_size=30), st.lists(ROW, min_size=1, max_size=30))
def test_rows_have_the_same_hash_just_when_they_are_the_same(
    left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]
) -> None:
    def table(rows: list[tuple[Any, ...]]) -> pa.Table:
        columns = zip(VALUES, zip(*rows, strict=True), strict=True)
        return pa.table({kind: pa.array(values, ARROW[kind]) for kind, values in columns})

    one, other = row_hashes([table(left), table(right)], list(VALUES))
    same = np.array([[a == b for b in right] for a in left])
    assert ((one[:, None] == other[None, :]) == same).all()
