"""Search an estimator's parameters on training rows alone, with scikit-learn's own search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import parallel_config
from joblib.parallel import ThreadingBackend
from numpy.typing import NDArray
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ParameterGrid,
    ParameterSampler,
    StratifiedKFold,
    TimeSeriesSplit,
)
from threadpoolctl import threadpool_limits

from perennial.data.contract import Task
from perennial.learning.estimators import reason, refusals
from perennial.learning.parameters import checked
from perennial.params.train import Search
from perennial.runtime.errors import PerennialError
from perennial.runtime.progress import Progress

Array = NDArray[Any]
Folds = list[tuple[Array, Array]]
Scorer = Callable[[Any, Array, Array], float]

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


def splitter(method: str, task: Task, search: Search, seed: int, groups: Array | None) -> Any:
    """Choose folds that respect the split: time order, whole groups, else stratified or plain."""
    if method == "time":
        return TimeSeriesSplit(search.folds)
    if method == "group" and groups is not None:
        return GroupKFold(search.folds)
    kind = KFold if task == "regression" else StratifiedKFold
    return kind(search.folds, shuffle=True, random_state=seed)


def folds(splitter: Any, matrix: Array, target: Array, groups: Array | None) -> Folds:
    """Rows to fit and rows to score of each fold, or a `PerennialError` if there are too few."""
    try:
        return list(splitter.split(matrix, target, groups))
    except ValueError as error:
        raise PerennialError(
            f"the training rows do not make the folds: {error}",
            where="params.yaml: train.search.folds",
            hint="take fewer folds",
        ) from None


def run_search(
    estimator: Any,
    matrix: Array,
    target: Array,
    folds: Folds,
    *,
    search: Search,
    task: Task,
    seed: int,
    threads: int,
    fit_arguments: dict[str, Any],
) -> list[Trial]:
    """Score each combination, by its mean over the folds, in the order tried.

    The matrix has shape (rows, features); `threads` fits run at a time.
    """
    metric = _scorer(search, task)
    candidates = [checked(estimator, params, where=SPACE) for params in _drawn(search, seed)]
    # A grid of one point each: they were checked as combinations, or drawn.
    grid = [{name: [value] for name, value in params.items()} for params in candidates]
    with Progress("search", len(candidates) * len(folds)) as progress, _parallel(threads):
        progress.begin(f"{len(candidates)} combinations on {len(folds)} folds")
        scoring = _finite(metric, progress)
        searched = GridSearchCV(
            estimator, grid, scoring=scoring, cv=folds, refit=False, error_score="raise"
        )
        try:
            searched.fit(matrix, target, **fit_arguments)
        except refusals(estimator) as error:
            raise _refused(error) from None
    means = searched.cv_results_["mean_test_score"]
    # Rounded, so that a last bit never decides between two combinations.
    return [
        Trial(params, round(float(mean), 9)) for params, mean in zip(candidates, means, strict=True)
    ]


def _refused(error: Exception) -> PerennialError:
    return PerennialError(
        f"a combination, or its score, was refused: {reason(error)}",
        where=SPACE,
        hint="correct the value, or train.search.metric",
    )


def _drawn(search: Search, seed: int) -> Iterable[dict[str, Any]]:
    grid = ParameterGrid(search.space)
    if search.method == "grid":
        return grid
    draws = min(search.iterations, len(grid))
    return ParameterSampler(search.space, draws, random_state=seed)


def _scorer(search: Search, task: Task) -> Scorer:
    try:
        scorer: Scorer = get_scorer(search.metric or _SCORERS[task])
    except (ValueError, KeyError):
        raise PerennialError(
            f"scikit-learn has no scorer {search.metric!r}",
            where="params.yaml: train.search.metric",
            hint="see sklearn.metrics.get_scorer_names()",
        ) from None
    return scorer


def _finite(metric: Scorer, progress: Progress) -> Scorer:
    def score(fitted: Any, matrix: Array, target: Array) -> float:
        value = float(metric(fitted, matrix, target))
        if not np.isfinite(value):
            raise PerennialError(
                "the metric has no score for a fold: a class may be absent from it",
                where="params.yaml: train.search",
                hint="take fewer folds, or another metric",
            )
        progress.end()
        return value

    return score


class _OneThreadEach(ThreadingBackend):  # type: ignore[misc]
    """Threads in which OpenMP starts no further ones: fits side by side would wait for each other.

    OpenMP's limit holds for the thread that sets it, so it is set in each.
    """

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Any:
        def limited() -> Any:
            with threadpool_limits(1, user_api="openmp"):
                return func()

        return super().submit(limited, callback)


def _parallel(threads: int) -> AbstractContextManager[Any]:
    # Threads, not processes: the fits release the interpreter's lock, and a new process would pay
    # seconds to import scikit-learn.
    return parallel_config(_OneThreadEach(), n_jobs=threads)
