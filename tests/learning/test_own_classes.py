"""Other people's classes, columns and targets: trained and served, or refused for a true reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pytest
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from perennial.data.contract import Contract
from perennial.learning.estimators import as_library, family, make_estimator, traits
from perennial.learning.training import Trained, train_all
from perennial.model.columns import from_values
from perennial.params.build import BuildParams
from perennial.runtime.errors import PerennialError
from perennial.stages.train import rows_of

#: Names that people give columns: of a voice recorder, of a wearable, and of a spreadsheet.
NAMES = {
    "MDVP:Fo(Hz)": "number",
    "distance, km": "number",
    "[bio].[x].mean": "integer",
    "a.b": "number",
    "a": "number",
    'said "hi"': "boolean",
    "two\nlines": "datetime",
    "широта": "category",
    "широта=север": "number",
    "x[1]": "number",
    "x(1)": "number",
    "two\nlines:month": "number",
    "prediction": "category",
    "probability": "number",
}
BIG = 2**53 + 1


class MyHist(HistGradientBoostingClassifier):
    def __init__(self) -> None:
        super().__init__(max_iter=5)


class MyTree(DecisionTreeClassifier):
    pass


class MyForest(RandomForestRegressor):
    def __init__(self) -> None:
        super().__init__(n_estimators=3)


class MyLGBM(lightgbm.LGBMClassifier):
    pass


class MyXGB(xgboost.XGBClassifier):
    def __init__(self) -> None:
        super().__init__(n_estimators=3)


class MyLogit(LogisticRegression):
    pass


class MyStack(StackingClassifier):
    """It has probabilities of its own default, which it makes in the fit."""

    def __init__(self) -> None:
        parts = [("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]
        super().__init__([*parts, ("line", LogisticRegression())])


class MyVote(VotingClassifier):
    """It has no probabilities."""

    def __init__(self) -> None:
        super().__init__([("line", LogisticRegression())], voting="hard")


class Sharper(HistGradientBoostingClassifier):
    """Its own code answers."""

    def predict_proba(self, matrix: Any) -> Any:
        squares = super().predict_proba(matrix) ** 2
        return squares / squares.sum(axis=1, keepdims=True)


class Wrapper(ClassifierMixin, BaseEstimator):
    """No library knows it; its tags say that it takes missing values."""

    def fit(self, matrix: Any, target: Any) -> Wrapper:
        assert np.isnan(matrix).any()
        assert np.isfinite(matrix[~np.isnan(matrix)]).all()
        self.inner_ = HistGradientBoostingClassifier(max_iter=2).fit(matrix, target)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, matrix: Any) -> Any:
        return self.inner_.predict_proba(matrix)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other where other tests run too."""
    with threadpool_limits(1):
        yield


def table(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    moments = rng.integers(0, 400, rows).astype("datetime64[D]").astype("datetime64[us]")
    values: dict[str, Any] = {
        "number": lambda: rng.normal(size=rows),
        "integer": lambda: BIG + rng.integers(0, 9, rows),
        "boolean": lambda: rng.random(rows) < 0.5,
        "datetime": lambda: moments,
        "category": lambda: rng.choice(["север", "юг"], rows).astype(object),
    }
    holes = rng.random((len(NAMES), rows)) < 0.1
    columns = {
        name: pa.array(values[kind](), mask=hole)
        for (name, kind), hole in zip(NAMES.items(), holes, strict=True)
    }
    score = columns["a"].fill_null(0).to_numpy() + rng.normal(size=rows) / 4
    share = 1 / (1 + np.exp(-score))
    return pa.table({**columns, "yes": share > 0.5, "share": share})


def trained(path: str, params: dict[str, Any] | None = None, **train: Any) -> Trained:
    is_regression = path.endswith(("Regressor", "MyForest"))
    target = {"share": "number"} if is_regression else {"yes": "boolean"}
    columns: dict[str, Any] = {name: {"type": kind, "missing": 0.5} for name, kind in NAMES.items()}
    columns |= {name: {"type": kind, "role": "target"} for name, kind in target.items()}
    contract = Contract.model_validate({"version": 1, "name": "made", "columns": columns})
    section = {"estimator": path, "params": params or {}, "adversarial_rows": 200, **train}
    build = BuildParams.model_validate(
        {"prepare": {"split": {"method": "random"}}, "train": section}
    )
    sides = [rows_of(table(rows, seed), contract) for rows, seed in ((200, 0), (100, 1))]
    return train_all(*sides, contract, build, threads=1)


def own(kind: type[Any]) -> str:
    return f"{__name__}.{kind.__name__}"


class TestOwnClasses:
    @pytest.mark.parametrize(
        ("kind", "engine"),
        [
            (MyHist, "treelite"),
            (MyTree, "treelite"),
            (MyForest, "treelite"),
            (MyLGBM, "treelite"),
            (MyXGB, "treelite"),
            (MyLogit, "onnx"),
        ],
    )
    def test_it_is_served_as_what_it_derives_from(self, kind: type[Any], engine: str) -> None:
        result = trained(own(kind))
        assert result.compiled.engine_name == engine
        assert result.parity.breaches == 0
        assert type(result.model.estimator) is kind

    def test_a_stack_that_knows_its_probabilities_after_the_fit(self) -> None:
        trusted = ["sklearn.tree._tree.Tree", "sklearn.utils._bunch.Bunch"]
        result = trained(own(MyStack), trusted=trusted)
        assert result.compiled.engine_name == "skops"
        # The bundle needs no class of the user's.
        assert not any(__name__ in kind for kind in result.compiled.options["types"])

    def test_own_code_that_answers_is_not_passed_over(self) -> None:
        with pytest.raises(PerennialError) as refused:
            trained(own(Sharper))
        assert "treelite: the compiled model is not the fitted one" in refused.value.what
        assert "skops: nobody has confirmed" in refused.value.what
        assert own(Sharper) in refused.value.what
        sharper = Sharper()
        assert as_library(sharper) is sharper

    def test_an_unknown_one_that_takes_missing_values_is_given_them(self) -> None:
        with pytest.raises(PerennialError, match=f"nobody has confirmed .*{own(Wrapper)}"):
            trained(own(Wrapper))

    def test_one_without_scores_is_refused_for_that(self) -> None:
        with pytest.raises(PerennialError, match="neither predict_proba nor decision_function"):
            trained(own(MyVote))

    def test_its_seed_is_set_though_it_has_no_such_parameter(self) -> None:
        forest = make_estimator(own(MyForest), {}, task="regression", seed=7)
        assert forest.random_state == 7
        assert family(forest) == ("sklearn", "RandomForest")

    def test_one_that_cannot_be_told_of_categories_gets_none(self) -> None:
        assert traits(MyHist()).native == 0
        assert traits(HistGradientBoostingClassifier()).native == 255


class TestLinks:
    """A regression of shares, whose scores a sigmoid brings between 0 and 1."""

    @pytest.mark.parametrize(
        ("path", "objective"),
        [
            ("xgboost.XGBRegressor", "reg:logistic"),
            ("xgboost.XGBRegressor", "binary:logistic"),
            ("lightgbm.LGBMRegressor", "cross_entropy"),
        ],
    )
    def test_it_answers_values(self, path: str, objective: str) -> None:
        result = trained(path, {"objective": objective, "n_estimators": 3})
        assert result.parity.breaches == 0
        rows = table(5, 2).drop_columns(["yes", "share"])
        answers = result.compiled.answers(from_values(rows, NAMES))
        assert answers.shape == (5,)
        assert ((answers > 0) & (answers < 1)).all()

    def test_one_that_no_engine_has_is_refused(self) -> None:
        with pytest.raises(PerennialError, match=r"of a kind \(logarithm_one_plus_exp\) that"):
            trained("lightgbm.LGBMRegressor", {"objective": "cross_entropy_lambda"})


class TestNames:
    """Every engine works under the user's own names, and answers by name."""

    @pytest.mark.parametrize(
        ("path", "params", "fields"),
        [
            ("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 3}, {}),
            ("lightgbm.LGBMClassifier", {"n_estimators": 3}, {}),
            ("xgboost.XGBClassifier", {"n_estimators": 3}, {}),
            ("sklearn.linear_model.LogisticRegression", {}, {"engine": "onnx"}),
            ("sklearn.linear_model.LogisticRegression", {}, {"engine": "skops"}),
        ],
    )
    def test_one_row_is_the_same_row_of_a_batch(
        self, path: str, params: dict[str, Any], fields: dict[str, Any]
    ) -> None:
        compiled = trained(path, params, **fields).compiled
        rows = table(60, 2).drop_columns(["yes", "share"])
        together = compiled.answers(from_values(rows, NAMES))
        backwards = from_values(rows.select(rows.column_names[::-1]), NAMES)
        np.testing.assert_array_equal(compiled.answers(backwards), together)
        apart = [compiled.answers(from_values([row], NAMES)) for row in rows.to_pylist()]
        np.testing.assert_array_equal(np.concatenate(apart), together)
        assert compiled.preprocessing.steps[2].column == "[bio].[x].mean"
