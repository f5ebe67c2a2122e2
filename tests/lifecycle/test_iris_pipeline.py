"""From a table in a folder to a bundle by one `dvc repro`, and DVC's own commands afterwards."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from perennial.bundle.bundle import load
from perennial.evaluation.plots import PLOTS
from perennial.runtime import jsonfile

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]
STAGES = ["collect", "prepare", "train", "evaluate", "export"]
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")

#: Beside calibration and importance, which every task has.
DRAWN = {
    "cancer": {"ROC curve", "Precision and recall", "Confusion", "Scores"},
    "iris": {"ROC curve", "Precision and recall", "Confusion"},
    "diabetes": {"Residuals"},
}


def ran(project: Project, **options: Any) -> list[str]:
    """Run the pipeline, and give the stages that ran."""
    output = project.dvc("repro", **options).stdout
    return [name for name in STAGES if f"Running stage '{name}':" in output]


class TestRun:
    def test_a_table_becomes_a_bundle_that_answers(self, iris: Project) -> None:
        bundle = load(iris.root / "models/bundle")
        request = {
            "sepal_length": 5.0,
            "sepal_width": 3.4,
            "petal_length": 1.5,
            "petal_width": 0.2,
        }
        assert bundle.predict([request]).tolist() == ["setosa"]
        assert jsonfile.read(iris.root / "metrics/evaluate.json")["accuracy"] > 0.9

    def test_every_output_is_recorded_and_nothing_lies_about(self, iris: Project) -> None:
        assert iris.git("status", "--porcelain") == ""
        assert not [name for name in iris.files() if "partial" in name]
        lock = YAML(typ="safe").load(iris.root / "dvc.lock")
        outs = {out["path"] for stage in lock["stages"].values() for out in stage["outs"]}
        for name in iris.hashes():
            assert any(name == out or name.startswith(f"{out}/") for out in outs), name

    def test_nothing_runs_twice(self, project: Project) -> None:
        assert ran(project) == []
        assert "up to date" in project.dvc("status").stdout

    def test_data_are_dvcs_and_metrics_are_gits(self, iris: Project) -> None:
        tracked = iris.git("ls-files").splitlines()
        assert {"metrics/evaluate.json", "metrics/plots/roc.csv", "metrics/data.json"} <= {*tracked}
        assert not [name for name in tracked if name.endswith((".parquet", ".joblib", ".tl"))]

    def test_a_failed_run_tells_why_and_how_to_have_back_what_was_lost(
        self, project: Project
    ) -> None:
        before = project.hashes()
        project.edit("params.yaml", "max_iter: 10", "max_itre: 10")
        done = project.dvc("repro", check=False)
        assert done.returncode != 0
        assert "max_itre" in done.stderr
        assert "Traceback" not in done.stderr
        assert "Running stage 'evaluate'" not in done.stdout
        assert project.hashes() != before
        (commands,) = [line for line in done.stderr.splitlines() if "git restore" in line]
        project.run("sh", "-c", commands, check=True)
        assert project.hashes() == before
        project.edit("params.yaml", "max_itre: 10", "max_iter: 10")
        assert ran(project) == []


class TestWhatRunsAgain:
    @pytest.mark.parametrize(
        ("old", "new", "stages"),
        [
            ("{repeats: 2}", "{repeats: 3}", ["evaluate"]),
            # What the bundle's model card states does not depend on how closely one looks.
            ("resamples: 200", "resamples: 201", ["evaluate"]),
            ("slice_min_rows: 5", "slice_min_rows: 6", ["evaluate"]),
            ("samples: 5", "samples: 6", ["export"]),
        ],
    )
    def test_a_parameter_runs_the_stages_that_read_it_and_none_before(
        self, project: Project, old: str, new: str, stages: list[str]
    ) -> None:
        project.edit("params.yaml", old, new)
        assert ran(project) == stages

    @pytest.mark.parametrize(
        ("path", "first"),
        [
            ("src/perennial/bundle/card.py", "export"),
            ("src/perennial/evaluation/slices.py", "evaluate"),
            ("src/perennial/learning/preprocessing.py", "train"),
            ("src/perennial/preparation/profile.py", "prepare"),
            ("src/perennial/params/yamlfile.py", "collect"),
            ("requirements/build.txt", "collect"),
            ("data/contract.yaml", "collect"),
        ],
    )
    def test_a_file_concerns_the_stages_that_use_it(
        self, project: Project, path: str, first: str
    ) -> None:
        with (project.root / path).open("a") as file:
            file.write("# another line\n")
        changed = json.loads(project.dvc("status", "--json").stdout)
        dep = str(Path(path).parent) if path.endswith(".py") else path
        own = [name for name in STAGES if any(dep in str(item) for item in changed.get(name, []))]
        assert own[0] == first

    def test_what_no_stage_reads_concerns_none(self, project: Project) -> None:
        project.write("src/perennial/review/params/gate.py", '"""Parameters of a gate."""\n')
        project.write("src/perennial/review/gate.py", "from perennial.params import gate\n")
        project.write("src/perennial/cli.py", "# another\n")
        project.write("README.md", "# Mine\n")
        assert "up to date" in project.dvc("status").stdout

    def test_a_new_period_adds_its_file_and_changes_none(
        self, cancer: Project, tmp_path: Path
    ) -> None:
        project = cancer.copy(tmp_path / "project")
        raw = {name: text for name, text in project.hashes().items() if name.startswith("data/raw")}
        assert len(raw) == 3
        lines = (project.root / "data/landing/rows.csv").read_text().splitlines()
        later = [line.replace(",2024-03-", ",2024-04-") for line in lines if ",2024-03-" in line]
        assert len(later) > 100
        project.write("data/landing/april.csv", "\n".join([lines[0], *later]) + "\n")
        project.stage("collect", check=True)
        after = {name: text for name, text in project.hashes().items() if name in raw}
        assert after == raw
        assert (project.root / "data/raw/2024-04.parquet").is_file()


class TestDvcsOwnCommands:
    def test_metrics_show_fits_a_terminal(self, iris: Project, cancer: Project) -> None:
        for project in (iris, cancer):
            lines = project.dvc("metrics", "show").stdout.splitlines()
            assert len(lines) == 2, "a header and validation: experiments do not see the test rows"
            assert "metrics/validation.json" in lines[1]
            assert max(len(line.rstrip()) for line in lines) <= 120

    @pytest.mark.parametrize("name", ["cancer", "iris", "diabetes"])
    def test_plots_show_draws_those_of_the_task_and_a_line_for_each_class(
        self, name: str, request: pytest.FixtureRequest
    ) -> None:
        project = request.getfixturevalue(name)
        done = project.dvc("plots", "show", "--json")
        shown = json.loads(done.stdout)
        assert "errors" not in shown
        assert done.stderr == ""
        drawn = {plot: parts[0]["content"] for plot, parts in shown["data"].items() if parts}
        assert drawn.keys() == DRAWN[name] | {"Calibration", "Importance"}
        for plot, content in drawn.items():
            text = json.dumps(content)
            assert "<DVC_METRIC" not in text, f"{plot}: an anchor of the template was left open"
            assert len(content["data"]["values"]) > 1
        for plot in drawn.keys() & {"ROC curve", "Precision and recall", "Calibration"}:
            (line,) = drawn[plot]["transform"]
            assert drawn[plot]["encoding"]["color"]["field"] == line["as"]
            assert "datum['class']" in line["calculate"]
            lines = {point.get("class") for point in drawn[plot]["data"]["values"]}
            assert lines == ({"setosa", "versicolor", "virginica"} if name == "iris" else {None})


class TestDeclared:
    """What dvc.yaml promises."""

    def test_the_stages_are_those_that_src_starts(self) -> None:
        assert list(PIPELINE["stages"]) == STAGES
        for name, stage in PIPELINE["stages"].items():
            assert stage["cmd"] == f"python src {name}"
            assert stage["desc"].endswith(".")

    @pytest.mark.parametrize("name", STAGES)
    def test_each_parameter_exists(self, name: str) -> None:
        params = YAML(typ="safe").load(ROOT / "params.yaml")
        for key in PIPELINE["stages"][name]["params"]:
            value = params
            for part in key.split("."):
                assert part in value, f"{name}: {key}"
                value = value[part]

    @pytest.mark.parametrize("name", STAGES)
    def test_every_stage_depends_on_the_lock_and_the_contract(self, name: str) -> None:
        deps = PIPELINE["stages"][name]["deps"]
        assert {"requirements/build.txt", "data/contract.yaml", "src/__main__.py"} <= {*deps}

    def test_what_a_review_reads_is_in_git_and_the_rest_in_dvc(self) -> None:
        for name, stage in PIPELINE["stages"].items():
            for out in [*stage["outs"], *stage.get("metrics", [])]:
                path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
                assert (options.get("cache") is False) == path.startswith("metrics/"), (name, path)
                assert not {"persist", "always_changed"} & options.keys()
            assert "always_changed" not in stage

    def test_each_plot_reads_a_file_that_evaluate_writes_by_columns_that_it_has(
        self, iris: Project, cancer: Project, diabetes: Project
    ) -> None:
        drawn = {project.root: set[str]() for project in (iris, cancer, diabetes)}
        for plot in PIPELINE["plots"]:
            ((_, body),) = plot.items()
            ((path, columns),) = body["y"].items()
            wanted = [body["x"], *([columns] if isinstance(columns, str) else columns)]
            for root, names in drawn.items():
                with (root / path).open(newline="") as file:
                    header = next(csv.reader(file))
                # Of a plot that the task does not have, nothing is written.
                assert not header or {*wanted} <= {*header}, path
                names.update([Path(path).stem] if header else [])
        assert set.union(*drawn.values()) == {*PLOTS}
