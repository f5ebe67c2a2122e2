"""The whole of training, in memory: fit, decide, compile, and prove parity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from perennial.data.contract import Contract
from perennial.learning.adversarial import adversarial_columns, at_split_points
from perennial.learning.baseline import fit_dummy, fit_linear
from perennial.learning.compilation.choice import Chosen, choose_engine
from perennial.learning.compilation.registry import COMPILERS
from perennial.learning.deciding import FITS, crossfit
from perennial.learning.fitting import Rows, fit, validation_scores
from perennial.learning.parity import Parity, prove_parity
from perennial.learning.search import Trial
from perennial.model.columns import evenly_spaced
from perennial.model.compiled import CompiledModel
from perennial.model.crossfit import Crossfit
from perennial.model.fitted import Model
from perennial.params.build import BuildParams
from perennial.params.train import PrecisionThreshold, RecallThreshold, Train
from perennial.runtime.progress import Progress

Array = NDArray[Any]
T = TypeVar("T")

#: Training rows that stand in for validation where there is none, at most.
TRAINING_ROWS = 50_000


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
    crossfit: Crossfit | None


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
        validation = judged_on(train, validation, contract, params.train)
        fitted, trials = step(
            f"fitting on {rows:,} rows of {width} features",
            lambda: fit(train, contract, params, threads),
        )
        linear = step(
            "baseline", lambda: fit_linear(train.columns, train.target, contract, params.train)
        )
        model, linear, crossfitted = step(
            "calibration and threshold",
            lambda: decide_all(fitted, linear, validation, params.train),
        )
        served = step(
            "compiling, and proving parity",
            lambda: compile_and_prove(model, train, validation, contract, params.train, threads),
        )
    dummy = fit_dummy(train.target, list(contract.classes))
    parity, passed_over = served.parity, served.passed_over
    return Trained(model, served.compiled, linear, dummy, parity, passed_over, trials, crossfitted)


def decide_all(
    model: Model, linear: CompiledModel, validation: Rows, params: Train
) -> tuple[Model, CompiledModel, Crossfit | None]:
    """Choose the calibration and threshold of model and baseline on validation; cross-fit both."""
    encoded = linear.preprocessing.encode(validation.columns)
    scores = {"model": validation_scores(model, validation), "linear": linear.scores(encoded)}
    decisions = {
        name: FITS[name](model.decision, of_model, validation.target, params)
        for name, of_model in scores.items()
    }
    return (
        Model(model.preprocessing, model.estimator, decisions["model"]),
        linear.with_decision(decisions["linear"]),
        crossfit(scores, model.decision, validation, params),
    )


def judged_on(train: Rows, validation: Rows, contract: Contract, params: Train) -> Rows:
    """The rows to decide and prove on: validation, or some of train where nothing is chosen."""
    if len(validation.target):
        return validation
    params.refuse_unvalidated(len(contract.classes))
    rows = evenly_spaced(len(train.target), TRAINING_ROWS)
    columns = {name: values[rows] for name, values in train.columns.items()}
    return Rows(columns, train.target[rows], None)


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
    preprocessing, policy = trained.compiled.preprocessing, params.threshold
    is_promised = isinstance(policy, PrecisionThreshold | RecallThreshold)
    promised = trained.model.decision.threshold is not None and is_promised
    return {
        **({"promise": policy.model_dump()} if promised else {}),
        "estimator": params.estimator,
        "engine": trained.compiled.engine_name,
        "features": len(preprocessing.types),
        "matrix_columns": len(preprocessing.names),
        "calibration": params.calibration if trained.model.decision.classes else "none",
        "threshold": trained.model.decision.threshold,
        "parity": {**asdict(trained.parity), "tolerance": f"{params.tolerance:g}"},
        "search": [asdict(trial) for trial in trained.trials],
    }
