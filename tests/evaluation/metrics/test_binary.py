"""Binary metrics agree with scikit-learn under any whole-number weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.columns import SampleError
from perennial.evaluation.metrics.definition import MetricError, evaluate

few = settings(max_examples=40)

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Targets, probabilities with many ties and both ends, and weights with zeros."""
    row = st.tuples(
        st.booleans(), st.integers(0, 12).map(lambda i: i / 12) | st.floats(0, 1), st.integers(0, 3)
    )
    rows = draw(st.lists(row, min_size=2, max_size=60))
    target, probability, weights = (np.array(column) for column in zip(*rows, strict=True))
    drawn = target[weights > 0]
    assume(drawn.any() and not drawn.all())
    return target, probability.astype(float), weights


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


@few
@given(samples())
def test_the_areas_and_losses_are_scikit_learns(sample: Sample) -> None:
    target, probability, weights = sample
    names = ["roc_auc", "average_precision", "log_loss", "brier"]
    ours = evaluate(BinaryScores(target, probability, 0.5), weights, only=names)
    given_weights = {"sample_weight": weights}
    assert ours == {
        "roc_auc": close(oracle.roc_auc_score(target, probability, **given_weights)),
        "average_precision": close(
            oracle.average_precision_score(target, probability, **given_weights)
        ),
        "log_loss": close(oracle.log_loss(target, probability, **given_weights)),
        "brier": close(oracle.brier_score_loss(target, probability, **given_weights)),
    }


@few
@given(samples(), st.integers(0, 12).map(lambda i: i / 12))
def test_decisions_are_scikit_learns_with_the_threshold_itself_positive(
    sample: Sample, threshold: float
) -> None:
    target, probability, weights = sample
    predicted = probability >= threshold
    assume(predicted[weights > 0].any())
    ours = evaluate(
        BinaryScores(target, probability, threshold), weights, only=["precision", "recall", "f1"]
    )
    for name, value in ours.items():
        function = getattr(oracle, f"{name}_score")
        assert value == close(function(target, predicted, sample_weight=weights))


@few
@given(samples())
def test_calibration_error_is_its_definition(sample: Sample) -> None:
    target, probability, weights = sample
    order = np.argsort(-probability, kind="stable")
    # The bins are those of the whole sample: the weights move nothing.
    bin_of = {}
    most = max(1, min(10, len(order) // 2))
    for j in range(most):
        cut = probability[order[j * len(order) // most]]
        bin_of.update(dict.fromkeys(probability[probability <= cut], j))
    bins = np.array([bin_of[p] for p in probability])
    rows, total = 0, 0.0
    for j in set(bins[weights > 0]):
        # Every ordered pair of different rows of a bin, a row of weight 2 being two rows.
        drawn = np.repeat((target - probability)[bins == j], weights[bins == j])
        products = np.outer(drawn, drawn)[~np.eye(len(drawn), dtype=bool)]
        if len(products):
            rows, total = rows + len(drawn), total + len(drawn) * products.mean()
    scores = BinaryScores(target, probability, 0.5)
    if not rows:
        with pytest.raises(MetricError, match="rows of nearly one probability"):
            evaluate(scores, weights, only=["calibration_error"])
        return
    # A root magnifies what rounding leaves of 0.
    expected = pytest.approx(np.sqrt(max(total / rows, 0)), rel=1e-9, abs=1e-7)
    assert evaluate(scores, weights, only=["calibration_error"])["calibration_error"] == expected


@few
@given(samples(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(sample: Sample, random: Any) -> None:
    target, probability, weights = sample
    names = ["roc_auc", "average_precision", "log_loss", "brier", "calibration_error", "recall"]
    shuffled = np.array(random.sample(range(len(target)), len(target)))
    try:
        ours = evaluate(BinaryScores(target, probability, 0.5), weights, only=names)
    except MetricError:
        reject()  # No two rows are of nearly one probability.
    theirs = evaluate(
        BinaryScores(target[shuffled], probability[shuffled], 0.5), weights[shuffled], only=names
    )
    # A root magnifies what rounding leaves of 0.
    error = ours.pop("calibration_error")
    assert theirs.pop("calibration_error") == pytest.approx(error, rel=1e-9, abs=1e-7)
    assert theirs == close_all(ours)


def close_all(values: dict[str, float]) -> Any:
    return pytest.approx(values, rel=1e-12, abs=1e-12)


@few
@given(samples())
def test_a_weight_is_a_repeated_row(sample: Sample) -> None:
    target, probability, weights = sample
    names = ["roc_auc", "average_precision", "log_loss", "brier", "recall"]
    repeated = BinaryScores(np.repeat(target, weights), np.repeat(probability, weights), 0.5)
    weighted = evaluate(BinaryScores(target, probability, 0.5), weights, only=names)
    assert evaluate(repeated, only=names) == close_all(weighted)


def test_a_sure_and_wrong_answer_costs_the_clip_and_not_infinity() -> None:
    scores = BinaryScores([True, False], [0.0, 1.0], 0.5)
    expected = -math.log(np.finfo(float).eps)
    assert evaluate(scores, only=["log_loss"])["log_loss"] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("target", "metric", "message"),
    [
        ([True, True, True], "roc_auc", "positives and negatives, and 3 of 3 rows are positive"),
        ([False, False, False], "roc_auc", "0 of 3 rows are positive"),
        ([False, False, False], "average_precision", "needs positives"),
        ([False, False, False], "recall", "needs positives"),
    ],
)
def test_one_class_only_is_an_error(target: list[bool], metric: str, message: str) -> None:
    with pytest.raises(MetricError, match=message) as caught:
        evaluate(BinaryScores(target, [0.1, 0.5, 0.9], 0.5), only=[metric])
    assert caught.value.metric == metric
    assert caught.value.hint is not None


def test_precision_of_no_prediction_is_an_error_that_names_the_threshold() -> None:
    scores = BinaryScores([True, False], [0.1, 0.2], 0.7)
    with pytest.raises(MetricError, match=r"0 of 2 rows reach the threshold 0\.7") as caught:
        evaluate(scores)
    assert "lower the threshold" in str(caught.value)
    # A miss of every positive is an F1 of zero, and no error.
    assert evaluate(scores, only=["f1", "recall"]) == {"recall": 0.0, "f1": 0.0}


def test_f1_without_actual_or_predicted_positives_is_an_error() -> None:
    with pytest.raises(MetricError, match="f1"):
        evaluate(BinaryScores([False, False], [0.1, 0.2], 0.7), only=["f1"])


@pytest.mark.parametrize(
    ("target", "probability", "threshold", "message"),
    [
        ([True, False], [0.1], 0.5, "probability: has 1 rows where 2"),
        ([True, False], [0.1, np.nan], 0.5, "probability: row 1 holds nan"),
        ([True, False], [0.1, np.inf], 0.5, "probability: row 1 holds inf"),
        ([True, False], [-0.1, 0.5], 0.5, r"probability: row 0 holds -0\.1"),
        ([True, False], [0.1, 1.5], 0.5, r"probability: row 1 holds 1\.5"),
        ([1, 0], [0.1, 0.5], 0.5, "target: must be boolean, got int64"),
        ([True, False], [[0.1], [0.5]], 0.5, "probability: must have one dimension"),
        ([True, False], [0.1, 0.5], 1.5, r"threshold: must be between 0 and 1, got 1\.5"),
        ([True, False], [0.1, 0.5], float("nan"), "threshold: .* got nan"),
    ],
)
def test_inputs_are_checked(target: Any, probability: Any, threshold: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BinaryScores(target, probability, threshold)


def test_an_empty_sample_is_a_sample_error() -> None:
    with pytest.raises(SampleError, match="no rows"):
        BinaryScores([], [], 0.5)
