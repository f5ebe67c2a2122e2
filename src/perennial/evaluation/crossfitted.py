"""Rows that the decision was fitted on, answered by decisions that did not see them.

Each fold has a curve and a threshold of its own. What is measured of probabilities takes them as
they are; what is measured of decisions takes 0 and 1; and what is measured of a ranking takes each
row's rank among all rows by its fold's curve, so that no two curves' scales are compared: a sigmoid
changes no ranking. (A multiclass ranking is taken as it is.)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.evaluation.answering import Models, Side, in_batches
from perennial.model.compiled import CompiledModel
from perennial.model.crossfit import Crossfit
from perennial.model.decision import Decision

Array = NDArray[Any]

#: Metrics of a binary task that look at the order of the probabilities alone, and at what is
#: predicted alone.
RANKED = ("roc_auc", "average_precision")
DECIDED = ("precision", "recall", "f1")


def crossfitted(side: Side, models: Models, crossfit: Crossfit) -> Side:
    """The side with cross-fitted answers; as it is, but for the note, if there are none."""
    side = replace(side, note=crossfit.note)
    folds = crossfit.folds
    if not crossfit.decisions:
        return side
    by_fold = {
        name: _by_fold(getattr(models, name), side, decisions)
        for name, decisions in crossfit.decisions.items()
    }
    whole = replace(side, answers=side.answers | _own(by_fold, folds))
    if side.task != "binary":
        return whole
    ranks = {name: [_ranks(answers) for answers in all_] for name, all_ in by_fold.items()}
    chosen = {
        name: [
            np.eye(2)[d.codes(answers)] for d, answers in zip(decisions, by_fold[name], strict=True)
        ]
        for name, decisions in crossfit.decisions.items()
    }
    half = side.thresholds | dict.fromkeys(chosen, 0.5)
    ranked = replace(side, answers=side.answers | _own(ranks, folds))
    decided = replace(side, answers=side.answers | _own(chosen, folds), thresholds=half)
    apart = dict.fromkeys(RANKED, ranked) | dict.fromkeys(DECIDED, decided)
    return replace(whole, apart=apart)


def _by_fold(model: CompiledModel, side: Side, decisions: list[Decision]) -> list[Array]:
    raw = in_batches(model.scored, side.columns, len(side.sample.target))
    return [decision.answers(raw) for decision in decisions]


def _own(by_fold: dict[str, list[Array]], folds: Array) -> dict[str, Array]:
    """Of each model's answers by fold, each row's by the fold that it is in."""
    every = np.arange(len(folds))
    return {name: np.stack(answers)[folds, every] for name, answers in by_fold.items()}


def _ranks(answers: Array) -> Array:
    """Probabilities (rows, 2) as ranks from 0 to 1, ties sharing their mean rank."""
    positive = answers[:, 1]
    ordered = np.sort(positive)
    ends = [np.searchsorted(ordered, positive, side=side) for side in ("left", "right")]
    rank = (ends[0] + ends[1]) / (2 * len(ordered))
    return np.stack([1 - rank, rank], axis=1)
