"""Closed forms that stand behind slices."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
from scipy.stats import false_discovery_control, ttest_1samp

from perennial.evaluation.blocks import Blocks
from perennial.review.paired.evidence import SliceDifference, adjusted, holm, mean_difference


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
    told = mean_difference(losses, Blocks())
    expected = ttest_1samp(losses, 0)
    np.testing.assert_allclose([told.value, told.p_value], [losses.mean(), expected.pvalue])
    np.testing.assert_allclose([told.low, told.high], expected.confidence_interval())


def test_rows_of_one_block_count_once() -> None:
    losses, blocks = np.random.default_rng(2).normal(0.2, size=40), np.arange(40)
    many = mean_difference(np.repeat(losses, 50), Blocks(np.repeat(blocks, 50)))
    once = mean_difference(losses, Blocks())
    np.testing.assert_allclose(astuple(many), astuple(once))


def test_one_huge_day_is_not_twenty() -> None:
    day = np.repeat(np.arange(20), [600, *[21] * 19])
    told = mean_difference(np.random.default_rng(3).normal(size=999), Blocks(day))
    assert 2 < told.blocks < 3


def test_holms_p_values() -> None:
    """The step-down procedure, written out: stop at the first that is kept."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = list(rng.uniform(size=8) ** 3)
        rejected, order = set(), np.argsort(p_values)
        for step, place in enumerate(order):
            if p_values[place] > 0.05 / (8 - step):
                break
            rejected.add(int(place))
        assert {place for place, p in enumerate(holm(p_values)) if p <= 0.05} == rejected
    assert holm([]) == []
