"""Graphs compute in double precision what was fitted, and are the same bytes each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import LinearSVC, LinearSVR

from perennial.data.contract import Task
from perennial.learning.compilation.onnx import compile_, refuse
from perennial.learning.compilation.refusal import Refusal
from perennial.model.fitted import method_of, scores_of

DATA = {"binary": load_breast_cancer, "multiclass": load_wine, "regression": load_diabetes}
SHORT = {"random_state": 0, "tol": 0.1}

FITS: list[tuple[Task, Any]] = [
    ("binary", LogisticRegression(solver="newton-cholesky")),
    ("multiclass", LogisticRegression(solver="newton-cholesky")),
    ("multiclass", GaussianNB()),
    ("binary", QuadraticDiscriminantAnalysis(reg_param=0.1)),
    ("binary", KNeighborsClassifier(7)),
    ("multiclass", KNeighborsClassifier()),
    ("binary", MLPClassifier(8, **SHORT)),
    ("multiclass", MLPClassifier(8, **SHORT)),
    ("binary", LinearSVC()),
    ("multiclass", LinearSVC()),
    ("binary", SGDClassifier(random_state=0)),
    ("multiclass", RidgeClassifier()),
    ("regression", Ridge()),
    ("regression", KNeighborsRegressor()),
    ("regression", MLPRegressor(hidden_layer_sizes=8, random_state=0, tol=1e4)),
    ("regression", LinearSVR(random_state=0)),
]


def data(task: Task) -> tuple[Any, Any]:
    matrix, target = DATA[task](return_X_y=True)
    return (matrix - matrix.mean(axis=0)) / matrix.std(axis=0), target


@pytest.mark.parametrize(("task", "estimator"), FITS, ids=str)
def test_scores_are_the_estimators_own(task: Task, estimator: Any) -> None:
    matrix, target = data(task)
    estimator.fit(matrix, target)
    engine, options = compile_(estimator, task, 1)
    expected = scores_of(estimator, options["method"], matrix)
    np.testing.assert_allclose(engine.scores(matrix), expected, rtol=1e-10, atol=1e-12)
    assert options == {"method": method_of(estimator, is_regression=task == "regression")}


def test_a_graph_holds_what_computes_the_scores_and_nothing_else(tmp_path: Path) -> None:
    matrix, target = data("binary")
    engine, _ = compile_(KNeighborsClassifier().fit(matrix, target), "binary", 1)
    engine.save(tmp_path)
    graph = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    onnx.checker.check_model(graph)
    assert [place.name for place in graph.graph.input] == ["matrix"]
    assert [place.name for place in graph.graph.output] == ["scores"]
    read = {name for node in graph.graph.node for name in node.input}
    assert {number.name for number in graph.graph.initializer} <= read
    for node in graph.graph.node:
        assert set(node.output) & (read | {"scores"})
    assert (graph.producer_name, graph.producer_version) == ("", "")
    assert all(number.data_location == 0 for number in graph.graph.initializer)


def test_the_same_bytes_each_time() -> None:
    matrix, target = data("multiclass")
    model = KNeighborsClassifier().fit(matrix, target)
    first, second = (compile_(model, "multiclass", 1)[0] for _ in range(2))
    assert first._model == second._model


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (DummyClassifier(), "no converter"),
        (OutputCodeClassifier(LogisticRegression()), "neither predict_proba nor decision_function"),
    ],
)
def test_refused_before_the_fit(estimator: Any, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        refuse(estimator, "binary")


def test_a_converter_that_fails_is_a_refusal() -> None:
    matrix, target = data("regression")
    model = KNeighborsRegressor(metric="canberra").fit(matrix, target)
    with pytest.raises(Refusal, match="skl2onnx does not convert it"):
        compile_(model, "regression", 1)
