"""The card says what was computed, and nothing that was not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from perennial.bundle.card import model_card
from perennial.runtime import jsonfile

if TYPE_CHECKING:
    from conftest import Project

SECTIONS = [
    "# {name}",
    "## Model details",
    "## Intended use",
    "## Data",
    "### Checks for leaks",
    "## Metrics",
    "## Slices",
    "## Features",
    "## Ethical considerations",
    "## Limits",
    "## How to reproduce",
]


def facts(project: Project) -> dict[str, Any]:
    metrics = project.root / "metrics"
    return {
        "manifest": jsonfile.read(project.root / "models/bundle/manifest.json"),
        "figures": jsonfile.read(metrics / "card.json"),
        "data": jsonfile.read(metrics / "data.json"),
        "training": jsonfile.read(metrics / "train.json"),
    }


@pytest.mark.parametrize("name", ["iris", "cancer", "diabetes"])
def test_the_card_of_each_task(name: str, request: pytest.FixtureRequest) -> None:
    project: Project = request.getfixturevalue(name)
    card = (project.root / "models/bundle/MODEL_CARD.md").read_text(encoding="utf-8")
    inputs = facts(project)
    assert card == model_card(**inputs)
    heads = [line for line in card.splitlines() if line.startswith("#")]
    assert heads == [head.format(name=name) for head in SECTIONS]
    for row in inputs["figures"]["detail"]:
        span = row.get("why_not") or f"{row['low']:.4f} to {row['high']:.4f}"
        figures = f"{row['value']:.4f} | {span}{'*' if 'warning' in row else ''}"
        assert f"| {row['metric']} | {figures} |" in card
    for part in inputs["figures"]["slices"]:
        reason = part.get("why_not") or f"{part['low']:.4f} to {part['high']:.4f}"
        assert f"| {part['column']} | {part['slice']} | {part['rows']:,} |" in card
        assert reason in card
        assert "hint" not in reason
    for side in ("train", "validation", "test"):
        assert f"| {side} | {inputs['data']['rows'][side]:,} |" in card
        for moments in inputs["data"]["time"].get(side, {}).values():
            assert moments in card
        for share in inputs["data"]["labels"][side].values():
            assert f"| {share:.4f} |" in card
    for check in inputs["data"]["checks"]:
        assert f"| {check['code']} | {check['title']} | {check['status']} |" in card
    for digest in inputs["manifest"]["data"].values():
        assert f"`{digest}`" in card
    for feature in inputs["manifest"]["features"]:
        assert f"\n| {feature} | " in card
    assert f"{inputs['training']['parity']['rows']:,} rows" in card


def test_tables_are_whole_whatever_the_contract_says(iris: Project) -> None:
    card = (iris.root / "models/bundle/MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Across \\| the petal." in card
    tables = re.findall(r"(?:^\|.*\|\n)+", card, flags=re.MULTILINE)
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_sensitive_columns_are_marked(cancer: Project) -> None:
    card = (cancer.root / "models/bundle/MODEL_CARD.md").read_text(encoding="utf-8")
    (age,) = [line for line in card.splitlines() if line.startswith("| age |")]
    assert age == "| age | number |  | yes | 0.00% | yes |  |"
    assert "columns that the contract marks as sensitive: age, nickname." in card


@pytest.mark.parametrize(("confidence", "shown"), [(0.95, "95%"), (0.975, "97.5%"), (0.9, "90%")])
def test_the_confidence_is_reported_as_it_is(
    cancer: Project, confidence: float, shown: str
) -> None:
    inputs = facts(cancer)
    inputs["figures"]["detail"][0]["confidence"] = confidence
    assert model_card(**inputs).count(f"| {shown} interval |") == 2


def test_what_the_threshold_promises_is_said_with_its_confidence(cancer: Project) -> None:
    inputs = facts(cancer)
    assert "confidence on rows like" not in model_card(**inputs)
    inputs["training"]["promise"] = {"method": "recall_at", "value": 0.9, "confidence": 0.95}
    assert "for a recall of 0.9 or more with 95% confidence on rows like" in model_card(**inputs)


def test_without_slices_it_says_so(iris: Project) -> None:
    inputs = facts(iris)
    card = model_card(**{**inputs, "figures": {**inputs["figures"], "slices": []}})
    assert "## Slices\n\nNo feature has few enough values.\n" in card


def test_columns_marked_sensitive_and_not_used_are_reported_too(iris: Project) -> None:
    inputs = facts(iris)
    assert "looks at no column that the contract marks" in model_card(**inputs)
    inputs["manifest"]["columns"]["plant"]["sensitive"] = True
    assert "Marked so, and not looked at: plant." in model_card(**inputs)


METRICS = [
    {"metric": "surely_up", "better": "up", "low": 0.6, "value": 0.7, "high": 0.8, "linear": 0.5},
    {"metric": "perhaps_up", "better": "up", "low": 0.4, "value": 0.7, "high": 0.8, "linear": 0.5},
    {"metric": "not_up", "better": "up", "low": 0.1, "value": 0.2, "high": 0.3, "linear": 0.5},
    {"metric": "surely_down", "better": "down", "low": 1, "value": 2, "high": 3, "linear": 4},
    {"metric": "not_down", "better": "down", "low": 1, "value": 2, "high": 3, "linear": 0.5},
    {"metric": "at_the_edge", "better": "down", "low": 1, "value": 2, "high": 3, "linear": 3},
]


def test_what_is_surely_better_than_the_linear_model_and_what_is_not(iris: Project) -> None:
    detail = [{**row, "dummy": 0.0, "confidence": 0.9} for row in METRICS]
    card = model_card(**{**facts(iris), "figures": {"detail": detail, "slices": []}})
    for line in (
        "is better than the linear model in: surely_up, surely_down.",
        "is worse than the linear model in: not_up, not_down.",
        "It holds the linear model's figure in: perhaps_up, at_the_edge.",
    ):
        assert line in card


def test_slices_that_are_surely_worse_are_named(iris: Project) -> None:
    detail = [{**row, "dummy": 0.0, "confidence": 0.9} for row in METRICS]
    parts = [
        {
            "column": "c",
            "slice": name,
            "rows": 9,
            "metric": metric,
            "value": 0,
            "low": low,
            "high": high,
        }
        for name, metric, low, high in [
            ("well", "surely_up", 0.6, 0.9),
            ("badly", "surely_up", 0.1, 0.6),
            ("dearly", "surely_down", 2.5, 3),
            ("cheaply", "surely_down", 0.5, 1),
        ]
    ]
    parts.append(
        {"column": "c", "slice": "tiny", "rows": 1, "metric": "surely_up", "why_not": "few"}
    )
    card = model_card(**{**facts(iris), "figures": {"detail": detail, "slices": parts}})
    assert "worse than the figure of all test rows in: c badly, c dearly." in card
    assert "- Slices too small to judge: c tiny.\n" in card
    card = model_card(**{**facts(iris), "figures": {"detail": detail, "slices": parts[:1]}})
    assert "No slice's whole interval is worse" in card
    assert "too small to judge" not in card


def test_checks_that_found_something_or_did_not_apply_are_limits(cancer: Project) -> None:
    inputs = facts(cancer)
    codes = {
        status: [check["code"] for check in inputs["data"]["checks"] if check["status"] == status]
        for status in ("finding", "not applicable")
    }
    assert codes["finding"]
    card = model_card(**inputs)
    assert f"- Checks for leaks that found something: {', '.join(codes['finding'])}.\n" in card
    inputs["data"]["checks"][0]["status"] = "not applicable"
    assert "- Checks for leaks that did not apply: PL001" in model_card(**inputs)


def test_rejected_rows_are_reported_by_reason(iris: Project) -> None:
    inputs = facts(iris)
    inputs["data"]["rows"]["rejected"] = 1_003
    inputs["data"]["rejects"] = {"age": {"missing": 1_000, "range": 3}}
    card = model_card(**inputs)
    assert "1,003 broke the contract and were rejected (age missing 1,000, age range 3);" in card
