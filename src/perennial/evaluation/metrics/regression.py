"""Metrics of a number predicted by a number."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.columns import FloatArray, IntArray, float_column, same_rows
from perennial.evaluation.metrics.definition import (
    LOSS,
    Average,
    Definition,
    Draw,
    Scorer,
    registered,
)
from perennial.evaluation.metrics.sums import ratio

# Targets nearer to their mean than this, relative to the largest, differ by rounding only.
ROUNDING = 1e-14

# The square of a larger number, times a number of rows, may be past what a float holds.
LARGEST = 1e140


class RegressionScores(Scorer):
    """Predictions (rows,) beside the truth (rows,), both in the target's unit.

    The definitions of the metrics are scikit-learn's, with whole-number weights read as repeated
    rows.

    Examples
    --------
    >>> from perennial.evaluation.metrics.definition import evaluate
    >>> scores = RegressionScores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    >>> evaluate(scores, only=["r2", "median_absolute_error"])
    {'r2': -1.0, 'median_absolute_error': 0.0}
    """

    def __init__(self, target: npt.ArrayLike, prediction: npt.ArrayLike) -> None:
        self.target, self.prediction = regression_columns(target, prediction)

    @property
    def definitions(self) -> tuple[Definition[RegressionScores], ...]:
        """The metrics, in the order of reports."""
        return METRICS

    @property
    def answers(self) -> FloatArray:
        """The predictions."""
        return self.prediction

    def replaced(self, target: npt.NDArray[Any], answers: FloatArray) -> RegressionScores:
        """The scorer of other rows."""
        return RegressionScores(target, answers)

    @cached_property
    def error_(self) -> FloatArray:
        """Prediction less target."""
        return self.prediction - self.target


def error(scores: RegressionScores) -> FloatArray:
    """Prediction less target: its mean is the bias, best at zero."""
    return scores.error_


def absolute_error(scores: RegressionScores) -> FloatArray:
    """How far a prediction lies off."""
    return np.abs(scores.error_)


def squared_error(scores: RegressionScores) -> FloatArray:
    """The square of the error."""
    return np.asarray(scores.error_**2)


def r2(draw: Draw[RegressionScores]) -> FloatArray:
    """1 less the squared error over the target's squared spread about the resample's mean."""
    return 1 - ratio(draw.total(squared_error), draw.prepared(Spread).drawn(draw.counts))


def median_absolute_error(draw: Draw[RegressionScores]) -> FloatArray:
    """The median of the absolute errors; of an even number, the mean of the middle two."""
    return draw.prepared(SortedErrors).medians(draw.counts)


class Spread:
    """Squared distances of the target from the mean of what was drawn, 0 when all are equal.

    Put together from the spread within each block and the spread of the blocks' means (Chan,
    Golub and LeVeque 1983, The American Statistician 37): nothing is subtracted that could cancel.
    """

    def __init__(self, scores: RegressionScores, blocks: IntArray) -> None:
        target = scores.target
        self._size = np.bincount(blocks)
        self._mean = np.bincount(blocks, weights=target) / np.maximum(self._size, 1)
        self._within = np.bincount(blocks, weights=(target - self._mean[blocks]) ** 2)
        self._floor = (ROUNDING * np.abs(target).max()) ** 2

    def drawn(self, counts: IntArray) -> FloatArray:
        """The spread (resamples,) of what was drawn."""
        rows = counts * self._size
        total = np.maximum(rows.sum(axis=1), 1)
        centre = (rows * self._mean).sum(axis=1) / total
        between = rows * (self._mean - centre[:, np.newaxis]) ** 2
        squares = (counts * self._within + between).sum(axis=1)
        return np.where(squares <= self._floor * total, 0.0, squares)


class SortedErrors:
    """Absolute errors sorted once, whose median under weights is a place in a running sum."""

    def __init__(self, scores: RegressionScores, blocks: IntArray) -> None:
        values = np.abs(scores.error_)
        order = np.argsort(values, kind="stable")
        self._ordered_blocks = blocks[order]
        # What a resample without rows reads: past the end.
        self._ordered: FloatArray = np.append(values[order], np.nan)

    def medians(self, counts: IntArray) -> FloatArray:
        """The median (resamples,) of the errors drawn; NaN when nothing is drawn."""
        drawn = np.cumsum(np.take(counts, self._ordered_blocks, axis=1), axis=1)
        rows = drawn[:, -1]
        lower = _first_above(drawn, (rows - 1) // 2)
        upper = _first_above(drawn, rows // 2)
        return (self._ordered[lower] + self._ordered[upper]) / 2


def _first_above(drawn: IntArray, rank: IntArray) -> IntArray:
    """For each resample the first place whose running count passes the rank."""
    places = [np.searchsorted(row, r, side="right") for row, r in zip(drawn, rank, strict=True)]
    return np.array(places, dtype=np.int64)


def _some_variation(scores: RegressionScores) -> str:
    low, high = scores.target.min(), scores.target.max()
    return f"it needs a target that varies, and it lies between {low:g} and {high:g}"


def regression_columns(
    target: npt.ArrayLike, prediction: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Truth and predictions, checked."""
    truth = float_column("target", target)
    guess = float_column("prediction", prediction)
    same_rows("prediction", guess, len(truth))
    for name, values in (("target", truth), ("prediction", guess)):
        if np.abs(values).max() > LARGEST:
            raise ValueError(f"{name}: holds numbers beyond {LARGEST:g}, whose squares overflow")
    return truth, guess


METRICS: tuple[Definition[RegressionScores], ...] = registered(
    Definition(
        "mae",
        "down",
        *LOSS,
        values=Average("mae", absolute_error),
        scale="loss",
    ),
    Definition(
        "rmse",
        "down",
        *LOSS,
        values=Average("mse", squared_error, np.sqrt),
        scale="loss",
        is_primary=True,
    ),
    Definition(
        "r2",
        "up",
        -np.inf,
        1.0,
        values=r2,
        scale="unexplained",
        needs=_some_variation,
    ),
    Definition(
        "median_absolute_error",
        "down",
        *LOSS,
        values=median_absolute_error,
        scale="loss",
    ),
    Definition(
        "bias",
        "zero",
        -np.inf,
        np.inf,
        values=Average("bias", error),
        scale="plain",
    ),
)
