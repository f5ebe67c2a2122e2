"""From scores to answers: calibration, rounding, threshold, class.

Why so: docs/decisions.md#d21
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Decimals of an answered probability. The ninth is far below what a model knows and far above
#: what two processors' arithmetic differ by, so the same question has the same answer everywhere.
DECIMALS = 9

#: Bits of an answered number that count, for the same reason.
BITS = 30

_TINY = 1e-12

#: By what a library's arithmetic may differ between one row and many, and more: a matrix product
#: takes another order.
_LAST_DIGITS = 1e-12


@dataclass(frozen=True)
class Sigmoid:
    """Platt's calibration on the log odds: ``sigmoid(slope * logit(p) + intercept)``.

    Source: Platt 1999; on log odds as in Kull, Silva Filho & Flach 2017.
    """

    slope: float
    intercept: float

    def apply(self, probability: Array) -> Array:
        """Calibrate probabilities of any shape."""
        inside = np.clip(probability, _TINY, 1 - _TINY)
        return sigmoid(self.slope * np.log(inside / (1 - inside)) + self.intercept)


@dataclass(frozen=True)
class Isotonic:
    """Isotonic calibration: straight lines between knots, level outside.

    Source: Zadrozny & Elkan 2002.
    """

    x: list[float]
    y: list[float]

    def apply(self, probability: Array) -> Array:
        """Calibrate probabilities of any shape."""
        return np.asarray(np.interp(probability, self.x, self.y))


Curve = Sigmoid | Isotonic
_CURVES: dict[str, type[Any]] = {"sigmoid": Sigmoid, "isotonic": Isotonic}


@dataclass(frozen=True)
class Decision:
    """How scores become answers.

    `classes` are those of the probability columns, the positive one last when there are two, and
    none for a regression. A binary task answers with the positive class from `threshold` on.
    `calibration` has one curve for a binary task, one a class for a multiclass task, or none.
    """

    classes: list[Any]
    threshold: float | None = None
    calibration: tuple[Curve, ...] = ()

    def answers(self, scores: Array) -> Array:
        """Calibrate, and round probabilities to nine decimals or values to thirty bits."""
        if not self.classes:
            return _round_bits(scores)
        return np.round(self._calibrated(scores), DECIMALS) + 0.0

    def unsettled(self, scores: Array) -> NDArray[np.bool_]:
        """Rows whose answers the last digits of their scores decide, (rows,)."""
        size = np.ones(1) if self.classes else np.maximum(np.abs(scores), np.median(np.abs(scores)))
        less, more = (self.answers(scores + sign * _LAST_DIGITS * size) for sign in (-1, 1))
        return (less != more).reshape(len(scores), -1).any(axis=1)

    def labels(self, answers: Array) -> Array:
        """Class of each row of what `answers` returned, (rows,); for a regression the values."""
        if not self.classes:
            return answers
        return np.array(self.classes)[self.codes(answers)]

    def codes(self, answers: Array) -> NDArray[np.intp]:
        """Place in `classes` of the class of each row. Takes what `answers` returned."""
        if self.threshold is not None:
            return (answers[:, 1] >= self.threshold).astype(np.intp)
        return np.argmax(answers, axis=1)

    def _calibrated(self, scores: Array) -> Array:
        if not self.calibration:
            return scores
        if len(self.classes) == 2:
            positive = self.calibration[0].apply(scores[:, 1])
            return np.stack([1 - positive, positive], axis=1)
        curves = enumerate(self.calibration)
        apart = np.stack([curve.apply(scores[:, k]) for k, curve in curves], axis=1)
        total = _row_sums(apart)
        return np.where(total > 0, apart / np.where(total > 0, total, 1), 1 / len(self.classes))

    def to_json(self) -> dict[str, Any]:
        """Describe the decision as a JSON value."""
        return {
            "classes": self.classes,
            "threshold": self.threshold,
            "calibration": [
                {"curve": type(curve).__name__.lower(), **asdict(curve)}
                for curve in self.calibration
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Decision:
        """Rebuild a decision from `to_json`'s value."""
        curves = [dict(curve) for curve in value["calibration"]]
        return cls(
            classes=list(value["classes"]),
            threshold=value["threshold"],
            calibration=tuple(_CURVES[curve.pop("curve")](**curve) for curve in curves),
        )


def sigmoid(margin: Array) -> Array:
    """Logistic function, without overflow. Takes and returns any shape."""
    small = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1 / (1 + small), small / (1 + small))


def softmax(margins: Array) -> Array:
    """Softmax over the last axis: (rows, classes) to the same shape."""
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(powers / _row_sums(powers))


def from_margins(margins: Array) -> Array:
    """Turn margins, (rows,) or (rows, classes), into scores (rows, classes) that add up to 1.

    They rank as the margins do; calibration makes probabilities of them (Platt 1999).
    """
    if margins.ndim > 1 and margins.shape[1] > 1:
        return softmax(margins)
    positive = sigmoid(margins.reshape(len(margins), 1))
    return np.concatenate([1 - positive, positive], axis=1)


def _row_sums(matrix: Array) -> Array:
    # In a fixed order, column by column: a sum over an axis may take another on another processor.
    return np.cumsum(matrix, axis=1)[:, -1:]


def _round_bits(values: Array) -> Array:
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, BITS)), exponent - BITS) + 0.0
