"""Every numerical split of a model is known, whatever engine runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import treelite
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

from perennial.learning.compilation.thresholds import compiled_split_points, fitted_split_points


def test_split_points_by_hand() -> None:
    matrix = np.array([[0.0, 5.0], [1.0, 5.0], [np.nan, 5.0], [3.0, 5.0]])
    forest = RandomForestRegressor(n_estimators=1, bootstrap=False, max_features=None)
    forest.fit(matrix, [0.0, 1.0, 9.0, 3.0])
    points = compiled_split_points(treelite.sklearn.import_model(forest), 2)
    # The split that parts the missing value from the others has no finite threshold.
    assert [place.tolist() for place in points] == [[0.5, 2.0], []]


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=5),
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=5),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_fitted_trees_have_the_thresholds_that_treelite_has(estimator: Any) -> None:
    estimator.fit(*load_breast_cancer(return_X_y=True))
    expected = compiled_split_points(treelite.sklearn.import_model(estimator), 30)
    points = fitted_split_points(estimator, 30)
    assert [place.tolist() for place in points] == [place.tolist() for place in expected]
    assert sum(map(len, points)) > 15


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(max_depth=1),
        BaggingClassifier(DecisionTreeClassifier(max_depth=1), 3),
        AdaBoostClassifier(n_estimators=3),
        VotingClassifier([("tree", DecisionTreeClassifier(max_depth=1))]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_within_others_count(estimator: Any) -> None:
    column = np.arange(10.0)[:, np.newaxis]
    estimator.fit(column, column[:, 0] > 4)
    [points] = fitted_split_points(estimator, 1)
    assert 4.5 in points.tolist() or isinstance(estimator, BaggingClassifier)
    assert len(points) >= 1


def test_native_categories_are_no_thresholds() -> None:
    codes = np.tile(np.arange(4.0), 50)[:, np.newaxis]
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0])
    model.fit(codes, codes[:, 0] > 1)
    assert [place.tolist() for place in fitted_split_points(model, 1)] == [[]]


def test_what_has_no_trees_has_no_thresholds() -> None:
    model = Ridge().fit(np.eye(3), np.arange(3))
    assert [len(place) for place in fitted_split_points(model, 3)] == [0, 0, 0]
