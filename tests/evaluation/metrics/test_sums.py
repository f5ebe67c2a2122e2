"""Sums that are the same on every machine."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.evaluation.metrics.sums import (
    block_totals,
    cumulative,
    equal_mass_starts,
    natural_log,
)

# No deadline: a loaded machine is no fault.
few = settings(max_examples=40, deadline=None)


@few
@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=50))
def test_the_logarithm_is_right_to_the_last_bit_or_the_one_before(values: list[float]) -> None:
    ours = natural_log(np.array(values))
    for value, log in zip(values, ours, strict=True):
        assert abs(log - math.log(value)) <= math.ulp(math.log(value))


def test_the_logarithm_of_one_is_nought_and_of_its_neighbours_exact() -> None:
    epsilon = float(np.finfo(float).eps)
    assert natural_log(np.array([1.0, 1 - epsilon])).tolist() == [0.0, math.log(1 - epsilon)]


def test_block_totals_count_a_block_as_often_as_it_was_drawn() -> None:
    totals = block_totals(np.array([0, 1, 1]), [1.0, 10.0, 100.0])
    assert totals(np.array([[1, 1], [2, 0], [0, 3]])).tolist() == [111.0, 2.0, 330.0]


def test_running_sums_start_at_nought() -> None:
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
