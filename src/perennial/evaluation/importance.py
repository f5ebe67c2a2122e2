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
    """What shuffling a column costs.

    Attributes
    ----------
    column : str
        The raw column.
    mean : float
        Mean loss of the metric over the shuffles; above 0 where the column helps.
    low, high : float
        Least and largest loss of a shuffle.
    """

    column: str
    mean: float
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
    """Shuffle each raw column in turn.

    All matrix columns that come from one raw column are shuffled together, which is the same as
    shuffling the raw column, and encodes only once.

    Parameters
    ----------
    matrix : numpy.ndarray
        Encoded rows, shape (rows, features).
    origin : list of str
        Raw column of each matrix column.
    answer : callable
        From a matrix to the model's answers; asked all shuffles of a column at once, for an engine
        is slow with few rows.
    loss : callable
        From the answers to the rows, in their order, to a figure that is higher where the model is
        worse.
    repeats : int
        Shuffles a column.
    seed : int
        Of the shuffles.

    Returns
    -------
    list of Importance
        The most important first.
    """
    rng = np.random.default_rng(seed)
    answers = answer(matrix)
    base = loss(answers)
    found = []
    for column in dict.fromkeys(origin):
        places = [place for place, name in enumerate(origin) if name == column]
        orders = [rng.permutation(len(matrix)) for _ in range(repeats)]
        losses = [
            loss(part) - base
            for part in np.split(_answers(matrix, answers, places, orders, answer), repeats)
        ]
        found.append(Importance(column, sum(losses) / repeats, min(losses), max(losses)))
    return sorted(found, key=lambda item: (-item.mean, item.column))


def _answers(
    matrix: Array,
    answers: Array,
    places: list[int],
    orders: list[Array],
    answer: Callable[[Array], Array],
) -> Array:
    """Answers to the rows of every shuffle, one after the other.

    A row that got a value like its own is not asked again: of a column with few values, that is
    most of them.
    """
    own = np.tile(matrix, (len(orders), 1))
    shuffled = own.copy()
    shuffled[:, places] = np.concatenate([matrix[order][:, places] for order in orders])
    is_same = (shuffled == own) | (np.isnan(shuffled) & np.isnan(own))
    changed = np.flatnonzero(~is_same.all(axis=1))
    found = np.concatenate([answers] * len(orders))
    if len(changed):
        found[changed] = answer(shuffled[changed])
    return found
