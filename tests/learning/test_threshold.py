"""The chosen threshold is the best of all that could be chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest

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


@given(rows=ROWS)
def test_max_f1(rows: list[tuple[bool, float]]) -> None:
    positive, scores = arrays(rows)
    threshold = choose_threshold(F1, positive, scores)
    assert f1(positive, scores, threshold) == max(f1(positive, scores, s) for s in scores)
    assert is_midway(scores, threshold)


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


def lower_bound(successes: int, total: int, confidence: float) -> float:
    """Clopper and Pearson's, by scipy's test of a binomial share."""
    interval = binomtest(successes, total, alternative="greater").proportion_ci(confidence)
    return float(interval.low)


@given(rows=ROWS, value=st.floats(0.01, 0.99), confidence=st.floats(0.5, 0.99))
def test_recall_at(rows: list[tuple[bool, float]], value: float, confidence: float) -> None:
    positive, scores = arrays(rows)
    policy = RecallThreshold(method="recall_at", value=value, confidence=confidence)
    bounds = {
        score: lower_bound(counts(positive, scores, score)[0], int(positive.sum()), confidence)
        for score in scores
    }
    assume(all(abs(bound - value) > 1e-9 for bound in bounds.values()))
    reaching = [score for score, bound in bounds.items() if bound >= value]
    if not reaching:
        best = max(bounds.values())
        with pytest.raises(PerennialError, match=f"of a single one is {best:.4f}"):
            choose_threshold(policy, positive, scores)
        return
    threshold = choose_threshold(policy, positive, scores)
    assert counts(positive, scores, threshold) == counts(positive, scores, max(reaching))
    assert is_midway(scores, threshold)


def drawn(rows: int, seed: int) -> tuple[Any, Any]:
    """Calibrated probabilities, and what came of them."""
    rng = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-4 * rng.normal(size=rows)))
    return rng.random(rows) < chance, chance


def is_met(policy: Any, share: Any, trials: int = 200) -> float:
    """How often what a policy asks for is reached on other rows, where it does not refuse."""
    others = drawn(100_000, 1_000_000)
    met = [share(*others, choose_threshold(policy, *drawn(600, seed))) for seed in range(trials)]
    return float(np.mean(np.array(met) >= policy.value))


def test_the_recall_promised_is_met_as_often_as_is_said() -> None:
    for confidence in (0.8, 0.95):
        policy = RecallThreshold(method="recall_at", value=0.8, confidence=confidence)
        # Less three standard errors of two hundred trials.
        error = 3 * (confidence * (1 - confidence) / 200) ** 0.5
        assert confidence - error <= is_met(policy, recall) < 1


def test_the_precision_promised_is_met_as_often_as_is_said() -> None:
    policy = PrecisionThreshold(method="precision_at", value=0.8, confidence=0.8)
    assert is_met(policy, precision) >= 0.8 - 3 * (0.16 / 200) ** 0.5


def test_luck_on_one_of_many_thresholds_is_no_precision() -> None:
    # Scores say nothing: the precision is everywhere a little less than what is asked for.
    policy = PrecisionThreshold(method="precision_at", value=0.6, confidence=0.8)
    chosen = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        try:
            choose_threshold(policy, rng.random(1000) < 0.599, rng.random(1000))
        except PerennialError:
            continue
        chosen += 1
    assert chosen <= 200 * 0.2 + 3 * (200 * 0.16) ** 0.5


def test_precision_at_takes_in_as_many_rows_as_it_can_vouch_for() -> None:
    positive = np.arange(2000) < 1000
    scores = np.linspace(1, 0, 2000)
    policy = PrecisionThreshold(method="precision_at", value=0.9)
    hits, alarms, _, _ = counts(positive, scores, choose_threshold(policy, positive, scores))
    assert hits == 1000
    assert 0.9 <= lower_bound(hits, hits + alarms, 0.95) < 0.91


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
        "no threshold has a precision of 0.9 with 0.95 confidence on 2 validation rows, 1 of them "
        "positive; the best lower bound of a single one is 0.0253"
    )
    assert caught.value.where == "params.yaml: train.threshold"
    assert caught.value.hint
