"""The compiled model: a preprocessing, an engine and a decision, in a folder without pickle."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perennial.model.columns import Columns
from perennial.model.decision import Decision
from perennial.model.engines.registry import ENGINES
from perennial.model.preprocessing import Preprocessing
from perennial.runtime import jsonfile

FILE = "program.json"
FORMAT = 1

Array = NDArray[Any]


class EngineMissingError(ValueError):
    """An engine whose packages are not installed."""


class Engine(Protocol):
    """What runs a fitted model on a matrix.

    Its class also has ``load(files, options, threads)``, which takes the content of what `save`
    wrote by file name: bytes whose digest was checked are the bytes that are parsed.
    """

    def scores(self, matrix: Array) -> Array:
        """Score rows: (rows, features) to probabilities (rows, classes) or values (rows,)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model's own files into a folder."""
        ...


@dataclass(frozen=True)
class CompiledModel:
    """What is evaluated and what is served.

    Raw columns become a matrix by `preprocessing`, scores by `engine`, and answers by `decision`;
    `options` are what the engine needs beside its files.
    """

    preprocessing: Preprocessing
    engine: Engine
    decision: Decision
    engine_name: str
    options: dict[str, Any]

    def with_decision(self, decision: Decision) -> CompiledModel:
        """The same model with another decision."""
        return replace(self, decision=decision)

    def scores(self, matrix: Array) -> Array:
        """Score an encoded matrix, uncalibrated; see `Engine.scores`."""
        return self.engine.scores(self.preprocessing.cast(matrix))

    def answers(self, columns: Columns) -> Array:
        """Answer raw columns: probabilities (rows, classes), or values (rows,).

        A row has the same answer, to the last bit, alone and among others.
        """
        return self.decision.answers(self.scored(columns))

    def scored(self, columns: Columns) -> Array:
        """Score raw columns, uncalibrated; see `Engine.scores`."""
        matrix = self.preprocessing.cast(self.preprocessing.encode(columns))
        scores = self.engine.scores(matrix)
        if len(matrix) > 1 and not ENGINES[self.engine_name].is_by_row:
            # Rounding hides what the number of rows does to the last digits, but for the rows that
            # it rounds one way or the other by them.
            scores = np.array(scores)
            for row in np.flatnonzero(self.decision.unsettled(scores)):
                scores[row] = self.engine.scores(matrix[row : row + 1])[0]
        return scores

    def save(self, folder: Path) -> None:
        """Write the model into a folder that is there."""
        self.engine.save(folder)
        value = {
            "format": FORMAT,
            "engine": {"name": self.engine_name, "options": self.options},
            "program": self.preprocessing.to_json(),
            "decision": self.decision.to_json(),
        }
        jsonfile.write(folder / FILE, value)


def load(folder: Path, threads: int = 1) -> CompiledModel:
    """Load what `CompiledModel.save` wrote; the answers do not depend on `threads`."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return from_files(files, threads)


def from_files(files: Mapping[str, bytes], threads: int = 1) -> CompiledModel:
    """A model of its files' content by name; a ValueError if a newer version wrote them."""
    value = jsonfile.loads(files[FILE])
    if value["format"] > FORMAT:
        raise ValueError(f"{FILE}: format {value['format']} is newer than {FORMAT}")
    return CompiledModel(
        preprocessing=Preprocessing.from_json(value["program"]),
        engine=_engine(value["engine"], files, threads),
        decision=Decision.from_json(value["decision"]),
        engine_name=value["engine"]["name"],
        options=value["engine"]["options"],
    )


def _engine(described: Mapping[str, Any], files: Mapping[str, bytes], threads: int) -> Engine:
    engine: Engine = engine_type(described["name"]).load(files, described["options"], threads)
    return engine


def engine_type(name: str) -> Any:
    """Import an engine, or say with an `EngineMissingError` which requirements it lacks."""
    entry = ENGINES[name]
    try:
        return getattr(importlib.import_module(entry.module), entry.type)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise EngineMissingError(
            f"its engine, {name}, needs {package}, which is not installed here: "
            f"pip install --require-hashes -r {entry.requires}"
        ) from None
