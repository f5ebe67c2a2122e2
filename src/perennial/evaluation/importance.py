"""Permutation importance: how much worse a model answers when a column is shuffled.

Source: Breiman 2001; Fisher, Rudin & Dominici 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Importance:
    """The loss of a metric when a raw column is shuffled: mean, least and largest."""

    column: str
    mean: float
    """Above 0 where the column helps."""
    low: float
    high: float


def permutation_importance(
    matrix: Array,
    origin: list[str],
    answer: Callable[[Array], Array],
    loss: Callable[[Array], float],
    *,
    repeats: int,
    seed: int,
) -> list[Importance]:
    """Shuffle each raw column of encoded rows (rows, features) in turn; the most important first.

    `origin` names the raw column of each feature: those of one raw column are shuffled together,
    which is the same as shuffling the raw column, and encodes only once. `answer` computes the
    model's answers to a matrix, of all shuffles of a column at once, for an engine is slow with few
    rows; `loss` is higher where answers to the rows, in their order, are worse. By hand:
    scikit-learn's `permutation_importance` wants an estimator, and is imported in learning alone.
    """
    rng = np.random.default_rng(seed)
    answers = answer(matrix)
    base = loss(answers)
    importances = []
    for column in dict.fromkeys(origin):
        places = [place for place, name in enumerate(origin) if name == column]
        orders = [rng.permutation(len(matrix)) for _ in range(repeats)]
        losses = [
            loss(part) - base
            for part in np.split(_answers(matrix, answers, places, orders, answer), repeats)
        ]
        importances.append(Importance(column, sum(losses) / repeats, min(losses), max(losses)))
    return sorted(importances, key=lambda item: (-item.mean, item.column))


def _answers(
    matrix: Array,
    answers: Array,
    places: list[int],
    orders: list[Array],
    answer: Callable[[Array], Array],
) -> Array:
    """Answers to the rows of every shuffle, one after the other.

    A row that got a value like its own keeps its answer: of a column with few values, most do.
    """
    own = np.tile(matrix, (len(orders), 1))
    shuffled = own.copy()
    shuffled[:, places] = np.concatenate([matrix[order][:, places] for order in orders])
    is_same = (shuffled == own) | (np.isnan(shuffled) & np.isnan(own))
    changed = np.flatnonzero(~is_same.all(axis=1))
    result = np.concatenate([answers] * len(orders))
    if len(changed):
        result[changed] = answer(shuffled[changed])
    return result
