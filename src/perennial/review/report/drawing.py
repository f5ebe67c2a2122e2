"""Charts in Vega-Lite, drawn without a browser or a network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from perennial.runtime.errors import PerennialError

#: How to install the package that draws.
HINT = "scripts/environment requirements/review.txt"

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_CONFIG = {
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"},
    "axisX": {"grid": False, "labelFlush": False, "tickCount": 5},
    "axisY": {"tickCount": 5},
    "header": {"labelFontSize": 12, "labelFontWeight": "bold", "title": None},
    "line": {"strokeCap": "round", "strokeJoin": "round"},
    "legend": {"labelFontSize": 12, "labelLimit": 380, "columns": 1, "title": None,
               "orient": "bottom", "symbolType": "stroke"},
    "title": {"anchor": "start", "fontSize": 15, "subtitleFontSize": 12, "subtitleColor": "#555"},
}  # fmt: skip


@dataclass(frozen=True)
class Chart:
    """A picture to draw, in Vega-Lite with its data; the look is common to all charts."""

    name: str
    title: str
    spec: dict[str, Any]


def can_draw() -> bool:
    """Whether the package that draws is installed."""
    return find_spec("vl_convert") is not None


def refuse_without_drawing() -> None:
    """Refuse, with a hint, where the package that draws is not installed."""
    if not can_draw():
        raise PerennialError("plots are drawn by vl-convert-python, which is absent", hint=HINT)


def to_svg(chart: Chart) -> str:
    """Draw a chart as an SVG element, the same text for the same chart."""
    import vl_convert

    return vl_convert.vegalite_to_svg(_whole(chart), allowed_base_urls=[])


def write(charts: list[Chart], folder: Path, form: str) -> None:
    """Draw charts into a folder, each to a file of its name, as `svg` or `png` (at scale 2)."""
    import vl_convert

    folder.mkdir(parents=True, exist_ok=True)
    for chart in charts:
        path = folder / f"{chart.name}.{form}"
        if form == "png":
            path.write_bytes(
                vl_convert.vegalite_to_png(_whole(chart), scale=2, allowed_base_urls=[])
            )
        else:
            path.write_text(to_svg(chart) + "\n", encoding="utf-8", newline="\n")


def _whole(chart: Chart) -> str:
    look = {"$schema": _SCHEMA, "background": "white", "padding": 8, "config": _CONFIG}
    return json.dumps({**look, "description": chart.title, **chart.spec})
