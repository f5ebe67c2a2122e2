"""p-values from exchanging two models' answers: exact where all exchanges can be listed."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata
from sklearn.metrics import roc_auc_score

from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.definition import Scorer, evaluate
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores
from perennial.evaluation.permutation import exchange_p_values, exchanged_leads

Array = NDArray[Any]


def binary(seed: int, rows: int = 240, days: int = 8) -> tuple[BinaryScores, BinaryScores, Array]:
    rng = np.random.default_rng(seed)
    day = np.arange(rows) % days
    target = rng.random(rows) < 0.4
    signal = target + rng.normal(size=rows)
    chances = [1 / (1 + np.exp(-(signal + rng.normal(size=rows)))) for _ in range(2)]
    return BinaryScores(target, chances[0], 0.6), BinaryScores(target, chances[1], 0.4), day


def test_it_is_the_share_of_all_exchanges_that_differ_as_much() -> None:
    head, base, day = binary(0)
    ranks = [rankdata(scores.probability) for scores in (head, base)]

    def lead(is_exchanged: Array) -> float:
        ours, theirs = np.where(is_exchanged[day], ranks[::-1], ranks)
        return abs(roc_auc_score(head.target, ours) - roc_auc_score(head.target, theirs))

    every = [lead(np.array(choice)) for choice in product([0, 1], repeat=8)]
    exact = np.mean(np.array(every) >= every[0] - 1e-12)
    p_value = exchange_p_values(head, base, day, exchanges=20_000, only=["roc_auc"])["roc_auc"]
    assert abs(p_value - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)


def test_each_threshold_stays_with_its_model() -> None:
    """Exchanging one day of one: the observed difference, turned round, and nothing else."""
    head, base, _ = binary(1)
    one_day = np.zeros(head.rows, int)
    result = exchange_p_values(head, base, one_day, exchanges=100)
    assert set(result.values()) == {1.0}


def test_a_clear_difference_has_the_smallest_p_value_there_is() -> None:
    rng = np.random.default_rng(2)
    target = np.arange(600) % 2 == 0
    good = BinaryScores(target, np.where(target, 0.8, 0.2) + rng.uniform(-0.1, 0.1, 600), 0.5)
    poor = BinaryScores(target, rng.random(600), 0.5)
    result = exchange_p_values(good, poor, np.arange(600) // 10, exchanges=199)
    assert result["roc_auc"] == result["log_loss"] == result["f1"] == 1 / 200
    assert result == exchange_p_values(poor, good, np.arange(600) // 10, exchanges=199)


def test_rows_that_both_answer_alike_are_no_evidence() -> None:
    head, base, day = binary(3)
    target = np.concatenate([head.target, np.arange(1000) % 2 == 0])
    same = np.linspace(0.01, 0.99, 1000)
    longer = [
        BinaryScores(target, np.concatenate([scores.probability, same]), scores.threshold)
        for scores in (head, base)
    ]
    days = np.concatenate([day, 8 + np.arange(1000) % 50])
    few = exchange_p_values(head, base, day, exchanges=2000)["brier"]
    many = exchange_p_values(*longer, days, exchanges=2000)["brier"]
    assert abs(few - many) < 0.05
    alike = exchange_p_values(longer[0], longer[0], days, exchanges=100)
    assert set(alike.values()) == {1.0}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_under_the_null_it_is_small_as_seldom_as_it_says(kind: str) -> None:
    """Two models that err alike, by days that go together: 5% of p-values lie below 5%."""
    below = sum(null_p_value(kind, seed) <= 0.05 for seed in range(200))
    assert binomtest(below, 200, 0.05).pvalue > 0.001


def null_p_value(kind: str, seed: int) -> float:
    rng = np.random.default_rng(seed)
    rows, day = 120, np.arange(120) // 10
    errors = rng.normal(size=(2, 12))[:, day] + rng.normal(size=(2, rows))
    models: list[Scorer]
    if kind == "regression":
        models = [RegressionScores(np.zeros(rows), error) for error in errors]
        return exchange_p_values(*models, day, exchanges=99, seed=seed, only=["rmse"])["rmse"]
    target = rng.integers(0, 2 if kind == "binary" else 3, rows)
    if kind == "binary":
        chances = 1 / (1 + np.exp(-(2 * target - 1 + errors)))
        models = [BinaryScores(target == 1, chance, 0.5) for chance in chances]
    else:
        logits = [np.eye(3)[target] + np.column_stack([e, -e, 0 * e]) for e in errors]
        odds = [np.exp(logit) for logit in logits]
        models = [MulticlassScores(target, odd / odd.sum(1, keepdims=True)) for odd in odds]
    return exchange_p_values(*models, day, exchanges=99, seed=seed, only=["log_loss"])["log_loss"]


def test_every_metric_of_every_task_has_a_p_value_and_the_seed_decides_it() -> None:
    rng = np.random.default_rng(5)
    head, base, day = binary(5)
    target, chances = rng.integers(0, 3, 240), rng.dirichlet(np.ones(3), (2, 240))
    values = rng.normal(size=(3, 240))
    pairs: list[tuple[Scorer, Scorer]] = [
        (head, base),
        (MulticlassScores(target, chances[0]), MulticlassScores(target, chances[1])),
        (RegressionScores(values[0], values[1]), RegressionScores(values[0], values[2])),
    ]
    for ours, theirs in pairs:
        result = exchange_p_values(ours, theirs, day, exchanges=50, seed=1)
        assert list(result) == list(evaluate(ours))
        assert result == exchange_p_values(ours, theirs, day, exchanges=50, seed=1)
        assert result != exchange_p_values(ours, theirs, day, exchanges=50, seed=2)


def test_what_cannot_be_exchanged_is_refused() -> None:
    head, base, day = binary(6)
    shorter = BinaryScores(base.target[:-1], base.probability[:-1], 0.5)
    with pytest.raises(ValueError, match="base: has 239 rows where head has 240"):
        exchange_p_values(head, shorter, day)
    with pytest.raises(ValueError, match="exchanges: must be at least 1, got 0"):
        exchange_p_values(head, base, day, exchanges=0)
    with pytest.raises(TypeError, match="no exchange of BinaryScores with RegressionScores"):
        exchange_p_values(head, RegressionScores(np.zeros(240), np.zeros(240)), day)


@pytest.mark.parametrize("unit", [1e-14, 1e6, 1e12])
def test_the_unit_of_the_target_is_no_evidence(unit: float) -> None:
    """Three days that differ are eight exchanges, of which two are as extreme as what is seen."""
    rng = np.random.default_rng(0)
    day, target, base = np.arange(600) // 20, *rng.normal(size=(2, 600))
    head = np.where(day < 3, target, base)

    def p_values(unit: float) -> dict[str, float]:
        ours, theirs = (RegressionScores(target * unit, it * unit) for it in (head, base))
        return exchange_p_values(ours, theirs, day)

    assert p_values(unit) == p_values(1)
    assert p_values(unit)["rmse"] > 0.2


def test_leads_are_the_observed_one_and_then_the_exchanged() -> None:
    head, base, day = binary(8)
    leads = exchanged_leads(head, base, day, "brier", exchanges=300, seed=3)
    assert len(leads) == 301
    gap = evaluate(base, only=["brier"])["brier"] - evaluate(head, only=["brier"])["brier"]
    np.testing.assert_allclose(leads[0], gap)
    share = np.mean(np.abs(leads[1:]) >= abs(leads[0]) - 1e-12)
    result = exchange_p_values(head, base, day, exchanges=300, seed=3, only=["brier"])["brier"]
    np.testing.assert_allclose(result, (1 + share * 300) / 301)
