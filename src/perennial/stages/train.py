"""train: prepared rows to a fitted model, compiled at once, its parity proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from perennial.data import parquet
from perennial.data.contract import Contract, Task, read_contract
from perennial.data.target import target_of
from perennial.learning import pickling
from perennial.learning.baseline import fit_dummy, fit_linear
from perennial.learning.calibration import fit_calibration
from perennial.learning.compilation.choice import Chosen, choose_engine, refuse_without_engine
from perennial.learning.compilation.thresholds import fitted_split_points, split_points
from perennial.learning.estimators import (
    PARAMS,
    declare_categories,
    forget_machine,
    make_estimator,
    reason,
    refusals,
    traits,
)
from perennial.learning.parity import Parity, adversarial_columns, at_split_points, prove_parity
from perennial.learning.preprocessing import fit_preprocessing
from perennial.learning.search import Trial, folds, run_search
from perennial.learning.threshold import choose_threshold
from perennial.model.columns import Columns, from_arrow
from perennial.model.compiled import CompiledModel, Engine
from perennial.model.decision import Decision
from perennial.model.engines.treelite import TreeliteEngine
from perennial.model.fitted import Model, method_of
from perennial.model.preprocessing import Category, Preprocessing
from perennial.params import paths
from perennial.params.build import BuildParams, read_params
from perennial.params.train import Train
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError
from perennial.runtime.progress import Progress
from perennial.runtime.publishing import publishing_all
from perennial.runtime.threads import thread_count

Array = NDArray[Any]

TRAIN = paths.TRAIN
VALIDATION = paths.VALIDATION
OUTPUTS = (
    paths.FITTED,
    paths.COMPILED,
    paths.BASELINE,
    paths.TRAIN_METRICS,
)


@dataclass(frozen=True)
class Rows:
    """One side of the split: numpy columns, target codes or values, and groups if there are any."""

    columns: Columns
    target: Array
    groups: Array | None


@dataclass(frozen=True)
class Trained:
    """All that `train` writes."""

    model: Model
    compiled: CompiledModel
    linear: CompiledModel
    dummy: list[float]
    parity: Parity
    passed_over: dict[str, str]
    trials: list[Trial]


def main() -> None:
    """Read the prepared rows, train, and publish the models."""
    params, contract = read_params(), read_contract()
    train = rows_of(parquet.read(TRAIN), contract)
    validation = rows_of(parquet.read(VALIDATION), contract)
    with publishing_all(*OUTPUTS) as (joblib_file, compiled, baseline, report):
        trained = train_all(train, validation, contract, params, threads=thread_count())
        pickling.dump(trained.model, joblib_file)
        for folder, model in ((compiled, trained.compiled), (baseline, trained.linear)):
            folder.mkdir()
            model.save(folder)
        jsonfile.write(baseline / "dummy.json", trained.dummy)
        jsonfile.write(report, describe(trained, params.train), decimals=jsonfile.DECIMALS)
    parity = trained.parity
    for engine, why in trained.passed_over.items():
        print(f"train: engine {engine} was passed over: {why}")
    print(
        f"train: {params.train.estimator.rpartition('.')[2]} on {len(train.target):,} rows; "
        f"parity of engine {trained.compiled.engine_name} proved on {parity.rows:,} rows"
    )


def rows_of(table: pa.Table, contract: Contract) -> Rows:
    """Turn prepared rows into what a fit takes.

    Parameters
    ----------
    table : pyarrow.Table
        Prepared rows.
    contract : Contract
        What each column is.

    Returns
    -------
    Rows
        Columns, target and groups.
    """
    types = {name: contract.columns[name].type for name in contract.features}
    group = contract.only("group")
    groups = None
    if group is not None:
        _, groups = np.unique(np.array(table.column(group).to_pylist(), str), return_inverse=True)
    return Rows(from_arrow(table, types), target_of(table, contract), groups)


def train_all(
    train: Rows, validation: Rows, contract: Contract, params: BuildParams, *, threads: int
) -> Trained:
    """Fit, decide, compile and prove, in memory.

    Parameters
    ----------
    train, validation : Rows
        The two sides that training may see.
    contract : Contract
        What each column is.
    params : BuildParams
        Sections `train` and `prepare.split`.
    threads : int
        Threads to compute with.

    Returns
    -------
    Trained
        Models and figures.

    Raises
    ------
    PerennialError
        If the estimator cannot be made, fitted or compiled, or if parity fails.
    """
    # A BLAS adds up in an order that depends on its threads; a solver's last digits would, too.
    limits = {"openmp": threads, "blas": 1}
    with Progress("train", 4) as progress, threadpool_limits(limits):

        def step(name: str, work: Callable[[], Any]) -> Any:
            progress.begin(name)
            result = work()
            progress.end()
            return result

        rows, width = len(train.target), len(contract.features)
        model, trials = step(
            f"fitting on {rows:,} rows of {width} features",
            lambda: fit(train, contract, params, threads),
        )
        model = step(
            "calibration and threshold",
            lambda: decide(model, validation, params.train),
        )
        linear, dummy = step(
            "baselines", lambda: _baselines(train, validation, contract, params.train)
        )
        served = step(
            "compiling, and proving parity",
            lambda: compile_and_prove(model, train, validation, contract, params.train, threads),
        )
    return Trained(model, served.compiled, linear, dummy, served.parity, served.passed_over, trials)


def fit(
    train: Rows, contract: Contract, params: BuildParams, threads: int
) -> tuple[Model, list[Trial]]:
    """Fit preprocessing and estimator on the training rows; calibrate nothing yet."""
    chosen = params.train
    estimator = make_estimator(
        chosen.estimator, chosen.params, task=contract.task, seed=chosen.seed
    )
    refuse_without_engine(estimator, contract.task, chosen.engine)
    _refuse_uncalibrated(estimator, contract.task, chosen)
    known = traits(estimator)
    fitted = fit_preprocessing(
        train.columns, train.target, contract, known, chosen, standardise=known.scale
    )
    arguments = declare_categories(estimator, _native(fitted.preprocessing), fitted.matrix.shape[1])
    trials = _tune(estimator, fitted.matrix, train, contract.task, params, threads, arguments)
    _fit(estimator, fitted.matrix, train.target, arguments, threads)
    return Model(fitted.preprocessing, estimator, Decision(list(contract.classes))), trials


def _native(preprocessing: Preprocessing) -> list[int]:
    """The matrix columns that hold codes of categories."""
    native = {step.column for step in preprocessing.steps if type(step) is Category}
    return [place for place, name in enumerate(preprocessing.origin) if name in native]


def _refuse_uncalibrated(estimator: Any, task: Task, params: Train) -> None:
    method = method_of(estimator, is_regression=task == "regression")
    if method == "decision_function" and params.calibration == "none":
        raise PerennialError(
            f"{type(estimator).__name__} has margins, and no probabilities",
            where="params.yaml: train.calibration",
            hint="set it to sigmoid (Platt's) or isotonic, which make them so",
        )


def _tune(
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
    trials = run_search(
        estimator,
        matrix,
        train.target,
        search=search,
        task=task,
        splitter=folds(params.prepare.split.method, task, search, seed, train.groups),
        groups=train.groups,
        seed=seed,
        threads=threads,
        fit_arguments=arguments,
    )
    estimator.set_params(**max(trials, key=lambda trial: trial.score).params)
    refuse_without_engine(estimator, task, params.train.engine)
    return trials


def _fit(
    estimator: Any, matrix: Array, target: Array, arguments: dict[str, Any], threads: int
) -> None:
    # A forest grows its trees in parallel but is asked with one thread: with more it would add up
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


def decide(model: Model, validation: Rows, params: Train) -> Model:
    """Choose calibration and threshold on the validation rows."""
    scores = _validation_scores(model, validation)
    decision = _decision(model.decision, scores, validation.target, params)
    return Model(model.preprocessing, model.estimator, decision)


def _validation_scores(model: Model, validation: Rows) -> Array:
    wanted = (len(validation.target), *filter(None, [len(model.decision.classes)]))
    try:
        scores = model.scores(model.preprocessing.encode(validation.columns))
    except refusals(model.estimator) as error:
        fault = reason(error)
    else:
        if scores.shape == wanted and np.isfinite(scores).all():
            return scores
        fault = f"{scores.shape} is not {wanted}" if scores.shape != wanted else "not a number"
    raise PerennialError(
        f"{type(model.estimator).__name__} does not answer the validation rows: {fault}",
        where=PARAMS,
        hint="correct the parameter that it names, or choose another estimator",
    )


def _decision(decision: Decision, scores: Array, target: Array, params: Train) -> Decision:
    if not decision.classes:
        return decision
    curves = fit_calibration(params.calibration, scores, target)
    decision = replace(decision, calibration=curves)
    if len(decision.classes) > 2:
        return decision
    positive = decision.answers(scores)[:, 1]
    return replace(decision, threshold=choose_threshold(params.threshold, target == 1, positive))


def _baselines(
    train: Rows, validation: Rows, contract: Contract, params: Train
) -> tuple[CompiledModel, list[float]]:
    linear = fit_linear(train.columns, train.target, contract, params)
    scores = linear.scores(linear.preprocessing.encode(validation.columns))
    decided = linear.with_decision(_decision(linear.decision, scores, validation.target, params))
    return decided, fit_dummy(train.target, list(contract.classes))


def compile_and_prove(
    model: Model,
    train: Rows,
    validation: Rows,
    contract: Contract,
    params: Train,
    threads: int,
) -> Chosen:
    """Compile a fitted model for the first engine that takes it, and prove its parity."""

    def prove(compiled: CompiledModel) -> Parity:
        return prove_parity(
            model,
            compiled,
            trial_rows(model, compiled.engine, train, validation, params),
            tolerance=params.tolerance,
            spread=float(np.std(train.target)) or 1.0,
        )

    return choose_engine(model, contract.task, params, prove, threads=threads)


def trial_rows(model: Model, engine: Engine, train: Rows, validation: Rows, params: Train) -> Array:
    """Encode the rows that parity is proved on: all of validation, and adversarial ones.

    Half of the adversarial rows carry hostile raw values, half sit at split thresholds.
    """
    preprocessing = model.preprocessing
    honest = preprocessing.encode(validation.columns)
    count = params.adversarial_rows // 2
    hostile = adversarial_columns(train.columns, preprocessing.types, count, params.seed)
    rng = np.random.default_rng(params.seed)
    drawn = honest[rng.integers(0, len(honest), params.adversarial_rows - count)]
    points = (
        split_points(engine.model, honest.shape[1])
        if isinstance(engine, TreeliteEngine)
        else fitted_split_points(model.estimator, honest.shape[1])
    )
    sharp = at_split_points(drawn, points, preprocessing.dtype, params.seed)
    return np.concatenate([honest, preprocessing.encode(hostile), sharp])


def describe(trained: Trained, params: Train) -> dict[str, Any]:
    """Describe training for `metrics/train.json`.

    Parameters
    ----------
    trained : Trained
        What was trained.
    params : Train
        With what parameters.

    Returns
    -------
    dict
        A JSON value.
    """
    preprocessing = trained.compiled.preprocessing
    return {
        "estimator": params.estimator,
        "engine": trained.compiled.engine_name,
        "features": len(preprocessing.types),
        "matrix_columns": len(preprocessing.names),
        "calibration": params.calibration if trained.model.decision.classes else "none",
        "threshold": trained.model.decision.threshold,
        "parity": {**asdict(trained.parity), "tolerance": f"{params.tolerance:g}"},
        "search": [asdict(trial) for trial in trained.trials],
    }
