"""The README's figures are those of the committed metrics."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from perennial.data.contract import read_contract

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(
    read_contract(ROOT / "data/contract.yaml").name != "flights",
    reason="the README describes the flights, and this repository has a table of its own",
)


def committed(name: str) -> Any:
    return json.loads((ROOT / "metrics" / name).read_text(encoding="utf-8"))


def test_the_models_figures() -> None:
    number = r"(\d\.\d{4})"
    line = rf"^  (\w+) +{number}  \({number} to {number}\), a linear model {number}$"
    shown = re.findall(line, README, re.MULTILINE)
    keys = ("value", "low", "high", "linear")
    rows = committed("evaluate.json")["detail"][: len(shown)]
    assert len(shown) > 3
    assert shown == [(row["metric"], *(f"{row[key]:.4f}" for key in keys)) for row in rows]


def test_the_base_of_each_comparison_is_the_committed_model() -> None:
    for name in ("validation", "evaluate"):
        line = rf"^metrics/{name}\.json +(\w+) +(\d\.\d+) "
        shown = {metric: float(value) for metric, value in re.findall(line, README, re.MULTILINE)}
        assert len(shown) > 3
        assert shown == {metric: round(committed(f"{name}.json")[metric], 5) for metric in shown}


def test_the_rows() -> None:
    assert f"{committed('data.json')['rows']['raw']:,} real flights" in README
