"""Fit preprocessing and estimator on the training rows, after the search, if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract, Task
from perennial.learning.compilation.choice import refuse_without_engine
from perennial.learning.estimators import (
    PARAMS,
    declare_categories,
    forget_machine,
    make_estimator,
    reason,
    refusals,
    traits,
)
from perennial.learning.preprocessing import fit_preprocessing
from perennial.learning.search import Trial, folds, run_search, splitter
from perennial.model.columns import Columns
from perennial.model.decision import Decision
from perennial.model.fitted import Model, method_of
from perennial.model.preprocessing import Category, Preprocessing
from perennial.params.build import BuildParams
from perennial.params.train import Train
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """One side of the split: numpy columns, target codes or values, and groups if there are any.

    `blocks` numbers what belongs together, whose `unit` is a word; None if rows are independent.
    """

    columns: Columns
    target: Array
    groups: Array | None
    blocks: Array | None = None
    unit: str = "rows"


def fit(
    train: Rows, contract: Contract, params: BuildParams, threads: int
) -> tuple[Model, list[Trial]]:
    """Fit a model that is not calibrated and has no threshold; give the search's trials too."""
    section, task = params.train, contract.task
    estimator = make_estimator(section.estimator, section.params, task=task, seed=section.seed)
    _refuse_unserved(estimator, task, section)
    takes = traits(estimator)
    fitted = fit_preprocessing(
        train.columns, train.target, contract, takes, section, standardise=takes.scale
    )
    arguments = declare_categories(
        estimator, _category_places(fitted.preprocessing), fitted.matrix.shape[1]
    )
    trials = _search(estimator, fitted.matrix, train, task, params, threads, arguments)
    if trials:
        # Ties go to the earlier one.
        estimator.set_params(**max(trials, key=lambda trial: trial.score).params)
        refuse_without_engine(estimator, task, section.engine)
    _fit(estimator, fitted.matrix, train.target, arguments, threads)
    _refuse_unserved(estimator, task, section)
    return Model(fitted.preprocessing, estimator, Decision(contract.answers)), trials


def _category_places(preprocessing: Preprocessing) -> list[int]:
    # The matrix columns that hold codes of categories.
    native = {step.column for step in preprocessing.steps if type(step) is Category}
    return [place for place, name in enumerate(preprocessing.origin) if name in native]


def _refuse_unserved(estimator: Any, task: Task, params: Train) -> None:
    # Before the fit, as far as is known then, and after it.
    refuse_without_engine(estimator, task, params.engine)
    method = method_of(estimator, is_regression=task == "regression")
    if method == "decision_function" and params.calibration == "none":
        raise PerennialError(
            f"{type(estimator).__name__} has margins, and no probabilities",
            where="params.yaml: train.calibration",
            hint="set it to sigmoid (Platt's) or isotonic, which make them so",
        )


def _search(
    estimator: Any,
    matrix: Array,
    train: Rows,
    task: Task,
    params: BuildParams,
    threads: int,
    arguments: dict[str, Any],
) -> list[Trial]:
    search, seed = params.train.search, params.train.seed
    if search is None:
        return []
    parts = splitter(params.prepare.split.method, task, search, seed, train.groups)
    return run_search(
        estimator,
        matrix,
        train.target,
        folds(parts, matrix, train.target, train.groups),
        search=search,
        task=task,
        seed=seed,
        threads=threads,
        fit_arguments=arguments,
    )


def _fit(
    estimator: Any, matrix: Array, target: Array, arguments: dict[str, Any], threads: int
) -> None:
    # A forest grows its trees in parallel but predicts with one thread: with more it would add up
    # their votes in any order.
    is_forest = (
        hasattr(estimator, "n_estimators") and estimator.get_params().get("n_jobs", 0) is None
    )
    if is_forest:
        estimator.set_params(n_jobs=threads)
    try:
        estimator.fit(matrix, target, **arguments)
    except refusals(estimator) as error:
        raise PerennialError(
            f"{type(estimator).__name__} refuses to be fitted: {reason(error)}",
            where=PARAMS,
            hint="correct the parameter, or the column, that it names",
        ) from None
    forget_machine(estimator)


def validation_scores(model: Model, validation: Rows) -> Array:
    """Score the validation rows: (rows, classes) or (rows,), finite, or refuse the model."""
    shape = (len(validation.target), *filter(None, [len(model.decision.classes)]))
    try:
        scores = model.scores(model.preprocessing.encode(validation.columns))
    except refusals(model.estimator) as error:
        fault = reason(error)
    else:
        if scores.shape == shape and np.isfinite(scores).all():
            return scores
        fault = f"{scores.shape} is not {shape}" if scores.shape != shape else "not a number"
    raise PerennialError(
        f"{type(model.estimator).__name__} does not answer the validation rows: {fault}",
        where=PARAMS,
        hint="correct the parameter that it names, or choose another estimator",
    )
