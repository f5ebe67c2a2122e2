"""The first engine that takes a model and passes parity runs it; else every reason is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OutputCodeClassifier
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from perennial.learning.adversarial import at_split_points
from perennial.learning.compilation.choice import Chosen, choose_engine, refuse_without_engine
from perennial.learning.compilation.registry import COMPILERS, Compiler
from perennial.learning.compilation.thresholds import fitted_split_points, trees_of
from perennial.learning.parity import Parity, prove_parity
from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision
from perennial.model.fitted import Model
from perennial.model.preprocessing import Category, Number, Preprocessing
from perennial.params.train import Train
from perennial.runtime.errors import PerennialError

TREE = "sklearn.tree._tree.Tree"
UNTRUSTED = [
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]
RNG = np.random.default_rng(0)
CATEGORIES = list("abcdef")
MATRIX = np.column_stack([RNG.integers(0, 6, 600), RNG.normal(size=600)]).astype(float)
MATRIX[::7, 1] = np.nan
TARGET = (np.isin(MATRIX[:, 0], [1, 4]) + np.nan_to_num(MATRIX[:, 1], nan=2) > 1).astype(int)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other where other tests run too."""
    with threadpool_limits(1):
        yield


def fitted(estimator: Any, *, missing: bool = True) -> Model:
    program = Preprocessing(
        {"carrier": "category", "x": "number"},
        [Category("carrier", CATEGORIES), Number("x")],
        dtype="float32" if isinstance(estimator, DecisionTreeClassifier) else "float64",
    )
    estimator.fit(MATRIX if missing else np.nan_to_num(MATRIX), TARGET)
    return Model(program, estimator, Decision(["no", "yes"], 0.5))


def boosted() -> Model:
    return fitted(HistGradientBoostingClassifier(max_iter=10, categorical_features=[0]))


def chosen(
    model: Model, *, missing: bool = True, compilers: Any = COMPILERS, **fields: Any
) -> Chosen:
    matrix = MATRIX if missing else np.nan_to_num(MATRIX)
    points = fitted_split_points(model.estimator, 2)
    matrix = np.concatenate([matrix, at_split_points(matrix, points, model.preprocessing.dtype, 0)])

    def prove(compiled: CompiledModel) -> Parity:
        return prove_parity(model, compiled, matrix, tolerance=1e-6, spread=1.0)

    return choose_engine(model, "binary", Train(**fields), prove, compilers=compilers)


class TestChoice:
    def test_trees_go_to_treelite(self) -> None:
        choice = chosen(boosted())
        assert (choice.compiled.engine_name, choice.passed_over) == ("treelite", {})
        assert choice.parity.breaches == 0

    def test_what_treelite_does_not_take_goes_to_onnx(self) -> None:
        choice = chosen(fitted(LogisticRegression(), missing=False), missing=False)
        assert choice.compiled.engine_name == "onnx"
        assert choice.passed_over == {"treelite": "it is none of the trees that treelite takes"}

    def test_what_no_converter_knows_goes_to_skops(self) -> None:
        choice = chosen(fitted(DummyClassifier()))
        assert choice.compiled.engine_name == "skops"
        assert list(choice.passed_over) == ["treelite", "onnx"]
        assert choice.compiled.options["trusted"] == []

    def test_an_engine_named_by_name_is_taken_before_all_others(self) -> None:
        model = fitted(DecisionTreeClassifier(max_depth=4, random_state=0))
        choice = chosen(model, engine="skops", trusted=[TREE])
        assert (choice.compiled.engine_name, choice.passed_over) == ("skops", {})
        assert choice.compiled.options["trusted"] == [TREE]

    @pytest.mark.parametrize(
        ("engine", "why"),
        [
            ("onnx", "onnx: skl2onnx does not convert it"),
            ("skops", f"skops: nobody has confirmed {', '.join(UNTRUSTED)}"),
        ],
    )
    def test_an_engine_named_by_name_that_fails_is_an_error(self, engine: str, why: str) -> None:
        with pytest.raises(
            PerennialError, match="has no engine, so it cannot be exported"
        ) as caught:
            chosen(boosted(), engine=engine)
        assert caught.value.what.count("\n  - ") == 1
        assert f"\n  - {why}" in caught.value.what

    def test_types_to_confirm_are_named_with_what_to_write(self) -> None:
        with pytest.raises(PerennialError) as caught:
            chosen(boosted(), engine="skops")
        assert f"set train.trusted: [{', '.join(UNTRUSTED)}]" in str(caught.value.hint)


def confusing_categories(model: Any) -> None:
    for tree in trees_of(model):
        side = tree.get_field("category_list_right_child").copy()
        tree.set_field("category_list_right_child", 1 - side)


def dropping_missing(model: Any) -> None:
    for tree in trees_of(model):
        tree.set_field("default_left", np.ones_like(tree.get_field("default_left")))


def in_single_precision(model: Any) -> None:
    for tree in trees_of(model):
        threshold = tree.get_field("threshold").copy()
        tree.set_field("threshold", np.float64(np.float32(threshold)))


@dataclass(frozen=True)
class Broken(Compiler):
    """A converter that makes sound files of something else than the fitted model."""

    change: Callable[[Any], None]

    def compile(self, *arguments: Any) -> Any:
        engine, options = super().compile(*arguments)
        self.change(engine.model)  # type: ignore[attr-defined]
        return engine, options


def broken(change: Callable[[Any], None]) -> Compiler:
    return Broken(COMPILERS["treelite"].module, change)


@pytest.mark.parametrize("change", [confusing_categories, dropping_missing, in_single_precision])
class TestBrokenConverters:
    def test_alone_it_is_an_error(self, change: Callable[[Any], None]) -> None:
        with pytest.raises(PerennialError) as caught:
            chosen(boosted(), compilers={"treelite": broken(change)})
        assert "treelite: the compiled model is not the fitted one" in caught.value.what

    def test_auto_passes_it_over(self, change: Callable[[Any], None]) -> None:
        compilers = {**COMPILERS, "treelite": broken(change)}
        choice = chosen(boosted(), compilers=compilers, trusted=UNTRUSTED)
        assert choice.compiled.engine_name == "skops"
        assert "is not the fitted one" in choice.passed_over["treelite"]
        assert "skl2onnx does not convert it" in choice.passed_over["onnx"]

    def test_and_no_other_way_is_no_export(self, change: Callable[[Any], None]) -> None:
        compilers = {**COMPILERS, "treelite": broken(change)}
        with pytest.raises(PerennialError) as caught:
            chosen(boosted(), compilers=compilers)
        for engine in COMPILERS:
            assert f"\n  - {engine}: " in caught.value.what
        assert caught.value.where == "params.yaml: train.estimator"


class TestBeforeTheFit:
    def test_nearly_everything_may_be_fitted(self) -> None:
        for estimator in (LogisticRegression(), DummyClassifier(), DecisionTreeClassifier()):
            refuse_without_engine(estimator, "binary")

    def test_each_engines_reason_is_given(self) -> None:
        with pytest.raises(PerennialError) as caught:
            refuse_without_engine(lightgbm.LGBMClassifier(linear_tree=True), "binary")
        assert caught.value.what.splitlines() == [
            "LGBMClassifier has no engine, so it cannot be exported:",
            "  - treelite: it does not take linear_tree=True",
            "  - onnx: skl2onnx has no converter for it",
            "  - skops: its trees are no Python objects, so skops does not write them",
        ]
        assert caught.value.hint == "leave linear_tree at its default"

    def test_what_cannot_score_is_refused(self) -> None:
        with pytest.raises(PerennialError, match="neither predict_proba nor decision_function"):
            refuse_without_engine(OutputCodeClassifier(LogisticRegression()), "binary")

    @pytest.mark.parametrize("engine", ["treelite", "onnx"])
    def test_only_the_engine_named_counts(self, engine: str) -> None:
        with pytest.raises(PerennialError) as caught:
            refuse_without_engine(DummyClassifier(), "binary", engine)
        assert caught.value.what.count("\n  - ") == 1
