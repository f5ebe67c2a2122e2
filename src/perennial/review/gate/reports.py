"""Rules on reports: what they claim is what the files give."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.parquet as pq

from perennial.data import parquet
from perennial.preparation.profile import label_rates
from perennial.review.gate.case import Case
from perennial.review.gate.definition import Answer
from perennial.review.gate.records import differing

SIDES = ("train", "validation", "test")

#: Reports keep six decimals, and a CPU may round a linear model's last one otherwise.
TOLERANCE = 1.5e-6

#: Differences told of one report.
_SHOWN = 3


def judge_files(case: Case) -> Answer:
    """Judge whether bundle, data and reports are those that `dvc.lock` records."""
    return _told(differing(case.head), "every file is the one that dvc.lock records")


def judge_metrics(case: Case) -> Answer:
    """Judge `metrics/evaluate.json` by the figures that the bundle gives on the test rows."""
    report = case.report("metrics/evaluate.json")
    found = unlike_metrics(report, case.own.values)
    told = f"the model gives every reported figure on its {case.own.rows:,} test rows"
    return _told(found, told)


def unlike_metrics(report: Any, values: Mapping[str, float]) -> list[str]:
    """Compare a report of metrics with figures."""
    try:
        claims = [(str(row["metric"]), row["value"]) for row in report["detail"]]
        claims += [(name, value) for name, value in report.items() if name != "detail"]
        detailed = {row["metric"] for row in report["detail"]}
    except (AttributeError, KeyError, TypeError):
        return ["metrics/evaluate.json is no report of metrics"]
    told = [f"{name} is not reported" for name in values if name not in detailed]
    told += [
        f"{name} is reported as {claim}, and the model has {_figure(values.get(name))}"
        for name, claim in claims
        if not _is_same(claim, values.get(name))
    ]
    return list(dict.fromkeys(told))


def judge_data_figures(case: Case) -> Answer:
    """Judge `metrics/data.json` by the rows that lie there."""
    return _told(
        unlike(case.report("metrics/data.json"), data_figures(case)),
        "rows and label rates are those of the files",
    )


def data_figures(case: Case) -> dict[str, dict[str, Any]]:
    """Count rows and labels again."""
    paths = {side: case.head.path(f"data/prepared/{side}.parquet") for side in SIDES}
    targets = {side: parquet.read(path, [case.contract.target]) for side, path in paths.items()}
    periods = sorted(case.head.path("data/raw").glob("*.parquet"))
    rows = {side: table.num_rows for side, table in targets.items()}
    rows["raw"] = sum(pq.read_metadata(path).num_rows for path in periods)
    quarantine = case.head.path("data/prepared/quarantine.parquet")
    rows["rejected"] = pq.read_metadata(quarantine).num_rows
    labels = {
        side: label_rates(table[case.contract.target], case.contract)
        for side, table in targets.items()
        if table.num_rows
    }
    return {"rows": rows, "labels": labels}


def unlike(report: Any, figures: Any, name: str = "") -> list[str]:
    """Find the figures that a report tells otherwise, or does not tell.

    Examples
    --------
    >>> unlike({"rows": {"raw": 3, "test": 1}}, {"rows": {"raw": 4}})
    ['rows.raw is reported as 3, and is 4']
    """
    if isinstance(figures, dict):
        held = report if isinstance(report, dict) else {}
        return [
            sentence
            for key, value in figures.items()
            for sentence in unlike(held.get(key), value, f"{name}.{key}".removeprefix("."))
        ]
    if _is_same(report, figures):
        return []
    return [f"{name} is reported as {report}, and is {_figure(figures)}"]


def _is_same(claim: Any, value: float | None) -> bool:
    if value is None or isinstance(claim, bool) or not isinstance(claim, int | float):
        return False
    return math.isclose(claim, value, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _told(found: list[str], otherwise: str) -> Answer:
    if not found:
        return Answer("pass", otherwise)
    return Answer("fail", "; ".join(_shortened(found)), {"findings": len(found)})


def _shortened(found: list[str]) -> Iterator[str]:
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more"
