"""Metrics of a choice among several classes, answered with a probability for each."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.definition import (
    Evaluate,
    FloatArray,
    IntArray,
    Metric,
    between_0_and_1,
    finite,
    integer_column,
    same_rows,
    select,
)
from perennial.evaluation.metrics.ranking import Ranking, ratio
from perennial.evaluation.metrics.sums import block_totals, cumulative, natural_log

# Engines answer in float32: a row's probabilities add up to 1 only so nearly.
SUM_TOLERANCE = 1e-5

METRICS = (
    Metric("accuracy", "up", 0.0, 1.0),
    Metric("balanced_accuracy", "up", 0.0, 1.0),
    Metric("f1_macro", "up", 0.0, 1.0),
    Metric("log_loss", "down", 0.0, np.inf),
    Metric("roc_auc", "up", 0.0, 1.0),
)


class MulticlassScores:
    """Probabilities of each class, beside the truth.

    Parameters
    ----------
    target
        (rows,) whole numbers from 0 to classes - 1: the true class.
    probability
        (rows, classes) in [0, 1], each row adding up to 1 within 1e-5; two classes at least.

    Raises
    ------
    SampleError
        When there are no rows.
    ValueError
        When shapes do not fit, a class code is out of range, or a row holds no distribution.

    Notes
    -----
    The class predicted is the likeliest; of equals, the first.

    - ``accuracy``: the share of rows whose class is predicted.
    - ``balanced_accuracy``: the mean over classes of recall; every class must occur (scikit-learn
      silently drops those that do not).
    - ``f1_macro``: the mean over classes of F1; every class must occur or be predicted.
    - ``log_loss``: mean of -log of the probability of the true class, in nats, clipped to
      [2.2e-16, 1 - 2.2e-16] as scikit-learn clips float64.
    - ``roc_auc``: the mean over classes of the area under the ROC curve of that class against
      the rest (Provost and Domingos 2001, each class counting alike); every class must occur.

    Examples
    --------
    >>> from perennial.evaluation.metrics.definition import evaluate
    >>> probability = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])
    >>> evaluate(MulticlassScores(np.array([0, 1, 2]), probability), only=["roc_auc"])
    {'roc_auc': 0.75}
    """

    def __init__(self, target: npt.ArrayLike, probability: npt.ArrayLike) -> None:
        self.target, self.probability = multiclass_columns(target, probability)
        self.predicted_ = self.probability.argmax(axis=1)
        self._rankings = [
            Ranking(self.target == code, self.probability[:, code]) for code in range(self.classes)
        ]

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.probability.shape[1])

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
        right = self.predicted_ == self.target
        actual = class_totals(blocks, self.target, self.classes)
        predicted = class_totals(blocks, self.predicted_, self.classes)
        correct = class_totals(blocks[right], self.target[right], self.classes)
        loss = block_totals(blocks, -natural_log(self._true_probability()))
        areas = [_area(ranking, blocks) for ranking in self._rankings]

        def roc_auc(counts: IntArray) -> FloatArray:
            by_class = np.stack([area(counts) for area in areas], axis=1)
            return np.asarray(by_class.mean(axis=1))

        def evaluate(counts: IntArray) -> dict[str, FloatArray]:
            truth, guess, hits = actual(counts), predicted(counts), correct(counts)
            rows = truth.sum(axis=1)
            ways: dict[str, Callable[[], FloatArray]] = {
                "accuracy": lambda: ratio(hits.sum(axis=1), rows),
                "balanced_accuracy": lambda: ratio(hits, truth).mean(axis=1),
                "f1_macro": lambda: ratio(2 * hits, truth + guess).mean(axis=1),
                "log_loss": lambda: ratio(loss(counts), rows),
                "roc_auc": lambda: roc_auc(counts),
            }
            return {name: ways[name]() for name in wanted}

        return evaluate

    def explain(self, metric: str) -> tuple[str, str]:
        """What a metric needs and what the sample has, and the hint."""
        per_class = np.bincount(self.target, minlength=self.classes)
        rarest = f"class {per_class.argmin()} has {per_class.min()} of {self.rows} rows"
        needs = {
            "balanced_accuracy": f"it needs every class to occur, and {rarest}",
            "f1_macro": f"it needs every class to occur or to be predicted, and {rarest}",
            "roc_auc": f"it needs every class to occur, and {rarest}",
        }
        hint = "score a larger sample, merge rare classes, or leave this metric out"
        return needs.get(metric, "it needs a row that counts"), hint

    def _true_probability(self) -> FloatArray:
        epsilon = np.finfo(np.float64).eps
        given = self.probability[np.arange(self.rows), self.target]
        return np.clip(given, epsilon, 1 - epsilon)


def class_totals(blocks: IntArray, codes: IntArray, classes: int) -> Callable[[IntArray], IntArray]:
    """Count the rows of each class among those that were drawn.

    Parameters
    ----------
    blocks, codes
        (rows,): the block and the class of each row.
    classes
        The number of classes.

    Returns
    -------
    Callable
        Counts (resamples, blocks) to totals (resamples, classes).
    """
    order = np.argsort(codes, kind="stable")
    ordered_blocks = blocks[order]
    edges = np.searchsorted(codes[order], np.arange(classes + 1))

    def totals(counts: IntArray) -> IntArray:
        drawn = cumulative(np.take(counts, ordered_blocks, axis=1))
        down_to = np.take(drawn, edges, axis=1)
        return down_to[:, 1:] - down_to[:, :-1]

    return totals


def multiclass_columns(
    target: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[IntArray, FloatArray]:
    """Check class codes and a table of probabilities; errors as for `MulticlassScores`."""
    codes = integer_column("target", target)
    table = _distributions(probability)
    same_rows("probability", table, len(codes))
    _check_codes(codes, table.shape[1])
    return codes, table


def _distributions(probability: npt.ArrayLike) -> FloatArray:
    table = np.asarray(probability, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"probability: must be (rows, classes >= 2), got shape {table.shape}")
    finite("probability", table)
    between_0_and_1("probability", table)
    sums = table.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if off.size:
        raise ValueError(f"probability: row {off[0]} adds up to {sums[off[0]]:g}, not to 1")
    return table


def _area(ranking: Ranking, blocks: IntArray) -> Callable[[IntArray], FloatArray]:
    ordered_blocks = blocks[ranking.order_]

    def area(counts: IntArray) -> FloatArray:
        return ranking.roc_auc(ranking.tally(np.take(counts, ordered_blocks, axis=1)))

    return area


def _check_codes(target: IntArray, classes: int) -> None:
    bad = np.flatnonzero((target < 0) | (target >= classes))
    if bad.size:
        raise ValueError(
            f"target: row {bad[0]} holds class {target[bad[0]]}, outside 0 to {classes - 1}"
        )
