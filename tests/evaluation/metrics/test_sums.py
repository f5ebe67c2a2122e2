"""Sums that are the same on every machine."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.evaluation.metrics.sums import (
    block_sums,
    cumulative,
    equal_mass_starts,
    ratio,
)

few = settings(max_examples=40)


def test_blocks_are_summed_by_number() -> None:
    assert block_sums(np.array([0, 2, 2]), [1.0, 10.0, 100.0]).tolist() == [1.0, 0.0, 110.0]


def test_a_ratio_to_zero_has_no_value_and_no_warning() -> None:
    np.testing.assert_array_equal(ratio(np.array([1, 3]), np.array([0, 2])), [np.nan, 1.5])


def test_running_sums_start_at_zero() -> None:
    assert cumulative(np.array([[1, 0, 2]])).tolist() == [[0, 1, 1, 3]]


@few
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 12))
def test_bins_cover_every_row_once_and_split_no_tie(values: list[int], bins: int) -> None:
    ordered = np.sort(values)
    starts = equal_mass_starts(ordered, bins)
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert len(starts) <= bins
    assert all(ordered[start - 1] != ordered[start] for start in starts[1:])


def test_bins_hold_equally_many_rows_where_nothing_ties() -> None:
    starts = equal_mass_starts(np.arange(105), 10)
    assert set(np.diff(starts, append=105)) == {10, 11}
