"""A skops file builds what it was listed to build, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from perennial.model.decision import from_margins
from perennial.model.engines.skops import SkopsEngine, types_in

X, Y = load_iris(return_X_y=True)
TREE = "sklearn.tree._tree.Tree"


def engine(estimator: Any, method: str, trusted: list[str] | None = None) -> SkopsEngine:
    data = skops.io.dumps(estimator.fit(X, Y))
    return SkopsEngine(data, method, types_in(data), trusted or [])


def test_scores_are_the_estimators_own() -> None:
    bayes, machine = GaussianNB(), SVC()
    scores = engine(bayes, "predict_proba").scores(X)
    assert scores.tobytes() == bayes.predict_proba(X).tobytes()
    scores = engine(machine, "decision_function").scores(X)
    np.testing.assert_array_equal(scores, from_margins(machine.decision_function(X)))


def test_saved_and_loaded(tmp_path: Path) -> None:
    saved = engine(GaussianNB(), "predict_proba")
    saved.save(tmp_path)
    options = {"method": "predict_proba", "types": types_in(skops.io.dumps(GaussianNB().fit(X, Y)))}
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    loaded = SkopsEngine.load(files, {**options, "trusted": []}, threads=2)
    assert loaded.scores(X).tobytes() == saved.scores(X).tobytes()


def test_a_type_that_was_not_listed_is_refused_though_skops_trusts_it() -> None:
    data = skops.io.dumps(GaussianNB().fit(X, Y))
    types = [name for name in types_in(data) if "GaussianNB" not in name]
    assert len(types) == len(types_in(data)) - 1
    with pytest.raises(ValueError, match=r"were not in it: sklearn\.naive_bayes\.GaussianNB"):
        SkopsEngine(data, "predict_proba", types, [])


def test_a_type_that_nobody_trusts_is_refused() -> None:
    with pytest.raises(ValueError, match="Untrusted types"):
        engine(DecisionTreeClassifier(), "predict_proba")
    assert engine(DecisionTreeClassifier(), "predict_proba", [TREE]).scores(X).shape == (150, 3)


def test_types_are_named_without_building_anything() -> None:
    assert {TREE, "sklearn.tree._classes.DecisionTreeClassifier", "numpy.ndarray"} <= set(
        types_in(skops.io.dumps(DecisionTreeClassifier().fit(X, Y)))
    )
