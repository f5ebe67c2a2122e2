"""What every scorer promises, whatever the task."""

from __future__ import annotations

import numpy as np
import pytest

from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.columns import FloatArray, SampleError, integer_column
from perennial.evaluation.metrics.definition import (
    LOSS,
    Average,
    Definition,
    Draw,
    Metric,
    MetricError,
    Scorer,
    evaluate,
    registered,
    select,
)
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores


def some_scores(task: str) -> Scorer:
    generator = np.random.Generator(np.random.PCG64(3))
    codes = generator.integers(0, 3, 60)
    if task == "binary":
        return BinaryScores(codes == 0, generator.random(60), 0.4)
    if task == "multiclass":
        table = generator.random((60, 3)) + 0.01
        return MulticlassScores(codes, table / table.sum(axis=1, keepdims=True))
    return RegressionScores(codes * 2.0, generator.random(60))


TASKS = ("binary", "multiclass", "regression")


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_is_reported_within_its_range_and_as_a_plain_float(task: str) -> None:
    scores = some_scores(task)
    values = evaluate(scores)
    assert list(values) == [metric.name for metric in scores.metrics]
    for metric in scores.metrics:
        assert type(values[metric.name]) is float
        assert metric.low <= values[metric.name] <= metric.high


@pytest.mark.parametrize("task", TASKS)
def test_weights_of_one_change_nothing(task: str) -> None:
    scores = some_scores(task)
    ones = evaluate(scores, np.ones(60, dtype=np.int64))
    assert ones == pytest.approx(evaluate(scores), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("task", TASKS)
def test_a_sample_without_a_row_that_counts_has_no_metric(task: str) -> None:
    scores = some_scores(task)
    for metric in scores.metrics:
        with pytest.raises(MetricError, match=metric.name):
            evaluate(scores, np.zeros(60, dtype=np.int64), only=[metric.name])


@pytest.mark.parametrize("task", TASKS)
def test_blocks_are_a_short_way_to_write_row_weights(task: str) -> None:
    scores = some_scores(task)
    generator = np.random.Generator(np.random.PCG64(4))
    blocks = generator.integers(0, 6, 60)
    counts = generator.integers(1, 4, (5, 6))
    by_block = scores.over(blocks)(counts)
    for i, count in enumerate(counts):
        for name, value in evaluate(scores, count[blocks]).items():
            assert by_block[name][i] == pytest.approx(value, rel=1e-12, abs=1e-15)


def test_a_metric_error_names_metric_cause_and_hint_and_is_a_value_error() -> None:
    error = MetricError("recall", "it needs positives", "score more rows")
    assert isinstance(error, SampleError)
    assert isinstance(error, ValueError)
    assert error.metric == "recall"
    assert str(error) == "recall: it needs positives\n  hint: score more rows"


def test_an_unknown_metric_is_named_beside_the_known_ones() -> None:
    known = (Metric("mae", "down", 0.0, np.inf), Metric("bias", "zero", -np.inf, np.inf))
    assert select(known, ["bias"]) == (known[1],)
    assert select(known, None) == known
    with pytest.raises(ValueError, match=r"'rmse'.*mae, bias"):
        select(known, ["rmse"])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(60, -1), "weights: must not be negative"),
        (np.ones(59, dtype=np.int64), "weights: has 59 rows where 60"),
        (np.ones(60), "weights: must be whole numbers, got float64"),
        (np.ones((60, 1), dtype=np.int64), "weights: must have one dimension"),
    ],
)
def test_weights_are_checked(weights: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(some_scores("regression"), weights)


def test_unsigned_codes_are_whole_numbers() -> None:
    assert integer_column("codes", np.array([1, 2], dtype=np.uint8)).dtype == np.int64


# The registry


def absolute(scores: RegressionScores) -> FloatArray:
    return np.abs(scores.error_)


def largest(draw: Draw[RegressionScores]) -> FloatArray:
    return np.full(len(draw.counts), np.abs(draw.scorer.error_).max())


def test_a_metric_without_its_values_cannot_be_defined() -> None:
    """So the module that forgets it cannot be imported."""
    assert Definition("largest", "down", *LOSS, values=largest).name == "largest"
    with pytest.raises(TypeError, match="'values'"):
        Definition("largest", "down", *LOSS)  # type: ignore[call-arg]


def test_names_of_a_task_differ_and_one_metric_is_primary() -> None:
    one, other = (
        Definition(name, "down", *LOSS, values=largest, is_primary=is_primary)
        for name, is_primary in (("one", True), ("other", False))
    )
    assert registered(one, other) == (one, other)
    with pytest.raises(ValueError, match="one is registered twice"):
        registered(one, other, one)
    with pytest.raises(ValueError, match=r"one must be primary, got \[\]"):
        registered(other)


def test_only_what_the_metrics_wanted_need_is_computed() -> None:
    """A slice asks for one metric of thousands of draws."""
    scores = RegressionScores([0.0, 1.0, 3.0], [1.0, 1.0, 1.0])
    worked: list[str] = []

    def noted(name: str) -> Average[RegressionScores]:
        def rows(scores: RegressionScores) -> FloatArray:
            worked.append(name)
            return absolute(scores)

        return Average(name, rows)

    class Noted(RegressionScores):
        definitions = registered(
            Definition("a", "down", *LOSS, values=noted("a"), is_primary=True),
            Definition("b", "down", *LOSS, values=noted("b")),
        )  # type: ignore[assignment]

    evaluate_counts = Noted(scores.target, scores.prediction).over(np.arange(3), ["b"])
    for _ in range(2):
        values = evaluate_counts(np.array([[1, 0, 0], [0, 0, 2]]))
        assert values["b"].tolist() == [1.0, 2.0]
    assert worked == ["b"]
