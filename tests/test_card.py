"""The card says what was computed, and nothing that was not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from perennial import jsonfile
from perennial.card import model_card

if TYPE_CHECKING:
    from conftest import Project

SECTIONS = [
    "# {name}",
    "## Model details",
    "## Data",
    "## Metrics",
    "## Slices",
    "## Features",
    "## Limits",
    "## How to reproduce",
]


def facts(project: Project) -> dict[str, Any]:
    metrics = project.root / "metrics"
    return {
        "manifest": jsonfile.read(project.root / "models/bundle/manifest.json"),
        "metrics": jsonfile.read(metrics / "evaluate.json"),
        "slices": jsonfile.read(metrics / "slices.json"),
        "data": jsonfile.read(metrics / "data.json"),
        "training": jsonfile.read(metrics / "train.json"),
    }


@pytest.mark.parametrize("name", ["iris", "cancer", "diabetes"])
def test_the_card_of_each_task(name: str, request: pytest.FixtureRequest) -> None:
    project: Project = request.getfixturevalue(name)
    card = (project.root / "models/bundle/MODEL_CARD.md").read_text(encoding="utf-8")
    found = facts(project)
    assert card == model_card(**found, confidence=0.95)
    heads = [line for line in card.splitlines() if line.startswith("#")]
    assert heads == [head.format(name=name) for head in SECTIONS]
    for row in found["metrics"]["detail"]:
        figures = f"{row['value']:.4f} | {row['low']:.4f} to {row['high']:.4f}"
        assert f"| {row['metric']} | {figures} |" in card
    for part in found["slices"]:
        reason = part.get("why_not") or f"{part['low']:.4f} to {part['high']:.4f}"
        assert f"| {part['column']} | {part['slice']} | {part['rows']:,} |" in card
        assert reason in card
        assert "mend" not in reason
    for side in ("train", "validation", "test"):
        assert f"| {side} | {found['data']['rows'][side]:,} |" in card
    for feature in found["manifest"]["features"]:
        assert f"\n| {feature} | " in card
    assert f"{found['training']['parity']['rows']:,} rows" in card


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
    assert age == "| age | number |  | yes | yes |  |"


@pytest.mark.parametrize(("confidence", "told"), [(0.95, "95%"), (0.975, "97.5%"), (0.9, "90%")])
def test_the_confidence_is_told_as_it_is(iris: Project, confidence: float, told: str) -> None:
    card = model_card(**facts(iris), confidence=confidence)
    assert card.count(f"| {told} interval |") == 2


def test_without_slices_it_says_so(iris: Project) -> None:
    card = model_card(**{**facts(iris), "slices": []}, confidence=0.95)
    assert "## Slices\n\nNone were asked for.\n" in card
