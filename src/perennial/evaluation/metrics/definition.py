"""What a metric is, and what every task's scores promise.

A *scorer* holds the answers of one model on one sample, sorted once. It can be asked for its
metrics under any whole-number weights (how often each block of rows was drawn), so a bootstrap of
a thousand resamples sorts once and never branches on the task.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from perennial.runtime.errors import PerennialError

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Direction = Literal["up", "down", "zero"]
"""Where better lies: "up" is higher, "down" lower, "zero" nearer to nought."""

Evaluate = Callable[[IntArray], dict[str, FloatArray]]
"""Block counts (resamples, blocks) to each metric's values (resamples,); NaN marks a resample
in which the metric has no value. The NaN never leaves `evaluate` and
`perennial.evaluation.bootstrap`."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of a model's answers.

    Parameters
    ----------
    name
        The key in `metrics/*.json`.
    direction
        Where better lies: "up", "down" or "zero".
    low, high
        The bounds of its possible values; infinite where there is none.
    """

    name: str
    direction: Direction
    low: float
    high: float


class SampleError(PerennialError, ValueError):
    """The sample is too small, or too poor, for what was asked of it."""


class MetricError(SampleError):
    """A metric has no value on this sample.

    Parameters
    ----------
    metric
        Its name.
    cause
        What it needs and what the sample has.
    hint
        What to do about it.

    Examples
    --------
    >>> print(MetricError("recall", "it needs positives, and there is none", "score more rows"))
    recall: it needs positives, and there is none
      hint: score more rows
    """

    def __init__(self, metric: str, cause: str, hint: str) -> None:
        super().__init__(cause, where=metric, hint=hint)
        self.metric = metric


class Scorer(Protocol):
    """The answers of one model on one sample: the same promise for every task."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics it computes, in the order in which they are reported."""

    @property
    def rows(self) -> int:
        """The number of rows in the sample."""

    def over(self, blocks: IntArray, only: Collection[str] | None = None) -> Evaluate:
        """Prepare for weights that are constant within blocks.

        Parameters
        ----------
        blocks
            (rows,): the block of each row, numbered 0 to the number of blocks less one.
        only
            The names of the metrics wanted; None means all.

        Returns
        -------
        Evaluate
            A function of counts (resamples, blocks) to the metrics wanted.
        """

    def explain(self, metric: str) -> tuple[str, str]:
        """What the metric needs and what the sample has; and what to do when that is too little."""


def evaluate(
    scorer: Scorer, weights: IntArray | None = None, *, only: Collection[str] | None = None
) -> dict[str, float]:
    """Compute metrics on the sample.

    Parameters
    ----------
    scorer
        The answers to be judged.
    weights
        (rows,): how often each row counts, whole numbers from 0 up; None counts each once.
    only
        The names of the metrics wanted; None means all.

    Returns
    -------
    dict
        Metric name to value, always finite.

    Raises
    ------
    MetricError
        When a metric has no value on this sample.
    ValueError
        When a weight is negative or missing, or a name in `only` is unknown.

    Examples
    --------
    >>> from perennial.evaluation.metrics.regression import RegressionScores
    >>> scores = RegressionScores(np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 2.0]))
    >>> evaluate(scores, only=["mae", "bias"])
    {'mae': 1.0, 'bias': -0.3333333333333333}
    """
    names = [metric.name for metric in select(scorer.metrics, only)]
    values = _weighted(scorer, weights, names)
    for name in names:
        if np.isnan(values[name][0]):
            raise MetricError(name, *scorer.explain(name))
    return {name: float(values[name][0]) for name in names}


def select(metrics: tuple[Metric, ...], only: Collection[str] | None) -> tuple[Metric, ...]:
    """Pick metrics by name, in their own order.

    Raises
    ------
    ValueError
        When a name is unknown.
    """
    known = [metric.name for metric in metrics]
    for name in only or ():
        if name not in known:
            raise ValueError(f"only: no metric is named {name!r}; there are {', '.join(known)}")
    return tuple(metric for metric in metrics if only is None or metric.name in only)


def _weighted(scorer: Scorer, weights: IntArray | None, names: list[str]) -> dict[str, FloatArray]:
    if weights is None:
        one_block = np.zeros(scorer.rows, dtype=np.int64)
        return scorer.over(one_block, names)(np.ones((1, 1), dtype=np.int64))
    checked = integer_column("weights", weights)
    same_rows("weights", checked, scorer.rows)
    if checked.min() < 0:
        raise ValueError(f"weights: must not be negative, got {checked.min()}")
    return scorer.over(np.arange(scorer.rows), names)(checked[np.newaxis, :])


def float_column(name: str, values: npt.ArrayLike) -> FloatArray:
    """Check a column of finite numbers and return it as float64.

    Raises
    ------
    SampleError
        When it is empty.
    ValueError
        When it is not one-dimensional, or holds NaN or an infinity.
    """
    column = np.asarray(values, dtype=np.float64)
    _one_dimension(name, column)
    finite(name, column)
    return column


def boolean_column(name: str, values: npt.ArrayLike) -> BoolArray:
    """Check a column of booleans; 0 and 1 are refused, for they may be codes of anything.

    Raises
    ------
    SampleError
        When it is empty.
    ValueError
        When it is not one-dimensional or not boolean.
    """
    column = np.asarray(values)
    _one_dimension(name, column)
    if column.dtype != np.bool_:
        raise ValueError(f"{name}: must be boolean, got {column.dtype}")
    return column


def integer_column(name: str, values: npt.ArrayLike) -> IntArray:
    """Check a column of whole numbers and return it as int64.

    Raises
    ------
    SampleError
        When it is empty.
    ValueError
        When it is not one-dimensional or not of an integer type.
    """
    column = np.asarray(values)
    _one_dimension(name, column)
    if not np.issubdtype(column.dtype, np.integer):
        raise ValueError(f"{name}: must be whole numbers, got {column.dtype}")
    return column.astype(np.int64)


def finite(name: str, values: FloatArray) -> None:
    """Refuse NaN and infinities.

    Raises
    ------
    ValueError
        Naming the parameter, the first such row and its value.
    """
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"{name}: row {bad[0][0]} holds {values[tuple(bad[0])]}, not a number")


def between_0_and_1(name: str, values: FloatArray) -> None:
    """Refuse what is no probability.

    Raises
    ------
    ValueError
        Naming the parameter, the first such row and its value.
    """
    bad = np.argwhere((values < 0) | (values > 1))
    if bad.size:
        value = values[tuple(bad[0])]
        raise ValueError(f"{name}: row {bad[0][0]} holds {value}, which is not between 0 and 1")


def same_rows(name: str, values: npt.NDArray[Any], rows: int) -> None:
    """Refuse a column of another length than the target's.

    Raises
    ------
    ValueError
        Naming the parameter and both lengths.
    """
    if len(values) != rows:
        raise ValueError(f"{name}: has {len(values)} rows where {rows} are expected")


def _one_dimension(name: str, column: npt.NDArray[Any]) -> None:
    if column.ndim != 1:
        raise ValueError(f"{name}: must have one dimension, got shape {column.shape}")
    if column.size == 0:
        raise SampleError("there are no rows", where=name, hint="score one row at least")
