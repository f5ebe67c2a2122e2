"""Fit calibration curves on validation.

scikit-learn's `CalibratedClassifierCV` holds its curves inside an estimator; here they must be
plain numbers, which the compiled model carries.

Why so: docs/decisions.md#d18
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from perennial.learning.compilation.linear import significant
from perennial.model.decision import Curve, Isotonic, Sigmoid

Array = NDArray[Any]


def fit_calibration(method: str, probabilities: Array, codes: Array) -> tuple[Curve, ...]:
    """Fit a curve for a binary task, or one a class; none for the method ``none``.

    Probabilities have shape (rows, classes), codes of the true classes (rows,).
    """
    if method == "none":
        return ()
    fits: dict[str, Callable[[Array, Array], Curve]] = {
        "sigmoid": _sigmoid,
        "isotonic": _isotonic,
    }
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return tuple(fits[method](probabilities[:, code], codes == code) for code in classes)


def _sigmoid(probability: Array, positive: Array) -> Sigmoid:
    log_odds = logit(np.clip(probability, 1e-12, 1 - 1e-12))[:, np.newaxis]
    fitted = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-10).fit(log_odds, positive)
    slope, intercept = significant(np.array([fitted.coef_[0, 0], fitted.intercept_[0]]))
    return Sigmoid(float(slope), float(intercept))


def _isotonic(probability: Array, positive: Array) -> Isotonic:
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fitted.fit(probability, positive.astype(np.float64))
    return Isotonic(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist())
