"""The scorer of a task, the rows that it judges and the blocks that these come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract, Task
from perennial.data.target import target_of
from perennial.evaluation.bootstrap import estimate
from perennial.evaluation.intervals import Figure
from perennial.evaluation.metrics import binary, multiclass, regression
from perennial.evaluation.metrics.definition import Definition, Metric, Scorer
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

    def part(self, rows: Array) -> Sample:
        """The sample of some rows alone."""
        return Sample(self.target[rows], None if self.blocks is None else self.blocks[rows])


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
    return estimate(
        scorer,
        sample.blocks,
        resamples=params.resamples,
        confidence=params.confidence,
        seed=params.seed,
        only=only,
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
    """Truth and blocks of prepared rows, by `prepare.split.method`."""
    time, group = contract.only("time"), contract.only("group")
    times = from_arrow(table, {time: "datetime"})[time] if time else None
    groups = np.array(table.column(group).to_pylist(), dtype=str) if group else None
    return Sample(target_of(table, contract), blocks_of(method, times, groups))


def blocks_of(method: str, times: Array | None, groups: Array | None) -> Array | None:
    """The day of each row for a split by time, its group for a split by group, else None."""
    if method == "time" and times is not None:
        return times.astype("datetime64[D]").astype(np.int64)
    if method == "group" and groups is not None:
        return np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return None
