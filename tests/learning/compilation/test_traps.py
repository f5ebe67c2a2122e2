"""Conversions that are known to be wrong do not get through.

Each was met with the packages that are locked. None of them says anything: the graph just answers
otherwise than the fitted model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier

from perennial.learning.adversarial import at_split_points
from perennial.learning.compilation.onnx import canonical, compile_
from perennial.learning.compilation.refusal import Refusal
from perennial.learning.compilation.thresholds import fitted_split_points
from perennial.learning.parity import prove_parity
from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision
from perennial.model.engines.onnx import OnnxEngine
from perennial.model.fitted import Model
from perennial.model.preprocessing import Number, Preprocessing
from perennial.runtime.errors import PerennialError

TYPES = {"x": "number", "z": "number"}
DECISION = Decision(["no", "yes"], 0.5)


def rows(seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(400, 2))
    return matrix, (matrix.sum(axis=1) + rng.normal(size=400) / 4 > 0).astype(np.int64)


def prove(estimator: Any, engine: Any, matrix: Any, dtype: str = "float64") -> None:
    program = Preprocessing(TYPES, [Number("x"), Number("z")], dtype=dtype)
    compiled = CompiledModel(program, engine, DECISION, "onnx", {})
    model = Model(program, estimator, DECISION)
    prove_parity(model, compiled, matrix, tolerance=1e-6, spread=1.0)


class Float32Graph(OnnxEngine):
    """What skl2onnx makes by default: a graph that takes single precision."""

    def __init__(self, estimator: Any) -> None:
        graph = skl2onnx.convert_sklearn(
            estimator,
            initial_types=[("matrix", FloatTensorType([None, 2]))],
            options={id(estimator): {"zipmap": False}},
        )
        super().__init__(canonical(graph), "predict_proba")

    def scores(self, matrix: Any) -> Any:
        return np.float64(self._session.run(["scores"], {"matrix": np.float32(matrix)})[0])


def test_single_precision_moves_values_across_thresholds() -> None:
    matrix, target = rows()
    threshold = 0.1
    model = BernoulliNB(binarize=threshold).fit(matrix, target)
    beside = matrix.copy()
    beside[:, 0] = np.nextafter(threshold, 1)
    graph = Float32Graph(model)
    prove(model, compile_(model, "binary", 1)[0], matrix)
    # On plain rows nothing is to be seen.
    assert (graph.scores(matrix).argmax(axis=1) == model.predict(matrix)).all()
    with pytest.raises(PerennialError, match="400 of 400 rows differ"):
        prove(model, graph, beside)


def test_a_forest_in_double_precision_is_no_forest_of_scikit_learns() -> None:
    # Its trees compare in single precision, as treelite's engine does and the graph does not.
    matrix, target = rows()
    model = RandomForestClassifier(20, random_state=0).fit(matrix, target)
    sharp = at_split_points(matrix, fitted_split_points(model, 2), "float64", seed=0)
    with pytest.raises(PerennialError, match="rows differ"):
        prove(model, compile_(model, "binary", 1)[0], sharp)


def test_a_forest_that_learned_where_missing_values_go() -> None:
    matrix, target = rows()
    matrix[np.random.default_rng(1).random(matrix.shape) < 0.2] = np.nan
    model = RandomForestClassifier(20, random_state=0).fit(matrix, target)
    # The converter itself would look for the float beside infinity for ever.
    with pytest.raises(Refusal, match="part missing values from the others"):
        compile_(model, "binary", 1)


def test_a_forest_whose_missing_values_follow_others() -> None:
    matrix, _ = rows()
    matrix[:200, 0] = np.nan
    target = (np.nan_to_num(matrix[:, 0], nan=-9.0) > 0).astype(np.int64)
    model = RandomForestClassifier(20, random_state=0, max_depth=1).fit(matrix, target)
    with pytest.raises(PerennialError, match="rows differ"):
        prove(model, compile_(model, "binary", 1)[0], np.float64(np.float32(matrix)), "float32")


def test_a_neighbour_at_no_distance() -> None:
    matrix, target = rows()
    model = KNeighborsClassifier(weights="distance").fit(matrix, target)
    with pytest.raises(PerennialError, match="rows differ"):
        prove(model, compile_(model, "binary", 1)[0], matrix)


def test_native_categories() -> None:
    matrix, target = rows()
    matrix[:, 0] = np.random.default_rng(1).integers(0, 6, 400)
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features=[0])
    with pytest.raises(Refusal, match="skl2onnx does not convert it"):
        compile_(model.fit(matrix, target), "binary", 1)


def test_a_linear_discriminant_of_two_classes() -> None:
    matrix, target = rows()
    model = LinearDiscriminantAnalysis().fit(matrix, target)
    with pytest.raises(PerennialError, match="rows differ"):
        prove(model, compile_(model, "binary", 1)[0], matrix)
