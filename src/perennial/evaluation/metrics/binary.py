"""Metrics of a yes-or-no question answered with a probability."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.definition import (
    BoolArray,
    Evaluate,
    FloatArray,
    IntArray,
    Metric,
    between_0_and_1,
    boolean_column,
    float_column,
    same_rows,
    select,
)
from perennial.evaluation.metrics.ranking import Ranking, Tally, ratio
from perennial.evaluation.metrics.sums import block_totals, equal_mass_starts, natural_log

CALIBRATION_BINS = 10

METRICS = (
    Metric("roc_auc", "up", 0.0, 1.0),
    Metric("average_precision", "up", 0.0, 1.0),
    Metric("log_loss", "down", 0.0, np.inf),
    Metric("brier", "down", 0.0, 1.0),
    Metric("calibration_error", "down", 0.0, 1.0),
    Metric("precision", "up", 0.0, 1.0),
    Metric("recall", "up", 0.0, 1.0),
    Metric("f1", "up", 0.0, 1.0),
)


class BinaryScores:
    """Probabilities of the positive class, beside the truth.

    Parameters
    ----------
    target
        (rows,) boolean: the truth.
    probability
        (rows,) in [0, 1]: the model's probability of True.
    threshold
        In [0, 1]: a row is predicted positive when its probability is at least this.

    Raises
    ------
    SampleError
        When there are no rows.
    ValueError
        When lengths differ, the target is not boolean, or a probability or the threshold is not
        a number between 0 and 1.

    Notes
    -----
    - ``roc_auc``, ``average_precision``: see `perennial.evaluation.metrics.ranking.Ranking`.
    - ``log_loss``: mean of -log of the probability given to the truth, in nats, clipped to
      [2.2e-16, 1 - 2.2e-16] as scikit-learn clips float64, so that a sure and wrong answer costs
      36.04 and not infinity.
    - ``brier``: mean squared difference of probability and truth (Brier 1950, Monthly Weather
      Review 78).
    - ``calibration_error``: expected calibration error (Naeini, Cooper and Hauskrecht 2015,
      AAAI) over 10 bins of equal mass (Nguyen and O'Connor 2015, EMNLP; less biased than equal
      width: Roelofs et al. 2022, AISTATS). Bins are cut on the whole sample from the highest
      score down, ties stay in one bin, and resampling does not move them.
    - ``precision``, ``recall``, ``f1``: at the threshold. Precision has no value when nothing is
      predicted positive.

    Examples
    --------
    >>> from perennial.evaluation.metrics.definition import evaluate
    >>> scores = BinaryScores(np.array([True, False, True]), np.array([0.9, 0.4, 0.3]), 0.5)
    >>> evaluate(scores, only=["roc_auc", "precision", "recall"])
    {'roc_auc': 0.5, 'precision': 1.0, 'recall': 0.5}
    """

    def __init__(self, target: npt.ArrayLike, probability: npt.ArrayLike, threshold: float) -> None:
        self.target, self.probability = binary_columns(target, probability)
        self.threshold = checked_threshold(threshold)
        self._ranking = Ranking(self.target, self.probability)
        ordered = self._ordered(self.probability)
        self._bin_starts = equal_mass_starts(ordered, CALIBRATION_BINS)
        # Sorted downwards, the rows predicted positive are the first ones.
        self._predicted = int(np.count_nonzero(self.probability >= self.threshold))
        self._hits = int(np.searchsorted(self._ranking.positive_at_, self._predicted))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics, in the order in which they are reported."""
        return METRICS

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.target)

    def over(self, blocks: IntArray, only: Collection[str] | None = None) -> Evaluate:
        """Prepare for weights that are constant within blocks; see `Scorer.over`."""
        wanted = [metric.name for metric in select(METRICS, only)]
        ordered_blocks = self._ordered(blocks)
        excess = self._ordered(self.target - self.probability)
        loss = block_totals(blocks, -natural_log(true_probability(self.target, self.probability)))
        squares = block_totals(blocks, (self.target - self.probability) ** 2)

        def evaluate(counts: IntArray) -> dict[str, FloatArray]:
            weights = np.take(counts, ordered_blocks, axis=1)
            tally = self._ranking.tally(weights)
            rows = tally.row_total
            ways: dict[str, Callable[[], FloatArray]] = {
                "roc_auc": lambda: self._ranking.roc_auc(tally),
                "average_precision": lambda: self._ranking.average_precision(tally),
                "log_loss": lambda: ratio(loss(counts), rows),
                "brier": lambda: ratio(squares(counts), rows),
                "calibration_error": lambda: ratio(self._miscalibrated(weights * excess), rows),
                **self._decisions(tally),
            }
            return {name: ways[name]() for name in wanted}

        return evaluate

    def explain(self, metric: str) -> tuple[str, str]:
        """What a metric needs and what the sample has, and the hint."""
        positives = int(np.count_nonzero(self.target))
        of_rows = f"of {self.rows} rows"
        truth = f"{positives} {of_rows} are positive"
        reached = f"{self._predicted} {of_rows} reach the threshold {self.threshold:g}"
        needs = {
            "roc_auc": f"it needs positives and negatives, and {truth}",
            "average_precision": f"it needs positives, and {truth}",
            "recall": f"it needs positives, and {truth}",
            "precision": f"it needs rows predicted positive, and {reached}",
            "f1": f"it needs rows that are or are predicted positive; {truth} and {reached}",
        }
        hint = "score a larger sample, or leave this metric out"
        lower = "lower the threshold, score a larger sample, or leave this metric out"
        return needs.get(metric, "it needs a row that counts"), (
            lower if metric == "precision" else hint
        )

    def _ordered(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return column[self._ranking.order_]

    def _miscalibrated(self, weighted_excess: FloatArray) -> FloatArray:
        """The weight of truth missing or in excess, summed over bins.

        A bin's share of rows times its |observed rate - mean probability| is its |sum of truth
        less sum of probability| over all rows: the bin's own weight cancels.
        """
        by_bin = np.add.reduceat(weighted_excess, self._bin_starts, axis=1)
        return np.asarray(np.abs(by_bin).sum(axis=1))

    def _decisions(self, tally: Tally) -> dict[str, Callable[[], FloatArray]]:
        hits = tally.positives[:, self._hits]
        predicted = tally.rows[:, self._predicted]
        actual = tally.positive_total
        return {
            "precision": lambda: ratio(hits, predicted),
            "recall": lambda: ratio(hits, actual),
            "f1": lambda: ratio(2 * hits, predicted + actual),
        }


def true_probability(target: BoolArray, probability: FloatArray) -> FloatArray:
    """The probability given to the truth, clipped as scikit-learn clips it for the log loss."""
    epsilon = np.finfo(np.float64).eps
    given = np.where(target, probability, 1 - probability)
    return np.clip(given, epsilon, 1 - epsilon)


def binary_columns(
    target: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Check truth and probabilities; errors as for `BinaryScores`."""
    truth = boolean_column("target", target)
    chance = float_column("probability", probability)
    same_rows("probability", chance, len(truth))
    between_0_and_1("probability", chance)
    return truth, chance


def checked_threshold(threshold: float) -> float:
    """Refuse a threshold outside [0, 1], NaN included, with a ValueError."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: must be between 0 and 1, got {threshold}")
    return float(threshold)
