"""What is judged is what is served; every figure can be computed again by other means."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as reference

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.evaluation import answering
from perennial.evaluation.answering import Models, Side, answered
from perennial.evaluation.figures import importance_figures, metric_figures
from perennial.evaluation.plots import PLOTS
from perennial.evaluation.scoring import default_primary
from perennial.model import compiled
from perennial.model.columns import from_arrow
from perennial.params import paths
from perennial.params.build import BuildParams, read_params
from perennial.runtime import jsonfile
from perennial.stages import evaluate

if TYPE_CHECKING:
    from conftest import Project

TASKS = ["cancer", "iris", "diabetes"]


@contextmanager
def inside(project: Project) -> Iterator[None]:
    """Stand in a project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        yield


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Project:
    return request.getfixturevalue(request.param)


def scored(project: Project) -> pa.Table:
    return parquet.read(project.root / "data/scored/test.parquet")


def figures(project: Project, name: str = "evaluate") -> dict[str, Any]:
    return jsonfile.read(project.root / f"metrics/{name}.json")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class TestFigures:
    """Against scikit-learn, on the scored table."""

    def test_binary(self, cancer: Project) -> None:
        table = scored(cancer)
        truth = np.array(table["diagnosis"].to_pylist()) == "malignant"
        said = np.array(table["prediction"].to_pylist()) == "malignant"
        probability = table["probability"].to_numpy()
        expected = {
            "roc_auc": reference.roc_auc_score(truth, probability),
            "average_precision": reference.average_precision_score(truth, probability),
            "log_loss": reference.log_loss(truth, probability),
            "brier": reference.brier_score_loss(truth, probability),
            "precision": reference.precision_score(truth, said),
            "recall": reference.recall_score(truth, said),
            "f1": reference.f1_score(truth, said),
        }
        result = figures(cancer)
        assert result.keys() - expected.keys() == {"detail"}
        assert {name: result[name] for name in expected} == pytest.approx(expected, abs=1e-6)

    def test_multiclass(self, iris: Project) -> None:
        table = scored(iris)
        classes = ["setosa", "versicolor", "virginica"]
        truth, said = table["species"].to_pylist(), table["prediction"].to_pylist()
        shares = np.column_stack([table[f"probability:{name}"].to_numpy() for name in classes])
        even = shares / shares.sum(axis=1, keepdims=True)
        expected = {
            "log_loss": reference.log_loss(truth, even, labels=classes),
            "accuracy": reference.accuracy_score(truth, said),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, said),
            "f1_macro": reference.f1_score(truth, said, average="macro"),
            "roc_auc": reference.roc_auc_score(truth, even, multi_class="ovr", labels=classes),
        }
        result = figures(iris)
        assert result.keys() - expected.keys() <= {"detail"}
        assert {name: result[name] for name in expected} == pytest.approx(expected, abs=1e-6)

    def test_regression(self, diabetes: Project) -> None:
        table = scored(diabetes)
        truth, said = table["progression"].to_numpy(), table["prediction"].to_numpy()
        expected = {
            "rmse": reference.root_mean_squared_error(truth, said),
            "mae": reference.mean_absolute_error(truth, said),
            "r2": reference.r2_score(truth, said),
            "median_absolute_error": reference.median_absolute_error(truth, said),
            "bias": np.mean(said - truth),
        }
        result = figures(diabetes)
        assert {name: result[name] for name in expected} == pytest.approx(expected, abs=1e-6)


class TestReports:
    def test_each_metric_has_an_interval_and_stands_beside_baselines(self, task: Project) -> None:
        for name in ("evaluate", "validation"):
            result = figures(task, name)
            assert [row["metric"] for row in result["detail"]] == list(
                dict.fromkeys(row["metric"] for row in result["detail"])
            )
            bare = {row["metric"] for row in result["detail"]} - {"calibration_error"}
            assert bare == result.keys() - {"detail", "notes"}
            for row in result["detail"]:
                if "why_not" in row:
                    assert row["low"] is None is row["high"]
                else:
                    assert row["low"] <= row["value"] <= row["high"]
                assert row["value"] == result.get(row["metric"], row["value"])
                assert row["better"] in {"up", "down", "zero"}
                assert row.keys() >= {"linear", "dummy", "standard_error"}

    def test_validation_is_judged_by_decisions_of_other_days(self, cancer: Project) -> None:
        table = parquet.read(cancer.root / "data/prepared/validation.parquet")
        model = compiled.load(cancer.root / "models/compiled")
        stored = jsonfile.read(cancer.root / "models/baseline/crossfit.json")
        with inside(cancer):
            contract = read_contract()
        truth = np.array(table["diagnosis"].to_pylist()) == contract.classes[1]
        types = {name: contract.columns[name].type for name in contract.features}
        chance = model.answers(from_arrow(table, dict(types)))[:, 1]
        days = np.array([when.date().isoformat() for when in table["seen"].to_pylist()])
        folds = np.array(list(stored["folds"]), int)
        said = np.zeros(len(truth), bool)
        for fold, decision in enumerate(stored["decisions"]["model"]):
            said[folds == fold] = chance[folds == fold] >= decision["threshold"]
            assert not set(days[folds == fold]) & set(days[folds != fold])
        result = figures(cancer, "validation")
        assert result["notes"][0].endswith("10 folds of whole days")
        assert result["f1"] == pytest.approx(reference.f1_score(truth, said), abs=1e-6)
        assert result["recall"] == pytest.approx(reference.recall_score(truth, said), abs=1e-6)

    def test_test_and_validation_are_judged_apart(self, task: Project) -> None:
        assert figures(task) != figures(task, "validation")

    def test_slices_share_the_rows_of_each_column_out(self, task: Project) -> None:
        result = jsonfile.read(task.root / "metrics/slices.json")
        chosen = read_params(task.root / "params.yaml").evaluate
        total = scored(task).num_rows
        assert list(dict.fromkeys(part["column"] for part in result)) == chosen.slices
        for column in chosen.slices:
            parts = [part for part in result if part["column"] == column]
            assert sum(part["rows"] for part in parts) == total
            assert len({part["slice"] for part in parts}) == len(parts)
        for part in result:
            assert ("why_not" in part) != (part.get("low") is not None)
            if part["rows"] < chosen.slice_min_rows:
                assert part["why_not"] == f"fewer than {chosen.slice_min_rows} rows"

    def test_a_slice_has_the_figure_of_its_rows(self, cancer: Project) -> None:
        parts = jsonfile.read(cancer.root / "metrics/slices.json")
        (north,) = [part for part in parts if part["slice"] == "north"]
        clinic = parquet.read(cancer.root / "data/prepared/test.parquet", ["clinic"])["clinic"]
        mask = np.array(clinic.to_pylist()) == "north"
        table = scored(cancer).filter(pa.array(mask))
        truth = np.array(table["diagnosis"].to_pylist()) == "malignant"
        value = reference.roc_auc_score(truth, table["probability"].to_numpy())
        assert north["rows"] == mask.sum()
        assert north["value"] == pytest.approx(value, abs=1e-6)

    def test_a_slice_of_one_class_says_why_it_has_no_figure(self, cancer: Project) -> None:
        parts = jsonfile.read(cancer.root / "metrics/slices.json")
        reasons = {part["why_not"] for part in parts if "why_not" in part}
        none = "it needs positives and negatives, and 0 of 43 rows are diagnosis=malignant"
        assert f"no value: {none}" in reasons

    def test_a_small_slice_is_counted_and_not_judged(self, diabetes: Project) -> None:
        first, second = jsonfile.read(diabetes.root / "metrics/slices.json")
        assert first["rows"] < 45 <= second["rows"]
        assert first["why_not"] == "fewer than 45 rows"
        assert second["low"] < second["value"] < second["high"]

    def test_the_card_is_cut_along_every_plain_column(self, cancer: Project) -> None:
        """Not along a sensitive one, and not along one with many values."""
        parts = figures(cancer, "card")["slices"]
        assert list(dict.fromkeys(part["column"] for part in parts)) == ["clinic", "ward", "smoker"]

    @pytest.mark.parametrize(
        "section",
        [
            "resamples: 1000, slices: [clinic]",
            "resamples: 1000, slices: [smoker], slice_min_rows: 7, seed: 3, confidence: 0.9",
            "resamples: 150, primary: brier, slices: []",
        ],
    )
    def test_the_cards_figures_do_not_depend_on_other_parameters(
        self, cancer: Project, tmp_path: Path, section: str
    ) -> None:
        project = cancer.copy(tmp_path / "project")
        before = (project.root / "metrics/card.json").read_bytes()
        params = (project.root / "params.yaml").read_text()
        head, _, rest = params.partition("evaluate:\n")
        end = rest.index("export:")
        project.write("params.yaml", f"{head}evaluate: {{{section}}}\n{rest[end:]}")
        project.stage("evaluate", check=True)
        assert (project.root / "metrics/card.json").read_bytes() == before

    def test_importance_covers_every_feature_and_is_zero_for_what_is_not_used(
        self, cancer: Project
    ) -> None:
        result = rows(cancer.root / "metrics/plots/importance.csv")
        contract = read_contract(cancer.root / "data/contract.yaml")
        assert sorted(row["column"] for row in result) == sorted(contract.features)
        losses = {row["column"]: float(row["loss"]) for row in result}
        assert losses["flat"] == 0
        assert max(losses, key=lambda name: losses[name]) == result[0]["column"] == "radius"

    def test_every_plot_has_its_file_and_no_row_too_few(self, task: Project) -> None:
        folder = task.root / "metrics/plots"
        assert sorted(path.stem for path in folder.iterdir()) == sorted(PLOTS)
        total = scored(task).num_rows
        counted = {
            "confusion": ["rows"],
            "calibration": ["rows"],
            "scores": ["negatives", "positives"],
            "residuals": ["rows"],
        }
        for name, columns in counted.items():
            result = rows(folder / f"{name}.csv")
            count = sum(float(row[column]) for row in result for column in columns)
            times = 3 if name == "calibration" and task.root.parent.name.startswith("iris") else 1
            assert count in {0, total * times}
        empty = {name for name in PLOTS if not rows(folder / f"{name}.csv")}
        contract = read_contract(task.root / "data/contract.yaml")
        assert empty == {
            "binary": {"residuals"},
            "multiclass": {"scores", "residuals"},
            "regression": {"roc", "precision_recall", "confusion", "scores"},
        }.get(contract.task)

    def test_the_scored_table_has_keys_truth_and_answers_row_by_row(self, cancer: Project) -> None:
        table = scored(cancer)
        assert table.column_names == ["patient", "seen", "diagnosis", "prediction", "probability"]
        test = parquet.read(cancer.root / "data/prepared/test.parquet")
        assert table.select(["patient", "diagnosis"]).equals(test.select(["patient", "diagnosis"]))


def side(project: Project, **changes: Any) -> tuple[Contract, BuildParams, Models, Side]:
    """The test side of a project, under other parameters."""
    contract, params, models = read_contract(), read_params(), evaluate.read_models()
    params = BuildParams.model_validate({**params.model_dump(), **changes})
    table = parquet.read(project.root / paths.TEST)
    method = params.prepare.split.method
    return contract, params, models, answered(table, contract, method, models)


class TestParts:
    def test_days_judged_whole_promise_less_than_rows_judged_singly(self, cancer: Project) -> None:
        """Rows of one day are alike there, so a day counts for little more than a row."""
        widths = {}
        with inside(cancer):
            for method in ("time", "random"):
                split = {"split": {"method": method}}
                _, params, _, test = side(cancer, prepare=split)
                detail = metric_figures(test, params.evaluate)["detail"]
                widths[method] = {row["metric"]: row["standard_error"] for row in detail}
        told = [name for name in widths["time"] if widths["time"][name] and widths["random"][name]]
        wider = [widths["time"][name] > widths["random"][name] for name in told]
        assert np.mean(wider) > 0.8
        assert widths["time"]["log_loss"] > 1.2 * widths["random"]["log_loss"]

    def test_figures_are_the_ones_on_file(self, task: Project) -> None:
        with inside(task):
            _, params, _, test = side(task)
            computed = metric_figures(test, params.evaluate)
        assert jsonfile.rounded(computed) == figures(task)

    def test_batches_do_not_matter(self, task: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        with inside(task):
            *_, whole = side(task)
            monkeypatch.setattr(answering, "BATCH", 7)
            *_, parts = side(task)
        for name, answers in whole.answers.items():
            np.testing.assert_array_equal(parts.answers[name], answers)

    def test_there_is_no_importance_where_the_metric_has_no_value(self, cancer: Project) -> None:
        few = {**read_params(cancer.root / "params.yaml").evaluate.model_dump()}
        few["importance"] = {"rows": 1, "repeats": 1}
        with inside(cancer):
            contract, params, models, test = side(cancer, evaluate=few)
            primary = default_primary(contract.task)
            assert importance_figures(models.model, test, params.evaluate, primary) == []


class TestStage:
    def test_a_metric_without_a_value_is_named_with_its_reason_and_stops_nothing(
        self, cancer: Project, tmp_path: Path
    ) -> None:
        project = cancer.copy(tmp_path / "project")
        path = project.root / "models/compiled/program.json"
        program = jsonfile.read(path)
        program["decision"]["threshold"] = 1.0
        jsonfile.write(path, program)
        (project.root / "models/baseline/crossfit.json").unlink()
        done = project.stage("evaluate", check=True)
        reason = (
            "no value: it needs rows predicted positive, and 0 of {} rows reach the threshold 1"
        )
        for name, file in (("test", "evaluate"), ("validation", "validation")):
            result = figures(project, file)
            (row,) = [row for row in result["detail"] if row["metric"] == "precision"]
            count = parquet.read(project.root / f"data/prepared/{name}.parquet").num_rows
            assert row["value"] is row["low"] is row["high"] is None
            assert row["why_not"] == reason.format(count)
            assert "precision" not in result
            assert f"evaluate: {name}: precision: {row['why_not']}\n" in done.stdout

    @pytest.mark.parametrize("side", ["test", "validation"])
    def test_a_side_of_one_class_is_evaluated_as_far_as_it_goes(
        self, cancer: Project, tmp_path: Path, side: str
    ) -> None:
        project = cancer.copy(tmp_path / "project")
        path = project.root / f"data/prepared/{side}.parquet"
        table = parquet.read(path)
        kept = np.array(table["diagnosis"].to_pylist()) == "benign"
        parquet.write(path, table.filter(pa.array(kept)))
        if side == "validation":
            refused = project.stage("evaluate")
            assert "its folds are of" in refused.stderr
            assert "dvc repro train" in refused.stderr
            (project.root / "models/baseline/crossfit.json").unlink()
        done = project.stage("evaluate", check=True)
        reason = f"0 of {kept.sum()} rows are diagnosis=malignant"
        detail = figures(project, "evaluate" if side == "test" else side)["detail"]
        lacking = {row["metric"] for row in detail if row["value"] is None}
        assert lacking == {"roc_auc", "average_precision", "recall"}
        assert all(reason in row["why_not"] for row in detail if row["metric"] in lacking)
        assert f"evaluate: {side}: roc_auc: no value: it needs positives" in done.stdout
        told = "cannot be estimated" if side == "validation" else "roc_auc 0."
        assert told in done.stdout
        if side == "test":
            assert rows(project.root / "metrics/plots/roc.csv") == []
            assert rows(project.root / "metrics/plots/importance.csv") == []
            assert "no permutation importance: roc_auc has no value" in done.stdout
            project.stage("export", check=True)
            card = (project.root / "models/bundle/MODEL_CARD.md").read_text()
            assert (
                f"| roc_auc | - | no value: it needs positives and negatives, and {reason} |"
                in card
            )

    def test_a_class_that_no_held_out_row_has_leaves_train_evaluate_and_export_whole(
        self, iris: Project, tmp_path: Path
    ) -> None:
        project = iris.copy(tmp_path / "project")
        for side in ("test", "validation"):
            path = project.root / f"data/prepared/{side}.parquet"
            table = parquet.read(path)
            kept = np.array(table["species"].to_pylist()) != "setosa"
            parquet.write(path, table.filter(pa.array(kept)))
        for stage in ("train", "evaluate", "export"):
            project.stage(stage, check=True)
        for row in figures(project)["detail"]:
            if row["metric"] in {"roc_auc", "balanced_accuracy", "f1_macro"}:
                assert row["value"] is None or row["metric"] == "f1_macro"
                assert row["value"] is not None or "rows are species=setosa" in row["why_not"]
            else:
                assert row["value"] is not None
        curves = {row["class"] for row in rows(project.root / "metrics/plots/roc.csv")}
        assert curves == {"versicolor", "virginica"}

    def test_one_day_of_test_has_values_and_no_interval(
        self, cancer: Project, tmp_path: Path
    ) -> None:
        project = cancer.copy(tmp_path / "project")
        path = project.root / "data/prepared/test.parquet"
        table = parquet.read(path)
        days = np.array([moment.date().toordinal() for moment in table["seen"].to_pylist()])
        parquet.write(path, table.filter(pa.array(days == np.bincount(days).argmax())))
        project.stage("evaluate", check=True)
        for row in figures(project)["detail"]:
            assert row["low"] is None
            assert "why_not" in row
        project.stage("export", check=True)

    def test_worse_than_a_constant_is_said(self, cancer: Project, tmp_path: Path) -> None:
        project = cancer.copy(tmp_path / "project")
        detail = figures(project)["detail"]
        assert not [row for row in detail if "remark" in row]
        # Of exchanged classes the model is as bad as it was good.
        table = parquet.read(project.root / "data/prepared/validation.parquet")
        labels = pa.array(
            [
                "benign" if name == "malignant" else "malignant"
                for name in table["diagnosis"].to_pylist()
            ]
        )
        at = table.column_names.index("diagnosis")
        flipped = table.set_column(at, table.schema.field("diagnosis"), labels)
        parquet.write(project.root / "data/prepared/validation.parquet", flipped)
        done = project.stage("evaluate", check=True)
        remark = "roc_auc: worse than one constant answer to every row, which has 0.5000"
        assert f"evaluate: validation: {remark}\n" in done.stdout
        assert "evaluate: validation: f1: worse than one constant answer" in done.stdout
        assert "recall: worse" not in done.stdout  # calling every row positive is bound to win

    def test_it_imports_neither_scikit_learn_nor_dvc(self, project: Project) -> None:
        code = (
            "import sys; sys.path.insert(0, 'src')\n"
            "from perennial.stages import evaluate, export; evaluate.main(); export.main()\n"
            "print({'sklearn', 'joblib', 'dvc'} & set(sys.modules))"
        )
        before = project.hashes()
        done = project.run(sys.executable, "-c", code, check=True)
        assert done.stdout.splitlines()[-1] == "set()"
        assert project.hashes() == before

    def test_it_says_how_good_the_model_is_and_how_surely(self, project: Project) -> None:
        done = project.stage("evaluate", check=True)
        detail = figures(project, "validation")["detail"]
        (row,) = [row for row in detail if row["metric"] == "log_loss"]
        assert done.stdout.startswith(
            f"evaluate: log_loss {row['value']:.4f} ({row['low']:.4f} to {row['high']:.4f}) on "
            f"32 validation rows; {scored(project).num_rows} test rows scored\n"
        )
        # What else it says, it says of metrics that have a note.
        noted = {
            row["metric"]
            for name in ("evaluate", "validation")
            for row in figures(project, name)["detail"]
            if row.keys() & {"why_not", "warning"}
        }
        for line in done.stdout.splitlines()[1:]:
            assert set(line.split(": ")[2].split(", ")) <= noted
        assert done.stderr == ""
