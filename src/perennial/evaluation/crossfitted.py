"""Rows that the decision was fitted on, answered by decisions that did not see them.

Each fold has a curve and a threshold of its own. What is measured of probabilities takes them as
they are; what is measured of decisions takes 0 and 1; and what is measured of a ranking takes each
row's rank among all rows by its fold's curve, so that no two curves' scales are compared: a sigmoid
changes no ranking. (A multiclass ranking is taken as it is.)

Why so: docs/decisions.md#d75
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.evaluation.answering import Models, Side, in_batches
from perennial.model.compiled import CompiledModel
from perennial.model.crossfit import FILE, Crossfit
from perennial.model.decision import Decision
from perennial.params import paths
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]

#: Scales of metrics that look at the order of the probabilities alone, and at what is predicted
#: alone: areas, and shares of rows.
RANKED, DECIDED = {"area"}, {"share", "index"}


def crossfitted(side: Side, models: Models, crossfit: Crossfit) -> Side:
    """The side with cross-fitted answers; as it is, but for the note, if there are none."""
    side = replace(side, note=crossfit.note)
    names = list(crossfit.decisions)
    if not names:
        return side
    if len(crossfit.folds) != len(side.sample.target):
        raise PerennialError(
            f"its folds are of {len(crossfit.folds)} validation rows, and there are "
            f"{len(side.sample.target)}",
            where=str(paths.BASELINE / FILE),
            hint="dvc repro train",
        )
    own = [
        _own(getattr(models, name), side, crossfit.decisions[name], crossfit.folds)
        for name in names
    ]
    whole, ranked, decided = (
        replace(side, answers=side.answers | dict(zip(names, answers, strict=True)))
        for answers in zip(*own, strict=True)
    )
    if side.task != "binary":
        return whole
    decided = replace(decided, thresholds=side.thresholds | dict.fromkeys(names, 0.5))
    apart = {
        metric.name: ranked if metric.scale in RANKED else decided
        for metric in side.scorer().definitions
        if metric.scale in RANKED | DECIDED
    }
    return replace(whole, apart=apart)


def _own(model: CompiledModel, side: Side, decisions: list[Decision], folds: Array) -> Array:
    """Each row by its fold's decision: probabilities, ranks and 0 or 1; (3, rows, classes)."""
    scores = in_batches(model.scored, side.columns, len(folds))
    own = np.empty((3, *scores.shape))
    for fold, decision in enumerate(decisions):
        mine = folds == fold
        # Without a calibration, folds differ in their thresholds alone.
        if fold == 0 or decision.calibration != decisions[fold - 1].calibration:
            answers = decision.answers(scores)
            ranks = np.apply_along_axis(_ranks, 0, answers)
        own[0, mine] = answers[mine]
        own[1, mine] = ranks[mine]
        own[2, mine] = np.eye(scores.shape[1])[decision.codes(answers[mine])]
    return own


def _ranks(values: Array) -> Array:
    """Ranks from 0 to 1 of values (rows,), ties sharing their mean rank."""
    ordered = np.sort(values)
    ends = [np.searchsorted(ordered, values, side=side) for side in ("left", "right")]
    return np.asarray((ends[0] + ends[1]) / (2 * len(values)))
