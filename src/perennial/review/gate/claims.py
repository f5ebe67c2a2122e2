"""Rules on reports: the figures that they claim are those that the files give."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.parquet as pq

from perennial.data import parquet
from perennial.preparation.profile import label_rates
from perennial.review.gate.case import Case
from perennial.runtime.checks import Answer, Failure, Pass

SIDES = ("train", "validation", "test")

#: Reports keep six decimals, and a CPU may round a linear model's last one otherwise.
TOLERANCE = 1.5e-6

#: Differences listed of one report.
_SHOWN = 3


def judge_metrics(case: Case) -> Answer:
    """Whether `metrics/evaluate.json` has the figures that the bundle gives on the test rows."""
    report = case.report("metrics/evaluate.json")
    return pass_or_fail(
        unlike_metrics(report, case.own.values),
        f"the model gives every reported figure on its {case.own.rows:,} test rows",
    )


def unlike_metrics(report: Any, values: Mapping[str, float]) -> list[str]:
    """A sentence for each figure that `metrics/evaluate.json` lacks or claims otherwise."""
    try:
        claims = [(str(row["metric"]), row["value"]) for row in report["detail"]]
        # Both have none where these rows give a metric no value.
        claims = [(name, value) for name, value in claims if name in values or value is not None]
        claims += [(name, value) for name, value in report.items() if name != "detail"]
        detailed = {row["metric"] for row in report["detail"]}
    except (AttributeError, KeyError, TypeError):
        return ["metrics/evaluate.json is no report of metrics"]
    breaches = [f"{name} is not reported" for name in values if name not in detailed]
    breaches += [
        f"{name} is reported as {claim}, and the model has {_figure(values.get(name))}"
        for name, claim in claims
        if not _is_same(claim, values.get(name))
    ]
    return list(dict.fromkeys(breaches))


def judge_data_figures(case: Case) -> Answer:
    """Whether `metrics/data.json` has the figures of the rows in the files."""
    return pass_or_fail(
        unlike(case.report("metrics/data.json"), data_figures(case)),
        "rows and label rates are those of the files",
    )


def data_figures(case: Case) -> dict[str, dict[str, Any]]:
    """The entries `rows` and `labels` of `metrics/data.json`, counted again in the head's files."""
    paths = {side: case.head.path(f"data/prepared/{side}.parquet") for side in SIDES}
    targets = {
        side: parquet.read_frame(path, [case.contract.target]) for side, path in paths.items()
    }
    periods = sorted(case.head.path("data/raw").glob("*.parquet"))
    rows = {side: len(table) for side, table in targets.items()}
    rows["raw"] = sum(pq.read_metadata(path).num_rows for path in periods)
    quarantine = case.head.path("data/prepared/quarantine.parquet")
    rows["rejected"] = pq.read_metadata(quarantine).num_rows
    labels = {
        side: label_rates(table[case.contract.target], case.contract)
        for side, table in targets.items()
        if len(table)
    }
    return {"rows": rows, "labels": labels}


def unlike(report: Any, figures: Any, name: str = "") -> list[str]:
    """A sentence for each figure, at any depth, that a report lacks or claims otherwise.

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


def pass_or_fail(breaches: list[str], otherwise: str) -> Answer:
    """Fail with the first breaches and their number; without one, pass."""
    if not breaches:
        return Pass(otherwise)
    return Failure("; ".join(_shortened(breaches)), {"findings": len(breaches)})


def _shortened(breaches: list[str]) -> Iterator[str]:
    yield from breaches[:_SHOWN]
    if len(breaches) > _SHOWN:
        yield f"and {len(breaches) - _SHOWN} more"
