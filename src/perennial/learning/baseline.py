"""The two models that any model must beat: the constant answer and a linear one.

Why so: docs/decisions.md#d17
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from perennial.data.contract import Contract
from perennial.learning.compilation.linear import compile_linear
from perennial.learning.estimators import Traits
from perennial.learning.preprocessing import fit_preprocessing
from perennial.model.columns import Columns, evenly_spaced
from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision
from perennial.params.train import Train

#: Training rows that the linear model learns from, at most. Its few dozen coefficients stand on
#: these as well, and its dense matrix would be the largest thing in memory.
ROWS = 50_000

Array = NDArray[Any]


def fit_dummy(target: Array, classes: list[Any]) -> list[float]:
    """The constant answer: the share of each class code, or a regression's mean as one value."""
    if not classes:
        return [float(target.mean())]
    return [float(share) for share in np.bincount(target, minlength=len(classes)) / len(target)]


def fit_linear(columns: Columns, target: Array, contract: Contract, params: Train) -> CompiledModel:
    """Fit and compile a regularised linear model on standardised columns; it has no threshold yet.

    It learns from `ROWS` rows at most, evenly spaced; from all if these lack a class.
    """
    rows = evenly_spaced(len(target), ROWS)
    if len(np.unique(target[rows])) >= len(contract.classes):
        columns = {name: values[rows] for name, values in columns.items()}
        target = target[rows]
    traits = Traits(finite=False)
    params = params.model_copy(update={"categories": "auto"})
    fitted = fit_preprocessing(columns, target, contract, traits, params, standardise=True)
    # Second-order solvers reach the optimum to the last digits, which the compilation rounds away.
    model = (
        Ridge(solver="cholesky")
        if contract.task == "regression"
        else LogisticRegression(solver="newton-cholesky", tol=1e-8)
    )
    model.fit(fitted.matrix, target)
    engine, options = compile_linear(model, contract.task)
    decision = Decision(classes=contract.answers)
    return CompiledModel(fitted.preprocessing, engine, decision, "linear", options)
