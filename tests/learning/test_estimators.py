"""Estimators are imported, checked before anything is fitted, and made reproducible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from threadpoolctl import threadpool_limits

from perennial.data.contract import Task
from perennial.learning.estimators import (
    Traits,
    declare_categories,
    family,
    forget_machine,
    make_estimator,
    reason,
    traits,
)
from perennial.runtime.errors import PerennialError

HGB = "sklearn.ensemble.HistGradientBoostingClassifier"
RF = "sklearn.ensemble.RandomForestClassifier"
LGBM = "lightgbm.LGBMClassifier"
XGB = "xgboost.XGBClassifier"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other where other tests run too."""
    with threadpool_limits(1):
        yield


def make(path: str, params: dict[str, Any] | None = None, task: Task = "binary") -> Any:
    return make_estimator(path, params or {}, task=task, seed=7)


def refused(path: str, params: dict[str, Any] | None = None, task: Task = "binary") -> str:
    with pytest.raises(PerennialError) as caught:
        make(path, params, task)
    assert caught.value.hint
    key = "train.params" if params else "train.estimator"
    assert caught.value.where == f"params.yaml: {key}"
    return caught.value.what


class TestImported:
    @pytest.mark.parametrize(
        "path",
        [
            "nowhere.Model",
            "sklearn.ensemble.NoSuchForest",
            "sklearn.nowhere.Model",
            "Model",
            "",
            ".Model",
            "sklearn..ensemble",
        ],
    )
    def test_a_path_that_does_not_import(self, path: str) -> None:
        assert f"{path} does not import" in refused(path)

    @pytest.mark.parametrize("path", ["os.path.join", "pathlib.Path", "sklearn.ensemble", "json.x"])
    def test_no_estimator(self, path: str) -> None:
        assert path in refused(path)

    def test_an_estimator_that_needs_arguments(self) -> None:
        assert "needs estimators" in refused("sklearn.ensemble.StackingClassifier")

    @pytest.mark.parametrize("task", ["binary", "multiclass"])
    def test_a_regressor_for_classes(self, task: Task) -> None:
        path = "sklearn.ensemble.RandomForestRegressor"
        assert (
            refused(path, task=task) == f"{path} is not a classifier, which a {task} target needs"
        )

    def test_a_classifier_for_a_regression(self) -> None:
        for path in (HGB, LGBM, XGB):
            assert "is not a regressor, which a regression target needs" in refused(
                path, task="regression"
            )

    @pytest.mark.parametrize(
        "path",
        ["sklearn.preprocessing.StandardScaler", "sklearn.cluster.KMeans", "xgboost.XGBRanker"],
    )
    def test_neither(self, path: str) -> None:
        assert "is not a classifier" in refused(path)


class TestParameters:
    @pytest.mark.parametrize("path", [HGB, RF, LGBM, XGB])
    def test_unknown(self, path: str) -> None:
        kind = path.rpartition(".")[2]
        params = {"learning_rates": 0.1, "random_state": 1, "n_estimator": 3}
        assert refused(path, params) == f"{kind} has no parameter learning_rates, n_estimator"

    def test_verbosity_hides_no_unknown_one(self) -> None:
        assert "n_estimator" in refused(XGB, {"n_estimator": 3, "verbosity": 0})
        assert "n_estimator" in refused(LGBM, {"n_estimator": 3, "verbosity": -1})

    def test_names_that_the_libraries_take_beside_the_constructors(self) -> None:
        assert make(LGBM, {"bagging_fraction": 0.5, "linear_trees": False}).get_params()
        assert make(XGB, {"eta": 0.5, "max_cat_to_onehot": 3}).get_params()["eta"] == 0.5
        assert make(XGB, {"objective": "multi:softprob"}, "multiclass").get_params()

    @pytest.mark.parametrize(
        ("path", "params", "expected_type"),
        [
            (HGB, {"max_iter": 3.0}, "int"),
            (HGB, {"max_iter": True}, "int"),
            (HGB, {"learning_rate": True}, "float"),
            (HGB, {"warm_start": 1}, "bool"),
            (HGB, {"max_features": 1}, "float"),
            (RF, {"n_estimators": 1e2}, "int"),
            (RF, {"min_samples_leaf": 1.0}, "int"),
            (RF, {"max_features": 1}, "float"),
            (LGBM, {"num_leaves": 31.0}, "int"),
            ("sklearn.ensemble.GradientBoostingClassifier", {"max_depth": 3.0}, "int"),
        ],
    )
    def test_a_type_that_dvc_takes_for_another(
        self, path: str, params: dict[str, Any], expected_type: str
    ) -> None:
        name, value = next(iter(params.items()))
        what = refused(path, params)
        assert what.startswith(f"{name} is {value!r}, of type {type(value).__name__}")
        assert what.endswith(expected_type)

    def test_a_whole_number_where_a_float_is_meant(self) -> None:
        value = make(HGB, {"learning_rate": 1}).learning_rate
        assert isinstance(value, float)
        assert value == 1.0

    def test_counts_and_shares_stay_apart(self) -> None:
        params = {"max_features": 5, "min_samples_leaf": 0.01, "max_samples": 0.5}
        made = make("sklearn.ensemble.RandomForestRegressor", params, "regression")
        assert {name: made.get_params()[name] for name in params} == params
        assert isinstance(made.max_features, int)

    @pytest.mark.parametrize(
        ("path", "params"),
        [
            (HGB, {"categorical_features": [0]}),
            (XGB, {"enable_categorical": True}),
            (LGBM, {"categorical_feature": [0]}),
        ],
    )
    def test_which_columns_are_categories_is_not_for_params(
        self, path: str, params: dict[str, Any]
    ) -> None:
        assert "preprocessing knows the categories" in refused(path, params)


class TestReproducible:
    def test_the_seed(self) -> None:
        for path in (HGB, RF, LGBM, XGB):
            assert make(path).random_state == 7
            assert make(path, {"random_state": 3}).random_state == 3

    def test_lightgbm_sums_in_one_order(self) -> None:
        params = make(LGBM).get_params()
        assert params["deterministic"] is True
        assert params["force_col_wise"] is True
        assert params["n_jobs"] == 0

    def test_lightgbm_is_silent(self, capfd: pytest.CaptureFixture[str]) -> None:
        matrix = np.random.default_rng(0).normal(size=(40, 2))
        make(LGBM, {"n_estimators": 2}).fit(matrix, matrix[:, 0] > 0)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("seed", ["seed", "random_seed", "random_state"])
    def test_the_users_word_goes_first_by_any_name(self, seed: str) -> None:
        params = make(LGBM, {seed: 3, "num_threads": 2}).get_params()
        assert {name: params.get(name) for name in (seed, "num_threads")} == {
            seed: 3,
            "num_threads": 2,
        }
        assert params["n_jobs"] is None
        if seed != "random_state":
            assert params["random_state"] is None

    def test_xgboost_adds_up_with_one_thread(self) -> None:
        assert make(XGB).n_jobs == 1
        assert make(XGB, {"n_jobs": 2}).n_jobs == 2


class TestTraits:
    def test_families(self) -> None:
        assert family(RandomForestClassifier()) == ("sklearn", "RandomForest")
        assert family(xgboost.XGBRegressor()) == ("xgboost", "XGB")
        assert family(lightgbm.LGBMClassifier()) == ("lightgbm", "LGBM")

    def test_what_each_takes(self) -> None:
        exact = Traits(native=255, missing=True, dtype="float64", finite=False)
        assert traits(HistGradientBoostingClassifier()) == exact
        assert traits(RandomForestRegressor()) == Traits(missing=True, dtype="float32")
        assert traits(GradientBoostingClassifier()) == Traits(dtype="float32")
        assert traits(lightgbm.LGBMClassifier()).missing
        assert traits(xgboost.XGBClassifier()).dtype == "float32"

    def test_nonsense_is_left_for_the_fit_to_refuse(self) -> None:
        assert traits(HistGradientBoostingClassifier(max_bins="many")).native == 255

    def test_the_careful_defaults_for_an_unknown_one(self) -> None:
        assert traits(LogisticRegression()) == Traits(scale=True)
        assert not traits(MultinomialNB()).scale

    @pytest.mark.parametrize("kind", [RandomForestClassifier, GradientBoostingClassifier])
    def test_finite_means_that_the_estimator_refuses_infinity(self, kind: type[Any]) -> None:
        matrix = np.array([[0.0], [1.0], [2.0], [3.0]])
        estimator = kind(n_estimators=2).fit(matrix, [0, 1, 0, 1])
        assert traits(estimator).finite
        with pytest.raises(ValueError, match="infinity"):
            estimator.predict([[np.inf]])

    @pytest.mark.parametrize(
        "kind", [HistGradientBoostingClassifier, lightgbm.LGBMClassifier, xgboost.XGBClassifier]
    )
    def test_not_finite_means_that_it_answers(self, kind: type[Any]) -> None:
        estimator = kind(verbose=-1) if kind is lightgbm.LGBMClassifier else kind()
        estimator.fit(np.arange(40.0)[:, np.newaxis], np.arange(40) % 2)
        assert not traits(estimator).finite
        assert len(estimator.predict(np.array([[np.inf], [-np.inf]]))) == 2


class TestCategories:
    def test_each_library_has_its_own_way(self) -> None:
        hgb, lgbm, xgb = make(HGB), make(LGBM), make(XGB)
        assert declare_categories(hgb, [0, 2], 3) == {}
        assert hgb.categorical_features == [0, 2]
        assert declare_categories(lgbm, [0, 2], 3) == {"categorical_feature": [0, 2]}
        assert declare_categories(xgb, [0, 2], 3) == {}
        assert xgb.feature_types == ["c", "q", "c"]
        assert xgb.enable_categorical

    def test_nothing_to_declare(self) -> None:
        forest = make(RF)
        assert declare_categories(forest, [], 3) == {}


def test_the_machine_is_forgotten() -> None:
    rows = np.arange(40.0)[:, np.newaxis]
    hgb = make(HGB).fit(rows, np.arange(40) % 2)
    hgb._bin_mapper.n_threads = 17
    forget_machine(hgb)
    assert hgb._bin_mapper.n_threads == 1
    forest = make(RF, {"n_jobs": 2, "n_estimators": 2}).fit(rows, np.arange(40) % 2)
    forget_machine(forest)
    assert forest.n_jobs is None


def test_what_an_estimator_says_without_its_source_file() -> None:
    assert reason(ValueError("[12:30:01] /src/gbm.cc:1: no such thing\nStack")) == "no such thing"
    assert reason(ValueError("plain")) == "plain"
    assert reason(KeyError()) == "KeyError"
