"""The fitted model that notebooks load: `joblib.load("models/model.joblib")`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.columns import Columns, from_values
from perennial.decision import Decision
from perennial.program import Program

Array = NDArray[Any]


class Model:
    """A fitted estimator behind its preprocessing, with its calibration and threshold.

    Parameters
    ----------
    program : Program
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

    def __init__(self, program: Program, estimator: Any, decision: Decision) -> None:
        self.program = program
        self.estimator = estimator
        self.decision = decision

    def __getstate__(self) -> dict[str, Any]:
        # As JSON values, so that a file holds what was decided, and not how this class works.
        return {
            "program": self.program.to_json(),
            "estimator": self.estimator,
            "decision": self.decision.to_json(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.program = Program.from_json(state["program"])
        self.estimator = state["estimator"]
        self.decision = Decision.from_json(state["decision"])

    def scores(self, matrix: Array) -> Array:
        """Score an encoded matrix with the estimator's own code, uncalibrated.

        Parameters
        ----------
        matrix : numpy.ndarray
            Shape (rows, features), float64.

        Returns
        -------
        numpy.ndarray
            Probabilities, shape (rows, classes), or values, shape (rows,).
        """
        if self.decision.classes:
            return np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64)
        return np.asarray(self.estimator.predict(matrix), dtype=np.float64)

    def answers(self, columns: Columns) -> Array:
        """Answer numpy columns: probabilities (rows, classes), or values (rows,)."""
        return self.decision.answers(self.scores(self.program.encode(columns)))

    def predict_proba(self, rows: Mapping[str, Sequence[Any]]) -> Array:
        """Probability of each class.

        Parameters
        ----------
        rows : pandas.DataFrame or mapping of columns
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
        return self.answers(from_values(rows, self.program.types))

    def predict(self, rows: Mapping[str, Sequence[Any]]) -> Array:
        """Class, or value, of each row. Takes what `predict_proba` takes; shape (rows,)."""
        return self.decision.labels(self.answers(from_values(rows, self.program.types)))
