"""Fit the decision on validation, and cross-fit it, so that validation can judge it.

A curve or a threshold looks better on the rows that it was fitted on than on any other, and the
more freely it bends, the more so: isotonic would always be chosen before sigmoid.

Why so: docs/decisions.md#d75
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.learning.calibration import fit_calibration
from perennial.learning.fitting import Rows
from perennial.learning.threshold import choose_threshold
from perennial.model.crossfit import MOST_FOLDS, Crossfit
from perennial.model.decision import Decision
from perennial.params.train import MaxF1Threshold, Train
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]


def fit_decision(decision: Decision, scores: Array, target: Array, params: Train) -> Decision:
    """Fit calibration, then threshold, on scores (rows, classes) and codes (rows,).

    A regression has neither.
    """
    if not decision.classes:
        return decision
    decision = replace(decision, calibration=fit_calibration(params.calibration, scores, target))
    if len(decision.classes) > 2:
        return decision
    positive = decision.answers(scores)[:, 1]
    threshold = choose_threshold(params.threshold, target == 1, positive, scores[:, 1])
    return replace(decision, threshold=threshold)


def fit_baseline(decision: Decision, scores: Array, target: Array, params: Train) -> Decision:
    """`fit_decision` for a baseline: where it cannot promise what is asked for, its best F1."""
    try:
        return fit_decision(decision, scores, target, params)
    except PerennialError:
        best = params.model_copy(update={"threshold": MaxF1Threshold(method="max_f1")})
        return fit_decision(decision, scores, target, best)


#: How the decision of each model is fitted.
FITS = {"model": fit_decision, "linear": fit_baseline}


def crossfit(
    scores: Mapping[str, Array], decision: Decision, rows: Rows, params: Train
) -> Crossfit | None:
    """Fit each model's decision on all folds but one, for each fold; None if nothing is fitted.

    `scores` are the models' to `rows`. Blocks of rows that depend on each other stay together.
    """
    if not params.fitted_on_validation(len(decision.classes)):
        return None
    blocks = np.arange(len(rows.target)) if rows.blocks is None else rows.blocks
    folds = fold_numbers(blocks, rows.target)
    if folds is None:
        return _without(f"some class is not in two {rows.unit} at least")
    try:
        decisions = {
            name: [
                FITS[name](decision, of_model[folds != fold], rows.target[folds != fold], params)
                for fold in range(folds.max() + 1)
            ]
            for name, of_model in scores.items()
        }
    except PerennialError as error:
        return _without(error.what)
    whole = "rows" if rows.unit == "rows" else f"whole {rows.unit}"
    note = f"cross-fitted: calibration and threshold come from the other {folds.max()} of "
    return Crossfit(f"{note}{folds.max() + 1} folds of {whole}", folds, decisions)


def _without(reason: str) -> Crossfit:
    note = "not cross-fitted, and so too good: calibration and threshold are judged on the rows "
    return Crossfit(f"{note}that they were fitted on, for {reason}", np.zeros(0, np.int64), {})


def fold_numbers(blocks: Array, target: Array) -> Array | None:
    """Number the fold of each row, from 0, so that each class is left when a fold is.

    Blocks and class codes have shape (rows,); the folds are as many as can be, to `MOST_FOLDS`,
    and None if not even two can. One of several classes may stand in one block alone: without it
    calibration takes the class for rare.
    """
    _, blocks = np.unique(blocks, return_inverse=True)
    sizes = np.bincount(blocks)
    means = np.bincount(blocks, weights=target) / sizes
    place = np.empty(len(sizes), np.int64)
    place[np.lexsort((sizes, means))] = np.arange(len(sizes))
    spread = _spread(blocks, target)
    needed = spread > (1 if len(spread) > 2 else 0)
    for count in range(min(MOST_FOLDS, len(sizes)), 1, -1):
        # Dealt there and back, blocks alike to different folds: the folds are alike, too.
        turn = place % (2 * count)
        folds = np.minimum(turn, 2 * count - 1 - turn)[blocks]
        if (_spread(folds, target)[needed] > 1).all():
            return np.asarray(folds)
    return None


def _spread(parts: Array, target: Array) -> Array:
    """How many parts of the rows hold each class, (classes,)."""
    held = np.zeros((int(parts.max()) + 1, int(target.max()) + 1), np.bool_)
    held[parts, target] = True
    return np.asarray(held.sum(axis=0))
