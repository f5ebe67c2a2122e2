"""The whole of training, in memory: fit, decide, compile, and prove parity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from perennial.data.contract import Contract
from perennial.learning.adversarial import adversarial_columns, at_split_points
from perennial.learning.baseline import fit_dummy, fit_linear
from perennial.learning.calibration import fit_calibration
from perennial.learning.compilation.choice import Chosen, choose_engine
from perennial.learning.compilation.registry import COMPILERS
from perennial.learning.fitting import Rows, fit, validation_scores
from perennial.learning.parity import Parity, prove_parity
from perennial.learning.search import Trial
from perennial.learning.threshold import choose_threshold
from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision
from perennial.model.fitted import Model
from perennial.params.build import BuildParams
from perennial.params.train import Train
from perennial.runtime.progress import Progress

Array = NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Trained:
    """Models and figures: all that the stage writes."""

    model: Model
    compiled: CompiledModel
    linear: CompiledModel
    dummy: list[float]
    parity: Parity
    passed_over: dict[str, str]
    trials: list[Trial]


def train_all(
    train: Rows, validation: Rows, contract: Contract, params: BuildParams, *, threads: int
) -> Trained:
    """Train on one side, decide and prove parity on the other."""
    # A BLAS adds up in an order that depends on its threads; a solver's last digits would, too.
    limits = {"openmp": threads, "blas": 1}
    with Progress("train", 4) as progress, threadpool_limits(limits):

        def step(name: str, work: Callable[[], T]) -> T:
            progress.begin(name)
            result = work()
            progress.end()
            return result

        rows, width = len(train.target), len(contract.features)
        fitted, trials = step(
            f"fitting on {rows:,} rows of {width} features",
            lambda: fit(train, contract, params, threads),
        )
        model = step("calibration and threshold", lambda: decide(fitted, validation, params.train))
        linear, dummy = step(
            "baselines", lambda: _baselines(train, validation, contract, params.train)
        )
        served = step(
            "compiling, and proving parity",
            lambda: compile_and_prove(model, train, validation, contract, params.train, threads),
        )
    return Trained(model, served.compiled, linear, dummy, served.parity, served.passed_over, trials)


def decide(model: Model, validation: Rows, params: Train) -> Model:
    """Choose calibration and threshold on the validation rows."""
    scores = validation_scores(model, validation)
    decision = _decision(model.decision, scores, validation.target, params)
    return Model(model.preprocessing, model.estimator, decision)


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
    model: Model, train: Rows, validation: Rows, contract: Contract, params: Train, threads: int
) -> Chosen:
    """Compile a fitted model for the first engine that takes it, and prove its parity."""

    def prove(compiled: CompiledModel) -> Parity:
        return prove_parity(
            model,
            compiled,
            trial_rows(model, compiled, train, validation, params),
            tolerance=params.tolerance,
            spread=float(np.std(train.target)) or 1.0,
        )

    return choose_engine(model, contract.task, params, prove, threads=threads)


def trial_rows(
    model: Model, compiled: CompiledModel, train: Rows, validation: Rows, params: Train
) -> Array:
    """Encode the rows that parity is proved on: all of validation, and adversarial ones.

    Half of the adversarial rows carry hostile raw values, half are at split thresholds.
    """
    preprocessing = model.preprocessing
    honest = preprocessing.encode(validation.columns)
    count = params.adversarial_rows // 2
    hostile = adversarial_columns(train.columns, preprocessing.types, count, params.seed)
    rng = np.random.default_rng(params.seed)
    drawn = honest[rng.integers(0, len(honest), params.adversarial_rows - count)]
    compiler = COMPILERS[compiled.engine_name]
    points = compiler.split_points(compiled.engine, model.estimator, honest.shape[1])
    sharp = at_split_points(drawn, points, preprocessing.dtype, params.seed)
    return np.concatenate([honest, preprocessing.encode(hostile), sharp])


def describe(trained: Trained, params: Train) -> dict[str, Any]:
    """Describe training for `metrics/train.json`, as a JSON value."""
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
