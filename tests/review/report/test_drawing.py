"""Charts are drawn offline, the same way each time, and what they name makes no markup."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from perennial.review.report import drawing
from perennial.review.report.drawing import Chart
from perennial.runtime.errors import PerennialError

HOSTILE = "</svg><script>alert(1)</script>"


def chart(**changes: object) -> Chart:
    spec = {
        "title": HOSTILE,
        "data": {"values": [{"x": 1, "y": 2, "who": HOSTILE}, {"x": 2, "y": 3, "who": "b"}]},
        "mark": "line",
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "y", "type": "quantitative"},
            "color": {"field": "who", "type": "nominal"},
        },
    }
    return Chart("a_line", HOSTILE, spec | changes)


def test_a_chart_gives_the_same_bytes_and_strangers_text_is_text() -> None:
    svg = drawing.to_svg(chart())
    assert svg == drawing.to_svg(chart())
    assert svg.startswith("<svg")
    assert svg.count("<svg") == svg.count("</svg>") == 1
    assert "<script" not in svg
    assert "alert(1)" in svg


def test_a_chart_is_written_in_either_form(tmp_path: Path) -> None:
    for form in ("svg", "png"):
        drawing.write([chart()], tmp_path / "new/folder", form)
    assert (tmp_path / "new/folder/a_line.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "new/folder/a_line.svg").read_text() == drawing.to_svg(chart()) + "\n"


def test_nothing_is_fetched() -> None:
    """The documentation range: nothing answers there."""
    with pytest.raises(ValueError, match=r"192\.0\.2\.1"):
        drawing.to_svg(chart(data={"url": "http://192.0.2.1/data.json"}))


def test_without_the_drawing_package_the_hint_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing.refuse_without_drawing()
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(PerennialError, match="vl-convert-python") as refused:
        drawing.refuse_without_drawing()
    assert refused.value.hint == "scripts/environment requirements/review.txt"
