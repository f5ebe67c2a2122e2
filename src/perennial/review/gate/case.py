"""The subject of the rules: two revisions, the policy, and figures computed from their files.

No figure comes from a report: the head's bundle answers the head's test rows again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any, TypeVar

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.evaluation.intervals import Figure
from perennial.evaluation.metrics.definition import Metric, defined_values
from perennial.evaluation.scoring import class_names, judge, sample_of, scorer_of
from perennial.params.build import BuildParams, read_params
from perennial.review.gate.looks import Looks
from perennial.review.gate.spending import level_of
from perennial.review.paired.answers import Answers, ask, ask_both, load_bundle
from perennial.review.paired.evidence import Evidence, gather
from perennial.review.params.compare import Compare, compare_params
from perennial.review.params.gate import Gate
from perennial.review.revision.question import other_question
from perennial.review.revision.revision import Revision
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError

Value = TypeVar("Value")

#: Single rows that latency is measured on.
SINGLE_ROWS = 20


class NoFigure(PerennialError):
    """A figure cannot be computed, or is no number: the rule fails."""


@dataclass(frozen=True)
class Own:
    """What the head's model answers to its own test rows."""

    metrics: tuple[Metric, ...]
    """Those of its task."""
    values: dict[str, float]
    """By metric, without those that have no value on these rows."""
    rows: int
    seconds: float
    """The time for all rows at once, on this machine."""
    seconds_of_one: float
    """The median time for single rows."""
    calibration: Figure | None = None
    """The calibration error with its interval; None where the task has none."""


@dataclass(frozen=True)
class Case:
    """All that a rule may look at, computed when it is first needed."""

    head: Revision
    """The model that is judged."""
    champion: Revision
    """The model that it may replace."""
    policy: Gate
    """The head's section `gate`."""
    looks: Looks
    """How worn the head's test set is."""
    allow_unchanged: bool = False
    """Whether the champion's own bundle is accepted as the head's."""
    former: tuple[Revision, ...] = ()
    """Champions before it, for `gate.anchor`."""
    lost: int = 0
    """Former champions that no cache or remote has."""

    @property
    def level(self) -> float:
        """The level of this look."""
        return level_of(self.looks.models, self.policy.alpha, self.policy.planned_looks)

    @cached_property
    def contract(self) -> Contract:
        """The head's."""
        return read_contract(self.head.path("data/contract.yaml"))

    @cached_property
    def params(self) -> BuildParams:
        """The head's."""
        return read_params(self.head.path("params.yaml"))

    @cached_property
    def compare(self) -> Compare:
        """How the head compares models."""
        return compare_params(self.head.path("params.yaml"))

    @cached_property
    def is_unchanged(self) -> bool:
        """Whether the two bundles are the same to the byte."""
        return digest_of(self.head) == digest_of(self.champion)

    @cached_property
    def other_question(self) -> str:
        """In what the champion answers another question than the head; else nothing."""
        return other_question(
            self.contract, read_contract(self.champion.path("data/contract.yaml"))
        )

    @cached_property
    def own(self) -> Own:
        """The head's figures, computed again."""
        return _of_numbers(self._own)

    @cached_property
    def answers(self) -> Answers:
        """Both models' answers to the same rows."""
        return self._beside(self.champion)

    def evidence_beside(self, former: Revision) -> Evidence:
        """How sure the difference to a former champion is."""
        return _of_numbers(lambda: gather(self._beside(former), self.compare))

    def _beside(self, other: Revision) -> Answers:
        answers = _of_numbers(lambda: ask_both(self.head, other))
        # The policy says which slices are judged: `evaluate` may report fewer.
        least = {"slice_min_rows": self.policy.slice_min_rows}
        evaluated = answers.params.evaluate.model_copy(update=least)
        return replace(answers, params=answers.params.model_copy(update={"evaluate": evaluated}))

    @cached_property
    def evidence(self) -> Evidence:
        """How sure the difference is."""
        return _of_numbers(lambda: gather(self.answers, self.compare))

    def report(self, name: str) -> Any:
        """Read a report of the head: a claim to be checked."""
        try:
            return jsonfile.read(self.head.path(name))
        except ValueError as error:
            raise NoFigure(str(error), where=f"{self.head}: {name}") from None

    def _own(self) -> Own:
        table = parquet.read(self.head.path("data/prepared/test.parquet"))
        if not table.num_rows:
            raise NoFigure("there is no test row", where=str(self.head))
        model = load_bundle(self.head)
        started = time.perf_counter()
        answers = ask(model, self.head, table)
        seconds = time.perf_counter() - started
        sample = sample_of(table, self.contract, self.params.prepare.split.method)
        scorer = scorer_of(
            self.contract.task,
            sample.target,
            answers,
            model.threshold,
            class_names(self.contract),
        )
        singles = []
        for row in range(min(SINGLE_ROWS, table.num_rows)):
            started = time.perf_counter()
            ask(model, self.head, table.slice(row, 1))
            singles.append(time.perf_counter() - started)
        values = defined_values(scorer)
        name, calibration = "calibration_error", None
        if name in values:
            calibration = judge(scorer, sample, self.params.evaluate, only=[name])[name]
        return Own(scorer.metrics, values, table.num_rows, seconds, median(singles), calibration)


def digest_of(revision: Revision) -> str:
    """SHA-256 of a revision's bundle, as its manifest has it and `load_bundle` checks it."""
    try:
        return str(jsonfile.read(revision.path("models/bundle") / "manifest.json")["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise PerennialError(
            "the bundle has no manifest", where=str(revision), hint="dvc checkout, or dvc repro"
        ) from None


def _of_numbers(compute: Callable[[], Value]) -> Value:
    try:
        return compute()
    except PerennialError:
        raise
    # Scorers refuse NaN, infinities and numbers that are no probability.
    except ValueError as error:
        raise NoFigure(f"an answer is no figure: {error}") from None
