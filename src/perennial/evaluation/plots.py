"""The data of every plot that dvc.yaml draws, by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Task
from perennial.evaluation import curves
from perennial.evaluation.importance import Importance

Array = NDArray[Any]
Columns = dict[str, Array]

#: The plots, in files of these names; those that a task does not have stay without rows.
PLOTS = (
    "roc", "precision_recall", "calibration", "confusion", "scores", "residuals", "importance"
)  # fmt: skip

#: The columns that hold class codes, which people read as names.
CODED = {name: frozenset[str]() for name in PLOTS} | {
    "roc": frozenset({"class"}),
    "precision_recall": frozenset({"class"}),
    "calibration": frozenset({"class"}),
    "confusion": frozenset({"actual", "predicted"}),
}


def plots(
    task: Task, target: Array, answers: Array, threshold: float | None, classes: Sequence[Any]
) -> dict[str, Columns]:
    """Columns of each plot that the task has, but importance; arguments as for `scorer_of`."""
    if task == "regression":
        return _regression(target, answers)
    names = np.array([str(name).lower() if isinstance(name, bool) else name for name in classes])
    by_plot = (
        _binary(target == 1, answers[:, 1], threshold)
        if task == "binary"
        else _multiclass(target, answers)
    )
    return {
        plot: {
            key: names[values] if key in CODED[plot] else values for key, values in columns.items()
        }
        for plot, columns in by_plot.items()
    }


def importance_columns(importances: list[Importance]) -> dict[str, list[Any]]:
    """The plot of importances, the most important column first."""
    return {
        "column": [item.column for item in importances],
        "loss": [item.mean for item in importances],
        "low": [item.low for item in importances],
        "high": [item.high for item in importances],
    }


def _binary(positive: Array, probability: Array, threshold: float | None) -> dict[str, Columns]:
    threshold = 0.5 if threshold is None else threshold
    return {
        # Where there is no positive, or no negative, there is no curve.
        "roc": curves.roc(positive, probability) if len(np.unique(positive)) > 1 else {},
        "precision_recall": curves.precision_recall(positive, probability)
        if positive.any()
        else {},
        "calibration": curves.calibration(positive, probability),
        "confusion": curves.confusion(positive, probability, threshold),
        "scores": curves.score_histogram(positive, probability),
    }


def _multiclass(target: Array, answers: Array) -> dict[str, Columns]:
    return {
        "roc": curves.multiclass_roc(target, answers),
        "precision_recall": curves.multiclass_precision_recall(target, answers),
        "calibration": curves.multiclass_calibration(target, answers),
        "confusion": curves.multiclass_confusion(target, answers),
    }


def _regression(target: Array, answers: Array) -> dict[str, Columns]:
    calibration = curves.regression_calibration(target, answers)
    # Under the name that dvc.yaml plots for every task.
    calibration["observed"] = calibration.pop("actual")
    return {"calibration": calibration, "residuals": curves.residual_histogram(target, answers)}
