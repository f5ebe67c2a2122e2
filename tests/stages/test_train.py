"""train: what training gives is written as it is; a fault is reported once and leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from perennial.data import parquet
from perennial.data.contract import Column, Contract, read_contract
from perennial.learning.fitting import Rows
from perennial.learning.training import Trained, train_all
from perennial.model import compiled
from perennial.params.build import read_params
from perennial.runtime import jsonfile
from perennial.stages.train import OUTPUTS, rows_of, write

if TYPE_CHECKING:
    from conftest import Project


def contract(*, positive: str | None = None, group: bool = False) -> Contract:
    columns: dict[str, Any] = {
        "x": {"type": "number"},
        "c": {"type": "category", "missing": 0.5},
        "y": {"type": "category", "categories": ["yes", "no"], "role": "target"},
    }
    if positive:
        columns["y"]["positive"] = positive
    if group:
        columns["g"] = {"type": "text", "role": "group"}
    return Contract.model_validate({"version": 1, "name": "made", "columns": columns})


TABLE = pa.table(
    {
        "x": [1.0, 2.0, 3.0],
        "c": ["u", None, "v"],
        "g": ["b", "a", "b"],
        "y": ["yes", "no", "yes"],
    }
)


class TestRows:
    def test_features_in_the_contracts_order_and_codes_of_classes(self) -> None:
        rows = rows_of(TABLE, contract())
        assert list(rows.columns) == ["x", "c"]
        assert rows.columns["c"].tolist() == ["u", None, "v"]
        assert [contract().classes[code] for code in rows.target] == ["yes", "no", "yes"]

    @pytest.mark.parametrize(("positive", "codes"), [("yes", [1, 0, 1]), ("no", [0, 1, 0])])
    def test_the_positive_class_is_code_one(self, positive: str, codes: list[int]) -> None:
        assert rows_of(TABLE, contract(positive=positive)).target.tolist() == codes

    def test_groups_are_numbered(self) -> None:
        assert rows_of(TABLE, contract()).groups is None
        groups = rows_of(TABLE, contract(group=True)).groups
        assert groups is not None
        assert groups.tolist() == [1, 0, 1]

    def test_what_belongs_together_is_the_coarser_of_group_and_day(self) -> None:
        grouped = contract(group=True)
        made = grouped.model_copy(
            update={"columns": grouped.columns | {"t": Column(type="datetime", role="time")}}
        )
        for days, unit in ((["01", "02", "03"], "groups"), (["01", "01", "01"], "days")):
            times = pa.array([f"2024-01-{day}T12:00" for day in days]).cast(pa.timestamp("us"))
            table = TABLE.append_column("t", times)
            rows = rows_of(table, made, "time")
            assert rows.unit == unit
            assert rows.blocks is not None
            # By other methods days are drawn apart, and groups still belong together.
            assert rows_of(table, made, "random").unit == "groups"
        assert rows_of(TABLE, contract(), "random").unit == "rows"


@pytest.fixture
def visits(cancer: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A binary task with a column of every type, to stand in."""
    project = cancer.copy(tmp_path / "project")
    monkeypatch.chdir(project.root)
    return project


def side(name: str) -> Rows:
    table = parquet.read(Path(f"data/prepared/{name}.parquet"))
    return rows_of(table, read_contract(), "time")


def trained_here() -> Trained:
    """What the stage should write, from this process, with one thread."""
    with threadpool_limits(1):
        return train_all(
            side("train"), side("validation"), read_contract(), read_params(), threads=1
        )


def test_other_threads_and_hashes_write_the_same_bytes(visits: Project, tmp_path: Path) -> None:
    outputs = [str(path) for path in OUTPUTS]
    names = [name for name in visits.files() if name.startswith(tuple(outputs))]
    visits.remove_outputs("train")
    elsewhere = {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "2"}
    done = visits.run("python", "-W", "error", "src", "train", env=elsewhere, check=True)
    trained = trained_here()
    assert done.stdout == (
        f"train: HistGradientBoostingClassifier on {len(side('train').target):,} rows; "
        f"parity of engine treelite proved on {trained.parity.rows:,} rows\n"
    )
    for output in outputs:
        (tmp_path / output).parent.mkdir(exist_ok=True)
    write(trained, read_params().train, *(tmp_path / output for output in outputs))
    assert [name for name in visits.files() if name.startswith(tuple(outputs))] == names
    for name in names:
        assert (visits.root / name).read_bytes() == (tmp_path / name).read_bytes(), name


@pytest.mark.usefixtures("visits")
def test_what_it_wrote_loads_and_answers_as_what_was_trained() -> None:
    trained, rows = trained_here(), side("validation").columns
    answers = trained.compiled.answers(rows)
    model = compiled.load(Path("models/compiled"))
    np.testing.assert_array_equal(model.answers(rows), answers)
    fitted = joblib.load("models/model.joblib")
    np.testing.assert_allclose(fitted.answers(rows), answers, rtol=0, atol=1e-9)
    assert jsonfile.read(Path("models/baseline/dummy.json")) == trained.dummy

    report = jsonfile.read(Path("metrics/train.json"))
    assert report["parity"]["breaches"] == 0
    assert report["threshold"] == round(model.decision.threshold or 0, 6)
    assert (report["engine"], report["features"]) == ("treelite", len(read_contract().features))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("params: {max_itre: 10}", "HistGradientBoostingClassifier has no parameter max_itre"),
        (
            # XGBoost's float32 softmax is never the compiled one to the last bit.
            "estimator: xgboost.XGBClassifier\n  params: {n_estimators: 5}\n  tolerance: 0.0",
            "- treelite: the compiled model is not the fitted one",
        ),
    ],
    ids=["unknown parameter", "no parity"],
)
def test_a_fault_is_reported_once_and_leaves_nothing(
    section: str, message: str, project: Project
) -> None:
    project.edit("params.yaml", "params: {max_iter: 10}", section)
    project.remove_outputs("train")
    report = project.refused("train", message)
    assert report.count(message) == 1
    assert report.count("  hint: ") == 1
