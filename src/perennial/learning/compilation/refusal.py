"""Why an engine does not take an estimator."""

from __future__ import annotations

from typing import Any

from perennial.data.contract import Task
from perennial.model.fitted import METHODS, method_of


class Refusal(Exception):
    """An engine does not take an estimator: why, and what to do about it where that is known.

    >>> str(Refusal("no converter knows it"))
    'no converter knows it'
    """

    def __init__(self, why: str, hint: str | None = None) -> None:
        self.why = why
        self.hint = hint
        super().__init__(why)


def refuse_without_scores(estimator: Any, task: Task) -> None:
    """Refuse a classifier that has no scores.

    Before the fit, one counts whose class has the method: a `StackingClassifier` only knows after
    it whether it has probabilities.
    """
    is_open = not hasattr(estimator, "classes_") and any(
        hasattr(type(estimator), method) for method in METHODS
    )
    if not (is_open or method_of(estimator, is_regression=task == "regression")):
        raise Refusal("it has neither predict_proba nor decision_function")
