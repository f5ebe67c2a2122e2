"""The verdict of all rules on a model, computed anew from the files.

Why so: docs/decisions.md#d39
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from perennial.params.build import read_params
from perennial.review.gate.case import Case, digest_of
from perennial.review.gate.champion import (
    fetch_champion,
    fetch_former,
    find_champion,
    former_champions,
)
from perennial.review.gate.files import fetch_head
from perennial.review.gate.looks import Looks, count_looks
from perennial.review.gate.rules import run_rules
from perennial.review.gate.spending import level_of, spent_by
from perennial.review.params.compare import compare_params
from perennial.review.params.gate import Gate, gate_params
from perennial.review.revision.question import asks_otherwise
from perennial.review.revision.revision import Revision
from perennial.runtime import jsonfile
from perennial.runtime.checks import Explained, Result, exit_code
from perennial.runtime.errors import PerennialError
from perennial.runtime.progress import Progress

Value = TypeVar("Value")

WORDS = {0: "pass", 1: "fail", 2: "could not tell"}

#: The gate's word for the status of a result.
OUTCOMES = {
    "pass": "pass",
    "finding": "fail",
    "not applicable": "not applicable",
    "could not tell": "could not tell",
}


@dataclass(frozen=True)
class Verdict:
    """The gate's verdict on a model."""

    head: str
    champion: str
    champion_commit: str | None
    """Its full hash."""
    bundle: str | None
    """The digest of the head's bundle, if there is one."""
    champion_bundle: str | None
    policy: Gate
    """The head's."""
    policy_changes: list[str]
    """How it differs from the champion's: a change of the model may come with one of its policy."""
    champion_differs_in: tuple[str, ...]
    """Outputs of a champion that was rebuilt, where they are not those of its `dvc.lock`."""
    looks: Looks
    """How worn the test set is."""
    allow_unchanged: bool
    """Whether the champion's own bundle is accepted."""
    results: list[Result]
    """The answer of each rule."""
    latency: str | None = None
    """Measured on this machine: no rule judges it, and no file records it."""

    @property
    def code(self) -> int:
        """The exit code: 0 pass, 1 fail, 2 could not tell."""
        return exit_code(self.results)

    @property
    def word(self) -> str:
        """The verdict in a word or three."""
        return WORDS[self.code]

    @property
    def level(self) -> float:
        """The level of this look."""
        return level_of(self.looks.models, self.policy.alpha, self.policy.planned_looks)

    @property
    def is_fresh_holdout_due(self) -> bool:
        """Whether the test set has judged as many models as planned."""
        return self.looks.models >= self.policy.planned_looks

    def record(self) -> dict[str, Any]:
        """Turn it into the JSON value of `metrics/gate.json`, floats rounded."""
        spent = spent_by(self.looks.models, self.policy.alpha, self.policy.planned_looks)
        record = {
            "verdict": self.word,
            "bundle": self.bundle,
            "champion": {
                "name": self.champion,
                "commit": self.champion_commit,
                "bundle": self.champion_bundle,
            },
            "alpha": {"of_this_look": self.level, "spent": spent},
            "looks": {
                "models": self.looks.models,
                "unknown_test_sets": self.looks.unknown,
                "is_fresh_holdout_due": self.is_fresh_holdout_due,
            },
            "policy": self.policy.model_dump(),
            "policy_changes": self.policy_changes,
            "allow_unchanged": self.allow_unchanged,
            "rules": [_rule_record(result) for result in self.results],
        }
        rounded: dict[str, Any] = jsonfile.rounded(record)
        return rounded


def _rule_record(result: Result) -> dict[str, Any]:
    assert isinstance(result.answer, Explained)
    return {
        "code": result.check.code,
        "title": result.check.title,
        "outcome": OUTCOMES[result.status],
        "said": result.answer.reason,
        "figures": result.answer.figures,
    }


def judge(
    repository: Path,
    head: str | None = None,
    champion: str | None = None,
    *,
    allow_unchanged: bool = False,
) -> Verdict:
    """Judge a model by the policy, beside the champion; nothing in the checkout is changed.

    The head is the working tree by default, the champion the registered one, else main. Code that
    acts on a verdict calls this function: it reads no `metrics/gate.json`. A revision that is
    unknown, a wrong policy, or looks that cannot be counted are a `PerennialError`.
    """
    with _case(repository, head, champion, allow_unchanged) as (case, progress):
        with _step(progress, "asking both models, and every rule"):
            results = run_rules(case)
        ours, theirs = case.head, case.champion
        return Verdict(
            head=str(ours),
            champion=theirs.name,
            champion_commit=theirs.commit,
            bundle=_known(lambda: digest_of(ours)),
            champion_bundle=_known(lambda: digest_of(theirs)),
            policy=case.policy,
            policy_changes=policy_changes(theirs, case.policy) + other_changes(theirs, ours),
            champion_differs_in=theirs.rebuilt or (),
            looks=case.looks,
            allow_unchanged=allow_unchanged,
            results=results,
            latency=_known(lambda: latency(case)) if results[0].status == "pass" else None,
        )


@contextmanager
def _case(
    repository: Path, head: str | None, champion: str | None, allow_unchanged: bool
) -> Iterator[tuple[Case, Progress]]:
    """Fetch both revisions into a temporary folder, and count the looks."""
    with (
        tempfile.TemporaryDirectory(prefix="perennial-gate-") as name,
        Progress("gate", 5) as progress,
    ):
        folder = Path(name)
        with _step(progress, "reading the model"):
            ours = fetch_head(repository, head, folder / "head", progress.begin)
            params = ours.path("params.yaml")
            policy = gate_params(params)
        with _step(progress, "counting looks at its test set"):
            looks = count_looks(repository, ours)
        with _step(progress, "reading the champion"):
            rev = champion or find_champion(repository, read_params(params).export.name)
            theirs = fetch_champion(
                repository, rev, folder / "champion", progress.begin,
                rebuild=not asks_otherwise(repository, head, rev),
            )  # fmt: skip
        with _step(progress, "reading the champions before it"):
            revs = former_champions(repository, read_params(params).export.name, policy.anchor)
            former, lost = fetch_former(repository, revs, (ours, theirs), folder / "former")
        yield Case(ours, theirs, policy, looks, allow_unchanged, tuple(former), lost), progress


@contextmanager
def _step(progress: Progress, what: str) -> Iterator[None]:
    progress.begin(what)
    yield
    progress.end()


def policy_changes(champion: Revision, policy: Gate) -> list[str]:
    """A sentence for each key in which a policy differs from the champion's."""
    try:
        theirs = gate_params(champion.path("params.yaml"))
    except PerennialError:
        return ["the champion's policy cannot be read"]
    before, now = theirs.model_dump(mode="json"), policy.model_dump(mode="json")
    return _changes(before, now, prefix="gate.")


def other_changes(champion: Revision, head: Revision) -> list[str]:
    """A sentence for each parameter outside the policy that changes what is judged, or how."""
    try:
        before, now = (_other_params(one.path("params.yaml")) for one in (champion, head))
    except PerennialError:
        return []
    return _changes(before, now)


def _other_params(path: Path) -> dict[str, Any]:
    params, compare = read_params(path), compare_params(path)
    return {
        "prepare.split": params.prepare.split.model_dump(mode="json"),
        "evaluate.primary": params.evaluate.primary,
        "evaluate.slices": params.evaluate.slices,
        # The registry's champion is looked up by it.
        "export.name": params.export.name,
        "compare.min_blocks": compare.min_blocks,
        "compare.min_positives": compare.min_positives,
    }


def _changes(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    return [
        f"{prefix}{key}: {json.dumps(before[key])} before, {json.dumps(now[key])} now"
        for key in now
        if before[key] != now[key]
    ]


def latency(case: Case) -> str:
    """How long the head's model took on this machine."""
    own = case.own
    return (
        f"{own.rows:,} rows in {own.seconds:.2f} s, one row in {1000 * own.seconds_of_one:.1f} ms, "
        "on this machine"
    )


def _known(read: Callable[[], Value]) -> Value | None:
    try:
        return read()
    except PerennialError:
        return None
