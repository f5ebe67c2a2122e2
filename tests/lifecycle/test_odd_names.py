"""A table whose columns have names that other code uses goes through every stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perennial.bundle.bundle import load
from perennial.data import parquet
from perennial.runtime import jsonfile

if TYPE_CHECKING:
    from conftest import Project

CONTRACT = """\
version: 1
name: odd
columns:
  prediction: {type: text, role: id}
  "distance, km": {type: number, min: 0, max: 10}
  "[bio].[x].mean": {type: number}
  a.b: {type: number}
  'said "hi"': {type: number}
  широта: {type: integer}
  probability: {type: category, role: target, categories: ["other", "setosa"]}
"""
HEADER = 'prediction,"distance, km",[bio].[x].mean,a.b,"said ""hi""",probability,широта'
BIG = 2**53 + 1


def test_every_stage_takes_them(new_iris: Project, tmp_path: Path) -> None:
    project = new_iris.copy(tmp_path / "project")
    rows = (project.root / "data/landing/rows.csv").read_text().splitlines()[1:]
    species = ("virginica", "other"), ("versicolor", "other")
    for number, row in enumerate(rows):
        for old, new in species:
            row = row.replace(old, new)
        rows[number] = f"{row},{BIG + number % 7}"
    project.write("data/landing/rows.csv", "\n".join([HEADER, *rows]) + "\n")
    project.write("data/contract.yaml", CONTRACT)
    project.edit("params.yaml", "name: iris", "name: odd")
    project.edit("params.yaml", "slices: [petal_width]", 'slices: ["distance, km"]')
    project.dvc("repro")
    scored = parquet.read(project.root / "data/scored/test.parquet")
    assert scored.column_names == ["prediction", "probability", "prediction_", "probability_"]
    bundle = load(project.root / "models/bundle")
    reference = jsonfile.loads(bundle.files["reference.json"])
    assert reference["answers"].keys() == {"prediction", "probability"}
    assert set(reference["answers"]["prediction"]) == {"other", "setosa"}
    assert "a.b" in reference["columns"]
    asked = parquet.read(project.root / "data/prepared/test.parquet")
    assert bundle.predict(asked).tolist() == scored["prediction_"].to_pylist()
    assert bundle.manifest["requests"] == {"normal_form": True, "outside": "mark"}
    far = {**asked.to_pylist()[0], "distance, km": 11}
    assert list(bundle.respond([far])[0]["outside"]) == ["distance, km"]
