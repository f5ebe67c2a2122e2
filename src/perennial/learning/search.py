"""Search an estimator's parameters on training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ParameterGrid,
    ParameterSampler,
    StratifiedKFold,
    TimeSeriesSplit,
)
from threadpoolctl import threadpool_limits

from perennial.data.contract import Task
from perennial.learning.estimators import checked, reason, refusals
from perennial.params.train import Search
from perennial.runtime.errors import PerennialError
from perennial.runtime.progress import Progress

Array = NDArray[Any]

SPACE = "params.yaml: train.search.space"

_SCORERS: dict[Task, str] = {
    "binary": "roc_auc",
    "multiclass": "neg_log_loss",
    "regression": "neg_root_mean_squared_error",
}


@dataclass(frozen=True)
class Trial:
    """One combination of parameters and its mean score over the folds; higher is better."""

    params: dict[str, Any]
    score: float


def folds(method: str, task: Task, search: Search, seed: int, groups: Array | None) -> Any:
    """Choose folds that respect the split: time order, whole groups, else stratified or plain.

    Parameters
    ----------
    method : str
        `prepare.split.method`.
    task : str
        The task.
    search : Search
        Number of folds.
    seed : int
        Of shuffled folds.
    groups : numpy.ndarray or None
        Group of each row.

    Returns
    -------
    object
        A scikit-learn splitter.
    """
    if method == "time":
        return TimeSeriesSplit(search.folds)
    if method == "group" and groups is not None:
        return GroupKFold(search.folds)
    kind = KFold if task == "regression" else StratifiedKFold
    return kind(search.folds, shuffle=True, random_state=seed)


def run_search(
    estimator: Any,
    matrix: Array,
    target: Array,
    *,
    search: Search,
    task: Task,
    splitter: Any,
    groups: Array | None,
    seed: int,
    threads: int,
    fit_arguments: dict[str, Any],
) -> list[Trial]:
    """Try each combination on each fold.

    Parameters
    ----------
    estimator : object
        Not fitted; it is cloned.
    matrix, target : numpy.ndarray
        Training rows, shapes (rows, features) and (rows,), in time order where time matters.
    search : Search
        The `train.search` section.
    task : str
        The task.
    splitter : object
        From `folds`.
    groups : numpy.ndarray or None
        Group of each row.
    seed : int
        Of a random search.
    threads : int
        Fits at a time.
    fit_arguments : dict
        Further arguments of ``fit``.

    Returns
    -------
    list of Trial
        In the order tried; ties go to the earlier one.

    Raises
    ------
    PerennialError
        If the estimator refuses a combination, the rows do not make the folds, or the scorer is
        unknown or has no score for a fold.
    """
    scorer = _scorer(search, task)
    candidates = [checked(estimator, params, where=SPACE) for params in _candidates(search, seed)]
    parts = _parts(splitter, matrix, target, groups)

    def score(params: dict[str, Any], train: Array, held_out: Array) -> float:
        fitted = clone(estimator).set_params(**params)
        # Fits that run side by side take one thread each, or they would wait for each other.
        with threadpool_limits(1 if threads > 1 else None, user_api="openmp"):
            fitted.fit(matrix[train], target[train], **fit_arguments)
            return float(scorer(fitted, matrix[held_out], target[held_out]))

    scores = np.array(_each(score, candidates, parts, threads, refusals(estimator)))
    if not np.isfinite(scores).all():
        raise PerennialError(
            "the metric has no score for a fold: a class may be absent from it",
            where="params.yaml: train.search",
            hint="take fewer folds, or another metric",
        )
    means = scores.reshape(len(candidates), len(parts)).mean(axis=1)
    # Rounded, so that a last bit never decides between two combinations.
    return [
        Trial(params, round(float(mean), 9)) for params, mean in zip(candidates, means, strict=True)
    ]


def _parts(
    splitter: Any, matrix: Array, target: Array, groups: Array | None
) -> list[tuple[Array, Array]]:
    try:
        return list(splitter.split(matrix, target, groups))
    except ValueError as error:
        raise PerennialError(
            f"the training rows do not make the folds: {error}",
            where="params.yaml: train.search.folds",
            hint="take fewer folds",
        ) from None


def _each(
    score: Callable[..., float],
    candidates: list[dict[str, Any]],
    parts: list[tuple[Array, Array]],
    threads: int,
    refused: tuple[type[Exception], ...],
) -> list[float]:
    calls = [
        joblib.delayed(score)(params, train, held_out)
        for params in candidates
        for train, held_out in parts
    ]
    # Threads, not processes: the fits release the interpreter's lock, and a new process would pay
    # seconds to import scikit-learn.
    parallel = joblib.Parallel(n_jobs=threads, backend="threading", return_as="generator")
    scores = []
    with Progress("search", len(calls)) as progress:
        progress.begin(f"{len(candidates)} combinations on {len(parts)} folds")
        try:
            for value in parallel(calls):
                scores.append(value)
                progress.end()
        except refused as error:
            raise PerennialError(
                f"a combination, or its score, was refused: {reason(error)}",
                where=SPACE,
                hint="correct the value, or train.search.metric",
            ) from None
    return scores


def _candidates(search: Search, seed: int) -> Iterator[dict[str, Any]]:
    grid = ParameterGrid(search.space)
    if search.method == "grid":
        yield from grid
        return
    draws = min(search.iterations, len(grid))
    yield from ParameterSampler(search.space, draws, random_state=seed)


def _scorer(search: Search, task: Task) -> Any:
    try:
        return get_scorer(search.metric or _SCORERS[task])
    except (ValueError, KeyError):
        raise PerennialError(
            f"scikit-learn has no scorer {search.metric!r}",
            where="params.yaml: train.search.metric",
            hint="see sklearn.metrics.get_scorer_names()",
        ) from None
