"""DeLong's variance, plain and by clusters, is the one that the papers' double sums give."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from perennial.evaluation.delong import area_difference
from perennial.evaluation.metrics.columns import SampleError

Array = NDArray[np.float64]


def sample(seed: int, rows: int = 90, days: int = 8) -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    day = rng.integers(0, days, rows)
    target = rng.random(rows) < 0.3
    target[:2] = [True, False]
    # Rounded, so that there are ties.
    head = np.round(target + rng.normal(size=rows) + 0.5 * rng.normal(size=days)[day], 1)
    base = np.round(head + rng.normal(size=rows), 1)
    return target, head, base, day


def kernel(positive: float, negative: float) -> float:
    return 1.0 if positive > negative else 0.5 if positive == negative else 0.0


def by_double_sums(target: Array, models: list[Array], day: Array) -> tuple[list[float], float]:
    """Obuchowski 1997, equations 2 to 5, written as they stand there."""
    ups, downs = np.flatnonzero(target), np.flatnonzero(~target)
    m, n = len(ups), len(downs)
    areas = [sum(kernel(s[i], s[j]) for i, j in product(ups, downs)) / (m * n) for s in models]
    v10 = [{i: sum(kernel(s[i], s[j]) for j in downs) / n for i in ups} for s in models]
    v01 = [{j: sum(kernel(s[i], s[j]) for i in ups) / m for j in downs} for s in models]
    clusters = sorted(set(day.tolist()))

    def total(components: dict[int, float], cluster: int, area: float) -> float:
        return sum(v - area for i, v in components.items() if day[i] == cluster)

    def covariance(r: int, s: int) -> float:
        # Where they say the number of clusters, the effective one: sizes differ.
        with_up = effective(day[ups])
        with_down = effective(day[downs])
        count = effective(day)
        tens = [[total(v10[k], c, areas[k]) for c in clusters] for k in (r, s)]
        ones = [[total(v01[k], c, areas[k]) for c in clusters] for k in (r, s)]
        s10 = with_up / ((with_up - 1) * m) * float(np.dot(*tens))
        s01 = with_down / ((with_down - 1) * n) * float(np.dot(*ones))
        s11 = count / (count - 1) * float(np.dot(tens[0], ones[1]))
        s11_turned = count / (count - 1) * float(np.dot(tens[1], ones[0]))
        return s10 / m + s01 / n + (s11 + s11_turned) / (m * n)

    return areas, covariance(0, 0) + covariance(1, 1) - 2 * covariance(0, 1)


def effective(day: Array) -> float:
    _, sizes = np.unique(day, return_counts=True)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("is_clustered", [True, False])
def test_it_agrees_with_the_double_sums(seed: int, is_clustered: bool) -> None:
    target, head, base, day = sample(seed)
    blocks = day if is_clustered else np.arange(len(day))
    areas, variance = by_double_sums(target, [head, base], blocks)
    result = area_difference(target, head, base, day if is_clustered else None)
    np.testing.assert_allclose([result.head, result.base], areas, atol=1e-12, rtol=0)
    np.testing.assert_allclose(result.standard_error**2, variance, atol=1e-12, rtol=0)


@given(st.integers(0, 10_000))
def test_the_areas_are_scikit_learns(seed: int) -> None:
    target, head, base, day = sample(seed)
    result = area_difference(target, head, base, day)
    expected = [roc_auc_score(target, scores) for scores in (head, base)]
    np.testing.assert_allclose([result.head, result.base], expected, atol=1e-12)
    turned = area_difference(target, base, head, day)
    np.testing.assert_allclose(turned.value, -result.value, atol=1e-15)
    np.testing.assert_allclose(turned.p_value, result.p_value, rtol=1e-9)


def test_interval_and_p_value_are_students_by_the_blocks_that_hold_the_rarer_class() -> None:
    target, head, base, day = sample(3)
    result = area_difference(target, head, base, day, confidence=0.9)
    freedom = effective(day[target]) - 1
    assert 4 < freedom < 7
    assert result.blocks == pytest.approx(freedom + 1)
    reach = student(freedom).ppf(0.95) * result.standard_error
    np.testing.assert_allclose(
        [result.low, result.high], [result.value - reach, result.value + reach]
    )
    p_value = 2 * student(freedom).sf(abs(result.value) / result.standard_error)
    np.testing.assert_allclose(result.p_value, p_value)
    assert (result.p_value < 0.1) == (result.low > 0 or result.high < 0)


def test_only_ranks_count() -> None:
    target, head, base, day = sample(1)
    result = area_difference(target, head, base, day)
    assert result == area_difference(target, np.exp(head), 1e-9 * base - 5, day)


def test_models_that_rank_alike_do_not_differ() -> None:
    target, head, _, day = sample(2)
    result = area_difference(target, head, 2 * head + 1, day)
    assert (result.value, result.standard_error, result.p_value) == (0.0, 0.0, 1.0)


def test_whole_days_that_repeat_their_rows_add_no_evidence() -> None:
    """Thirty copies of each row make rows look sure; days know that nothing was added."""
    target, head, base, day = (np.repeat(column, 30) for column in sample(4))
    by_day = area_difference(target, head, base, day).standard_error
    once = area_difference(*sample(4)).standard_error
    np.testing.assert_allclose(by_day, once, rtol=1e-9)
    assert area_difference(target, head, base).standard_error < once / 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": np.zeros(90, bool)}, "0 of 90 rows are positive"),
        ({"blocks": np.zeros(90, int)}, "positives stand in 1.0 effective blocks"),
    ],
)
def test_too_poor_a_sample_is_refused(change: dict[str, Array], message: str) -> None:
    target, head, base, day = sample(0)
    columns = {"target": target, "head": head, "base": base, "blocks": day, **change}
    with pytest.raises(SampleError, match=message):
        area_difference(**columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": np.full(90, np.nan)}, "head: row 0 holds nan"),
        ({"base": np.zeros(3)}, "base: has 3 rows where 90"),
        ({"confidence": 1.0}, "confidence: must be between"),
    ],
)
def test_what_is_no_score_is_refused(change: dict[str, object], message: str) -> None:
    target, head, base, day = sample(0)
    arguments = {"target": target, "head": head, "base": base, "blocks": day, **change}
    with pytest.raises(ValueError, match=message):
        area_difference(**arguments)
