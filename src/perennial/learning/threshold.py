"""Choose the threshold of a binary task on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix_at_thresholds

from perennial.learning.promises import is_sure, lower_bounds, surely_precise
from perennial.params.train import (
    CostThreshold,
    FixedThreshold,
    MaxF1Threshold,
    PrecisionThreshold,
    RecallThreshold,
    Threshold,
)
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]


@dataclass(frozen=True)
class _Counts:
    """Confusion counts at each candidate threshold, from the highest down."""

    thresholds: Array
    true_positive: Array
    false_positive: Array
    positives: int
    negatives: int

    @property
    def predicted(self) -> Array:
        return self.true_positive + self.false_positive

    @property
    def f1(self) -> Array:
        return 2 * self.true_positive / (self.predicted + self.positives)

    def cost(self, policy: CostThreshold) -> Array:
        return (
            policy.true_positive * self.true_positive
            + policy.false_positive * self.false_positive
            + policy.false_negative * (self.positives - self.true_positive)
            + policy.true_negative * (self.negatives - self.false_positive)
        )


def choose_threshold(
    policy: Threshold, positive: Array, probability: Array, scores: Array | None = None
) -> float:
    """Choose the threshold from which on a row, of shape (rows,) both, is answered positive.

    Candidates are midway between neighbouring observed scores, so that rounding flips no label.
    `scores` are the probabilities before a calibration that was fitted on the same rows.
    """
    if isinstance(policy, FixedThreshold):
        return policy.value
    counts = _count(positive, probability)
    if isinstance(policy, PrecisionThreshold | RecallThreshold):
        ranked = probability if scores is None else _ranked(probability, scores)
        return float(counts.thresholds[_surest(policy, counts, positive, ranked)])
    if isinstance(policy, MaxF1Threshold):
        return float(counts.thresholds[np.argmax(counts.f1)])
    return float(counts.thresholds[np.argmin(counts.cost(policy))])


def _ranked(probability: Array, scores: Array) -> Array:
    # A curve's flat pieces are where labels put them; a promise must not be tested there alone.
    is_rising = (np.diff(probability[np.argsort(scores, kind="stable")]) >= 0).all()
    return scores if is_rising else probability


def _surest(
    policy: PrecisionThreshold | RecallThreshold, counts: _Counts, positive: Array, scores: Array
) -> int:
    level = 1 - policy.confidence
    if isinstance(policy, RecallThreshold):
        what, of = "recall", np.full_like(counts.predicted, counts.positives)
        # Recall only grows as the threshold falls, so one test after the other costs nothing.
        sure = is_sure(policy.value, level, counts.true_positive, of - counts.true_positive)
        place = np.flatnonzero(sure)[:1]
    else:
        what, of = "precision", counts.predicted
        precise = surely_precise(policy.value, level, positive, scores)
        place = np.flatnonzero(precise[counts.predicted])[-1:]
    if len(place):
        return int(place[0])
    best = lower_bounds(level, counts.true_positive, of - counts.true_positive).max()
    raise PerennialError(
        f"no threshold has a {what} of {policy.value} with {policy.confidence:.4g} confidence on "
        f"{len(positive):,} validation rows, {counts.positives:,} of them positive; the best lower "
        f"bound of a single one is {best:.4f}",
        where="params.yaml: train.threshold",
        hint="ask for less, lower train.threshold.confidence, give validation more rows, or find "
        "a better model",
    )


def _count(positive: Array, probability: Array) -> _Counts:
    _, false_positive, _, true_positive, scores = confusion_matrix_at_thresholds(
        positive, probability
    )
    # Between the highest score and 1 is the threshold that no row reaches.
    edges = np.concatenate([[1.0], scores, [0.0]])
    start = 0 if edges[1] < 1 else 1
    return _Counts(
        thresholds=((edges[:-1] + edges[1:]) / 2)[start:],
        # Counts, which scikit-learn gives as floats.
        true_positive=np.append(0, true_positive)[start:].astype(np.int64),
        false_positive=np.append(0, false_positive)[start:].astype(np.int64),
        positives=int(positive.sum()),
        negatives=int(len(positive) - positive.sum()),
    )
