"""The answers of the model and its baselines to held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract, Task
from perennial.evaluation.metrics.definition import Scorer
from perennial.evaluation.scoring import Sample, class_names, sample_of, scorer_of
from perennial.model.columns import Columns, from_arrow
from perennial.model.compiled import CompiledModel

Array = NDArray[Any]

#: Rows scored at a time, so that memory does not grow with the table.
BATCH = 65_536


@dataclass(frozen=True)
class Models:
    """The compiled model, and the two baselines that it is held against."""

    model: CompiledModel
    linear: CompiledModel
    dummy: Array
    """The one answer to every row: the class shares of training, or its mean."""


@dataclass(frozen=True)
class Side:
    """Test or validation rows, and what each model answered to them."""

    task: Task
    columns: Columns
    sample: Sample
    answers: dict[str, Array]
    thresholds: dict[str, float | None]
    apart: dict[str, Side] = field(default_factory=dict)
    """By metric, the answers to judge instead of `answers`: see `crossfitted`."""
    note: str = ""
    """How rows are judged that the decision was fitted on."""
    names: tuple[str, ...] = ()
    """What messages call the classes."""

    def scorer(self, name: str = "model") -> Scorer:
        """The scorer of one model's answers."""
        return self.scorer_of(self.answers[name], name)

    def scorer_of(self, answers: Array, name: str = "model") -> Scorer:
        """The scorer of other answers, decided as one model's are."""
        target, threshold = self.sample.target, self.thresholds[name]
        return scorer_of(self.task, target, answers, threshold, self.names)

    def part(self, rows: Array) -> Side:
        """Some rows alone."""
        return Side(
            task=self.task,
            columns={name: values[rows] for name, values in self.columns.items()},
            sample=self.sample.part(rows),
            answers={name: answers[rows] for name, answers in self.answers.items()},
            thresholds=self.thresholds,
            names=self.names,
        )


def answered(table: Any, contract: Contract, method: str, models: Models) -> Side:
    """Answer prepared rows, a pyarrow table, by each model; `method` is of `prepare.split`."""
    types = {name: contract.columns[name].type for name in contract.features}
    columns = from_arrow(table, types)
    is_binary = contract.task == "binary"
    return Side(
        task=contract.task,
        columns=columns,
        sample=sample_of(table, contract, method),
        answers={
            "model": in_batches(models.model.answers, columns, table.num_rows),
            "linear": in_batches(models.linear.answers, columns, table.num_rows),
            "dummy": constant(models.dummy, table.num_rows, is_class=bool(contract.classes)),
        },
        thresholds={
            "model": models.model.decision.threshold,
            "linear": models.linear.decision.threshold,
            "dummy": float(models.dummy[1]) if is_binary else None,
        },
        names=class_names(contract),
    )


def in_batches(answer: Callable[[Columns], Array], columns: Columns, rows: int) -> Array:
    """Answer rows a batch at a time; the answers are those of one call."""
    parts = [
        answer({name: values[at : at + BATCH] for name, values in columns.items()})
        for at in range(0, rows, BATCH)
    ]
    return np.concatenate(parts)


def constant(answer: Array, rows: int, *, is_class: bool) -> Array:
    """One answer to every row: probabilities (rows, classes), or values (rows,)."""
    return np.tile(answer, (rows, 1)) if is_class else np.full(rows, answer[0])
