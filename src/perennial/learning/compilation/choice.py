"""Which engine runs a fitted model: the first that takes it and passes the parity proof.

Why so: docs/decisions.md#d20
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perennial.data.contract import Task
from perennial.learning.compilation.refusal import Refusal
from perennial.learning.compilation.registry import COMPILERS, Compiler
from perennial.learning.estimators import KEY, as_library
from perennial.learning.parity import Parity
from perennial.model import compiled as compiled_model
from perennial.model.compiled import CompiledModel
from perennial.model.fitted import Model
from perennial.params.train import Train
from perennial.runtime.errors import PerennialError, listed

_HINT = (
    "choose another estimator: docs/reference/estimators.md lists what is known of scikit-learn's"
)


@dataclass(frozen=True)
class Chosen:
    """The model to serve, its parity, and why each engine tried before was passed over."""

    compiled: CompiledModel
    parity: Parity
    passed_over: dict[str, str] = field(default_factory=dict)


def refuse_without_engine(
    estimator: Any, task: Task, engine: str = "auto", compilers: Mapping[str, Compiler] = COMPILERS
) -> None:
    """Refuse an estimator, not fitted yet, that no engine could run, with each one's reason."""
    refusals: dict[str, Refusal] = {}
    for name in _candidates(engine, compilers):
        try:
            compilers[name].refuse(as_library(estimator), task)
        except Refusal as refusal:
            refusals[name] = refusal
        else:
            return
    raise _no_engine(estimator, refusals)


def choose_engine(
    model: Model,
    task: Task,
    params: Train,
    prove: Callable[[CompiledModel], Parity],
    *,
    threads: int = 1,
    compilers: Mapping[str, Compiler] = COMPILERS,
) -> Chosen:
    """Compile a model, write and load it again, for the first engine whose answers `prove` takes.

    Where no engine does, the error lists each one's reason.
    """
    refusals: dict[str, Refusal] = {}
    plain = Model(model.preprocessing, as_library(model.estimator), model.decision)
    for name in _candidates(params.engine, compilers):
        try:
            compilers[name].refuse(plain.estimator, task)
            compiled = _compiled(name, compilers[name], plain, task, params, threads)
            parity = prove(compiled)
        except Refusal as refusal:
            refusals[name] = refusal
        except PerennialError as error:
            refusals[name] = Refusal(error.what, error.hint)
        else:
            passed_over = {name: refusal.why for name, refusal in refusals.items()}
            return Chosen(compiled, parity, passed_over)
    raise _no_engine(model.estimator, refusals)


def _candidates(engine: str, compilers: Mapping[str, Compiler]) -> list[str]:
    return list(compilers) if engine == "auto" else [engine]


def _compiled(
    name: str, compiler: Compiler, model: Model, task: Task, params: Train, threads: int
) -> CompiledModel:
    engine, options = compiler.compile(model.estimator, task, threads, params.trusted)
    written = CompiledModel(model.preprocessing, engine, model.decision, name, options)
    with tempfile.TemporaryDirectory() as folder:
        written.save(Path(folder))
        return compiled_model.load(Path(folder), threads)


def _no_engine(estimator: Any, refusals: Mapping[str, Refusal]) -> PerennialError:
    reasons = [f"{name}: {refusal.why}" for name, refusal in refusals.items()]
    hints = [refusal.hint for refusal in refusals.values() if refusal.hint]
    return PerennialError(
        f"{type(estimator).__name__} has no engine, so it cannot be exported:{listed(reasons)}",
        where=KEY,
        hint=hints[-1] if hints else _HINT,
    )
