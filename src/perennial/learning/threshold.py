"""Choose the threshold of a binary task on validation.

`precision_at` and `recall_at` promise: what they ask for is reached by the lower bound of Clopper
and Pearson (1934), and not by the figure of the validation rows alone, which every second time lies
above what other rows give. Rows count as independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv
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
    assert isinstance(policy, PrecisionThreshold | RecallThreshold)
    is_recall = isinstance(policy, RecallThreshold)
    of = counts.positives if is_recall else counts.predicted
    failures = of - counts.true_positive
    find = _sure_recall if is_recall else _sure_precision
    found = find(policy.value, 1 - policy.confidence, counts.true_positive, failures)
    if found is not None:
        return found
    bounds = betaincinv(np.maximum(counts.true_positive, 1), failures + 1, 1 - policy.confidence)
    best = float(bounds.max(where=counts.true_positive > 0, initial=0))
    what = "recall" if is_recall else "precision"
    raise PerennialError(
        f"no threshold has a {what} of {policy.value} with {policy.confidence:.4g} confidence on "
        f"{counts.positives + counts.negatives:,} validation rows, {counts.positives:,} of them "
        f"positive; the best lower bound is {best:.4f}",
        where="params.yaml: train.threshold",
        hint="ask for less, lower train.threshold.confidence, give validation more rows, or find "
        "a better model",
    )


def _is_sure(value: float, level: float, successes: Array, failures: Array) -> Array:
    """Whether so many successes, of shape (n,), show a share of at least `value` at a level.

    That is, whether Clopper and Pearson's lower bound reaches it.
    """
    chance = betainc(np.maximum(successes, 1), failures + 1, value)
    return np.asarray((successes > 0) & (chance <= level))


def _sure_recall(value: float, level: float, hits: Array, misses: Array) -> int | None:
    # Recall only grows as the threshold falls, so one test after the other costs nothing: the
    # first threshold that is wrong to choose is chosen with a chance of `level`.
    sure = np.flatnonzero(_is_sure(value, level, hits, misses))
    return int(sure[0]) if len(sure) else None


def _sure_precision(value: float, level: float, hits: Array, alarms: Array) -> int | None:
    """The lowest of several thresholds tested in order, so that all together keep the level.

    Fixed sequences with several starts, at a quarter of the rows, a sixteenth and so on, each
    going down until it fails (Angelopoulos et al. 2021, "Learn then test"). Every threshold by
    itself would be tested at no cost, and the lowest chosen by luck.
    """
    predicted = hits + alarms
    least = np.log(level) / np.log(value) if value < 1 else np.inf
    counts = predicted[-1] / 4.0 ** np.arange(1, 32)
    starts = np.searchsorted(predicted, counts[counts >= least])
    sure = _is_sure(value, level / max(len(starts), 1), hits, alarms)
    failing = np.append(np.flatnonzero(~sure), len(sure))
    ends = [int(failing[np.searchsorted(failing, start)]) - 1 for start in starts if sure[start]]
    return max(ends, default=None)


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
