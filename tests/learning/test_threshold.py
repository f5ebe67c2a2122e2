"""The chosen threshold is the best of all that could be chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perennial.learning.threshold import choose_threshold
from perennial.params.train import (
    CostThreshold,
    FixedThreshold,
    MaxF1Threshold,
    PrecisionThreshold,
    RecallThreshold,
)
from perennial.runtime.errors import PerennialError

# Few distinct scores, so that ties are common; answered probabilities have nine decimals.
SCORES = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 0.500000001, 0.75, 1.0]),
    st.floats(0, 1).map(lambda score: round(score, 9)),
)
ROWS = st.lists(st.tuples(st.booleans(), SCORES), min_size=2, max_size=12)
F1 = MaxF1Threshold(method="max_f1")


def arrays(rows: list[tuple[bool, float]]) -> tuple[Any, Any]:
    positive, scores = (np.array(values) for values in zip(*rows, strict=True))
    assume(0 < positive.sum() < len(positive))
    return positive, scores


def counts(positive: Any, scores: Any, threshold: float) -> tuple[int, int, int, int]:
    answered = scores >= threshold
    return (
        int((answered & positive).sum()),
        int((answered & ~positive).sum()),
        int((~answered & positive).sum()),
        int((~answered & ~positive).sum()),
    )


def f1(positive: Any, scores: Any, threshold: float) -> float:
    hits, alarms, misses, _ = counts(positive, scores, threshold)
    return 2 * hits / (2 * hits + alarms + misses)


def precision(positive: Any, scores: Any, threshold: float) -> float:
    hits, alarms, _, _ = counts(positive, scores, threshold)
    return hits / (hits + alarms) if hits + alarms else 0.0


def recall(positive: Any, scores: Any, threshold: float) -> float:
    hits, _, misses, _ = counts(positive, scores, threshold)
    return hits / (hits + misses)


def cost(policy: CostThreshold, positive: Any, scores: Any, threshold: float) -> float:
    hits, alarms, misses, rejections = counts(positive, scores, threshold)
    return (
        policy.true_positive * hits
        + policy.false_positive * alarms
        + policy.false_negative * misses
        + policy.true_negative * rejections
    )


def is_midway(scores: Any, threshold: float) -> bool:
    edges = np.unique([0.0, 1.0, *scores])
    return threshold == 0.0 or bool(np.isin(threshold, (edges[:-1] + edges[1:]) / 2))


@settings(deadline=None)
@given(rows=ROWS)
def test_max_f1(rows: list[tuple[bool, float]]) -> None:
    positive, scores = arrays(rows)
    threshold = choose_threshold(F1, positive, scores)
    assert f1(positive, scores, threshold) == max(f1(positive, scores, s) for s in scores)
    assert is_midway(scores, threshold)


@settings(deadline=None)
@given(rows=ROWS, prices=st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(-9, 9)] * 2))
def test_cost(rows: list[tuple[bool, float]], prices: tuple[int, int, int, int]) -> None:
    positive, scores = arrays(rows)
    policy = CostThreshold(
        method="cost",
        false_positive=float(prices[0]),
        false_negative=float(prices[1]),
        true_positive=float(prices[2]),
        true_negative=float(prices[3]),
    )
    threshold = choose_threshold(policy, positive, scores)
    # To call no row positive is a choice too, where a threshold up to 1 can say it.
    candidates = [*scores, *([1.0] if scores.max() < 1 else [])]
    best = min(cost(policy, positive, scores, candidate) for candidate in candidates)
    assert cost(policy, positive, scores, threshold) == best
    assert is_midway(scores, threshold)


@settings(deadline=None)
@given(rows=ROWS, value=st.floats(0.01, 1))
def test_recall_at(rows: list[tuple[bool, float]], value: float) -> None:
    positive, scores = arrays(rows)
    policy = RecallThreshold(method="recall_at", value=value)
    threshold = choose_threshold(policy, positive, scores)
    reaching = [s for s in scores if recall(positive, scores, s) >= value]
    assert recall(positive, scores, threshold) >= value
    assert counts(positive, scores, threshold) == counts(positive, scores, max(reaching))
    assert is_midway(scores, threshold)


@settings(deadline=None)
@given(rows=ROWS, value=st.floats(0.01, 1))
def test_precision_at(rows: list[tuple[bool, float]], value: float) -> None:
    positive, scores = arrays(rows)
    policy = PrecisionThreshold(method="precision_at", value=value)
    reaching = [s for s in scores if precision(positive, scores, s) >= value]
    if not reaching:
        best = max(precision(positive, scores, s) for s in scores)
        with pytest.raises(PerennialError, match=f"the best is {best:.4f}"):
            choose_threshold(policy, positive, scores)
        return
    threshold = choose_threshold(policy, positive, scores)
    assert precision(positive, scores, threshold) >= value
    assert counts(positive, scores, threshold) == counts(positive, scores, min(reaching))
    assert is_midway(scores, threshold)


@given(rows=ROWS, value=st.floats(0.01, 0.99))
def test_fixed(rows: list[tuple[bool, float]], value: float) -> None:
    positive, scores = arrays(rows)
    assert choose_threshold(FixedThreshold(method="fixed", value=value), positive, scores) == value


def test_by_hand() -> None:
    positive = np.array([False, False, True, True])
    scores = np.array([0.1, 0.4, 0.35, 0.8])
    assert choose_threshold(F1, positive, scores) == pytest.approx((0.35 + 0.1) / 2)
    policy = CostThreshold(method="cost", false_positive=100.0)
    assert choose_threshold(policy, positive, scores) == pytest.approx(0.6)
    policy = CostThreshold(method="cost", false_positive=100.0, true_positive=100.0)
    assert choose_threshold(policy, positive, scores) == pytest.approx(0.9)


def test_an_unreachable_precision_says_what_can_be_reached() -> None:
    policy = PrecisionThreshold(method="precision_at", value=0.9)
    with pytest.raises(PerennialError) as caught:
        choose_threshold(policy, np.array([True, False]), np.array([0.1, 0.9]))
    assert caught.value.what == (
        "no threshold reaches a precision of 0.9 on validation; the best is 0.5000"
    )
    assert caught.value.where == "params.yaml: train.threshold"
    assert caught.value.hint
