"""A verdict as a document for people, and compared with the one in a file."""

from __future__ import annotations

from perennial.review.gate.rules import NOT_LOOKED_AT
from perennial.review.gate.verdict import OUTCOMES, WORDS, Verdict
from perennial.review.report.document import Document, Section, Table
from perennial.review.verify.differences import values
from perennial.runtime import jsonfile

REPORT = "metrics/gate.json"


def to_document(verdict: Verdict) -> Document:
    """Turn a verdict into a document."""
    commit = f" ({verdict.champion_commit[:7]})" if verdict.champion_commit else ""
    sections = [_rules(verdict), _remedies(verdict), _looks(verdict), _policy(verdict)]
    if verdict.champion_differs_in:
        differs = ", ".join(verdict.champion_differs_in)
        sections.append(
            Section("The champion was rebuilt", [f"It differs from its dvc.lock in {differs}."])
        )
    if verdict.latency:
        sections.append(Section("Latency, which no rule judges", [f"{verdict.latency}."]))
    return Document(
        title=f"{verdict.word.capitalize()}: {verdict.head} against {verdict.champion}{commit}",
        lead=_lead(verdict),
        sections=[section for section in sections if section is not None],
    )


def _lead(verdict: Verdict) -> str:
    by_outcome: dict[str, list[str]] = {}
    for result in verdict.results:
        by_outcome.setdefault(OUTCOMES[result.status], []).append(result.check.code)
    parts = [
        f"{outcome}: {', '.join(by_outcome[outcome])}"
        for outcome in ("fail", "could not tell", "not applicable")
        if outcome in by_outcome
    ]
    passed = f"{len(by_outcome.get('pass', []))} of {len(verdict.results)} rules passed"
    return "; ".join([passed, *parts]) + "."


def _rules(verdict: Verdict) -> Section:
    rows = [
        [item.check.code, item.check.title, OUTCOMES[item.status], item.reason or ""]
        for item in verdict.results
    ]
    return Section("Rules", [], Table(["Code", "Rule", "Outcome", "Why"], rows))


def _remedies(verdict: Verdict) -> Section | None:
    lines = [
        f"{item.check.code}: {item.check.remedy} ({item.check.page})"
        for item in verdict.results
        if item.status in {"finding", "could not tell"}
        and not (item.reason or "").startswith(NOT_LOOKED_AT)
    ]
    return Section("What to do", lines) if lines else None


def _looks(verdict: Verdict) -> Section:
    looks, policy = verdict.looks, verdict.policy
    models = "1 model" if looks.models == 1 else f"{looks.models} models"
    lines = [
        f"It has judged at least {models}, by git's history; {policy.planned_looks} are planned.",
        f"This look may use {verdict.level:.2g} of the {policy.alpha:g} that all of them share.",
    ]
    if looks.unknown:
        lines.append(
            f"{looks.unknown} earlier test sets are in no cache or remote: taken to share rows."
        )
    if verdict.is_fresh_holdout_due:
        lines.append("A fresh holdout is due: collect newer rows and test on them.")
    return Section("The test set", lines)


def _policy(verdict: Verdict) -> Section | None:
    if not verdict.policy_changes:
        return None
    lines = ["It is not the champion's policy:", *verdict.policy_changes]
    return Section("The policy changed", lines)


def differences_of(content: bytes | None, verdict: Verdict) -> list[str]:
    """How the content of `metrics/gate.json`, if any, differs from a verdict computed now."""
    if content is None:
        return ["there is none"]
    if content == jsonfile.dumps(verdict.record()).encode():
        return []
    try:
        recorded = jsonfile.loads(content)
    except ValueError as error:
        return [f"it is no JSON: {error}"]
    if not isinstance(recorded, dict):
        return ["it is no verdict"]
    word = recorded.get("verdict")
    claim = f"it claims {word}" if word in WORDS.values() else "it claims no verdict"
    return [claim] * (word != verdict.word) + values(recorded, verdict.record())
