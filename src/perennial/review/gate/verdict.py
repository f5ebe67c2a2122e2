"""The verdict: everything that the rules said, computed anew from the files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from perennial.params.build import read_params
from perennial.review.gate.case import Case, digest_of
from perennial.review.gate.champion import fetch_champion, find_champion
from perennial.review.gate.definition import Result, exit_code
from perennial.review.gate.looks import Looks, count_looks
from perennial.review.gate.records import fetch_head
from perennial.review.gate.rules import ask_rules
from perennial.review.gate.spending import level_of, spent_by
from perennial.review.params.compare import compare_params
from perennial.review.params.gate import Gate, gate_params
from perennial.review.revision.revision import Revision
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError
from perennial.runtime.progress import Progress

Value = TypeVar("Value")

WORDS = {0: "pass", 1: "fail", 2: "could not tell"}


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a model."""

    head: str
    champion: str
    champion_commit: str | None
    bundle: str | None
    champion_bundle: str | None
    policy: Gate
    policy_changes: list[str]
    champion_differs_in: tuple[str, ...]
    looks: Looks
    allow_unchanged: bool
    results: list[Result]
    latency: str | None = None

    @property
    def code(self) -> int:
        """The exit code: 0 pass, 1 fail, 2 could not tell."""
        return exit_code(self.results)

    @property
    def word(self) -> str:
        """The verdict in a word."""
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
        told: dict[str, Any] = {
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
            "rules": [result.record() for result in self.results],
        }
        rounded: dict[str, Any] = jsonfile.rounded(told)
        return rounded


def judge(
    repository: Path,
    head: str | None = None,
    champion: str | None = None,
    *,
    allow_unchanged: bool = False,
) -> Verdict:
    """Judge a model by the policy, beside the champion.

    Whoever acts on a verdict calls this: it reads no `metrics/gate.json`.
    """
    with tempfile.TemporaryDirectory(prefix="perennial-gate-") as ground:
        with Progress("gate", 4) as progress:
            progress.begin("reading the model")
            ours = fetch_head(repository, head, Path(ground) / "head", progress.begin)
            params = ours.path("params.yaml")
            policy = gate_params(params)
            progress.end()
            progress.begin("counting looks at its test set")
            looks = count_looks(repository, ours)
            progress.end()
            progress.begin("reading the champion")
            rev = champion or find_champion(repository, read_params(params).export.name)
            theirs = fetch_champion(repository, rev, Path(ground) / "champion", progress.begin)
            progress.end()
            progress.begin("asking both models, and every rule")
            case = Case(ours, theirs, policy, looks, allow_unchanged)
            results = ask_rules(case)
            progress.end()
        return Verdict(
            head=str(ours),
            champion=theirs.name,
            champion_commit=theirs.commit,
            bundle=_known(lambda: digest_of(ours)),
            champion_bundle=_known(lambda: digest_of(theirs)),
            policy=policy,
            policy_changes=policy_changes(theirs, policy) + steering_changes(theirs, ours),
            champion_differs_in=theirs.rebuilt or (),
            looks=looks,
            allow_unchanged=allow_unchanged,
            results=results,
            latency=_known(lambda: latency(case)) if results[0].answer.outcome == "pass" else None,
        )


def policy_changes(champion: Revision, policy: Gate) -> list[str]:
    """Say in what a policy differs from the champion's."""
    try:
        theirs = gate_params(champion.path("params.yaml"))
    except PerennialError:
        return ["the champion's policy cannot be read"]
    before, now = theirs.model_dump(mode="json"), policy.model_dump(mode="json")
    return [
        f"gate.{key}: {json.dumps(before[key])} before, {json.dumps(now[key])} now"
        for key in now
        if before[key] != now[key]
    ]


def steering_changes(champion: Revision, head: Revision) -> list[str]:
    """Say in what parameters beside the policy differ that decide what is judged, and how."""
    try:
        before, now = (_steering(one.path("params.yaml")) for one in (champion, head))
    except PerennialError:
        return []
    return [
        f"{key}: {json.dumps(before[key])} before, {json.dumps(now[key])} now"
        for key in now
        if before[key] != now[key]
    ]


def _steering(path: Path) -> dict[str, Any]:
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


def latency(case: Case) -> str:
    """Tell what the head's model took on this machine."""
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
