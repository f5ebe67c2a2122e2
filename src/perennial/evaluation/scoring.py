"""Judge answers: the scorer of a task, the blocks that its rows come in, and its plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract, Task
from perennial.data.target import target_of
from perennial.evaluation import curves
from perennial.evaluation.bootstrap import Estimate, estimate
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.definition import Metric, MetricError, Scorer, evaluate
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores
from perennial.model.columns import from_arrow
from perennial.params.evaluate import Evaluate
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]

#: The metric that decides where `evaluate.primary` names none.
PRIMARY: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}

#: The plots, in files of these names; a task leaves those empty that it does not have.
PLOTS = ("roc", "precision_recall", "calibration", "confusion", "scores", "importance")


@dataclass(frozen=True)
class Sample:
    """Rows whose truth is known.

    Attributes
    ----------
    target : numpy.ndarray
        Class codes or values, shape (rows,).
    blocks : numpy.ndarray or None
        Rows with one number stand or fall together; None where rows are independent.
    """

    target: Array
    blocks: Array | None

    def part(self, rows: Array) -> Sample:
        """The sample of some rows alone."""
        return Sample(self.target[rows], None if self.blocks is None else self.blocks[rows])


def scorer_of(task: Task, target: Array, answers: Array, threshold: float | None) -> Scorer:
    """Set up the scorer of a task.

    Parameters
    ----------
    task : str
        Binary, multiclass or regression.
    target : numpy.ndarray
        Class codes or values, shape (rows,).
    answers : numpy.ndarray
        Probabilities, shape (rows, classes), or values, shape (rows,).
    threshold : float or None
        Of a binary task.

    Returns
    -------
    Scorer
        To be asked for its metrics.
    """
    if task == "binary":
        return BinaryScores(target == 1, answers[:, 1], 0.5 if threshold is None else threshold)
    if task == "multiclass":
        return MulticlassScores(target, answers)
    return RegressionScores(target, answers)


def judge(
    scorer: Scorer, sample: Sample, params: Evaluate, *, only: list[str] | None = None
) -> dict[str, Estimate]:
    """Estimate metrics with intervals, all or `only` some, by `bootstrap.estimate`."""
    return estimate(
        scorer,
        sample.blocks,
        resamples=params.resamples,
        confidence=params.confidence,
        seed=params.seed,
        only=only,
    )


def values_there_are(scorer: Scorer) -> dict[str, float]:
    """Compute the metrics that have a value, for baselines: a constant answer lacks some."""
    wanted = [metric.name for metric in scorer.metrics]
    while wanted:
        try:
            return evaluate(scorer, only=wanted)
        except MetricError as error:
            wanted.remove(error.metric)
    return {}


def primary_metric(metrics: tuple[Metric, ...], task: Task, params: Evaluate) -> Metric:
    """Look up the metric that decides.

    Parameters
    ----------
    metrics : tuple of Metric
        Those of the task's scorer.
    task : str
        Binary, multiclass or regression.
    params : Evaluate
        Its `primary`, if it names one.

    Returns
    -------
    Metric
        The one named, else the task's own.

    Raises
    ------
    PerennialError
        If the task has no metric of that name.
    """
    wanted = params.primary or PRIMARY[task]
    for metric in metrics:
        if metric.name == wanted:
            return metric
    raise PerennialError(
        f"a {task} task has no metric {wanted}",
        where="params.yaml: evaluate.primary",
        hint=f"choose one of {', '.join(metric.name for metric in metrics)}",
    )


def sample_of(table: Any, contract: Contract, method: str) -> Sample:
    """Read the truth of prepared rows, and which of them stand or fall together.

    Parameters
    ----------
    table : pyarrow.Table
        Prepared rows.
    contract : Contract
        Names target, time and group.
    method : str
        `prepare.split.method`.

    Returns
    -------
    Sample
        Of all rows.
    """
    time, group = contract.only("time"), contract.only("group")
    times = from_arrow(table, {time: "datetime"})[time] if time else None
    groups = np.array(table.column(group).to_pylist(), dtype=str) if group else None
    return Sample(target_of(table, contract), blocks_of(method, times, groups))


def blocks_of(method: str, times: Array | None, groups: Array | None) -> Array | None:
    """Find which rows stand or fall together.

    Parameters
    ----------
    method : str
        `prepare.split.method`.
    times : numpy.ndarray or None
        datetime64, shape (rows,).
    groups : numpy.ndarray or None
        Group of each row.

    Returns
    -------
    numpy.ndarray or None
        The day of each row for a split by time, its group for a split by group, else None.
    """
    if method == "time" and times is not None:
        return times.astype("datetime64[D]").astype(np.int64)
    if method == "group" and groups is not None:
        return np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return None


def plots(
    task: Task, target: Array, answers: Array, threshold: float | None, classes: list[Any]
) -> dict[str, dict[str, Array]]:
    """Compute the data of every plot but importance.

    Parameters
    ----------
    task, target, answers, threshold
        As for `scorer_of`.
    classes : list
        Names of the classes.

    Returns
    -------
    dict
        Columns by plot; none for a plot that the task does not have.
    """
    if task == "regression":
        return _regression_plots(target, answers)
    names = np.array([str(name).lower() if isinstance(name, bool) else name for name in classes])
    found = (
        _binary_plots(target == 1, answers[:, 1], threshold)
        if task == "binary"
        else (_multiclass_plots(target, answers))
    )
    confusion = found["confusion"]
    named = {key: names[confusion[key]] for key in ("actual", "predicted")}
    named_classes = {
        plot: {**columns, "class": names[columns["class"]]} if "class" in columns else columns
        for plot, columns in found.items()
    }
    return {**named_classes, "confusion": {**confusion, **named}}


def _binary_plots(
    positive: Array, probability: Array, threshold: float | None
) -> dict[str, dict[str, Array]]:
    return {
        "roc": curves.roc(positive, probability),
        "precision_recall": curves.precision_recall(positive, probability),
        "calibration": curves.calibration(positive, probability),
        "confusion": curves.confusion(
            positive, probability, 0.5 if threshold is None else threshold
        ),
        "scores": curves.score_histogram(positive, probability),
    }


def _regression_plots(target: Array, answers: Array) -> dict[str, dict[str, Array]]:
    # Under the names that dvc.yaml plots for every task: a residual is a score below or above 0.
    calibration = curves.regression_calibration(target, answers)
    calibration["observed"] = calibration.pop("actual")
    residuals = curves.residual_histogram(target, answers)
    rows = residuals.pop("rows")
    below = np.cumsum(rows).clip(max=np.count_nonzero(answers < target))
    residuals["negatives"] = np.diff(below, prepend=0)
    residuals["positives"] = rows - residuals["negatives"]
    return {"calibration": calibration, "scores": residuals}


def _multiclass_plots(target: Array, answers: Array) -> dict[str, dict[str, Array]]:
    return {
        "roc": curves.multiclass_roc(target, answers),
        "calibration": curves.multiclass_calibration(target, answers),
        "confusion": curves.multiclass_confusion(target, answers),
    }
