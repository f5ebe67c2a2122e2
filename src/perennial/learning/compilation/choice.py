"""Which engine runs a fitted model: the first that takes it and answers as it does."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from perennial.data.contract import Task
from perennial.learning.compilation.refusal import Refusal
from perennial.learning.estimators import KEY
from perennial.learning.parity import Parity
from perennial.model import compiled as compiled_model
from perennial.model.compiled import CompiledModel, Engine
from perennial.model.fitted import Model
from perennial.params.train import Train
from perennial.runtime.errors import PerennialError, listed

_HINT = (
    "choose another estimator: docs/reference/estimators.md lists what is known of scikit-learn's"
)

Compile = Callable[[Any, Task, int, Sequence[str]], tuple[Engine, dict[str, Any]]]


@dataclass(frozen=True)
class Compiler:
    """How an engine is asked for a model.

    Attributes
    ----------
    refuse : callable
        Takes an estimator that is not fitted, and the task; raises `Refusal`.
    compile : callable
        Takes a fitted one, the task, threads and the types that a person trusts; gives the engine
        and its options, or raises `Refusal`.
    """

    refuse: Callable[[Any, Task], None]
    compile: Compile


def _later(module: str, name: str) -> Callable[..., Any]:
    # A converter is imported when a model needs it, for each has a price.
    def call(*arguments: Any) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return call


def _compiler(module: str) -> Compiler:
    return Compiler(_later(module, "refuse"), _later(module, "compile_"))


#: In the order in which `auto` asks them.
COMPILERS: Mapping[str, Compiler] = {
    "treelite": _compiler("perennial.learning.compilation.treelite"),
    "onnx": _compiler("perennial.learning.compilation.onnx"),
    "skops": _compiler("perennial.learning.compilation.skops"),
}


@dataclass(frozen=True)
class Chosen:
    """The model to serve.

    Attributes
    ----------
    compiled : CompiledModel
        Loaded from its own files.
    parity : Parity
        What its proof found.
    passed_over : dict
        Why not, by engine asked before.
    """

    compiled: CompiledModel
    parity: Parity
    passed_over: dict[str, str] = field(default_factory=dict)


def refuse_without_engine(
    estimator: Any, task: Task, engine: str = "auto", compilers: Mapping[str, Compiler] = COMPILERS
) -> None:
    """Refuse an estimator that could be fitted, but that no engine could run.

    Parameters
    ----------
    estimator : object
        Not fitted.
    task : str
        What it is to be fitted for.
    engine : str
        Name of an engine, or ``auto``.
    compilers : mapping
        By engine, in order.

    Raises
    ------
    PerennialError
        With each engine's reason.
    """
    refusals: dict[str, Refusal] = {}
    for name in _asked(engine, compilers):
        try:
            compilers[name].refuse(estimator, task)
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
    """Compile a fitted model for the first engine that takes it and passes the proof.

    Parameters
    ----------
    model : Model
        Fitted and decided.
    task : str
        What it was fitted for.
    params : Train
        The engine asked for, and the types trusted.
    prove : callable
        Compares a compiled model with the fitted one; raises `PerennialError` if they differ.
    threads : int
        Threads that the engine may use.
    compilers : mapping
        By engine, in order.

    Returns
    -------
    Chosen
        Written to a folder, loaded again, and proved.

    Raises
    ------
    PerennialError
        If no engine does; with each one's reason.
    """
    refusals: dict[str, Refusal] = {}
    for name in _asked(params.engine, compilers):
        try:
            compilers[name].refuse(model.estimator, task)
            compiled = _compiled(name, compilers[name], model, task, params, threads)
            parity = prove(compiled)
        except Refusal as refusal:
            refusals[name] = refusal
        except PerennialError as error:
            refusals[name] = Refusal(error.what, error.hint)
        else:
            passed_over = {name: refusal.why for name, refusal in refusals.items()}
            return Chosen(compiled, parity, passed_over)
    raise _no_engine(model.estimator, refusals)


def _asked(engine: str, compilers: Mapping[str, Compiler]) -> list[str]:
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
