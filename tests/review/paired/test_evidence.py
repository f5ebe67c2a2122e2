"""Closed forms that stand behind slices."""

from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control, ttest_1samp

from perennial.review.paired.evidence import SliceDifference, adjusted, mean_difference


def test_many_slices_are_adjusted_as_benjamini_and_hochberg_do() -> None:
    p_values = np.random.default_rng(0).uniform(size=15) ** 3
    items = [SliceDifference("c", str(p), 10, "roc_auc", p_value=p) for p in p_values]
    items.insert(4, SliceDifference("c", "too plain", 10, "roc_auc"))
    result = adjusted(items)
    assert [item.value for item in result] == [item.value for item in items]
    assert result[4].adjusted is None
    given = [item.adjusted for item in result if item.p_value is not None]
    np.testing.assert_allclose(np.array(given, float), false_discovery_control(p_values))
    assert adjusted([]) == []


def test_a_mean_over_rows_is_students_test() -> None:
    losses = np.random.default_rng(1).normal(0.2, size=40)
    mean, p_value = mean_difference(losses, None)
    np.testing.assert_allclose([mean, p_value], [losses.mean(), ttest_1samp(losses, 0).pvalue])


def test_rows_of_one_block_count_once() -> None:
    losses, blocks = np.random.default_rng(2).normal(0.2, size=40), np.arange(40)
    many = mean_difference(np.repeat(losses, 50), np.repeat(blocks, 50))
    np.testing.assert_allclose(
        np.array(many, float), np.array(mean_difference(losses, None), float)
    )


def test_without_two_blocks_or_any_difference_nothing_is_claimed() -> None:
    assert mean_difference(np.ones(5), np.zeros(5, int)) == (None, None)
    assert mean_difference(np.zeros(5), None) == (0.0, 1.0)
