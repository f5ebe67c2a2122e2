"""The scorer of a task, the rows that it judges and the blocks that these come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract, Task
from perennial.data.target import target_of
from perennial.evaluation.blocks import Blocks, blocks_by, combined
from perennial.evaluation.bootstrap import estimate
from perennial.evaluation.intervals import Figure
from perennial.evaluation.metrics import binary, multiclass, regression
from perennial.evaluation.metrics.definition import Definition, Metric, Scorer, select
from perennial.model.columns import from_arrow
from perennial.params.evaluate import Evaluate
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]

#: The metrics of every task, in the order of reports.
METRICS: dict[Task, tuple[Definition[Any], ...]] = {
    "binary": binary.METRICS,
    "multiclass": multiclass.METRICS,
    "regression": regression.METRICS,
}


@dataclass(frozen=True)
class Sample:
    """Rows whose truth is known."""

    target: Array
    """Class codes or values, shape (rows,)."""
    blocks: Array | None
    """Rows with one number are drawn together; None where rows are independent."""
    crossed: Array | None = None
    """A second way in which rows depend on each other, across the first."""
    unit: str = "rows"
    """What the blocks are, for people."""

    @property
    def dependence(self) -> Blocks:
        """How the rows depend on each other."""
        return Blocks(self.blocks, self.crossed, self.unit)

    def part(self, rows: Array) -> Sample:
        """The sample of some rows alone."""
        part = self.dependence.part(rows)
        return Sample(self.target[rows], part.codes, part.crossed, part.unit)


def scorer_of(
    task: Task,
    target: Array,
    answers: Array,
    threshold: float | None,
    names: Sequence[str] | None = None,
) -> Scorer:
    """The scorer of a task, for answers as `perennial.model` gives them.

    Class codes with probabilities (rows, classes), or values with values (rows,). `names` are what
    messages call the classes: see `class_names`.
    """
    if task == "binary":
        threshold = 0.5 if threshold is None else threshold
        names = names or ("negative", "positive")
        return binary.BinaryScores(target == 1, answers[:, 1], threshold, names)
    if task == "multiclass":
        return multiclass.MulticlassScores(target, answers, names or ())
    return regression.RegressionScores(target, answers)


def class_names(contract: Contract) -> tuple[str, ...]:
    """The classes as messages name them, such as `late=true`."""
    labels = [
        str(label).lower() if isinstance(label, bool) else label for label in contract.classes
    ]
    return tuple(f"{contract.target}={label}" for label in labels)


def judge(
    scorer: Scorer, sample: Sample, params: Evaluate, *, only: list[str] | None = None
) -> dict[str, Figure]:
    """Metrics with intervals, all or `only` some, by `bootstrap.estimate`."""
    first, *others = (
        estimate(
            scorer,
            blocks,
            resamples=params.resamples,
            confidence=params.confidence,
            seed=params.seed,
            only=only,
        )
        for blocks in sample.dependence.ways
    )
    return {
        metric.name: _widened(metric, first[metric.name], [other[metric.name] for other in others])
        for metric in select(scorer.metrics, first)
    }


def _widened(metric: Metric, figure: Figure, others: list[Figure]) -> Figure:
    """An interval as wide as two crossed ways of dependence ask for."""
    if not others or figure.value is None or figure.low is None or figure.high is None:
        return figure
    second, doubt = others[0], figure.warning or others[0].warning
    if second.low is None or second.high is None:
        return Figure(figure.value, why_not=second.why_not)
    errors = [one.standard_error for one in (figure, *others)]
    if None in errors or not errors[0]:
        # A share at its edge has no error to combine: the wider interval, then.
        low, high = min(figure.low, second.low), max(figure.high, second.high)
        return replace(figure, low=low, high=high, warning=doubt)
    error = combined(tuple(float(one) for one in errors if one is not None))
    by = error / errors[0]
    low, high = (figure.value + by * (end - figure.value) for end in (figure.low, figure.high))
    return replace(
        figure,
        low=max(metric.low, low),
        high=min(metric.high, high),
        standard_error=error,
        warning=doubt,
    )


def default_primary(task: Task) -> Definition[Any]:
    """The metric that decides where `evaluate.primary` names none."""
    (primary,) = (metric for metric in METRICS[task] if metric.is_primary)
    return primary


def primary_metric(metrics: tuple[Metric, ...], task: Task, params: Evaluate) -> Metric:
    """The metric that decides: the one that `evaluate.primary` names, else the task's own."""
    wanted = params.primary or default_primary(task).name
    for metric in metrics:
        if metric.name == wanted:
            return metric
    raise PerennialError(
        f"a {task} task has no metric {wanted}",
        where="params.yaml: evaluate.primary",
        hint=f"choose one of {', '.join(metric.name for metric in metrics)}",
    )


def sample_of(table: Any, contract: Contract, method: str) -> Sample:
    """Truth and blocks of prepared rows, by `prepare.split.method` and the contract's roles."""
    time, group = contract.only("time"), contract.only("group")
    times = from_arrow(table, {time: "datetime"})[time] if time else None
    groups = np.array(table.column(group).to_pylist(), dtype=object) if group else None
    dependence = dependence_of(method, times, groups, time or "", group or "")
    return Sample(target_of(table, contract), dependence.codes, dependence.crossed, dependence.unit)


def blocks_of(method: str, times: Array | None, groups: Array | None) -> Array | None:
    """The number of each row's block, the coarsest that is known; None where rows are alone."""
    return dependence_of(method, times, groups).codes


def dependence_of(
    method: str, times: Array | None, groups: Array | None, time: str = "time", group: str = "group"
) -> Blocks:
    """The days of a split by time, and under every split the groups that the contract knows.

    A row without a group is a group of its own.
    """
    ways = {}
    if method == "time" and times is not None:
        ways[f"days of {time}"] = times.astype("datetime64[D]").astype(np.int64)
    if groups is not None:
        known = np.array([value is not None for value in groups])
        codes = np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)
        ways[f"groups of {group}"] = np.where(known, codes, len(codes) + np.arange(len(codes)))
    return blocks_by(ways)
