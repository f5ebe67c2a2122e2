"""What is drawn is what the comparison computed, of both models, on the same rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.data.contract import read_contract
from perennial.evaluation import curves
from perennial.evaluation.scoring import Sample, scorer_of
from perennial.params.build import BuildParams
from perennial.review.compare.data_change import DataChange
from perennial.review.compare.plots import PANELS, charts
from perennial.review.compare.recipe_change import RecipeChange
from perennial.review.compare.report import Models, Report, to_document
from perennial.review.compare.seeds import Spread
from perennial.review.compare.verdict import Verdict
from perennial.review.paired.answers import Answers
from perennial.review.paired.evidence import SliceDifference, gather
from perennial.review.params.compare import Compare
from perennial.review.report.document import to_html
from perennial.review.report.drawing import Chart, to_svg
from perennial.review.revision.revision import Revision

CONTRACT = """\
version: 1
name: example
columns:
  x: {{type: number}}
  y: {target}
"""
ROWS = 3000


def report_of(folder: Path, target: str, truth: Any, base: Any, head: Any) -> Report:
    path = folder / "contract.yaml"
    path.write_text(CONTRACT.format(target=target))
    contract = read_contract(path)
    sample = Sample(truth, None)
    answers = Answers(
        contract=contract,
        params=BuildParams.model_validate({"evaluate": {"resamples": 100}}),
        table=pa.table({"x": np.zeros(len(truth))}),
        columns={"x": np.zeros(len(truth))},
        sample=sample,
        head=scorer_of(contract.task, truth, head, 0.5),
        base=scorer_of(contract.task, truth, base, 0.5),
        excluded=0,
        alike=0,
        same_bundle=False,
    )
    evidence = gather(answers, Compare(resamples=100))
    sides = [Revision(name, 40 * "a", folder, {}) for name in ("main", "feature")]
    nothing = DataChange([], [], [], [], [], [])
    models = Models(answers, evidence, Spread([], 0.0, "none"))
    return Report(sides[0], sides[1], Verdict("better", "so"), 0.95, nothing, None, models)


def classes(count: int) -> str:
    names = ", ".join(f"c{code}" for code in range(count))
    return f"{{type: category, role: target, categories: [{names}]}}"


BINARY = "{type: category, role: target, categories: [bad, good], positive: bad}"


def chances(truth: Any, noise: float, count: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    weight = np.eye(count)[truth] + noise * rng.random((len(truth), count))
    return weight / weight.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Report:
    truth = (np.random.default_rng(0).random(ROWS) < 0.2).astype(int)
    answers = [chances(truth, noise, 2, seed) for noise, seed in ((4, 1), (3, 2))]
    return report_of(tmp_path_factory.mktemp("binary"), BINARY, truth, *answers)


def drawn(chart: Chart, side: str, panel: str = "") -> tuple[Any, Any]:
    """The points of one revision."""
    rows = [
        row
        for row in chart.spec["data"]["values"]
        if row["model"].startswith(side) and row["panel"] == panel
    ]
    return tuple(np.array([row[key] for row in rows]) for key in ("x", "y"))  # type: ignore[return-value]


def by_name(result: Sequence[Chart]) -> dict[str, Chart]:
    return {chart.name: chart for chart in result}


class TestBinary:
    def test_curves_are_those_whose_figures_stand_beside_them(self, binary: Report) -> None:
        assert binary.models is not None
        result = by_name(charts(binary))
        assert list(result) == ["roc", "precision_recall", "calibration", "scores"]
        area = binary.models.evidence.differences["roc_auc"]
        for side, value in (("base", area.base), ("head", area.head)):
            x, y = drawn(result["roc"], side)
            assert abs(np.trapezoid(y, x) - value) < 1e-3
            label = result["roc"].spec["layer"][1]["encoding"]["color"]["scale"]["domain"]
            assert f"roc_auc {value:.4f}" in " ".join(label)
        assert area.base < area.head

    def test_precision_begins_where_something_is_predicted(self, binary: Report) -> None:
        for side in ("base", "head"):
            recall, _ = drawn(by_name(charts(binary))["precision_recall"], side)
            assert recall[0] > 0

    def test_calibration_is_that_of_evaluate(self, binary: Report) -> None:
        assert binary.models is not None
        head: Any = binary.models.answers.head
        wanted = curves.calibration(head.target, head.probability)
        x, y = drawn(by_name(charts(binary))["calibration"], "head")
        np.testing.assert_allclose(x, wanted["predicted"], rtol=1e-4)
        np.testing.assert_allclose(y, wanted["observed"], rtol=1e-4)

    def test_every_row_is_in_the_histogram_of_its_class(self, binary: Report) -> None:
        scores = by_name(charts(binary))["scores"]
        for panel in ("y: bad", "y: good"):
            for side in ("base", "head"):
                assert abs(drawn(scores, side, panel)[1][:-1].sum() - 1) < 1e-3
        bad, good = (drawn(scores, "head", f"y: {name}") for name in ("bad", "good"))
        middle = [np.average(x[:-1], weights=y[:-1]) for x, y in (bad, good)]
        assert middle[0] > middle[1], "the positive class has the higher scores"

    def test_a_page_holds_them_and_loads_nothing(self, binary: Report) -> None:
        pictures = [to_svg(chart) for chart in charts(binary)]
        page = to_html(to_document(binary, pictures))
        assert page.count("<svg") == 4
        outside = page.replace("http://www.w3.org/", "")
        assert "http" not in outside
        assert "url(" not in outside

    def test_rows_of_one_class_are_not_drawn(self, tmp_path: Path, binary: Report) -> None:
        truth = np.zeros(50, int)
        answers = [chances(truth, 1, 2, seed) for seed in (1, 2)]
        result = report_of(tmp_path, BINARY, truth, *answers)
        assert charts(result) == []
        assert result.models is not None
        assert result.models.evidence.rarest == 0


class TestOtherTasks:
    @pytest.mark.parametrize("count", [3, 9])
    def test_classes_have_a_panel_each_up_to_some(self, tmp_path: Path, count: int) -> None:
        weight = np.arange(1, count + 1)
        rng = np.random.default_rng(0)
        truth = rng.choice(count, ROWS, p=weight / weight.sum())
        answers = [chances(truth, noise, count, noise) for noise in (4, 3)]
        result = by_name(charts(report_of(tmp_path, classes(count), truth, *answers)))
        assert list(result) == ["roc", "precision_recall", "calibration", "scores"]
        panels = list(dict.fromkeys(row["panel"] for row in result["roc"].spec["data"]["values"]))
        # Of nine, the six that most rows are of.
        assert panels == [f"y: c{code}" for code in range(max(0, count - PANELS), count)]
        for side in ("base", "head"):
            assert abs(drawn(result["scores"], side)[1][:-1].sum() - 1) < 1e-3
        assert all("</svg>" in to_svg(chart) for chart in result.values())

    def test_a_regression_shows_truth_by_prediction_and_residuals(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        truth = rng.normal(100, 10, ROWS)
        answers = [truth + rng.normal(0, noise, ROWS) for noise in (5, 2)]
        target = "{type: number, role: target}"
        result = by_name(charts(report_of(tmp_path, target, truth, *answers)))
        assert list(result) == ["calibration", "residuals"]
        (base, wide), (head, narrow) = (
            drawn(result["residuals"], side) for side in ("base", "head")
        )
        np.testing.assert_array_equal(base, head)
        assert narrow.max() > wide.max()
        assert abs(narrow[:-1].sum() - 1) < 1e-3
        x, y = drawn(result["calibration"], "head")
        assert np.abs(x - y).max() < 3
        assert all("</svg>" in to_svg(chart) for chart in result.values())


def test_without_what_draws_the_report_says_how_to_get_it(
    binary: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_line() -> str:
        (section,) = [part for part in to_document(binary).sections if part.title == "Plots"]
        return section.lines[0]

    ask = "Both models' curves on the same rows: perennial compare main feature --html report.html"
    assert first_line() == ask
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    needed = "it needs vl-convert-python: scripts/environment requirements/review.txt"
    assert first_line() == f"{ask} ({needed})"


def test_without_models_nothing_is_drawn(binary: Report) -> None:
    nothing = Report(*[*vars(binary).values()][:-1], models=None)
    assert charts(nothing) == []
    (section,) = [part for part in to_document(nothing).sections if part.title == "Plots"]
    assert section.lines == ["As each revision recorded them: dvc plots diff main feature"]


def test_code_that_differs_in_many_paths_is_counted(binary: Report) -> None:
    """As across a change of layout, where every stage would list the whole tree twice."""

    def inputs(names: list[str]) -> list[str]:
        recipe = RecipeChange([], [], [("train", names)])
        report = replace(binary, recipe=recipe)
        (section,) = [part for part in to_document(report).sections if "code" in part.title]
        return section.lines

    few = ["data/contract.yaml", *(f"src/{number}.py" for number in range(8))]
    assert inputs(few) == [f"train has other inputs: {', '.join(few)}."]
    many = [*few, "src/8.py", "train.seed"]
    line = "train has other inputs: data/contract.yaml, train.seed, 9 paths in src."
    assert inputs(many) == [line]


def test_slices_that_got_worse_are_listed_the_surest_first(binary: Report) -> None:
    assert binary.models is not None
    slices = [
        SliceDifference("c", "small", 1200, "roc_auc"),
        SliceDifference("c", "better", 1200, "roc_auc", 0.1, 0.1, 0.001, 0.002),
        SliceDifference("c", "worse", 1200, "roc_auc", -0.1, -0.1, 0.02, 0.03),
        SliceDifference("c", "worst", 1200, "roc_auc", -0.2, -0.2, 0.0001, 0.0002),
        SliceDifference("c", "by chance", 1200, "roc_auc", -0.1, -0.1, 0.1, 0.2),
    ]
    evidence = replace(binary.models.evidence, slices=slices)
    report = replace(binary, models=replace(binary.models, evidence=evidence))
    (section,) = [part for part in to_document(report).sections if part.title == "Slices"]
    assert section.lines[0].startswith("2 of 5 slices got worse")
    assert section.table is not None
    assert section.table.rows == [
        ["c", "worst", "1,200", "roc_auc", "-0.2000", "< 0.001"],
        ["c", "worse", "1,200", "roc_auc", "-0.1000", "0.030"],
    ]
