"""What compiles a fitted estimator for each engine: one line an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from perennial.data.contract import Task
from perennial.model.compiled import Engine

Array = NDArray[Any]


@dataclass(frozen=True)
class Compiler:
    """A module's three functions; it is imported when a model needs it, for each has a price."""

    module: str

    def refuse(self, estimator: Any, task: Task) -> None:
        """Raise `Refusal` for an estimator, not fitted yet, that the engine could not run."""
        self._call("refuse", estimator, task)

    def compile(
        self, estimator: Any, task: Task, threads: int, trusted: Sequence[str]
    ) -> tuple[Engine, dict[str, Any]]:
        """Compile a fitted estimator: the engine, and the options that load it again."""
        engine, options = self._call("compile_", estimator, task, threads, trusted)
        return engine, options

    def split_points(self, engine: Engine, estimator: Any, features: int) -> list[Array]:
        """Thresholds of each column's splits, on and beside which parity is proved."""
        return list(self._call("split_points", engine, estimator, features))

    def _call(self, function: str, *arguments: Any) -> Any:
        return getattr(import_module(self.module), function)(*arguments)


#: By the name of the engine, in the order in which `train.engine: auto` tries them.
COMPILERS: Mapping[str, Compiler] = {
    "treelite": Compiler("perennial.learning.compilation.treelite"),
    "onnx": Compiler("perennial.learning.compilation.onnx"),
    "skops": Compiler("perennial.learning.compilation.skops"),
}
