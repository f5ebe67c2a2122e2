"""Metrics of a yes-or-no question answered with a probability."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import digamma

from perennial.evaluation.metrics.calibration import Cells, bins_of
from perennial.evaluation.metrics.columns import (
    BoolArray,
    FloatArray,
    IntArray,
    between_0_and_1,
    boolean_column,
    float_column,
    same_rows,
)
from perennial.evaluation.metrics.definition import (
    LARGER_SAMPLE,
    LOSS,
    SHARE,
    Average,
    Definition,
    Draw,
    Scorer,
    registered,
)
from perennial.evaluation.metrics.ranking import Ranking, Tally
from perennial.evaluation.metrics.sums import ratio


class BinaryScores(Scorer):
    """Probabilities of the positive class (rows,), beside the truth (rows,) of booleans.

    A row is predicted positive when its probability is at least the threshold; `names` are what
    messages call negatives and positives.

    Examples
    --------
    >>> from perennial.evaluation.metrics.definition import evaluate
    >>> scores = BinaryScores(np.array([True, False, True]), np.array([0.9, 0.4, 0.3]), 0.5)
    >>> evaluate(scores, only=["roc_auc", "precision", "recall"])
    {'roc_auc': 0.5, 'precision': 1.0, 'recall': 0.5}
    """

    def __init__(
        self,
        target: npt.ArrayLike,
        probability: npt.ArrayLike,
        threshold: float,
        names: Sequence[str] = ("negative", "positive"),
    ) -> None:
        self.target, self.probability = binary_columns(target, probability)
        self.threshold = checked_threshold(threshold)
        self.names = names

    @property
    def definitions(self) -> tuple[Definition[BinaryScores], ...]:
        """The metrics, in the order of reports."""
        return METRICS

    @property
    def answers(self) -> FloatArray:
        """The probabilities."""
        return self.probability

    def replaced(self, target: npt.NDArray[Any], answers: FloatArray) -> BinaryScores:
        """The scorer of other rows, at the same threshold."""
        return BinaryScores(target, answers, self.threshold, self.names)

    @cached_property
    def ranking(self) -> Ranking:
        """The rows from the highest probability down."""
        return Ranking(self.target, self.probability)

    @cached_property
    def positives(self) -> int:
        """Rows that are positive."""
        return int(np.count_nonzero(self.target))

    @cached_property
    def predicted(self) -> int:
        """Rows predicted positive: the first ones, sorted downwards."""
        return int(np.count_nonzero(self.reached))

    @cached_property
    def hits(self) -> int:
        """Rows that are positive and predicted so."""
        return int(np.searchsorted(self.ranking.positive_at_, self.predicted))

    @cached_property
    def reached(self) -> BoolArray:
        """Whether a row is predicted positive."""
        return np.asarray(self.probability >= self.threshold)


def roc_auc(draw: Draw[BinaryScores]) -> FloatArray:
    """The area under the ROC curve."""
    return draw.scorer.ranking.roc_auc(draw.shared(_tally))


def average_precision(draw: Draw[BinaryScores]) -> FloatArray:
    """The area under the precision-recall curve, in steps."""
    return draw.scorer.ranking.average_precision(draw.shared(_tally))


def reach_of_top(positives: float) -> float:
    """What a negative above all positives costs: the k-th of them loses 1 / (k + 1) at most."""
    return max(1.0, float(digamma(positives + 2) - digamma(2)))


def surprise(scores: BinaryScores) -> FloatArray:
    """-log of the probability given to the truth, in nats: the log loss of each row."""
    given = np.where(scores.target, scores.probability, 1 - scores.probability)
    return -np.log(clipped(given))


def unseen_surprise(scores: BinaryScores) -> float:
    """What sure answers may cost that happen to be right here: see `cost_of_sure`."""
    return cost_of_sure(np.minimum(scores.probability, 1 - scores.probability))


def cost_of_sure(least: FloatArray) -> float:
    """What a log loss rises by if three of the rows (rows,) that rule a class out were wrong.

    Of what no row in n has shown there may be 3 / n (the rule of three: Hanley and Lippman-Hand
    1983, JAMA 249); `least` is each row's least probability.
    """
    sure = int(np.count_nonzero(least <= np.finfo(np.float64).eps))
    return min(sure, 3) / len(least) * -float(np.log(np.finfo(np.float64).eps))


def squared_distance(scores: BinaryScores) -> FloatArray:
    """The squared difference of probability and truth (Brier 1950, Monthly Weather Review 78)."""
    return np.asarray((scores.target - scores.probability) ** 2)


def calibration_error(draw: Draw[BinaryScores]) -> FloatArray:
    """The root mean square calibration error, debiased: see `metrics.calibration`."""
    return draw.prepared(_cells).errors(draw.counts)


def calibration_square(draw: Draw[BinaryScores]) -> FloatArray:
    """Its square, by which two models are compared: differences of roots near 0 are not normal."""
    return draw.prepared(_cells).squares(draw.counts)


def calibration_interval(
    scores: BinaryScores, blocks: IntArray, reach: float
) -> tuple[float, float]:
    """The interval that products of residuals of different blocks give."""
    return _cells(scores, blocks).interval(reach)


def _cells(scores: BinaryScores, blocks: IntArray) -> Cells:
    bins = bins_of(scores.ranking.order_, scores.probability)
    return Cells(scores.target - scores.probability, bins, blocks)


def precision(draw: Draw[BinaryScores]) -> FloatArray:
    """The share of positives among the rows predicted positive."""
    return ratio(_hits(draw), _predicted(draw))


def recall(draw: Draw[BinaryScores]) -> FloatArray:
    """The share of the positives that are predicted so."""
    return ratio(_hits(draw), draw.shared(_tally).positive_total)


def f1(draw: Draw[BinaryScores]) -> FloatArray:
    """The harmonic mean of precision and recall."""
    return ratio(2 * _hits(draw), _predicted(draw) + draw.shared(_tally).positive_total)


def hidden_of_precision(scores: BinaryScores) -> float:
    """What the variance of 15 right of 15 lacks: that of Agresti and Coull 1998, less its own.

    Two models' precision is of different rows, so that nothing else varies where one is flawless.
    The American Statistician 52.
    """
    rows, hits = scores.predicted, scores.hits
    if rows < 2:
        return 0.0
    share, safe = hits / rows, (hits + 2) / (rows + 4)
    return max(0.0, safe * (1 - safe) / (rows + 4) - share * (1 - share) / (rows - 1))


def _hits(draw: Draw[BinaryScores]) -> IntArray:
    return draw.shared(_tally).positives[:, draw.scorer.hits]


def _predicted(draw: Draw[BinaryScores]) -> IntArray:
    return draw.shared(_tally).rows[:, draw.scorer.predicted]


def _tally(draw: Draw[BinaryScores]) -> Tally:
    return draw.scorer.ranking.tally(draw.shared(_ordered_weights))


def _ordered_weights(draw: Draw[BinaryScores]) -> IntArray:
    return np.take(draw.counts, draw.prepared(_ordered_blocks), axis=1)


def _ordered_blocks(scores: BinaryScores, blocks: IntArray) -> IntArray:
    return blocks[scores.ranking.order_]


def _ordered_excess(scores: BinaryScores, blocks: IntArray) -> FloatArray:
    return np.asarray((scores.target - scores.probability)[scores.ranking.order_])


def rarer(scores: BinaryScores) -> FloatArray:
    """Rows of the rarer class: of the pairs that are ranked there are no more than it allows."""
    return np.where(scores.target == (2 * scores.positives <= scores.rows), 1.0, 0.0)


def positive(scores: BinaryScores) -> FloatArray:
    """Rows that are positive."""
    return np.where(scores.target, 1.0, 0.0)


def predicted(scores: BinaryScores) -> FloatArray:
    """Rows that are predicted positive."""
    return np.where(scores.probability >= scores.threshold, 1.0, 0.0)


def of_either(scores: BinaryScores) -> FloatArray:
    """Rows that are positive, or predicted so."""
    return np.maximum(positive(scores), predicted(scores))


def _two_alike(scores: BinaryScores) -> str:
    return f"it needs rows of nearly one probability, and there are {scores.rows} rows"


def _both_classes(scores: BinaryScores) -> str:
    return f"it needs positives and negatives, and {_truth(scores)}"


def _some_positives(scores: BinaryScores) -> str:
    return f"it needs positives, and {_truth(scores)}"


def _some_predicted(scores: BinaryScores) -> str:
    return f"it needs rows predicted positive, and {_reached(scores)}"


def _some_of_either(scores: BinaryScores) -> str:
    return (
        f"it needs rows that are or are predicted positive; {_truth(scores)} and {_reached(scores)}"
    )


def _truth(scores: BinaryScores) -> str:
    return f"{scores.positives} of {scores.rows} rows are {scores.names[1]}"


def _reached(scores: BinaryScores) -> str:
    return f"{scores.predicted} of {scores.rows} rows reach the threshold {scores.threshold:g}"


def clipped(probability: FloatArray) -> FloatArray:
    """Probabilities clipped to [2.2e-16, 1 - 2.2e-16], as scikit-learn clips for the log loss.

    So a sure and wrong answer costs 36.04 and not infinity.
    """
    epsilon = np.finfo(np.float64).eps
    return np.clip(probability, epsilon, 1 - epsilon)


def binary_columns(
    target: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Truth and probabilities, checked."""
    truth = boolean_column("target", target)
    chance = float_column("probability", probability)
    same_rows("probability", chance, len(truth))
    between_0_and_1("probability", chance)
    return truth, chance


def checked_threshold(threshold: float) -> float:
    """Refuse a threshold outside [0, 1], NaN included."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: must be between 0 and 1, got {threshold}")
    return float(threshold)


METRICS: tuple[Definition[BinaryScores], ...] = registered(
    Definition(
        "roc_auc",
        "up",
        *SHARE,
        values=roc_auc,
        scale="area",
        counting=rarer,
        needs=_both_classes,
        is_primary=True,
    ),
    Definition(
        "average_precision",
        "up",
        *SHARE,
        values=average_precision,
        reach=reach_of_top,
        scale="area",
        counting=rarer,
        needs=_some_positives,
    ),
    Definition(
        "log_loss",
        "down",
        *LOSS,
        values=Average("log_loss", surprise),
        scale="loss",
        unseen=unseen_surprise,
    ),
    Definition(
        "brier",
        "down",
        *SHARE,
        values=Average("brier", squared_distance),
        scale="loss",
    ),
    Definition(
        "calibration_error",
        "down",
        *SHARE,
        values=calibration_error,
        scale="plain",
        counting=rarer,
        own_interval=calibration_interval,
        compared=calibration_square,
        needs=_two_alike,
        # So that the table of `dvc metrics show` fits a terminal.
        is_headline=False,
    ),
    Definition(
        "precision",
        "up",
        *SHARE,
        values=precision,
        scale="share",
        counting=predicted,
        hidden=hidden_of_precision,
        needs=_some_predicted,
        hint=f"lower the threshold, {LARGER_SAMPLE}",
    ),
    Definition(
        "recall",
        "up",
        *SHARE,
        values=recall,
        scale="share",
        counting=positive,
        needs=_some_positives,
    ),
    Definition(
        "f1",
        "up",
        *SHARE,
        values=f1,
        scale="index",
        counting=of_either,
        needs=_some_of_either,
    ),
)
