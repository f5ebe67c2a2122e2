"""Multiclass metrics agree with scikit-learn under any whole-number weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perennial.evaluation.metrics.columns import SampleError
from perennial.evaluation.metrics.definition import MetricError, evaluate
from perennial.evaluation.metrics.multiclass import MulticlassScores

few = settings(max_examples=40)

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
THIRDS = [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5], [0.0, 0.5, 0.5]]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Class codes, distributions with ties and zeros, and weights, every class drawn."""
    classes = draw(st.integers(3, 4))
    row = st.tuples(
        st.integers(0, classes - 1),
        st.lists(st.integers(0, 4), min_size=classes, max_size=classes).filter(any),
        st.integers(0, 3),
    )
    rows = draw(st.lists(row, min_size=classes, max_size=40))
    target, parts, weights = (np.array(column) for column in zip(*rows, strict=True))
    assume(len(np.unique(target[weights > 0])) == classes)
    return target, parts / parts.sum(axis=1, keepdims=True), weights


@few
@given(samples())
def test_every_metric_is_scikit_learns(sample: Sample) -> None:
    target, probability, weights = sample
    predicted = probability.argmax(axis=1)
    w = {"sample_weight": weights}
    labels = np.arange(probability.shape[1])
    expected = {
        "accuracy": oracle.accuracy_score(target, predicted, **w),
        "balanced_accuracy": oracle.balanced_accuracy_score(target, predicted, **w),
        "f1_macro": oracle.f1_score(target, predicted, average="macro", **w),
        "log_loss": oracle.log_loss(target, probability, labels=labels, **w),
        "roc_auc": oracle.roc_auc_score(target, probability, multi_class="ovr", **w),
    }
    ours = evaluate(MulticlassScores(target, probability), weights)
    assert ours == pytest.approx(expected, rel=1e-12, abs=1e-12)


@few
@given(samples(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(sample: Sample, random: Any) -> None:
    target, probability, weights = sample
    shuffled = np.array(random.sample(range(len(target)), len(target)))
    theirs = evaluate(MulticlassScores(target[shuffled], probability[shuffled]), weights[shuffled])
    ours = evaluate(MulticlassScores(target, probability), weights)
    assert theirs == pytest.approx(ours, rel=1e-12, abs=1e-12)


def test_of_equally_likely_classes_the_first_is_predicted() -> None:
    scores = MulticlassScores([1, 2], [[0.0, 0.5, 0.5], [0.0, 0.5, 0.5]])
    assert scores.predicted_.tolist() == [1, 1]


@pytest.mark.parametrize("metric", ["balanced_accuracy", "roc_auc", "f1_macro"])
def test_a_class_that_does_not_occur_is_an_error_that_names_it(metric: str) -> None:
    scores = MulticlassScores([0, 1, 1], [*THIRDS[:2], [0.5, 0.5, 0.0]])
    with pytest.raises(MetricError, match="0 of 3 rows are class 2") as caught:
        evaluate(scores, only=[metric])
    assert caught.value.metric == metric


def test_a_class_has_the_name_that_it_was_given_in_every_part() -> None:
    names = ("kind=a", "kind=b", "kind=c")
    scores = MulticlassScores([0, 1, 1, 2], [*THIRDS[:2], [0.5, 0.5, 0.0], THIRDS[0]], names)
    cause, _ = scores.part(np.array([0, 1, 2])).explain("roc_auc")
    assert cause == "it needs every class to occur, and 0 of 3 rows are kind=c"


def test_what_needs_no_rare_class_is_still_computed() -> None:
    scores = MulticlassScores([0, 1, 1], [*THIRDS[:2], [0.5, 0.5, 0.0]])
    assert evaluate(scores, only=["accuracy"]) == {"accuracy": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("target", "probability", "message"),
    [
        ([0, 1, 3, 0], THIRDS, "target: row 2 holds class 3, outside 0 to 2"),
        ([0, -1, 1, 0], THIRDS, "target: row 1 holds class -1"),
        ([0.0, 1.0, 2.0, 0.0], THIRDS, "target: must be whole numbers, got float64"),
        ([0, 1, 2], THIRDS, "probability: has 4 rows where 3"),
        ([0, 1], [0.5, 0.5], "probability: must be"),
        ([0, 0], [[1.0], [1.0]], "probability: must be"),
        ([0, 1], [[0.5, np.nan], [0.5, 0.5]], "probability: row 0 holds nan"),
        ([0, 1], [[0.5, 0.5], [1.5, -0.5]], r"probability: row 1 holds 1\.5"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.4]], r"probability: row 1 adds up to 0\.9"),
    ],
)
def test_inputs_are_checked(target: Any, probability: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MulticlassScores(target, probability)


def test_float32_distributions_are_near_enough_to_one() -> None:
    table = np.random.Generator(np.random.PCG64(0)).random((100, 7)).astype(np.float32)
    rounded = table / table.sum(axis=1, keepdims=True)
    assert MulticlassScores(np.arange(100) % 7, rounded).classes == 7


def test_an_empty_sample_is_a_sample_error() -> None:
    with pytest.raises(SampleError, match="no rows"):
        MulticlassScores(np.array([], dtype=int), np.empty((0, 3)))
