"""Metrics of a number predicted by a number."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.definition import (
    Evaluate,
    FloatArray,
    IntArray,
    Metric,
    float_column,
    same_rows,
    select,
)
from perennial.evaluation.metrics.ranking import ratio
from perennial.evaluation.metrics.sums import block_totals

# Targets nearer to their mean than this, relative to the largest, differ by rounding only.
ROUNDING = 1e-14

# The square of a larger number, times a number of rows, may be past what a float holds.
LARGEST = 1e140

METRICS = (
    Metric("mae", "down", 0.0, np.inf),
    Metric("rmse", "down", 0.0, np.inf),
    Metric("r2", "up", -np.inf, 1.0),
    Metric("median_absolute_error", "down", 0.0, np.inf),
    Metric("bias", "zero", -np.inf, np.inf),
)


class RegressionScores:
    """Predictions beside the truth, both in the target's unit.

    Parameters
    ----------
    target
        (rows,) finite: the truth.
    prediction
        (rows,) finite: the model's answers.

    Raises
    ------
    SampleError
        When there are no rows.
    ValueError
        When lengths differ, or a value is not finite or is beyond 1e140 (its square overflows).

    Notes
    -----
    - ``mae``, ``rmse``, ``median_absolute_error``: in the target's unit; the median of an even
      number of errors is the mean of the middle two.
    - ``r2``: 1 less the squared error over the target's squared spread about its own mean (in a
      resample, that resample's mean); no value when the target does not vary.
    - ``bias``: mean prediction less mean target; best at zero.

    The definitions are scikit-learn's, with whole-number weights read as repeated rows.

    Examples
    --------
    >>> from perennial.evaluation.metrics.definition import evaluate
    >>> scores = RegressionScores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    >>> evaluate(scores, only=["r2", "median_absolute_error"])
    {'r2': -1.0, 'median_absolute_error': 0.0}
    """

    def __init__(self, target: npt.ArrayLike, prediction: npt.ArrayLike) -> None:
        self.target, self.prediction = regression_columns(target, prediction)
        self.error_ = self.prediction - self.target

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
        size = block_totals(blocks, np.ones(self.rows))
        error = block_totals(blocks, self.error_)
        absolute = block_totals(blocks, np.abs(self.error_))
        square = block_totals(blocks, self.error_**2)
        spread = _spread(blocks, self.target)
        median = _median(blocks, np.abs(self.error_))

        def evaluate(counts: IntArray) -> dict[str, FloatArray]:
            rows, squares = size(counts), square(counts)
            ways: dict[str, Callable[[], FloatArray]] = {
                "mae": lambda: ratio(absolute(counts), rows),
                "rmse": lambda: np.sqrt(ratio(squares, rows)),
                "r2": lambda: 1 - ratio(squares, spread(counts)),
                "median_absolute_error": lambda: median(counts),
                "bias": lambda: ratio(error(counts), rows),
            }
            return {name: ways[name]() for name in wanted}

        return evaluate

    def explain(self, metric: str) -> tuple[str, str]:
        """What a metric needs and what the sample has, and the hint."""
        hint = "score a larger sample, or leave this metric out"
        if metric != "r2":
            return "it needs a row that counts", hint
        low, high = self.target.min(), self.target.max()
        return f"it needs a target that varies, and it lies between {low:g} and {high:g}", hint


def regression_columns(
    target: npt.ArrayLike, prediction: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Check truth and predictions; errors as for `RegressionScores`."""
    truth = float_column("target", target)
    guess = float_column("prediction", prediction)
    same_rows("prediction", guess, len(truth))
    for name, values in (("target", truth), ("prediction", guess)):
        if np.abs(values).max() > LARGEST:
            raise ValueError(f"{name}: holds numbers beyond {LARGEST:g}, whose squares overflow")
    return truth, guess


def _spread(blocks: IntArray, target: FloatArray) -> Callable[[IntArray], FloatArray]:
    """Squared distances of the target from the mean of what was drawn, 0 when all are equal.

    Put together from the spread within each block and the spread of the blocks' means (Chan,
    Golub and LeVeque 1983, The American Statistician 37): nothing is subtracted that could cancel.
    """
    size = np.bincount(blocks)
    mean = np.bincount(blocks, weights=target) / np.maximum(size, 1)
    within = np.bincount(blocks, weights=(target - mean[blocks]) ** 2)
    floor = (ROUNDING * np.abs(target).max()) ** 2

    def spread(counts: IntArray) -> FloatArray:
        rows = counts * size
        total = np.maximum(rows.sum(axis=1), 1)
        centre = (rows * mean).sum(axis=1) / total
        between = rows * (mean - centre[:, np.newaxis]) ** 2
        squares = (counts * within + between).sum(axis=1)
        flat = squares <= floor * total
        return np.where(flat, 0.0, squares)

    return spread


def _median(blocks: IntArray, values: FloatArray) -> Callable[[IntArray], FloatArray]:
    """The median of the values drawn, sorted once; NaN when nothing is drawn."""
    order = np.argsort(values, kind="stable")
    ordered_blocks = blocks[order]
    # What a resample without rows reads: past the end.
    ordered: FloatArray = np.append(values[order], np.nan)

    def median(counts: IntArray) -> FloatArray:
        drawn = np.cumsum(np.take(counts, ordered_blocks, axis=1), axis=1)
        rows = drawn[:, -1]
        lower = _first_above(drawn, (rows - 1) // 2)
        upper = _first_above(drawn, rows // 2)
        return (ordered[lower] + ordered[upper]) / 2

    return median


def _first_above(drawn: IntArray, rank: IntArray) -> IntArray:
    """For each resample the first place whose running count passes the rank."""
    places = [np.searchsorted(row, r, side="right") for row, r in zip(drawn, rank, strict=True)]
    return np.array(places, dtype=np.int64)
