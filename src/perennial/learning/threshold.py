"""Choose the threshold of a binary task on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """Choose a threshold by a policy.

    Candidates lie midway between neighbouring observed scores, so that rounding flips no label.

    Parameters
    ----------
    policy : Threshold
        The `train.threshold` section.
    positive : numpy.ndarray
        Whether a row is positive, shape (rows,), both kinds present.
    probability : numpy.ndarray
        Answered probability of the positive class, shape (rows,).

    Returns
    -------
    float
        Rows with at least this probability are answered positive.

    Raises
    ------
    PerennialError
        If no threshold reaches the precision asked for.
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
    order = np.argsort(-probability, kind="stable")
    scores, hits = probability[order], positive[order].astype(np.int64)
    is_last = np.append(scores[1:] != scores[:-1], True)
    true_positive = np.cumsum(hits)[is_last]
    predicted = np.flatnonzero(is_last) + 1
    # Between the highest score and 1 lies the threshold that nothing reaches.
    edges = np.concatenate([[1.0], scores[is_last], [0.0]])
    start = 0 if edges[1] < 1 else 1
    true_positive = np.append(0, true_positive)[start:]
    return _Counts(
        thresholds=((edges[:-1] + edges[1:]) / 2)[start:],
        true_positive=true_positive,
        false_positive=np.append(0, predicted)[start:] - true_positive,
        positives=int(hits.sum()),
        negatives=int(len(hits) - hits.sum()),
    )
