"""Choose the threshold of a binary task on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix_at_thresholds

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
    def precision(self) -> Array:
        predicted = self.true_positive + self.false_positive
        return self.true_positive / np.maximum(predicted, 1)

    @property
    def recall(self) -> Array:
        return self.true_positive / self.positives

    @property
    def f1(self) -> Array:
        predicted = self.true_positive + self.false_positive
        return 2 * self.true_positive / (predicted + self.positives)

    def cost(self, policy: CostThreshold) -> Array:
        return (
            policy.true_positive * self.true_positive
            + policy.false_positive * self.false_positive
            + policy.false_negative * (self.positives - self.true_positive)
            + policy.true_negative * (self.negatives - self.false_positive)
        )


def choose_threshold(policy: Threshold, positive: Array, probability: Array) -> float:
    """Choose the threshold from which on a row, of shape (rows,) both, is answered positive.

    Candidates are midway between neighbouring observed scores, so that rounding flips no label.
    """
    if isinstance(policy, FixedThreshold):
        return policy.value
    counts = _count(positive, probability)
    return float(counts.thresholds[_best(policy, counts)])


def _best(policy: Threshold, counts: _Counts) -> int:
    if isinstance(policy, MaxF1Threshold):
        return int(np.argmax(counts.f1))
    if isinstance(policy, CostThreshold):
        return int(np.argmin(counts.cost(policy)))
    if isinstance(policy, RecallThreshold):
        return int(np.flatnonzero(counts.recall >= policy.value)[0])
    assert isinstance(policy, PrecisionThreshold)
    reached = np.flatnonzero(counts.precision >= policy.value)
    if not len(reached):
        raise PerennialError(
            f"no threshold reaches a precision of {policy.value} on validation; "
            f"the best is {counts.precision.max():.4f}",
            where="params.yaml: train.threshold",
            hint="ask for less, or find a better model",
        )
    return int(reached[-1])


def _count(positive: Array, probability: Array) -> _Counts:
    _, false_positive, _, true_positive, scores = confusion_matrix_at_thresholds(
        positive, probability
    )
    # Between the highest score and 1 is the threshold that no row reaches.
    edges = np.concatenate([[1.0], scores, [0.0]])
    start = 0 if edges[1] < 1 else 1
    return _Counts(
        thresholds=((edges[:-1] + edges[1:]) / 2)[start:],
        true_positive=np.append(0, true_positive)[start:],
        false_positive=np.append(0, false_positive)[start:],
        positives=int(positive.sum()),
        negatives=int(len(positive) - positive.sum()),
    )
