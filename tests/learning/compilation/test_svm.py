"""Kernel machines as graphs answer as libsvm does, to the last digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from perennial.data.contract import Task
from perennial.learning.compilation.onnx import compile_
from perennial.learning.compilation.refusal import Refusal
from perennial.model.fitted import scores_of


def data(load: Any) -> tuple[Any, Any]:
    matrix, target = load(return_X_y=True)
    scale = matrix.std(axis=0)
    matrix = (matrix - matrix.mean(axis=0)) / np.where(scale > 0, scale, 1)
    return matrix[:400], target[:400]


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
@pytest.mark.parametrize(
    ("task", "kind", "load"),
    [
        ("binary", SVC, load_breast_cancer),
        ("binary", NuSVC, load_breast_cancer),
        ("multiclass", SVC, load_wine),
        ("multiclass", NuSVC, load_digits),
        ("regression", SVR, load_diabetes),
        ("regression", NuSVR, load_diabetes),
    ],
)
def test_scores_are_libsvms(task: Task, kind: Any, load: Any, kernel: str) -> None:
    matrix, target = data(load)
    extra = {} if kernel == "linear" else {"coef0": 0.25}
    machine = kind(kernel=kernel, **extra).fit(matrix, target)
    engine, options = compile_(machine, task, 1)
    for rows in (matrix, matrix * 5, np.zeros_like(matrix[:1])):
        expected = scores_of(machine, options["method"], rows)
        np.testing.assert_allclose(engine.scores(rows), expected, rtol=1e-9, atol=1e-11)


def test_a_kernel_of_ones_own_is_refused() -> None:
    matrix, target = data(load_wine)
    machine = SVC(kernel=lambda left, right: left @ right.T).fit(matrix, target)
    with pytest.raises(Refusal, match="no graph has the kernel"):
        compile_(machine, "multiclass", 1)
