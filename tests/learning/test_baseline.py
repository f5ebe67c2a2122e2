"""The baselines are the dummy and the linear model that anyone would take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from perennial.data.contract import Contract
from perennial.learning import baseline
from perennial.learning.baseline import fit_dummy, fit_linear
from perennial.model.preprocessing import CLIP, OneHot
from perennial.params.train import Train

DATA: dict[str, Any] = {
    "binary": (load_breast_cancer, {"type": "boolean"}),
    "multiclass": (load_wine, {"type": "category", "categories": ["a", "b", "c"]}),
    "regression": (load_diabetes, {"type": "number"}),
}


def contract(task: str, features: dict[str, Any]) -> Contract:
    columns = {**features, "y": {**DATA[task][1], "role": "target"}}
    return Contract.model_validate({"version": 1, "name": "made", "columns": columns})


@pytest.mark.parametrize("task", DATA)
class TestBaselines:
    def test_linear_is_the_pipeline_of_scaler_and_model(self, task: str) -> None:
        matrix, target = DATA[task][0](return_X_y=True)
        names = [f"x{place}" for place in range(matrix.shape[1])]
        columns = {name: matrix[:, place] for place, name in enumerate(names)}
        made = contract(task, {name: {"type": "number"} for name in names})
        linear = fit_linear(columns, target, made, Train())

        is_regression = task == "regression"
        oracle = make_pipeline(StandardScaler(), Ridge() if is_regression else LogisticRegression())
        # Values far out count no further, there as here.
        inside = np.clip(oracle[0].fit_transform(matrix), -CLIP, CLIP)
        oracle[1].set_params(tol=1e-10).fit(inside, target)
        expected = oracle[1].predict(inside) if is_regression else oracle[1].predict_proba(inside)
        scores = linear.scores(linear.preprocessing.encode(columns))
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
        assert linear.decision.classes == list(made.classes)
        assert linear.engine_name == "linear"

    def test_dummy(self, task: str) -> None:
        matrix, target = DATA[task][0](return_X_y=True)
        classes = (
            [] if task == "regression" else list(contract(task, {"x": {"type": "number"}}).classes)
        )
        if classes:
            expected = (
                DummyClassifier(strategy="prior").fit(matrix, target).predict_proba(matrix)[0]
            )
        else:
            expected = DummyRegressor().fit(matrix, target).predict(matrix)[:1]
        np.testing.assert_allclose(fit_dummy(target, classes), expected, rtol=1e-12)

    def test_any_row_has_an_answer(self, task: str) -> None:
        rng = np.random.default_rng(0)
        columns = {
            "c": rng.choice(["a", "b", None], 60),
            "x": np.where(rng.random(60) < 0.3, np.nan, rng.normal(size=60)),
            "when": np.full(60, "2024-01-01", dtype="datetime64[us]"),
        }
        kinds = {"c": "category", "x": "number", "when": "datetime"}
        made = contract(task, {name: {"type": kind} for name, kind in kinds.items()})
        target = rng.normal(size=60) if task == "regression" else np.arange(60) % len(made.classes)
        linear = fit_linear(columns, target, made, Train(categories="target"))
        assert isinstance(linear.preprocessing.steps[0], OneHot)
        hostile = {
            "c": np.array([None, "never", "a", ""], dtype=object),
            "x": np.array([np.nan, np.inf, -np.inf, 1e308]),
            "when": np.array(["NaT", "0001-01-01", "9999-12-31", "NaT"], dtype="datetime64[us]"),
        }
        answers = linear.answers(hostile)
        assert np.isfinite(answers).all()
        assert len(answers) == 4


def test_a_class_without_a_row_has_a_share_of_zero() -> None:
    assert fit_dummy(np.array([0, 0, 2, 2]), ["a", "b", "c", "d"]) == [0.5, 0.0, 0.5, 0.0]


class TestManyRows:
    NAMES = ("x0", "x1")
    FEATURES = {name: {"type": "number"} for name in NAMES}

    def data(self) -> tuple[dict[str, Any], Any]:
        rng = np.random.default_rng(0)
        columns = {name: rng.normal(size=300) for name in self.NAMES}
        return columns, (columns["x0"] + rng.normal(size=300) > 0).astype(np.int64)

    def test_it_learns_from_evenly_spaced_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        columns, target = self.data()
        made = contract("binary", self.FEATURES)
        some = {name: values[::3] for name, values in columns.items()}
        expected = fit_linear(some, target[::3], made, Train())
        monkeypatch.setattr(baseline, "ROWS", 100)
        linear = fit_linear(columns, target, made, Train())
        assert linear.preprocessing == expected.preprocessing
        matrix = linear.preprocessing.encode(columns)
        np.testing.assert_array_equal(linear.scores(matrix), expected.scores(matrix))

    def test_from_all_where_these_lack_a_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        columns, _ = self.data()
        target = np.zeros(300, np.int64)
        target[1::3] = 1
        made = contract("binary", self.FEATURES)
        expected = fit_linear(columns, target, made, Train())
        monkeypatch.setattr(baseline, "ROWS", 100)
        assert fit_linear(columns, target, made, Train()).preprocessing == expected.preprocessing
