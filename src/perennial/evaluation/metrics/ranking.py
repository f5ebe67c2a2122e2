"""How well scores put positives above negatives: the areas under two curves.

Rows are sorted once, from the highest score down. Under any weights the counts of rows and of
positives down to a score are then two running sums of whole numbers, and both areas follow.
By hand, for scipy's and scikit-learn's ranks know no resamples: they would sort for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perennial.evaluation.metrics.columns import BoolArray, FloatArray, IntArray
from perennial.evaluation.metrics.sums import cumulative, ratio, run_starts


@dataclass(frozen=True, slots=True)
class Tally:
    """Weights from the highest score down, for many resamples."""

    rows: IntArray
    """(resamples, rows + 1): weight of the first rows."""
    positives: IntArray
    """(resamples, positives + 1): weight of the first positives."""

    @property
    def row_total(self) -> IntArray:
        """(resamples,): weight of all rows."""
        return self.rows[:, -1]

    @property
    def positive_total(self) -> IntArray:
        """(resamples,): weight of all positives."""
        return self.positives[:, -1]


class Ranking:
    """Rows in the order of their scores, higher for likelier positives.

    `order_` (rows,) holds the rows from the highest score down, ties in the order given;
    `positive_at_` (positives,) where in that order the positives stand.
    """

    def __init__(self, positive: BoolArray, score: FloatArray) -> None:
        self.order_ = np.argsort(-score, kind="stable")
        self.positive_at_ = np.flatnonzero(positive[self.order_])
        # Only a score that some positive has moves either area: the rest need no look.
        starts = run_starts(score[self.order_])
        ends = np.append(starts[1:], len(score))
        reached = np.searchsorted(self.positive_at_, ends)
        new = np.flatnonzero(np.diff(reached, prepend=0))
        self._start, self._end, self._reached = starts[new], ends[new], reached[new]

    def tally(self, weights: IntArray) -> Tally:
        """Add up weights (resamples, rows) that are already in the order of `order_`."""
        return Tally(cumulative(weights), cumulative(np.take(weights, self.positive_at_, axis=1)))

    def roc_auc(self, tally: Tally) -> FloatArray:
        """The chance that a positive scores above a negative, ties counting a half.

        The Mann-Whitney form of the area (Hanley and McNeil 1982, Radiology 143), in whole
        numbers up to the last division; NaN where there is no positive or no negative.
        """
        hits, new = self._hits(tally)
        above = np.take(tally.rows, self._start, axis=1) - (hits - new)
        through = np.take(tally.rows, self._end, axis=1) - hits
        positives = tally.positive_total
        negatives = tally.row_total - positives
        # A positive beats the negatives below its score and half beats those at it.
        twice_won = (new * (2 * negatives[:, np.newaxis] - above - through)).sum(axis=1)
        return ratio(twice_won, 2 * positives * negatives)

    def average_precision(self, tally: Tally) -> FloatArray:
        """Precision at each score, weighted by the recall gained there.

        The step form without interpolation, as scikit-learn's `average_precision_score`; why not
        to interpolate: Davis and Goadrich 2006, ICML. NaN where there is no positive.
        """
        hits, new = self._hits(tally)
        through = np.take(tally.rows, self._end, axis=1)
        # Where nothing is drawn down to a score nothing is gained there: any divisor will do.
        gained = (new * (hits / np.maximum(through, 1))).sum(axis=1)
        return ratio(gained, tally.positive_total)

    def _hits(self, tally: Tally) -> tuple[IntArray, IntArray]:
        """Positives down to each step, and those new at it."""
        hits = np.take(tally.positives, self._reached, axis=1)
        return hits, np.diff(hits, axis=1, prepend=0)
