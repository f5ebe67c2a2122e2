"""`model.joblib` in a notebook: data frames of any dtype, and the served model's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from perennial.data.contract import Task
from perennial.learning import pickling
from perennial.learning.compilation.treelite import compile_
from perennial.model.columns import Columns, from_values
from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision, Isotonic
from perennial.model.fitted import Model
from perennial.model.preprocessing import Calendar, Category, Number, Preprocessing, Tfidf

TYPES = {
    "carrier": "category",
    "delay": "number",
    "seats": "integer",
    "late": "boolean",
    "when": "datetime",
    "note": "text",
}
PROGRAM = Preprocessing(
    TYPES,
    [
        Category("carrier", ["AA", "UA"]),
        Number("delay"),
        Number("seats"),
        Number("late"),
        Calendar("when", ["month", "minute_of_day"]),
        Tfidf("note", ["bus", "train"], [1.0, 1.5]),
    ],
)
ROWS: dict[str, list[Any]] = {
    "carrier": ["AA", "UA", None, "ZZ", "UA", "AA"],
    "delay": [1.5, -2.0, None, 0.0, 7.25, 3.0],
    "seats": [100, None, 3, 4, 200, 9],
    "late": [True, False, None, True, False, False],
    "when": ["2024-02-29T10:30", None, "1969-07-20T20:17", "2024-12-31", "2013-06-01", None],
    "note": ["a train", "bus, bus!", None, "", "train or bus", "neither"],
}


def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS).assign(
        when=lambda table: pd.to_datetime(table["when"], format="ISO8601")
    )


FRAMES = {
    "as pandas guesses": lambda table: table,
    "categories": lambda table: table.astype({"carrier": "category", "note": "category"}),
    "nullable": lambda table: table.astype(
        {"seats": "Int64", "late": "boolean", "delay": "Float64", "carrier": "string"}
    ),
    "converted": lambda table: table.convert_dtypes(),
    "arrow": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda table: table.astype(object),
    "nanoseconds": lambda table: table.astype({"when": "datetime64[ns]"}),
    "a time zone": lambda table: table.assign(when=table["when"].dt.tz_localize("UTC")),
    "shuffled index": lambda table: table.set_axis([5, 3, 1, 0, 2, 4]),
    "more columns": lambda table: table.assign(other=1)[["other", *reversed(list(TYPES))]],
}


def columns() -> Columns:
    return from_values(ROWS, TYPES)


def made(task: Task) -> tuple[Model, CompiledModel]:
    rng = np.random.default_rng(0)
    rows = {
        name: [values[place] for place in rng.integers(0, 6, 200)] for name, values in ROWS.items()
    }
    matrix = PROGRAM.encode(from_values(rows, TYPES))
    is_regression = task == "regression"
    kind = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    target = np.nan_to_num(matrix[:, 1]) + rng.normal(size=200)
    with threadpool_limits(1):
        estimator = kind(max_iter=5, categorical_features=[0], min_samples_leaf=5)
        estimator.fit(matrix, target if is_regression else (target > 1).astype(int))
    curve = Isotonic([0.1, 0.9], [0.0, 1.0])
    decision = Decision([]) if is_regression else Decision(["early", "late"], 0.4, (curve,))
    engine, options = compile_(estimator, task, threads=1)
    model = Model(PROGRAM, estimator, decision)
    return model, CompiledModel(PROGRAM, engine, decision, "treelite", options)


@pytest.fixture(scope="module")
def binary() -> tuple[Model, CompiledModel]:
    return made("binary")


class TestDataFrames:
    @pytest.mark.parametrize("change", FRAMES.values(), ids=FRAMES)
    def test_answers_are_the_compiled_models(
        self, change: Any, binary: tuple[Model, CompiledModel]
    ) -> None:
        model, compiled = binary
        table = change(frame())
        answers = compiled.answers(columns())
        probabilities = model.predict_proba(table)
        np.testing.assert_array_equal(probabilities, answers)
        labels = compiled.decision.labels(answers).tolist()
        assert model.predict(table).tolist() == labels
        assert set(labels) == {"early", "late"}

    def test_a_mapping_of_lists_is_as_good(self, binary: tuple[Model, CompiledModel]) -> None:
        model, compiled = binary
        np.testing.assert_array_equal(model.predict_proba(ROWS), compiled.answers(columns()))

    def test_a_regression(self) -> None:
        model, compiled = made("regression")
        values = model.predict(frame())
        np.testing.assert_array_equal(values, compiled.answers(columns()))
        with pytest.raises(ValueError, match="a regression has no probabilities"):
            model.predict_proba(frame())

    def test_no_rows(self, binary: tuple[Model, CompiledModel]) -> None:
        model, _ = binary
        with pytest.raises(ValueError, match="0 sample"):
            model.predict(frame()[:0])

    def test_a_missing_column_or_a_wrong_value_is_reported(
        self, binary: tuple[Model, CompiledModel]
    ) -> None:
        model, _ = binary
        with pytest.raises(ValueError, match="no column seats, note"):
            model.predict(frame().drop(columns=["note", "seats"]))
        with pytest.raises(ValueError, match=r"row 1, seats: 'many' is not a integer"):
            model.predict(frame().assign(seats=[1, "many", 3, 4, 5, 6]))


class TestFile:
    def test_through_joblib(self, binary: tuple[Model, CompiledModel], tmp_path: Path) -> None:
        model, _ = binary
        pickling.dump(model, tmp_path / "model.joblib")
        loaded = joblib.load(tmp_path / "model.joblib")
        np.testing.assert_array_equal(loaded.predict_proba(frame()), model.predict_proba(frame()))
        assert (loaded.preprocessing, loaded.decision) == (model.preprocessing, model.decision)

    def test_the_file_does_not_show_what_the_model_was_asked(self, tmp_path: Path) -> None:
        model, _ = made("binary")
        pickling.dump(model, tmp_path / "before.joblib")
        model.predict(frame())
        pickling.dump(model, tmp_path / "after.joblib")
        before, after = (tmp_path / f"{name}.joblib" for name in ("before", "after"))
        assert before.read_bytes() == after.read_bytes()
