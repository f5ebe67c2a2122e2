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
    if not positive.any() or positive.all():
        # One class alone says nothing of the slope.
        share = _jeffreys(int(positive.sum()), len(positive))
        (intercept,) = significant(logit(np.array([share])))
        return Sigmoid(0.0, float(intercept))
    log_odds = logit(np.clip(probability, 1e-12, 1 - 1e-12))[:, np.newaxis]
    fitted = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-10).fit(log_odds, positive)
    slope, intercept = significant(np.array([fitted.coef_[0, 0], fitted.intercept_[0]]))
    return Sigmoid(float(slope), float(intercept))


def _isotonic(probability: Array, positive: Array) -> Isotonic:
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fitted.fit(probability, positive.astype(np.float64))
    low, high = _ends(fitted.predict(probability))
    levels = np.clip(fitted.y_thresholds_, low, high)
    return Isotonic(fitted.X_thresholds_.tolist(), levels.tolist())


def _ends(levels: Array) -> tuple[float, float]:
    """How near 0 and 1 the end blocks of isotonic levels (rows,) let an answer come.

    That n rows of a block are all of one class makes nothing certain: it has Jeffreys' estimate,
    unless the next block's lies beyond it.
    """
    between = levels[(levels > 0) & (levels < 1)]
    zeros, ones = int((levels == 0).sum()), int((levels == 1).sum())
    low = _jeffreys(0, zeros) if zeros else 0.0
    high = _jeffreys(ones, ones) if ones else 1.0
    if len(between):
        return min(low, float(between.min())), max(high, float(between.max()))
    return low, high


def _jeffreys(positives: int, rows: int) -> float:
    return (positives + 0.5) / (rows + 1)
