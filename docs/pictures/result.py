"""Draw `result.svg`, the README's picture, from `metrics/`: ``python docs/pictures/result.py``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import vl_convert

METRICS = Path("metrics")
PICTURE = Path(__file__).with_suffix(".svg")

BLUE, GREY = "#2c6fbb", "#9a9a9a"


def read_csv(name: str) -> list[dict[str, float]]:
    with (METRICS / "plots" / name).open(encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def slices() -> dict[str, Any]:
    parts = json.loads((METRICS / "slices.json").read_text(encoding="utf-8"))
    rows = [
        {**part, "slice": f"{part['column']} {part['slice']}"} for part in parts if "low" in part
    ]
    metric = rows[0]["metric"]
    order = [row["slice"] for row in sorted(rows, key=lambda row: -row["value"])]
    y = {"field": "slice", "type": "nominal", "sort": order, "title": None}
    scale = {"zero": False}
    return {
        "title": f"{metric} by slice, with 95% intervals (days resampled)",
        "width": 330,
        "height": 300,
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "rule", "color": BLUE, "strokeWidth": 2, "opacity": 0.6},
                "encoding": {
                    "y": y,
                    "x": {"field": "low", "type": "quantitative", "scale": scale, "title": metric},
                    "x2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "color": BLUE, "size": 55},
                "encoding": {"y": y, "x": {"field": "value", "type": "quantitative"}},
            },
        ],
    }


def curve(name: str, title: str, x: tuple[str, str], y: tuple[str, str]) -> dict[str, Any]:
    diagonal = [{"x": 0, "y": 0}, {"x": 1, "y": 1}]
    return {
        "title": title,
        "width": 300,
        "height": 300,
        "layer": [
            {
                "data": {"values": diagonal},
                "mark": {"type": "line", "color": GREY, "strokeDash": [4, 4]},
                "encoding": {
                    "x": {"field": "x", "type": "quantitative", "title": x[1]},
                    "y": {"field": "y", "type": "quantitative", "title": y[1]},
                },
            },
            {
                "data": {"values": read_csv(name)},
                "mark": {"type": "line", "color": BLUE, "point": name.startswith("cal")},
                "encoding": {
                    "x": {"field": x[0], "type": "quantitative"},
                    "y": {"field": y[0], "type": "quantitative"},
                },
            },
        ],
    }


def picture() -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "padding": 12,
        "config": {"font": "sans-serif", "view": {"stroke": None}},
        "hconcat": [
            slices(),
            curve(
                "roc.csv",
                "ROC curve",
                ("false_positive_rate", "False positive rate"),
                ("true_positive_rate", "True positive rate"),
            ),
            curve(
                "calibration.csv",
                "Calibration: September was kinder than the months before",
                ("predicted", "Predicted probability"),
                ("observed", "Observed share"),
            ),
        ],
    }


if __name__ == "__main__":
    svg = vl_convert.vegalite_to_svg(json.dumps(picture()))
    PICTURE.write_text(svg + "\n", encoding="utf-8", newline="\n")
