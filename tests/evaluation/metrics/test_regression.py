"""Regression metrics agree with scikit-learn under any whole-number weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perennial.evaluation.metrics.columns import SampleError
from perennial.evaluation.metrics.definition import MetricError, evaluate
from perennial.evaluation.metrics.regression import RegressionScores

few = settings(max_examples=40)

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Targets that vary, predictions, ties in both, and weights with zeros."""
    number = st.integers(-8, 8).map(lambda i: i / 4) | st.floats(-1e3, 1e3)
    rows = draw(st.lists(st.tuples(number, number, st.integers(0, 3)), min_size=2, max_size=60))
    target, prediction, weights = (np.array(column) for column in zip(*rows, strict=True))
    drawn = target[weights > 0]
    assume(len(drawn) > 0 and np.ptp(drawn) > 0.1)
    return target.astype(float), prediction.astype(float), weights


@few
@given(samples())
def test_every_metric_is_scikit_learns(sample: Sample) -> None:
    target, prediction, weights = sample
    w = {"sample_weight": weights}
    # Repeated rows for the median: with weights scikit-learn finds a percentile by comparing
    # sums of floats.
    repeated = np.repeat(target, weights), np.repeat(prediction, weights)
    expected = {
        "mae": oracle.mean_absolute_error(target, prediction, **w),
        "rmse": oracle.root_mean_squared_error(target, prediction, **w),
        "r2": oracle.r2_score(target, prediction, **w),
        "median_absolute_error": oracle.median_absolute_error(*repeated),
        "bias": np.average(prediction, weights=weights) - np.average(target, weights=weights),
    }
    ours = evaluate(RegressionScores(target, prediction), weights)
    scale = np.abs(target).max() + np.abs(prediction).max()
    assert ours == pytest.approx(expected, rel=1e-12, abs=1e-12 * max(1.0, scale))


@pytest.mark.parametrize("seed", range(5))
def test_on_plain_data_the_agreement_is_to_twelve_digits(seed: int) -> None:
    generator = np.random.Generator(np.random.PCG64(seed))
    target = generator.normal(100, 10, 500)
    prediction = target + generator.normal(1, 5, 500)
    weights = generator.integers(0, 4, 500)
    repeated = np.repeat(target, weights), np.repeat(prediction, weights)
    assert evaluate(RegressionScores(target, prediction), weights) == pytest.approx(
        {
            "mae": oracle.mean_absolute_error(*repeated),
            "rmse": oracle.root_mean_squared_error(*repeated),
            "r2": oracle.r2_score(*repeated),
            "median_absolute_error": oracle.median_absolute_error(*repeated),
            "bias": np.mean(repeated[1] - repeated[0]),
        },
        rel=1e-12,
    )


@few
@given(samples(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(sample: Sample, random: Any) -> None:
    target, prediction, weights = sample
    shuffled = np.array(random.sample(range(len(target)), len(target)))
    theirs = evaluate(RegressionScores(target[shuffled], prediction[shuffled]), weights[shuffled])
    ours = evaluate(RegressionScores(target, prediction), weights)
    assert theirs == pytest.approx(ours, rel=1e-11, abs=1e-11)


def test_r2_far_from_zero_keeps_its_digits() -> None:
    target = 1e9 + np.arange(100.0)
    ours = evaluate(RegressionScores(target, target + 1), only=["r2"])["r2"]
    assert ours == pytest.approx(1 - 100 / np.sum((np.arange(100) - 49.5) ** 2), rel=1e-12)


def test_r2_without_the_outlier_keeps_its_digits() -> None:
    scores = RegressionScores([0.0, 0.0, 592.0, 0.125], np.zeros(4))
    weighted = evaluate(scores, np.array([0, 2, 0, 1]), only=["r2"])["r2"]
    assert weighted == pytest.approx(-0.5, rel=1e-14)


def test_bias_is_positive_when_predictions_are_too_high() -> None:
    assert evaluate(RegressionScores([1.0, 2.0], [3.0, 4.0]), only=["bias"]) == {"bias": 2.0}


@pytest.mark.parametrize("target", [[0.1, 0.1, 0.1], [0.0, 0.0, 0.0], [7.0]])
def test_r2_of_a_target_that_does_not_vary_is_an_error(target: list[float]) -> None:
    scores = RegressionScores(target, np.arange(float(len(target))))
    with pytest.raises(MetricError, match=r"r2: it needs a target that varies"):
        evaluate(scores)


def test_r2_of_a_draw_that_does_not_vary_is_an_error_though_the_sample_varies() -> None:
    scores = RegressionScores([0.1, 0.1, 0.7, 0.3], [0.1, 0.2, 0.3, 0.4])
    with pytest.raises(MetricError, match="r2"):
        evaluate(scores, np.array([1, 2, 0, 0]), only=["r2"])


@pytest.mark.parametrize(
    ("target", "prediction", "message"),
    [
        ([1.0, 2.0], [1.0], "prediction: has 1 rows where 2"),
        ([1.0, np.nan], [1.0, 2.0], "target: row 1 holds nan"),
        ([1.0, 2.0], [-np.inf, 2.0], "prediction: row 0 holds -inf"),
        ([1.0, 2.0], [1e200, 2.0], "prediction: holds numbers beyond"),
        ([[1.0], [2.0]], [1.0, 2.0], "target: must have one dimension"),
    ],
)
def test_inputs_are_checked(target: Any, prediction: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegressionScores(target, prediction)


def test_an_empty_sample_is_a_sample_error() -> None:
    with pytest.raises(SampleError, match="no rows"):
        RegressionScores([], [])
