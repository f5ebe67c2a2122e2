"""What a metric is, and what the scorer of every task does.

A *scorer* holds the answers of one model to one sample. It computes its metrics under any
whole-number weights (how often each block of rows was drawn), so a bootstrap of a thousand
resamples sorts once and never branches on the task.

All that is known of a metric stands in its `Definition`. Bootstrap, reports and the comparison of
slices read it from there: to add a metric, write the function of its values
and its entry in `METRICS` of `binary`, `multiclass` or `regression`, and the value that
scikit-learn gives in the test of that module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.columns import (
    FloatArray,
    IntArray,
    SampleError,
    integer_column,
    same_rows,
)
from perennial.evaluation.metrics.sums import block_sums, ratio

S = TypeVar("S", bound="Scorer")
T = TypeVar("T")

Direction = Literal["up", "down", "zero"]
"""Where better lies: "up" is higher, "down" lower, "zero" nearer to nought."""

Evaluate = Callable[[IntArray], dict[str, FloatArray]]
"""Block counts (resamples, blocks) to each metric's values (resamples,); NaN marks a resample
in which the metric has no value. The NaN never leaves `evaluate` and
`perennial.evaluation.bootstrap`."""

Scale = Literal["share", "index", "area", "loss", "unexplained", "plain"]
"""Where a metric's interval is symmetric, or exact: see `perennial.evaluation.intervals`."""

SHARE = (0.0, 1.0)
LOSS = (0.0, np.inf)
"""Least and greatest values of most metrics."""

LARGER_SAMPLE = "score a larger sample, or leave this metric out"


def alike(rows: float) -> float:
    """A row costs its share of the rows that count."""
    return 1.0


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of a model's answers: its key in `metrics/*.json`, and the range of its values."""

    name: str
    direction: Direction
    low: float
    high: float
    reach: Callable[[float], float] = alike
    """How many times its share of so many rows that count a single row may cost at most."""


def every_row(scorer: Scorer) -> FloatArray:
    """How much each row counts for a metric to which all count alike."""
    return np.ones(scorer.rows)


def any_row(scorer: Scorer) -> str:
    """What a metric that is defined on every sample needs."""
    return "it needs a row that counts"


def nothing(scorer: Scorer) -> float:
    """The sample shows all that there is."""
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition(Metric, Generic[S]):
    """A metric, and all that anything else needs to know of it."""

    values: Callable[[Draw[S]], FloatArray]
    """Values (resamples,) under a draw; an `Average` where the metric follows from a mean."""
    scale: Scale = "plain"
    """On which its interval is made."""
    counting: Callable[[S], FloatArray] = every_row
    """How much each row (rows,) counts as evidence: to a recall, positives alone."""
    own_interval: Callable[[S, IntArray, float], tuple[float, float]] | None = None
    """Its interval by scorer, block of each row and quantile of Student's t, where no scale serves:
    the scale is not looked at then."""
    compared: Callable[[Draw[S]], FloatArray] | None = None
    """Values (resamples,) that rise with the metric's and whose difference between two models is
    nearer to a normal one: its square, where it is the root of what may lie below 0."""
    hidden: Callable[[S], float] = nothing
    """The variance that resamples of this sample cannot show, for what they have in common."""
    unseen: Callable[[S], float] = nothing
    """What rows may move it by that may be in other samples, though this one has none of them."""
    needs: Callable[[S], str] = any_row
    """What the metric needs, and what the sample has instead."""
    hint: str = LARGER_SAMPLE
    """What to do where the metric has no value."""
    is_primary: bool = False
    """Whether it decides where `evaluate.primary` names none."""
    is_headline: bool = True
    """Whether `dvc metrics show` lists it; else it stands in `detail` alone."""

    @property
    def average(self) -> Average[S] | None:
        """The mean that the metric follows from; None where it is no function of a mean."""
        return self.values if isinstance(self.values, Average) else None


@dataclass(frozen=True, slots=True)
class Average(Generic[S]):
    """A mean over rows, as such or turned: it is additive over blocks."""

    name: str
    """Of the mean itself, such as mse where the metric is rmse."""
    of: Callable[[S], FloatArray]
    """The value of each row, shape (rows,)."""
    turned: Callable[[FloatArray], FloatArray] | None = None
    """From the mean to the metric."""

    def __call__(self, draw: Draw[S]) -> FloatArray:
        """The values (resamples,) under a draw."""
        mean = ratio(draw.total(self.of), draw.rows)
        return mean if self.turned is None else self.turned(mean)


def registered(*definitions: Definition[S]) -> tuple[Definition[S], ...]:
    """The metrics of a task in the order of reports: names differ, and one is primary."""
    names = [definition.name for definition in definitions]
    twice = {name for name in names if names.count(name) > 1}
    primary = [definition.name for definition in definitions if definition.is_primary]
    if twice:
        raise ValueError(f"metrics: {', '.join(sorted(twice))} is registered twice")
    if len(primary) != 1:
        raise ValueError(f"metrics: one must be primary, got {primary} of {names}")
    return definitions


class MetricError(SampleError):
    """A metric has no value on this sample.

    Examples
    --------
    >>> print(MetricError("recall", "it needs positives, and there is none", "score more rows"))
    recall: it needs positives, and there is none
      hint: score more rows
    """

    def __init__(self, metric: str, cause: str, hint: str) -> None:
        super().__init__(cause, where=metric, hint=hint)
        self.metric = metric


class Scorer(ABC):
    """The answers of one model to one sample: what every task's scorer offers."""

    target: npt.NDArray[Any]

    @property
    @abstractmethod
    def definitions(self) -> tuple[Definition[Any], ...]:
        """The metrics that it computes, in the order of reports."""

    @property
    @abstractmethod
    def answers(self) -> FloatArray:
        """What the model answered, a row of the sample each."""

    @abstractmethod
    def replaced(self, target: npt.NDArray[Any], answers: FloatArray) -> Self:
        """The scorer of other rows, by the same rule of decision."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What reports know of these."""
        return self.definitions

    @property
    def rows(self) -> int:
        """The number of rows in the sample."""
        return len(self.target)

    def part(self, rows: npt.NDArray[Any]) -> Self:
        """The scorer of some rows alone."""
        return self.replaced(self.target[rows], self.answers[rows])

    def over(
        self, blocks: IntArray, only: Collection[str] | None = None, *, compared: bool = False
    ) -> Evaluate:
        """Prepare for weights that are constant within blocks.

        `blocks` (rows,) numbers the block of each row from 0 up; `only` names the metrics wanted,
        `compared` says whether by `Definition.compared`.
        """
        wanted = cast("tuple[Definition[Self], ...]", select(self.definitions, only))
        sample: _Blocked[Any] = _Blocked(self, blocks)

        def evaluate(counts: IntArray) -> dict[str, FloatArray]:
            draw = Draw(sample, counts)
            return {
                one.name: (one.compared if compared and one.compared else one.values)(draw)
                for one in wanted
            }

        return evaluate

    def explain(self, metric: str) -> tuple[str, str]:
        """What the metric needs and what the sample has; and what to do about it."""
        (definition,) = select(self.definitions, [metric])
        return definition.needs(self), definition.hint


@dataclass(frozen=True, slots=True)
class _Blocked(Generic[S]):
    """A sample and its blocks, with what metrics have prepared of both."""

    scorer: S
    blocks: IntArray
    prepared: dict[Callable[..., Any], Any] = field(default_factory=dict)


class Draw(Generic[S]):
    """A sample under many weights: counts (resamples, blocks) say how often blocks were drawn.

    Metrics share work through it: what a function gives is computed once, and only if wanted.
    """

    def __init__(self, sample: _Blocked[S], counts: IntArray) -> None:
        self.scorer, self.counts = sample.scorer, counts
        self._sample = sample
        self._shared: dict[Callable[..., Any], Any] = {}

    def prepared(self, function: Callable[[S, IntArray], T]) -> T:
        """What a function makes of the scorer and the blocks of its rows, once for all draws."""
        known = self._sample.prepared
        if function not in known:
            known[function] = function(self.scorer, self._sample.blocks)
        return cast("T", known[function])

    def shared(self, function: Callable[[Draw[S]], T]) -> T:
        """What a function makes of this draw, once for all metrics."""
        if function not in self._shared:
            self._shared[function] = function(self)
        return cast("T", self._shared[function])

    def total(self, of: Callable[[S], npt.ArrayLike]) -> FloatArray:
        """The sum (resamples,) of a column over the rows drawn, by way of one sum a block."""
        known = self._sample.prepared
        if of not in known:
            known[of] = block_sums(self._sample.blocks, of(self.scorer))
        return np.asarray((self.counts * known[of]).sum(axis=1))

    @property
    def rows(self) -> FloatArray:
        """The number of rows drawn, shape (resamples,)."""
        return self.total(every_row)


def evaluate(
    scorer: Scorer, weights: IntArray | None = None, *, only: Collection[str] | None = None
) -> dict[str, float]:
    """Metrics of the sample by name, always finite; one without a value is a `MetricError`.

    `weights` (rows,) says how often each row counts, in whole numbers; None counts each once.

    Examples
    --------
    >>> from perennial.evaluation.metrics.regression import RegressionScores
    >>> scores = RegressionScores(np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 2.0]))
    >>> evaluate(scores, only=["mae", "bias"])
    {'mae': 1.0, 'bias': -0.3333333333333333}
    """
    values = _weighted(scorer, weights, only)
    for name, value in values.items():
        if np.isnan(value):
            raise MetricError(name, *scorer.explain(name))
    return values


def defined_values(scorer: Scorer, *, only: Collection[str] | None = None) -> dict[str, float]:
    """The metrics that have a value on this sample, by name; all or `only` some."""
    values = _weighted(scorer, None, only)
    return {name: value for name, value in values.items() if not np.isnan(value)}


M = TypeVar("M", bound=Metric)


def select(metrics: tuple[M, ...], only: Collection[str] | None) -> tuple[M, ...]:
    """Metrics by name, in their own order; an unknown name is a ValueError."""
    known = [metric.name for metric in metrics]
    for name in only or ():
        if name not in known:
            raise ValueError(f"only: no metric is named {name!r}; there are {', '.join(known)}")
    return tuple(metric for metric in metrics if only is None or metric.name in only)


def _weighted(
    scorer: Scorer, weights: IntArray | None, only: Collection[str] | None
) -> dict[str, float]:
    if weights is None:
        blocks, counts = np.zeros(scorer.rows, dtype=np.int64), np.ones((1, 1), dtype=np.int64)
    else:
        checked = integer_column("weights", weights)
        same_rows("weights", checked, scorer.rows)
        if checked.min() < 0:
            raise ValueError(f"weights: must not be negative, got {checked.min()}")
        blocks, counts = np.arange(scorer.rows), checked[np.newaxis, :]
    values = scorer.over(blocks, only)(counts)
    return {name: float(value[0]) for name, value in values.items()}
