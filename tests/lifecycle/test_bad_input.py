"""Wrong input is reported by the real entry: what, where, how to correct it; no half output.

The faults of single files and rows are in tests/sources/reading and tests/preparation,
and what else `prepare` refuses in tests/stages/test_prepare.py.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from perennial.data import parquet

if TYPE_CHECKING:
    from conftest import Project


def with_rows(project: Project, change: Any) -> None:
    """Rewrite the landed rows, and collect them again."""
    path = project.root / "data/landing/rows.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *change(rows)]) + "\n")
    project.stage("collect", check=True)


class TestTarget:
    def test_one_class_alone(self, project: Project) -> None:
        with_rows(project, lambda rows: [row for row in rows if row.endswith("setosa")])
        errors = project.refused("prepare", "species", "hint: ")
        assert "versicolor" in errors or "one class" in errors or "setosa" in errors

    def test_a_class_that_training_never_saw(self, project: Project) -> None:
        """Every virginica is held out, by its key."""
        rows = parquet.read(project.root / "data/prepared/train.parquet", ["plant"])
        train = set(rows["plant"].to_pylist())
        with_rows(
            project,
            lambda rows: [
                row for row in rows if not (row.endswith("virginica") and row[:4] in train)
            ],
        )
        project.refused("prepare", "virginica", "train", "hint: ")

    def test_a_label_that_the_contract_does_not_list(self, project: Project) -> None:
        with_rows(project, lambda rows: [row.replace("virginica", "virginca") for row in rows])
        project.refused("prepare", "species", "virginca", "data/contract.yaml")

    def test_labels_that_are_all_missing(self, project: Project) -> None:
        with_rows(project, lambda rows: [row.rpartition(",")[0] + "," for row in rows])
        project.refused("prepare", "species", "hint: ")

    def test_a_number_that_is_none(self, diabetes: Project, tmp_path: Any) -> None:
        project = diabetes.copy(tmp_path / "project")
        path = project.root / "data/landing/rows.csv"
        text = path.read_text().splitlines()
        text[3] = text[3].rpartition(",")[0] + ",nan"
        path.write_text("\n".join(text) + "\n")
        project.refused("collect", "data/landing/rows.csv", "line 4, column progression", "hint: ")


class TestSplit:
    def test_a_share_too_small_for_any_row(self, project: Project) -> None:
        project.edit("params.yaml", "test: 0.25, validation", "test: 0.0001, validation")
        project.refused("prepare", "test", "hint: ")

    def test_a_method_without_its_column(self, project: Project) -> None:
        project.edit("params.yaml", "{method: id, test: 0.25, validation: 0.25}", "{method: group}")
        project.refused("prepare", "group", "hint: ")

    def test_fewer_periods_than_sides(self, project: Project) -> None:
        project.edit("params.yaml", "{method: id, test: 0.25, validation: 0.25}", "{method: time}")
        project.refused("prepare", "time", "hint: ")


class TestSource:
    def test_no_file_has_landed(self, project: Project) -> None:
        (project.root / "data/landing/rows.csv").unlink()
        project.refused("collect", "data/landing", "hint: ")

    def test_the_folder_is_not_there(self, project: Project) -> None:
        shutil.rmtree(project.root / "data/landing")
        project.refused("collect", "data/landing", "hint: ")

    def test_rows_of_another_table(self, project: Project) -> None:
        project.write("data/landing/rows.csv", "a,b\n1,2\n")
        project.refused("collect", "data/landing/rows.csv", "plant", "hint: ")

    def test_a_time_that_the_table_does_not_have(self, project: Project) -> None:
        project.edit("params.yaml", "period: all", "period: month")
        project.refused("collect", "collect.period", "hint: ")

    @pytest.mark.parametrize("name", ["params.yaml", "data/contract.yaml"])
    def test_a_file_that_is_not_there(self, project: Project, name: str) -> None:
        (project.root / name).unlink()
        project.refused("collect", f"collect: {name}: the file is missing", f"git restore {name}")


class TestEstimator:
    """A start of `train` takes seconds: each fault by itself is in tests/learning."""

    def test_a_wrong_value(self, project: Project) -> None:
        project.edit("params.yaml", "max_iter: 10", "max_iter: -1")
        project.refused("train", "params.yaml: train.params", "max_iter")

    def test_a_regressor_for_classes(self, project: Project) -> None:
        project.edit(
            "params.yaml",
            "  params: {max_iter: 10}",
            "  estimator: sklearn.ensemble.RandomForestRegressor",
        )
        project.refused("train", "train.estimator", "not a classifier", "hint: ")
