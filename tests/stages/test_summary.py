"""The last lines of `make repro`: the headline, and what to do next."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.params.collect import Collect
from perennial.runtime import jsonfile
from perennial.stages import summary

if TYPE_CHECKING:
    from conftest import Project


ROW = {
    "metric": "f1", "value": 0.5, "low": 0.4, "high": 0.6, "linear": 0.5, "dummy": 0.3,
    "better": "up",
}  # fmt: skip


def test_the_figures_are_those_of_the_metrics(
    iris: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(iris.root)
    assert summary.main() == 0
    output = capsys.readouterr().out
    assert "iris on its test rows:" in output
    for row in jsonfile.read(summary.TEST_METRICS)["detail"][: summary.SHOWN]:
        line = next(line for line in output.splitlines() if line.split()[:1] == [row["metric"]])
        figures = [float(text) for text in re.findall(r"\d+\.\d+", line)]
        wanted = [row[name] for name in ("value", "low", "high", "linear")]
        assert figures == pytest.approx(wanted, abs=5e-5)
    assert "models/bundle/MODEL_CARD.md" in output
    for command in (
        "dvc metrics show",
        "dvc metrics diff main --targets metrics/evaluate.json",
        "perennial compare",
    ):
        assert command in output
    assert all(len(line) <= 100 for line in output.splitlines())


def test_a_linear_model_without_the_metric_is_a_dash() -> None:
    text = summary.summary({"detail": [{**ROW, "linear": None}]}, "name")
    assert "a linear model -" in text
    assert "constant" not in text


@pytest.mark.parametrize("note", ["why_not", "warning", "remark"])
def test_what_is_to_be_known_of_a_figure_follows_it(note: str) -> None:
    lines = summary.summary({"detail": [{**ROW, note: "worse than a constant"}]}, "name")
    assert "    worse than a constant" in lines.splitlines()


def test_rows_that_are_never_collected_are_told_after_every_run() -> None:
    (line,) = summary.left_out(Collect(since="2013", until="2013-09"))
    assert "since 2013 until 2013-09 alone" in line
    assert list(summary.left_out(Collect())) == []


@pytest.mark.parametrize("absent", ["metrics/evaluate.json", "models/bundle/manifest.json"])
def test_before_a_run_it_says_what_to_run(
    iris: Project, in_folder: Path, absent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("metrics", "models"):
        shutil.copytree(iris.root / name, in_folder / name)
    Path(absent).unlink()
    assert summary.main() == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{absent} is missing: run `make repro` first\n"
