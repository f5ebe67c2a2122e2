"""A comparison as JSON for programs and as a document for people."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from perennial.review.compare.data_change import DataChange
from perennial.review.compare.recipe_change import RecipeChange
from perennial.review.compare.seeds import Spread
from perennial.review.compare.verdict import Verdict
from perennial.review.paired.answers import Answers
from perennial.review.paired.evidence import Evidence
from perennial.review.report.document import Document, Section, Table
from perennial.review.report.drawing import HINT, can_draw
from perennial.review.report.wording import p_text, signed
from perennial.review.revision.revision import Revision

#: How it is decided, in a sentence.
HOW = (
    "A difference is real where its interval leaves out 0, and p is that interval's: Student's t, "
    "on the error by DeLong for an area of two classes, by drawing blocks anew for the others."
)

#: Columns that moved less are left out, for most do.
LEAST_DRIFT = 0.001

#: A stage whose code differs in more paths than this is listed by their number alone.
MOST_PATHS = 8


@dataclass(frozen=True)
class Models:
    """Both models' answers to the same rows, and how sure a difference is."""

    answers: Answers
    evidence: Evidence
    spread: Spread


@dataclass(frozen=True)
class Report:
    """The result of `perennial compare`."""

    base: Revision
    head: Revision
    verdict: Verdict
    confidence: float
    """Of intervals and verdict."""
    data: DataChange
    recipe: RecipeChange | None
    """None where it could not be read."""
    models: Models | None
    """None where the two models could not answer the same rows."""


def to_json(report: Report) -> dict[str, Any]:
    """A report as a JSON value."""
    value: dict[str, Any] = {
        "base": _revision(report.base),
        "head": _revision(report.head),
        "verdict": report.verdict.word,
        "why": report.verdict.why,
        "confidence": report.confidence,
        "data": asdict(report.data),
        "recipe": asdict(report.recipe) if report.recipe else None,
    }
    return value | (_models(report.models) if report.models else {})


def _revision(revision: Revision) -> dict[str, Any]:
    value: dict[str, Any] = {"name": revision.name, "commit": revision.commit}
    if revision.rebuilt is not None:
        value["rebuilt"] = {"differs_in": list(revision.rebuilt)}
    return value


def _models(models: Models) -> dict[str, Any]:
    answers, evidence = models.answers, models.evidence
    return {
        "rows": answers.table.num_rows,
        "excluded_rows": answers.excluded,
        "rows_answered_alike": answers.alike,
        "blocks": evidence.blocks,
        "unit": evidence.unit,
        "primary": evidence.primary.name,
        "metrics": {name: _metric(item) for name, item in evidence.differences.items()},
        "not_compared": evidence.lacking,
        "slices": [asdict(item) for item in evidence.slices],
        "seeds": asdict(models.spread),
    }


def _metric(item: Any) -> dict[str, Any]:
    return {
        "base": item.base,
        "head": item.head,
        "difference": item.difference.value,
        "low": item.difference.low,
        "high": item.difference.high,
        "standard_error": item.difference.standard_error,
        "p_value": item.p_value,
        "adjusted_p": item.adjusted,
        "better": item.metric.direction,
    }


def to_document(
    report: Report, pictures: Sequence[str] = (), folder: Path | None = None
) -> Document:
    """A report for people, the verdict first.

    `pictures` are plots as SVG elements; without them it says how to get them, or into which
    `folder` they were drawn.
    """
    sections = [_rebuilt(report), _metrics(report), _pictures(pictures), _statistics(report)]
    sections += [_slices(report), _data(report), _drift(report), _recipe(report)]
    sections += [] if pictures else [_commands(report, folder)]
    return Document(
        title=f"{report.verdict.word.capitalize()}: {report.head} against {report.base}",
        lead=f"{report.verdict.why}.",
        sections=[section for section in sections if section is not None],
    )


def _rebuilt(report: Report) -> Section | None:
    lines = [
        f"{revision} was in neither the cache nor a remote, and has been rebuilt: "
        + (
            f"what is compared differs from its dvc.lock in {', '.join(revision.rebuilt)}."
            if revision.rebuilt
            else "what came out is what its dvc.lock records."
        )
        for revision in (report.base, report.head)
        if revision.rebuilt is not None
    ]
    return Section("Rebuilt", lines) if lines else None


def _metrics(report: Report) -> Section | None:
    if report.models is None:
        return None
    interval = f"{100 * report.confidence:g}% interval"
    better = {"up": "higher", "down": "lower", "zero": "nearer 0"}
    metrics = pd.DataFrame(
        {
            "Metric": name,
            "Base": f"{item.base:.4f}",
            "Head": f"{item.head:.4f}",
            "Difference": signed(item.difference.value),
            interval: f"{signed(item.difference.low)} to {signed(item.difference.high)}",
            "p": p_text(item.p_value if item.adjusted is None else item.adjusted),
            "Better": better[item.metric.direction],
        }
        for name, item in report.models.evidence.differences.items()
    )
    evidence = report.models.evidence
    lines = [_rows_answered(report.models.answers), _how_many_p(evidence)]
    lines += [f"{name} is not compared: {why}." for name, why in evidence.lacking.items()]
    return Section("Metrics", lines, _table(metrics))


def _how_many_p(evidence: Evidence) -> str:
    others = sum(item.adjusted is not None for item in evidence.differences.values())
    return (
        f"{evidence.primary.name} decides; the p of the {others} others are adjusted for their "
        "number (Holm), their intervals are not."
    )


def _table(cells: pd.DataFrame) -> Table:
    return Table(list(cells.columns), cells.to_numpy().tolist())


def _rows_answered(answers: Answers) -> str:
    text = f"Both models answered the same {answers.table.num_rows:,} test rows of the head"
    if answers.excluded:
        text += f", without {answers.excluded:,} that the base has learnt from"
    return f"{text}; {answers.alike:,} they answer alike."


def _pictures(pictures: Sequence[str]) -> Section | None:
    line = "Both models on the same rows: broad and grey the base, thin and blue the head."
    return Section("Plots", [line], picture="".join(pictures)) if pictures else None


def _commands(report: Report, folder: Path | None) -> Section:
    """How to see plots, for where none can be shown."""
    names = " ".join(
        shlex.quote(side.name) for side in (report.base, report.head) if side.commit is not None
    )
    lines = [f"As each revision recorded them: dvc plots diff {names}"]
    if report.models is not None and folder is not None:
        lines.insert(0, f"Both models' curves on the same rows: drawn into {folder}")
    elif report.models is not None:
        needed = "" if can_draw() else f" (it needs vl-convert-python: {HINT})"
        command = f"perennial compare {names} --html report.html"
        lines.insert(0, f"Both models' curves on the same rows: {command}{needed}")
    return Section("Plots", lines)


def _statistics(report: Report) -> Section | None:
    if report.models is None:
        return None
    evidence, spread = report.models.evidence, report.models.spread
    lines = [
        f"Blocks: {evidence.unit}, as much as {evidence.blocks:,.1f} of equal size.",
        HOW,
    ]
    lines.append(
        f"Other seeds give the head {evidence.primary.name} of "
        f"{', '.join(f'{value:.4f}' for value in spread.values)}: a spread of {spread.width:.4f}."
        if spread.values
        else f"No spread between seeds: {spread.why_not}."
    )
    return Section("Statistics", lines)


def _slices(report: Report) -> Section | None:
    if report.models is None or not report.models.evidence.slices:
        return None
    level = round(1 - report.confidence, 12)
    slices = pd.DataFrame(report.models.evidence.slices)
    # Of a slice without a figure nothing is known: NaN is neither below 0 nor up to the level.
    figures = slices.astype({"difference": float, "gain": float, "adjusted": float})
    worse = figures[(figures["gain"] < 0) & (figures["adjusted"] <= level)]
    worse = worse.sort_values("adjusted", kind="stable")
    cells = pd.DataFrame(
        {
            "Column": worse["column"],
            "Slice": worse["value"],
            "Rows": worse["rows"].map("{:,}".format),
            "Measure": worse["measure"],
            "Difference": worse["difference"].map(signed),
            "Adjusted p": worse["adjusted"].map(p_text),
        }
    )
    count = f"{len(worse)} of {len(slices)} slices got worse"
    lines = [f"{count} (adjusted p up to {level:g}, Benjamini and Hochberg)."]
    lines += [
        f"Not compared: {item.column} {item.value}, {item.lack}."
        for item in report.models.evidence.slices
        if item.lack
    ]
    return Section("Slices", lines, _table(cells))


def _data(report: Report) -> Section:
    data = report.data
    if data.is_none:
        return Section("Data", ["The same data, row by row."])
    lines = [f"{column.column}: {column.what}." for column in data.columns]
    lines += [
        f"Label rate of {side}, {name}: {_share(base)} → {_share(head)}."
        for side, name, base, head in data.labels
    ]
    lines += [f"Rejected for {reason}: {base:,} → {head:,}." for reason, base, head in data.rejects]
    lines += [f"Not compared: {what}." for what in data.unknown]
    rows = [[item.period, *(f"{count:,}" for count in astuple(item.rows))] for item in data.periods]
    if not rows:
        lines.append("The raw rows are the same.")
    return Section("Data", lines, Table(["Period", "Added", "Removed", "Changed"], rows))


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _drift(report: Report) -> Section | None:
    moved = [item for item in report.data.drift if item.distance >= LEAST_DRIFT]
    if not moved:
        return None
    heads = {
        "column": "Column",
        "distance": "Distance",
        "missing_base": "Missing in base",
        "missing_head": "Missing in head",
    }
    figures = ["distance", "missing_base", "missing_head"]
    cells = pd.DataFrame(moved)
    cells[figures] = cells[figures].map("{:.4f}".format)
    line = "How far training values moved, from 0 to 1."
    table = _table(cells.rename(columns=heads))
    return Section("Drift of the training data", [line], table, is_folded=True)


def _recipe(report: Report) -> Section | None:
    recipe = report.recipe
    if recipe is None:
        return None
    rows = [
        [item.name, *("-" if value is None else str(value) for value in (item.base, item.head))]
        for item in (*recipe.params, *recipe.packages)
    ]
    lines = [f"{name} has other inputs: {_inputs(inputs)}." for name, inputs in recipe.stages]
    if not rows and not lines:
        lines = ["The same parameters, packages and inputs of stages."]
    head = ["Parameter or package", "Base", "Head"]
    return Section("Parameters and code", lines, Table(head, rows), is_folded=True)


def _inputs(names: list[str]) -> str:
    code = [name for name in names if name.startswith("src/")]
    if len(code) <= MOST_PATHS:
        return ", ".join(names)
    return ", ".join([name for name in names if name not in code] + [f"{len(code)} paths in src"])
