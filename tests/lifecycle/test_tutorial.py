"""The classic iris tutorial by plain configuration: its split, its figures, its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from perennial.bundle.bundle import load
from perennial.data import parquet
from perennial.runtime import jsonfile

if TYPE_CHECKING:
    from conftest import Project

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]

CONTRACT = """\
version: 1
name: iris
columns:
  row: {type: integer, role: id}
  sepal_length: {type: number}
  sepal_width: {type: number}
  petal_length: {type: number}
  petal_width: {type: number}
  target: {type: category, role: target, categories: [0, 1, 2]}
  split: {type: category, role: ignored}
"""
PARAMS = """\
collect: {source: files, period: all}
prepare: {split: {method: column, name: split}}
train:
  estimator: sklearn.ensemble.RandomForestClassifier
  params: {random_state: 42}
evaluate: {resamples: 200}
export: {name: iris}
"""


def tutorial() -> Any:
    matrix, target = load_iris(return_X_y=True)
    return train_test_split(matrix, target, test_size=0.3, random_state=42)


@pytest.fixture(scope="module")
def project(lay_project: Any, tmp_path_factory: pytest.TempPathFactory) -> Project:
    learnt, tested, of_learnt, of_tested = tutorial()
    rows = [
        [*values, code, side]
        for side, matrix, codes in (("train", learnt, of_learnt), ("test", tested, of_tested))
        for values, code in zip(matrix.tolist(), codes.tolist(), strict=True)
    ]
    # A forest depends on the order of the rows, and `collect` sorts them by their id.
    rows = [[number, *row] for number, row in enumerate(rows)]
    header = ",".join(["row", *FEATURES, "target", "split"])
    root = tmp_path_factory.mktemp("tutorial") / "project"
    made: Project = lay_project(root, CONTRACT, PARAMS, header, rows)
    made.dvc("repro")
    made.commit("its first run")
    return made


class TestTutorial:
    def test_the_figures_are_the_tutorials(self, project: Project) -> None:
        assert jsonfile.read(project.root / "metrics/evaluate.json")["accuracy"] == 1.0
        scored = parquet.read(project.root / "data/scored/test.parquet")
        assert scored["prediction"].to_pylist()[:5] == [1, 0, 2, 1, 1]
        assert scored["target"].type == scored["prediction"].type == pa.int64()

    def test_every_answer_is_that_of_the_tutorials_forest(self, project: Project) -> None:
        learnt, tested, of_learnt, _ = tutorial()
        forest = RandomForestClassifier(random_state=42).fit(learnt, of_learnt)
        frame = pd.DataFrame(tested, columns=FEATURES)
        bundle = load(project.root / "models/bundle")
        np.testing.assert_allclose(
            bundle.predict_proba(frame), forest.predict_proba(tested), atol=1e-6
        )
        assert bundle.predict(frame).tolist() == forest.predict(tested).tolist()

    def test_answers_are_of_the_type_that_the_contract_writes(self, project: Project) -> None:
        _, tested, _, _ = tutorial()
        frame = pd.DataFrame(tested[:5], columns=FEATURES)
        bundle = load(project.root / "models/bundle")
        for rows in (frame, frame.to_dict("records"), frame.to_dict("list"), pa.table(frame)):
            answers = bundle.predict(rows).tolist()
            assert answers == [1, 0, 2, 1, 1]
            assert {type(answer) for answer in answers} == {int}
        manifest = json.loads((project.root / "models/bundle/manifest.json").read_text())
        assert manifest["classes"] == [0, 1, 2]
        cases = jsonfile.read(project.root / "models/bundle/sample.json")["cases"]
        assert {type(case["response"]["prediction"]) for case in cases} == {int}
        distributions = jsonfile.read(project.root / "models/bundle/distributions.json")
        assert distributions["answers"]["prediction"]["categories"].keys() == {"0", "1", "2"}


class TestWithoutValidation:
    def test_the_reports_say_that_there_is_none(self, project: Project) -> None:
        validation = jsonfile.read(project.root / "metrics/validation.json")
        assert validation["detail"] == []
        assert "no validation rows" in validation["notes"][0]
        data = jsonfile.read(project.root / "metrics/data.json")
        assert data["rows"]["validation"] == 0
        assert data["labels"].keys() == {"train", "test"}
        card = (project.root / "models/bundle/MODEL_CARD.md").read_text()
        assert "| train | 105 |" in card
        assert "| validation |" not in card

    def test_parity_is_proved_on_train_instead(self, project: Project) -> None:
        parity = jsonfile.read(project.root / "metrics/train.json")["parity"]
        assert parity["breaches"] == 0
        assert parity["rows"] == 105 + 10_000

    def test_what_is_chosen_on_validation_is_refused_by_the_first_stage(
        self, project: Project, tmp_path: Path
    ) -> None:
        changed = project.copy(tmp_path / "project")
        changed.edit("params.yaml", "train:\n", "train:\n  calibration: sigmoid\n")
        for stage in ("prepare", "train"):
            changed.refused(stage, "there are no validation rows, and train.calibration needs them")

    def test_dvcs_commands_and_the_gates_go_on(self, project: Project) -> None:
        assert project.dvc("metrics", "show").stderr == ""
        assert "errors" not in json.loads(project.dvc("plots", "show", "--json").stdout)
        done = project.run("python", "-m", "perennial.stages.summary", check=True)
        assert "accuracy" in done.stdout
        assert "Traceback" not in project.run("python", "-m", "perennial.cli", "gate").stderr
        again = project.run("python", "-m", "perennial.cli", "verify", "--quick")
        assert "Traceback" not in again.stderr
        compared = project.run("python", "-m", "perennial.cli", "compare", "HEAD", "HEAD")
        assert "Traceback" not in compared.stderr
        assert compared.returncode == 0, compared.stdout + compared.stderr

    def test_a_binary_task_by_time_and_a_regression_do_without_it(
        self, cancer: Project, diabetes: Project, tmp_path: Path
    ) -> None:
        by_time = cancer.copy(tmp_path / "cancer")
        by_time.edit("params.yaml", "{method: time}", "{method: time, validation: 0}")
        by_time.edit("params.yaml", "train:\n", "train:\n  threshold: {method: fixed}\n")
        regression = diabetes.copy(tmp_path / "diabetes")
        regression.edit("params.yaml", "{method: random}", "{method: random, validation: 0}")
        for project in (by_time, regression):
            project.stages("prepare", "train", "evaluate", "export")
            assert jsonfile.read(project.root / "metrics/validation.json")["detail"] == []
            assert not (project.root / "models/baseline/crossfit.json").exists()
            assert load(project.root / "models/bundle").threshold in {0.5, None}
