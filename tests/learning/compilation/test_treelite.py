"""Trees that treelite takes answer as fitted; the others are refused before they are fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits

from perennial.data.contract import Task
from perennial.learning.adversarial import at_split_points
from perennial.learning.compilation.refusal import Refusal
from perennial.learning.compilation.thresholds import compiled_split_points
from perennial.learning.compilation.treelite import TREES, compile_, refuse
from perennial.learning.estimators import family, make_estimator

DATA = {"binary": load_breast_cancer, "multiclass": load_wine, "regression": load_diabetes}
SMALL = {"n_estimators": 8, "random_state": 0}
LGBM = {**SMALL, "n_jobs": 1, "verbosity": -1, "min_child_samples": 5}
HGB = {"max_iter": 8, "random_state": 0}

FITS: list[tuple[Task, Any]] = [
    ("binary", HistGradientBoostingClassifier(**HGB, class_weight="balanced")),
    ("binary", HistGradientBoostingClassifier(**HGB, early_stopping=True)),
    ("multiclass", HistGradientBoostingClassifier(**HGB, max_bins=20)),
    ("regression", HistGradientBoostingRegressor(**HGB, loss="poisson")),
    ("regression", HistGradientBoostingRegressor(**HGB, loss="gamma")),
    ("regression", HistGradientBoostingRegressor(**HGB, loss="quantile", quantile=0.3)),
    ("binary", RandomForestClassifier(**SMALL, class_weight="balanced_subsample")),
    ("multiclass", RandomForestClassifier(**SMALL, max_depth=2)),
    ("regression", RandomForestRegressor(**SMALL, criterion="poisson")),
    ("binary", ExtraTreesClassifier(**SMALL, class_weight="balanced")),
    ("multiclass", ExtraTreesClassifier(**SMALL)),
    ("regression", ExtraTreesRegressor(**SMALL, bootstrap=True)),
    ("binary", GradientBoostingClassifier(**SMALL, init="zero")),
    ("multiclass", GradientBoostingClassifier(**SMALL, subsample=0.5)),
    ("regression", GradientBoostingRegressor(**SMALL, loss="huber")),
    ("binary", DecisionTreeClassifier(random_state=0, class_weight="balanced")),
    ("multiclass", DecisionTreeClassifier(random_state=0, max_depth=3)),
    ("regression", DecisionTreeRegressor(random_state=0)),
    ("multiclass", ExtraTreeClassifier(random_state=0)),
    ("regression", ExtraTreeRegressor(random_state=0)),
    ("binary", BaggingClassifier(**SMALL)),
    ("multiclass", BaggingClassifier(**SMALL, oob_score=False)),
    ("regression", BaggingRegressor(**SMALL, max_samples=0.5)),
    ("binary", AdaBoostClassifier(**SMALL)),
    ("multiclass", AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), **SMALL)),
    ("binary", lightgbm.LGBMClassifier(**LGBM, class_weight="balanced")),
    ("binary", lightgbm.LGBMClassifier(**LGBM, use_missing=False)),
    ("multiclass", lightgbm.LGBMClassifier(**LGBM, boosting_type="dart")),
    ("regression", lightgbm.LGBMRegressor(**LGBM, objective="poisson")),
    ("regression", lightgbm.LGBMRegressor(**LGBM, objective="gamma")),
    (
        "regression",
        lightgbm.LGBMRegressor(**LGBM, boosting_type="rf", bagging_freq=1, bagging_fraction=0.5),
    ),
    ("binary", xgboost.XGBClassifier(**SMALL, n_jobs=1, scale_pos_weight=3.0)),
    ("binary", xgboost.XGBClassifier(**SMALL, n_jobs=1, booster="dart", rate_drop=0.5)),
    ("multiclass", xgboost.XGBClassifier(**SMALL, n_jobs=1, num_parallel_tree=2, subsample=0.5)),
    ("multiclass", xgboost.XGBClassifier(**SMALL, n_jobs=1, multi_strategy="multi_output_tree")),
    ("regression", xgboost.XGBRegressor(**SMALL, n_jobs=1, objective="count:poisson")),
    ("regression", xgboost.XGBRegressor(**SMALL, n_jobs=1, objective="reg:gamma")),
    ("regression", xgboost.XGBRegressor(**SMALL, n_jobs=1, base_score=3.0)),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other where other tests run too."""
    with threadpool_limits(1):
        yield


def data(task: Task, *, missing: bool = False) -> tuple[Any, Any]:
    matrix, target = DATA[task](return_X_y=True)
    # As an engine that compares in float32 would get them from Preprocessing.cast.
    matrix = (matrix - matrix.mean(axis=0)).astype(np.float32).astype(np.float64)
    if missing:
        matrix[np.random.default_rng(1).random(matrix.shape) < 0.1] = np.nan
    return matrix, target


def answered(estimator: Any, task: Task, matrix: Any) -> Any:
    return estimator.predict(matrix) if task == "regression" else estimator.predict_proba(matrix)


class TestTrees:
    @pytest.mark.parametrize(("task", "estimator"), FITS, ids=str)
    def test_scores_are_the_estimators_own_also_at_its_thresholds(
        self, task: Task, estimator: Any
    ) -> None:
        matrix, target = data(task, missing=get_tags(estimator).input_tags.allow_nan)
        estimator.fit(matrix, target)
        engine, options = compile_(estimator, task, threads=1)
        points = compiled_split_points(engine.model, matrix.shape[1])
        dtype = str(np.dtype(engine.model.input_type))
        if family(estimator)[0] == "sklearn" and family(estimator)[1] != "HistGradientBoosting":
            dtype = "float32"
        sharp = at_split_points(matrix, points, dtype, seed=0).astype(
            np.float32 if dtype == "float32" else float
        )
        for rows in (matrix, sharp):
            expected = answered(estimator, task, rows)
            scores = engine.scores(np.asarray(rows))
            np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-7)
        assert options["link"] in {"identity", "probability", "sigmoid", "softmax", "exponential"}

    def test_every_family_is_tried(self) -> None:
        assert {family(estimator) for _, estimator in FITS} == set(TREES)

    def test_xgboost_rounds_as_xgboost_does_however_many_trees(self) -> None:
        # It adds hundreds of float32 leaves to a large base score; the order of that sum shows.
        matrix, target = data("regression")
        estimator = xgboost.XGBRegressor(n_estimators=400, n_jobs=1).fit(matrix, target)
        engine, _ = compile_(estimator, "regression", threads=1)
        np.testing.assert_array_equal(engine.scores(matrix), estimator.predict(matrix))

    def test_lightgbm_takes_tiny_numbers_for_zero(self) -> None:
        column = np.concatenate([np.full(50, -1.0), np.zeros(50), np.full(50, 1.0)])
        matrix, target = column[:, np.newaxis], np.repeat([1.0, 2.0, 5.0], 50)
        estimator = lightgbm.LGBMRegressor(**LGBM).fit(matrix, target)
        engine, _ = compile_(estimator, "regression", threads=1)
        edge = float(np.float32(1e-35))
        tiny = [sign * np.nextafter(edge, to) for sign in (-1, 1) for to in (0, 1)]
        inputs = np.array([*tiny, edge, -edge, 0.0, -0.0, 5e-324, -1.0, 1.0])[:, np.newaxis]
        np.testing.assert_array_equal(engine.scores(inputs), estimator.predict(inputs))
        assert len(set(engine.scores(inputs))) == 3

    def test_no_trees_at_all(self) -> None:
        matrix, target = data("regression")
        estimator = xgboost.XGBRegressor(n_estimators=0).fit(matrix, target)
        engine, _ = compile_(estimator, "regression", threads=1)
        np.testing.assert_array_equal(engine.scores(matrix), estimator.predict(matrix))
        assert [len(points) for points in compiled_split_points(engine.model, 10)] == [0] * 10

    def test_what_the_importer_refuses_is_refused(self) -> None:
        matrix, target = data("regression")
        estimator = lightgbm.LGBMRegressor(**LGBM, linear_tree=True).fit(matrix, target)
        with pytest.raises(Refusal, match="linear trees"):
            compile_(estimator, "regression", threads=1)

    def test_an_output_that_no_engine_has_is_refused(self) -> None:
        matrix, target = data("multiclass")
        estimator = lightgbm.LGBMClassifier(**LGBM, objective="multiclassova").fit(matrix, target)
        with pytest.raises(Refusal, match="multiclass_ova"):
            compile_(estimator, "multiclass", threads=1)

    @pytest.mark.parametrize(
        ("estimator", "why"),
        [
            (BaggingClassifier(GaussianNB(), **SMALL), "no ensemble of trees"),
            (BaggingClassifier(**SMALL, max_features=0.5), "different columns"),
        ],
    )
    def test_an_ensemble_that_is_no_forest_is_refused(self, estimator: Any, why: str) -> None:
        matrix, target = data("multiclass")
        with pytest.raises(Refusal, match=why):
            compile_(estimator.fit(matrix, target), "multiclass", threads=1)


class TestRefused:
    @pytest.mark.parametrize(
        ("path", "params"),
        [
            ("sklearn.linear_model.LogisticRegression", {}),
            ("sklearn.svm.SVC", {}),
            ("sklearn.ensemble.AdaBoostRegressor", {}),
            ("sklearn.neural_network.MLPClassifier", {}),
            ("sklearn.naive_bayes.GaussianNB", {}),
            ("sklearn.dummy.DummyClassifier", {}),
            ("xgboost.XGBRFClassifier", {}),
            ("xgboost.XGBClassifier", {"booster": "gblinear"}),
            ("xgboost.XGBClassifier", {"missing": -1.0}),
            ("xgboost.XGBClassifier", {"objective": "binary:hinge"}),
            ("lightgbm.LGBMClassifier", {"linear_tree": True}),
            ("lightgbm.LGBMClassifier", {"linear_trees": True}),
            ("lightgbm.LGBMClassifier", {"zero_as_missing": True}),
            ("lightgbm.LGBMClassifier", {"sigmoid": 2.0}),
            ("lightgbm.LGBMClassifier", {"objective": "ova"}),
            ("lightgbm.LGBMRegressor", {"reg_sqrt": True}),
            ("sklearn.ensemble.GradientBoostingClassifier", {"loss": "exponential"}),
        ],
    )
    def test_before_it_is_fitted(self, path: str, params: dict[str, Any]) -> None:
        kind = path.rpartition(".")[2]
        task: Task = "regression" if kind.endswith("Regressor") else "binary"
        with pytest.raises(Refusal) as caught:
            refuse(make_estimator(path, params, task=task, seed=0), task)
        for value in params.values():
            assert repr(value) in caught.value.why
            assert caught.value.hint

    @pytest.mark.parametrize(("task", "estimator"), FITS, ids=str)
    def test_nothing_else(self, task: Task, estimator: Any) -> None:
        refuse(estimator, task)
