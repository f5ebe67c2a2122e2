"""A search tries what it says, on folds that leak nothing, and comes to the same end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from threadpoolctl import threadpool_limits

from perennial.data.contract import Task
from perennial.learning.estimators import make_estimator
from perennial.learning.search import Trial, folds, run_search, splitter
from perennial.params.train import Search
from perennial.runtime.errors import PerennialError


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other where other tests run too."""
    with threadpool_limits(1):
        yield


HGB = "sklearn.ensemble.HistGradientBoosting"
SPACE = {"max_iter": [1, 5], "max_leaf_nodes": [3, 15]}


def search(
    *,
    threads: int = 1,
    task: Task = "binary",
    split: str = "random",
    path: str = f"{HGB}Classifier",
    params: dict[str, Any] | None = None,
    groups: Any = None,
    data: Any = None,
    **fields: Any,
) -> list[Trial]:
    section = Search(**{"space": SPACE, **fields})
    matrix, target = data or load_breast_cancer(return_X_y=True)
    parts = splitter(split, task, section, 0, groups)
    return run_search(
        make_estimator(path, params or {}, task=task, seed=0),
        matrix,
        target,
        folds(parts, matrix, target, groups),
        search=section,
        task=task,
        seed=0,
        threads=threads,
        fit_arguments={},
    )


def refused(**given: Any) -> PerennialError:
    with pytest.raises(PerennialError) as caught:
        search(**given)
    assert caught.value.hint
    return caught.value


class TestTrials:
    def test_a_grid_tries_all_and_scores_as_scikit_learn(self) -> None:
        matrix, target = load_breast_cancer(return_X_y=True)
        oracle = GridSearchCV(
            HistGradientBoostingClassifier(random_state=0),
            SPACE,
            scoring="roc_auc",
            cv=StratifiedKFold(3, shuffle=True, random_state=0),
        ).fit(matrix, target)
        trials = search()
        assert [trial.params for trial in trials] == oracle.cv_results_["params"]
        scores = oracle.cv_results_["mean_test_score"]
        np.testing.assert_allclose([trial.score for trial in trials], scores, atol=1e-9)
        assert max(trials, key=lambda trial: trial.score).params == oracle.best_params_

    @pytest.mark.parametrize("method", ["grid", "random"])
    @pytest.mark.parametrize(
        ("path", "task", "load"),
        [
            (f"{HGB}Classifier", "multiclass", load_iris),
            (f"{HGB}Regressor", "regression", load_diabetes),
        ],
    )
    def test_twice_and_with_two_threads_the_same(
        self, method: str, path: str, task: Task, load: Any
    ) -> None:
        given: dict[str, Any] = {"path": path, "task": task, "data": load(return_X_y=True)}
        first, again, parallel = (
            search(threads=threads, method=method, iterations=2, **given) for threads in (1, 1, 2)
        )
        assert first == again == parallel

    def test_random_draws_no_combination_twice_and_no_more_than_there_are(self) -> None:
        space = {"max_iter": [1, 2, 3]}
        drawn = search(space=space, method="random", iterations=2)
        assert len({trial.params["max_iter"] for trial in drawn}) == len(drawn) == 2
        assert len(search(space=space, method="random", iterations=50)) == 3

    def test_another_metric(self) -> None:
        accuracy = search(space={"max_iter": [5]}, metric="accuracy")[0].score
        assert accuracy != search(space={"max_iter": [5]})[0].score
        assert 0.8 < accuracy < 1

    def test_whole_numbers_become_the_type_that_fits_take(self) -> None:
        trials = search(space={"learning_rate": [1]}, params={"max_iter": 2})
        assert isinstance(trials[0].params["learning_rate"], float)


class TestFolds:
    SECTION = Search(space={"a": [1]}, folds=3)

    def parts(self, method: str, task: Task, target: Any, groups: Any = None) -> list[Any]:
        parts = splitter(method, task, self.SECTION, 0, groups)
        return folds(parts, np.zeros((len(target), 1)), target, groups)

    @pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
    def test_time_order(self, task: Task) -> None:
        for train, held_out in self.parts("time", task, np.arange(40) % 2):
            assert train.max() < held_out.min()

    @pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
    def test_a_group_is_on_one_side(self, task: Task) -> None:
        groups = np.arange(40) % 7
        for train, held_out in self.parts("group", task, np.arange(40) % 2, groups):
            assert not set(groups[train]) & set(groups[held_out])

    @pytest.mark.parametrize("method", ["id", "random", "group"])
    def test_else_stratified(self, method: str) -> None:
        target = (np.arange(90) < 9).astype(int)
        for _, held_out in self.parts(method, "binary", target):
            assert target[held_out].sum() == 3

    def test_each_row_is_held_out_once(self) -> None:
        held_out = [
            row for _, part in self.parts("id", "regression", np.arange(40.0)) for row in part
        ]
        assert sorted(held_out) == list(range(40))


class TestRefused:
    def test_an_unknown_metric(self) -> None:
        error = refused(metric="accuracies")
        assert error.what == "scikit-learn has no scorer 'accuracies'"
        assert error.where == "params.yaml: train.search.metric"

    @pytest.mark.parametrize(
        "path", [f"{HGB}Classifier", "lightgbm.LGBMClassifier", "xgboost.XGBClassifier"]
    )
    def test_an_unknown_parameter_before_any_fit(
        self, path: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        error = refused(path=path, space={"learning_rat": [0.1]})
        assert error.what == f"{path.rpartition('.')[2]} has no parameter learning_rat"
        assert error.where == "params.yaml: train.search.space"
        assert capsys.readouterr().err == ""

    def test_a_type_that_dvc_takes_for_another(self) -> None:
        error = refused(space={"max_iter": [3.0]})
        assert error.where == "params.yaml: train.search.space"
        assert "write it as a int" in str(error.hint)

    @pytest.mark.parametrize("path", [f"{HGB}Classifier", "lightgbm.LGBMClassifier"])
    def test_a_value_that_a_fit_refuses(self, path: str) -> None:
        name = "max_iter" if path.startswith("sklearn") else "num_leaves"
        error = refused(path=path, space={name: [-5]})
        assert "a combination, or its score, was refused" in error.what
        assert name in error.what

    def test_a_metric_for_another_task(self) -> None:
        error = refused(data=load_iris(return_X_y=True), task="multiclass", metric="roc_auc")
        assert "was refused" in error.what

    def test_more_folds_than_groups(self) -> None:
        matrix, target = load_breast_cancer(return_X_y=True)
        groups = np.arange(len(target)) % 2
        error = refused(data=(matrix, target), split="group", groups=groups)
        assert "the training rows do not make the folds" in error.what

    @pytest.mark.filterwarnings("ignore:Only one class is present")
    def test_a_fold_without_a_score(self) -> None:
        target = np.repeat([0, 1], 60)
        matrix = np.random.default_rng(0).normal(size=(120, 2))
        error = refused(data=(matrix, target), split="time", space={"max_iter": [2]})
        assert "no score for a fold" in error.what


def test_a_clone_is_fitted_and_not_the_estimator_itself() -> None:
    matrix, target = load_iris(return_X_y=True)
    section = Search(space={"n_estimators": [2]}, folds=2)
    estimator = RandomForestClassifier(n_estimators=7)
    parts = splitter("random", "multiclass", section, 0, None)
    run_search(
        estimator,
        matrix,
        target,
        folds(parts, matrix, target, None),
        search=section,
        task="multiclass",
        seed=0,
        threads=1,
        fit_arguments={},
    )
    assert estimator.n_estimators == 7
    assert not hasattr(estimator, "estimators_")


class Recorder(ClassifierMixin, BaseEstimator):
    """Always gives the same answer, and notes how many threads OpenMP would start in its fit."""

    threads: ClassVar[list[int]] = []

    def __init__(self, answer: float = 0.5) -> None:
        self.answer = answer

    def fit(self, matrix: Any, target: Any) -> Recorder:
        self.threads.append(_openmp_effective_n_threads())
        self.classes_ = np.unique(target)
        return self

    def predict_proba(self, matrix: Any) -> Any:
        return np.tile([1 - self.answer, self.answer], (len(matrix), 1))


def test_fits_side_by_side_start_no_threads_of_their_own() -> None:
    matrix, target = load_breast_cancer(return_X_y=True)
    section = Search(space={"answer": [0.25, 0.5, 0.75]}, folds=2)
    parts = folds(splitter("random", "binary", section, 0, None), matrix, target, None)
    trials = run_search(
        Recorder(),
        matrix,
        target,
        parts,
        search=section,
        task="binary",
        seed=0,
        threads=2,
        fit_arguments={},
    )
    assert [trial.score for trial in trials] == [0.5, 0.5, 0.5]
    assert Recorder.threads == [1] * 6
