"""Metrics of a choice among several classes, answered with a probability for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.binary import clipped, cost_of_sure
from perennial.evaluation.metrics.columns import (
    FloatArray,
    IntArray,
    between_0_and_1,
    finite,
    integer_column,
    same_rows,
)
from perennial.evaluation.metrics.definition import (
    LOSS,
    SHARE,
    Average,
    Definition,
    Draw,
    Scorer,
    registered,
)
from perennial.evaluation.metrics.ranking import Ranking
from perennial.evaluation.metrics.sums import cumulative, ratio

# Engines answer in float32: a row's probabilities add up to 1 only so nearly.
SUM_TOLERANCE = 1e-5

# Classes that a message names.
MOST_NAMES = 20

HINT = "score a larger sample, merge rare classes, or leave this metric out"


class MulticlassScores(Scorer):
    """Probabilities of each class (rows, classes), beside the true class (rows,) from 0 up.

    The class predicted is the likeliest; of equals, the first. `names` are what messages call the
    classes; by default, their numbers.

    Examples
    --------
    >>> from perennial.evaluation.metrics.definition import evaluate
    >>> probability = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])
    >>> evaluate(MulticlassScores(np.array([0, 1, 2]), probability), only=["roc_auc"])
    {'roc_auc': 0.75}
    """

    def __init__(
        self, target: npt.ArrayLike, probability: npt.ArrayLike, names: Sequence[str] = ()
    ) -> None:
        self.target, self.probability = multiclass_columns(target, probability)
        self.names = names or [f"class {code}" for code in range(self.classes)]

    @property
    def definitions(self) -> tuple[Definition[MulticlassScores], ...]:
        """The metrics, in the order of reports."""
        return METRICS

    @property
    def answers(self) -> FloatArray:
        """The probabilities."""
        return self.probability

    def replaced(self, target: npt.NDArray[Any], answers: FloatArray) -> MulticlassScores:
        """The scorer of other rows."""
        return MulticlassScores(target, answers, self.names)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.probability.shape[1])

    @cached_property
    def predicted_(self) -> IntArray:
        """The likeliest class of each row."""
        return self.probability.argmax(axis=1)

    @cached_property
    def rows_(self) -> IntArray:
        """The rows of each class, (classes,)."""
        return np.bincount(self.target, minlength=self.classes)

    @cached_property
    def rankings(self) -> list[Ranking]:
        """The rows by the probability of each class."""
        return [
            Ranking(self.target == code, self.probability[:, code]) for code in range(self.classes)
        ]


def is_right(scores: MulticlassScores) -> FloatArray:
    """1 where the true class is predicted, else 0."""
    return np.where(scores.predicted_ == scores.target, 1.0, 0.0)


def balanced_accuracy(draw: Draw[MulticlassScores]) -> FloatArray:
    """The mean over classes of recall; scikit-learn silently drops classes that do not occur."""
    hits, actual, _ = draw.shared(_class_counts)
    return np.asarray(ratio(hits, actual).mean(axis=1))


def f1_macro(draw: Draw[MulticlassScores]) -> FloatArray:
    """The mean over classes of F1."""
    hits, actual, predicted = draw.shared(_class_counts)
    return np.asarray(ratio(2 * hits, actual + predicted).mean(axis=1))


def surprise(scores: MulticlassScores) -> FloatArray:
    """-log of the probability of the true class, in nats: the log loss of each row."""
    return -np.log(clipped(scores.probability[np.arange(scores.rows), scores.target]))


def unseen_surprise(scores: MulticlassScores) -> float:
    """What sure answers may cost that happen to be right here."""
    return cost_of_sure(scores.probability.min(axis=1))


def roc_auc(draw: Draw[MulticlassScores]) -> FloatArray:
    """The mean over classes of the area under the ROC curve of that class against the rest.

    Provost and Domingos 2001, each class counting alike.
    """
    areas = [
        ranking.roc_auc(ranking.tally(np.take(draw.counts, ordered_blocks, axis=1)))
        for ranking, ordered_blocks in draw.prepared(_ordered_blocks)
    ]
    return np.asarray(np.stack(areas, axis=1).mean(axis=1))


def _ordered_blocks(scores: MulticlassScores, blocks: IntArray) -> list[tuple[Ranking, IntArray]]:
    return [(ranking, blocks[ranking.order_]) for ranking in scores.rankings]


def _class_counts(draw: Draw[MulticlassScores]) -> tuple[IntArray, IntArray, IntArray]:
    """Rows drawn of each class: predicted rightly, actual, and predicted."""
    hits, actual, predicted = draw.prepared(_by_class)
    return hits.drawn(draw.counts), actual.drawn(draw.counts), predicted.drawn(draw.counts)


def _by_class(
    scores: MulticlassScores, blocks: IntArray
) -> tuple[ClassCounter, ClassCounter, ClassCounter]:
    right = scores.predicted_ == scores.target
    return (
        ClassCounter(blocks[right], scores.target[right], scores.classes),
        ClassCounter(blocks, scores.target, scores.classes),
        ClassCounter(blocks, scores.predicted_, scores.classes),
    )


class ClassCounter:
    """Rows sorted by class, so that those drawn of each class are a running sum's differences."""

    def __init__(self, blocks: IntArray, codes: IntArray, classes: int) -> None:
        order = np.argsort(codes, kind="stable")
        self._ordered_blocks = blocks[order]
        self._edges = np.searchsorted(codes[order], np.arange(classes + 1))

    def drawn(self, counts: IntArray) -> IntArray:
        """Rows drawn of each class, (resamples, classes), from counts (resamples, blocks)."""
        totals = cumulative(np.take(counts, self._ordered_blocks, axis=1))
        down_to = np.take(totals, self._edges, axis=1)
        return down_to[:, 1:] - down_to[:, :-1]


def rarest(scores: MulticlassScores) -> FloatArray:
    """Rows of the rarest class that occurs, as often as there are classes: means hang on them."""
    sizes = np.where(scores.rows_, scores.rows_, scores.rows + 1)
    return np.where(scores.target == sizes.argmin(), float(scores.classes), 0.0)


def _every_class(scores: MulticlassScores) -> str:
    return f"it needs every class to occur, and {_rarest(scores)}"


def _every_class_somehow(scores: MulticlassScores) -> str:
    return f"it needs every class to occur or to be predicted, and {_rarest(scores)}"


def _rarest(scores: MulticlassScores) -> str:
    least = int(scores.rows_.min())
    rarest = [name for name, rows in zip(scores.names, scores.rows_, strict=True) if rows == least]
    shown = ", ".join(rarest[:MOST_NAMES]) + (", …" if len(rarest) > MOST_NAMES else "")
    return f"{least} of {scores.rows} rows are {shown}"


def multiclass_columns(
    target: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[IntArray, FloatArray]:
    """Class codes and a table of probabilities, checked."""
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


def _check_codes(target: IntArray, classes: int) -> None:
    bad = np.flatnonzero((target < 0) | (target >= classes))
    if bad.size:
        raise ValueError(
            f"target: row {bad[0]} holds class {target[bad[0]]}, outside 0 to {classes - 1}"
        )


METRICS: tuple[Definition[MulticlassScores], ...] = registered(
    Definition(
        "accuracy",
        "up",
        *SHARE,
        values=Average("accuracy", is_right),
        scale="share",
        hint=HINT,
    ),
    Definition(
        "balanced_accuracy",
        "up",
        *SHARE,
        values=balanced_accuracy,
        scale="index",
        counting=rarest,
        needs=_every_class,
        hint=HINT,
    ),
    Definition(
        "f1_macro",
        "up",
        *SHARE,
        values=f1_macro,
        scale="index",
        counting=rarest,
        needs=_every_class_somehow,
        hint=HINT,
    ),
    Definition(
        "log_loss",
        "down",
        *LOSS,
        values=Average("log_loss", surprise),
        scale="loss",
        unseen=unseen_surprise,
        hint=HINT,
        is_primary=True,
    ),
    Definition(
        "roc_auc",
        "up",
        *SHARE,
        values=roc_auc,
        scale="area",
        counting=rarest,
        needs=_every_class,
        hint=HINT,
    ),
)
