"""The linear baseline's coefficients are the same on every processor."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge

from perennial.data.contract import Task
from perennial.learning.compilation.linear import compile_linear, significant

DATA = {"binary": load_breast_cancer, "multiclass": load_wine, "regression": load_diabetes}


class TestLinear:
    @pytest.mark.parametrize("task", ["binary", "multiclass"])
    def test_logistic_regression(self, task: Task) -> None:
        matrix, target = DATA[task](return_X_y=True)
        matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
        fitted = LogisticRegression(solver="newton-cholesky").fit(matrix, target)
        engine, _ = compile_linear(fitted, task)
        np.testing.assert_allclose(
            engine.scores(matrix), fitted.predict_proba(matrix), rtol=0, atol=1e-5
        )

    def test_ridge(self) -> None:
        matrix, target = load_diabetes(return_X_y=True)
        fitted = Ridge(alpha=1e-3).fit(matrix, target)
        engine, _ = compile_linear(fitted, "regression")
        np.testing.assert_allclose(engine.scores(matrix), fitted.predict(matrix), rtol=1e-4)

    def test_coefficients_are_rounded_past_what_processors_differ_by(self) -> None:
        values = np.array([[1.23456749e-7, -98765.4321], [0.0, 1.0]])
        expected = [[1.23457e-7, -98765.4], [0.0, 1.0]]
        assert significant(values).tolist() == expected
        assert significant(np.nextafter(values, 9)).tolist()[0] == expected[0]
