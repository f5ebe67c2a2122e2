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
    base = loss(answer(matrix))
    found = []
    for column in dict.fromkeys(origin):
        places = [place for place, name in enumerate(origin) if name == column]
        orders = [rng.permutation(len(matrix)) for _ in range(repeats)]
        shuffled = np.concatenate([_shuffled(matrix, places, order) for order in orders])
        losses = [loss(part) - base for part in np.split(answer(shuffled), repeats)]
        found.append(Importance(column, sum(losses) / repeats, min(losses), max(losses)))
    return sorted(found, key=lambda item: (-item.mean, item.column))


def _shuffled(matrix: Array, places: list[int], order: Array) -> Array:
    shuffled = matrix.copy()
    shuffled[:, places] = matrix[order][:, places]
    return shuffled
