"""Whatever is registered as a metric serves everywhere that metrics are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perennial.evaluation.bootstrap import estimate, estimate_difference
from perennial.evaluation.metrics.definition import Definition, Scorer, evaluate
from perennial.evaluation.scoring import METRICS, default_primary, scorer_of
from perennial.params.metrics import DIRECTIONS

ROWS = 300
RNG = np.random.default_rng(0)
BLOCKS = np.arange(ROWS) // 10
CODES = RNG.integers(0, 3, ROWS)
VALUES = RNG.normal(size=ROWS)
EVERY = [(task, metric) for task, metrics in METRICS.items() for metric in metrics]


def pair(task: Any) -> tuple[Scorer, Scorer]:
    """Two models of which the first is better."""
    if task == "regression":
        answers = [VALUES + noise * RNG.normal(size=ROWS) for noise in (0.1, 3.0)]
        first, second = (scorer_of(task, VALUES, answer, None) for answer in answers)
        return first, second
    classes = 2 if task == "binary" else 3
    target = CODES % classes
    weights = [np.eye(classes)[target] * lead + RNG.random((ROWS, classes)) for lead in (2.0, 0.0)]
    answers = [weight / weight.sum(axis=1, keepdims=True) for weight in weights]
    first, second = (scorer_of(task, target, answer, 0.4) for answer in answers)
    return first, second


@pytest.fixture(scope="module")
def pairs() -> dict[str, tuple[Scorer, Scorer]]:
    return {task: pair(task) for task in METRICS}


@pytest.mark.parametrize(("task", "metric"), EVERY)
def test_each_metric_has_value_interval_difference_and_p_value(
    pairs: dict[str, tuple[Scorer, Scorer]], task: str, metric: Definition[Any]
) -> None:
    head, base = pairs[task]
    only = [metric.name]
    value = evaluate(head, only=only)[metric.name]
    figure = estimate(head, BLOCKS, resamples=50, only=only)[metric.name]
    assert figure.value == value
    if metric.scale == "area" and value == 1:
        assert (figure.low, figure.high) == (None, None)
        assert figure.why_not
    else:
        assert metric.low <= figure.low <= value <= figure.high <= metric.high
    gap = estimate_difference(head, base, BLOCKS, resamples=50, only=only).contrasts[metric.name]
    assert gap.value == value - evaluate(base, only=only)[metric.name]
    assert 0 < gap.p_value <= 1
    assert (gap.p_value <= 0.05) == (gap.low > 0 or gap.high < 0)


@pytest.mark.parametrize(("task", "metric"), EVERY)
def test_each_metric_says_which_rows_count_for_it(
    pairs: dict[str, tuple[Scorer, Scorer]], task: str, metric: Definition[Any]
) -> None:
    counts = metric.counting(pairs[task][0])
    assert counts.shape == (ROWS,)
    # Each alike, or not at all.
    assert len(set(np.unique(counts)) - {0.0}) == 1
    assert counts.sum() >= 50


@pytest.mark.parametrize(("task", "metric"), EVERY)
def test_an_average_is_the_mean_of_what_it_says_of_each_row(
    pairs: dict[str, tuple[Scorer, Scorer]], task: str, metric: Definition[Any]
) -> None:
    average, scorer = metric.average, pairs[task][0]
    if average is None:
        return
    mean = average.of(scorer).mean(keepdims=True)
    value = mean if average.turned is None else average.turned(mean)
    assert evaluate(scorer, only=[metric.name])[metric.name] == pytest.approx(value[0], rel=1e-12)


@pytest.mark.parametrize(("task", "metric"), EVERY)
def test_each_metric_says_what_it_needs(
    pairs: dict[str, tuple[Scorer, Scorer]], task: str, metric: Definition[Any]
) -> None:
    cause, hint = pairs[task][0].explain(metric.name)
    assert cause.startswith("it needs ")
    assert "leave this metric out" in hint


@pytest.mark.parametrize("task", METRICS)
def test_the_default_primary_has_a_closed_form_for_slices(task: Any) -> None:
    """The mean of a loss, or the area that DeLong's variance is for."""
    primary = default_primary(task)
    assert primary.average is not None or (task, primary.name) == ("binary", "roc_auc")


def test_parameters_know_the_metrics_of_every_task() -> None:
    assert {
        task: {metric.name: metric.direction for metric in metrics}
        for task, metrics in METRICS.items()
    } == DIRECTIONS
