"""Prove that the compiled model answers as the fitted one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision
from perennial.model.fitted import Model
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]


@dataclass(frozen=True)
class Parity:
    """The result of a comparison, in rows."""

    rows: int
    #: That both models refused.
    refused: int
    #: Largest difference, in probability or relative to the values' size.
    largest: float
    #: With different labels.
    labels: int
    #: That differ by more than the tolerance or in label, or that one model alone refused.
    breaches: int


def prove_parity(
    model: Model, compiled: CompiledModel, matrix: Array, *, tolerance: float, spread: float
) -> Parity:
    """Compare the scores of both models on encoded rows, or refuse a model that differs.

    A regression's differences count relative to `spread`, the standard deviation of its target, or
    to the value where that is larger.
    """
    if compiled.preprocessing != model.preprocessing or compiled.decision != model.decision:
        raise _not_alike(
            compiled, "its preprocessing or its decision was not loaded as it was written"
        )
    # The rows hold infinities on purpose; warnings of the estimators' own code say nothing new.
    with np.errstate(over="ignore", invalid="ignore"):
        parts = [
            _compare(model, compiled, part, tolerance, spread) for part in _parts(compiled, matrix)
        ]
    parity = Parity(
        rows=sum(part.rows for part in parts),
        refused=sum(part.refused for part in parts),
        largest=max((part.largest for part in parts), default=0.0),
        labels=sum(part.labels for part in parts),
        breaches=sum(part.breaches for part in parts),
    )
    if parity.breaches:
        raise _not_alike(
            compiled,
            f"{parity.breaches} of {parity.rows} rows differ (largest difference "
            f"{parity.largest:.3g} against a tolerance of {tolerance:g}; {parity.labels} labels)",
        )
    return parity


def _not_alike(compiled: CompiledModel, how: str) -> PerennialError:
    return PerennialError(
        f"the compiled model is not the fitted one: {how}",
        where=f"train, engine {compiled.engine_name}",
        hint="nothing was exported; choose another estimator, and report this one",
    )


def _parts(compiled: CompiledModel, matrix: Array) -> list[Array]:
    # scikit-learn refuses a whole batch for one infinity, so those rows are scored apart.
    infinite = np.isinf(matrix.astype(compiled.preprocessing.dtype)).any(axis=1)
    return [part for part in (matrix[~infinite], matrix[infinite]) if len(part)]


def _compare(
    model: Model, compiled: CompiledModel, matrix: Array, tolerance: float, spread: float
) -> Parity:
    expected, actual = _scores(model.scores, matrix), _scores(compiled.scores, matrix)
    if expected is not None and np.isnan(expected).any():
        raise PerennialError(
            f"the fitted model itself answers {np.isnan(expected).sum()} times with no number, on "
            "rows made to be hard",
            where="train",
            hint="choose another estimator, or a parameter that keeps it finite",
        )
    rows = len(matrix)
    if expected is None or actual is None:
        is_refused_by_both = expected is actual
        refused, breaches = (rows, 0) if is_refused_by_both else (0, rows)
        return Parity(rows, refused, 0.0, 0, breaches)
    if expected.shape != actual.shape:
        return Parity(rows, 0, np.inf, rows, rows)
    gap, has_other_label = _differences(compiled.decision, expected, actual, spread)
    # Written so that NaN counts as a breach.
    is_breach = ~(gap <= tolerance) | has_other_label
    return Parity(rows, 0, float(gap.max()), int(has_other_label.sum()), int(is_breach.sum()))


def _scores(scores: Callable[[Array], Array], matrix: Array) -> Array | None:
    try:
        return scores(matrix)
    except ValueError:
        return None


def _differences(
    decision: Decision, expected: Array, actual: Array, spread: float
) -> tuple[Array, Array]:
    # Of each row: how far apart the scores are, and whether the labels differ.
    gap = np.abs(expected - actual)
    if not decision.classes:
        return gap / np.maximum(np.abs(expected), spread), np.zeros(len(gap), dtype=bool)
    codes = (decision.codes(decision.answers(scores)) for scores in (expected, actual))
    return gap.max(axis=1), np.not_equal(*codes)
