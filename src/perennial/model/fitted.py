"""The fitted model that notebooks load: `joblib.load("models/model.joblib")`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.columns import Columns, from_values
from perennial.model.decision import Decision, from_margins
from perennial.model.preprocessing import Preprocessing

Array = NDArray[Any]


#: Methods that give a classifier's scores, the best first.
METHODS = ("predict_proba", "decision_function")


def method_of(estimator: Any, *, is_regression: bool) -> str:
    """The method of an estimator that gives scores; empty if it has none."""
    if is_regression:
        return "predict"
    return next((method for method in METHODS if hasattr(estimator, method)), "")


def scores_of(estimator: Any, method: str, matrix: Array) -> Array:
    """Score a matrix with the method that `method_of` names.

    Probabilities, or margins brought into 0 to 1, (rows, classes); or values, (rows,).
    """
    scores = np.asarray(getattr(estimator, method)(matrix), dtype=np.float64)
    return from_margins(scores) if method == "decision_function" else scores


class Model:
    """A fitted estimator behind its preprocessing, with its calibration and threshold.

    Parameters
    ----------
    preprocessing : Preprocessing
        Raw columns to matrix.
    estimator : object
        A fitted scikit-learn compatible estimator.
    decision : Decision
        Scores to answers.

    Examples
    --------
    >>> import joblib, pandas                                       # doctest: +SKIP
    >>> model = joblib.load("models/model.joblib")                  # doctest: +SKIP
    >>> model.predict(pandas.read_parquet("data/prepared/test.parquet"))  # doctest: +SKIP
    """

    def __init__(self, preprocessing: Preprocessing, estimator: Any, decision: Decision) -> None:
        self.preprocessing = preprocessing
        self.estimator = estimator
        self.decision = decision

    def __getstate__(self) -> dict[str, Any]:
        # As JSON values, so that a file holds what was decided, and not how this class works.
        return {
            "program": self.preprocessing.to_json(),
            "estimator": self.estimator,
            "decision": self.decision.to_json(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.preprocessing = Preprocessing.from_json(state["program"])
        self.estimator = state["estimator"]
        self.decision = Decision.from_json(state["decision"])

    def scores(self, matrix: Array) -> Array:
        """Score an encoded matrix, uncalibrated: (rows, classes) or (rows,)."""
        method = method_of(self.estimator, is_regression=not self.decision.classes)
        return scores_of(self.estimator, method, matrix)

    def answers(self, columns: Columns) -> Array:
        """Answer numpy columns: probabilities (rows, classes), or values (rows,)."""
        return self.decision.answers(self.scores(self.preprocessing.encode(columns)))

    def predict_proba(self, rows: Any) -> Array:
        """Probability of each class.

        Parameters
        ----------
        rows : pandas.DataFrame, mapping of columns, or any form of `perennial.model.tables`
            Raw contract values.

        Returns
        -------
        numpy.ndarray
            Shape (rows, classes).

        Raises
        ------
        ValueError
            If a value is not of its type, or the model is a regression.
        """
        if not self.decision.classes:
            raise ValueError("a regression has no probabilities: call predict")
        return self.answers(from_values(rows, self.preprocessing.types))

    def predict(self, rows: Any) -> Array:
        """Class, or value, of each row. Takes what `predict_proba` takes; shape (rows,)."""
        return self.decision.labels(self.answers(from_values(rows, self.preprocessing.types)))
