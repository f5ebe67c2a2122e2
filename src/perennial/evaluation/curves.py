"""Plot data from scores.

Each function returns plain columns, a dict of name to one-dimensional array, for a CSV or JSON
file that `dvc plots` draws. Columns are finite. A curve longer than `points` is thinned: points
evenly spaced by rank, both ends kept, the same ones every time. Inputs are checked as in
`perennial.evaluation.metrics`, with the same errors; `points` and `bins` out of range raise a
ValueError.

`class` columns hold class codes; each class's curve has at most `points` points.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.binary import binary_columns, checked_threshold
from perennial.evaluation.metrics.columns import BoolArray, FloatArray, IntArray
from perennial.evaluation.metrics.definition import MetricError
from perennial.evaluation.metrics.multiclass import multiclass_columns
from perennial.evaluation.metrics.regression import regression_columns
from perennial.evaluation.metrics.sums import equal_mass_starts, run_starts

Columns = dict[str, npt.NDArray[Any]]

POINTS = 200

# What no probability reaches: the threshold of a curve's first point, where nothing is positive.
ABOVE_ALL = float(np.nextafter(1.0, 2.0))


def roc(target: npt.ArrayLike, probability: npt.ArrayLike, *, points: int = POINTS) -> Columns:
    """The receiver operating characteristic (Fawcett 2006, Pattern Recognition Letters 27).

    ``threshold`` falls from just above 1, ``false_positive_rate`` and ``true_positive_rate`` rise
    from 0 to 1. A target of one class only is a `MetricError`.

    Examples
    --------
    >>> curve = roc([True, False, True], [0.9, 0.4, 0.3])
    >>> curve["true_positive_rate"]
    array([0. , 0.5, 0.5, 1. ])
    """
    truth, chance = binary_columns(target, probability)
    _needs("roc", truth, negatives=True)
    threshold, predicted, hits = _steps(truth, chance)
    return thinned(
        {
            "threshold": threshold,
            "false_positive_rate": (predicted - hits) / (predicted - hits)[-1],
            "true_positive_rate": hits / hits[-1],
        },
        points,
    )


def precision_recall(
    target: npt.ArrayLike, probability: npt.ArrayLike, *, points: int = POINTS
) -> Columns:
    """Precision and recall at each threshold (Davis and Goadrich 2006, ICML).

    ``threshold`` falls from just above 1, ``recall`` rises from 0 to 1; by convention
    ``precision`` is 1 at the first point, where nothing is predicted positive.
    """
    truth, chance = binary_columns(target, probability)
    _needs("precision_recall", truth, negatives=False)
    threshold, predicted, hits = _steps(truth, chance)
    precision = np.append(1.0, hits[1:] / predicted[1:])
    return thinned(
        {"threshold": threshold, "precision": precision, "recall": hits / hits[-1]}, points
    )


def calibration(target: npt.ArrayLike, probability: npt.ArrayLike, *, bins: int = 10) -> Columns:
    """The reliability diagram (Niculescu-Mizil and Caruana 2005, ICML), in bins of equal mass.

    By rising probability: ``predicted`` (mean probability), ``observed`` (share of positives),
    ``rows``. With 10 bins they are those of ``calibration_error``, which is the root of the mean
    squared distance of ``observed`` from ``predicted``, weighted by ``rows``, less what chance adds
    to it.
    """
    truth, chance = binary_columns(target, probability)
    _at_least("bins", bins, 1)
    order = np.argsort(-chance, kind="stable")
    starts = equal_mass_starts(chance[order], bins)
    rows = np.diff(starts, append=len(truth))
    return {
        "predicted": (np.add.reduceat(chance[order], starts) / rows)[::-1],
        "observed": (np.add.reduceat(truth[order].astype(np.int64), starts) / rows)[::-1],
        "rows": rows[::-1],
    }


def confusion(target: npt.ArrayLike, probability: npt.ArrayLike, threshold: float) -> Columns:
    """Rows by truth and by prediction at a threshold, each 0 or 1: four rows, in order."""
    truth, chance = binary_columns(target, probability)
    predicted = chance >= checked_threshold(threshold)
    return _crossed(truth.astype(np.int64), predicted.astype(np.int64), 2)


def score_histogram(
    target: npt.ArrayLike, probability: npt.ArrayLike, *, bins: int = 20
) -> Columns:
    """Positives and negatives by probability, in bins of equal width over [0, 1].

    A bin holds its ``low`` edge; the last one holds 1 too.
    """
    truth, chance = binary_columns(target, probability)
    _at_least("bins", bins, 1)
    edges = np.arange(bins + 1) / bins
    negatives, _ = np.histogram(chance[~truth], edges)
    positives, _ = np.histogram(chance[truth], edges)
    return {"low": edges[:-1], "high": edges[1:], "negatives": negatives, "positives": positives}


def multiclass_roc(
    target: npt.ArrayLike, probability: npt.ArrayLike, *, points: int = POINTS
) -> Columns:
    """The `roc` of each class against the rest, under one another."""
    return _by_class(target, probability, lambda truth, chance: roc(truth, chance, points=points))


def multiclass_precision_recall(
    target: npt.ArrayLike, probability: npt.ArrayLike, *, points: int = POINTS
) -> Columns:
    """The `precision_recall` of each class against the rest, under one another."""
    return _by_class(
        target, probability, lambda truth, chance: precision_recall(truth, chance, points=points)
    )


def multiclass_calibration(
    target: npt.ArrayLike, probability: npt.ArrayLike, *, bins: int = 10
) -> Columns:
    """The `calibration` of each class against the rest, under one another."""
    return _by_class(
        target, probability, lambda truth, chance: calibration(truth, chance, bins=bins)
    )


def multiclass_confusion(target: npt.ArrayLike, probability: npt.ArrayLike) -> Columns:
    """Rows by true and by likeliest class: one row for each pair of classes, in order."""
    codes, table = multiclass_columns(target, probability)
    return _crossed(codes, table.argmax(axis=1), table.shape[1])


def regression_calibration(
    target: npt.ArrayLike, prediction: npt.ArrayLike, *, bins: int = 10
) -> Columns:
    """Means of truth by what was predicted, in bins of equal mass, by rising prediction.

    ``actual_low`` and ``actual_high`` are the target's 10% and 90% quantiles, interpolated.
    """
    truth, guess = regression_columns(target, prediction)
    _at_least("bins", bins, 1)
    order = np.argsort(guess, kind="stable")
    starts = equal_mass_starts(guess[order], bins)
    rows = np.diff(starts, append=len(truth))
    spread = [np.quantile(part, [0.1, 0.9]) for part in np.split(truth[order], starts[1:])]
    low, high = np.transpose(spread)
    return {
        "predicted": np.add.reduceat(guess[order], starts) / rows,
        "actual": np.add.reduceat(truth[order], starts) / rows,
        "actual_low": low,
        "actual_high": high,
        "rows": rows,
    }


def residual_histogram(
    target: npt.ArrayLike, prediction: npt.ArrayLike, *, bins: int = 40
) -> Columns:
    """Rows by prediction less target, in bins of equal width, from the least to the greatest."""
    truth, guess = regression_columns(target, prediction)
    _at_least("bins", bins, 1)
    rows, edges = np.histogram(guess - truth, bins)
    return {"low": edges[:-1], "high": edges[1:], "rows": rows}


def thinned(columns: Columns, points: int) -> Columns:
    """At most so many rows of equally long columns, evenly spaced, the first and last among them.

    Examples
    --------
    >>> thinned({"x": np.arange(10)}, 4)
    {'x': array([0, 3, 6, 9])}
    """
    _at_least("points", points, 2)
    rows = len(next(iter(columns.values())))
    if rows <= points:
        return columns
    kept = np.arange(points) * (rows - 1) // (points - 1)
    return {name: column[kept] for name, column in columns.items()}


def _steps(truth: BoolArray, chance: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Each distinct score from the top, the rows that reach it, and the positives among them."""
    order = np.argsort(-chance, kind="stable")
    starts = run_starts(chance[order])
    predicted = np.append(starts, len(truth))
    hits = np.append(0, np.cumsum(truth[order]))[predicted]
    return np.append(ABOVE_ALL, chance[order][starts]), predicted, hits


def _needs(curve: str, truth: BoolArray, *, negatives: bool) -> None:
    positives = int(np.count_nonzero(truth))
    if positives == 0 or (negatives and positives == len(truth)):
        needed = "positives and negatives" if negatives else "positives"
        cause = f"it needs {needed}, and {positives} of {len(truth)} rows are positive"
        raise MetricError(curve, cause, "score a larger sample, or leave this curve out")


def _crossed(actual: IntArray, predicted: IntArray, classes: int) -> Columns:
    rows = np.bincount(actual * classes + predicted, minlength=classes * classes)
    pairs = np.arange(classes * classes)
    return {"actual": pairs // classes, "predicted": pairs % classes, "rows": rows}


def _by_class(
    target: npt.ArrayLike,
    probability: npt.ArrayLike,
    curve: Callable[[BoolArray, FloatArray], Columns],
) -> Columns:
    codes, table = multiclass_columns(target, probability)
    drawn = []
    for code in range(table.shape[1]):
        # A class without rows has no curve.
        with suppress(MetricError):
            columns = curve(codes == code, table[:, code])
            rows = len(next(iter(columns.values())))
            drawn.append({"class": np.full(rows, code), **columns})
    return (
        {name: np.concatenate([columns[name] for columns in drawn]) for name in drawn[0]}
        if drawn
        else {}
    )


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name}: must be at least {least}, got {value}")
