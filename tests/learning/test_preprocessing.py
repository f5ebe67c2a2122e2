"""The contract and the estimator's traits decide what becomes of each column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler, TargetEncoder

from perennial.data.contract import DEFAULT_PARTS, Contract
from perennial.learning.estimators import Traits, traits
from perennial.learning.preprocessing import FOLDS, Fitted, fit_preprocessing
from perennial.model.preprocessing import (
    Calendar,
    Category,
    Number,
    OneHot,
    Preprocessing,
    TargetMean,
    Tfidf,
)
from perennial.params.train import Train
from perennial.runtime.errors import PerennialError

TARGETS: dict[str, dict[str, Any]] = {
    "binary": {"type": "boolean"},
    "multiclass": {"type": "category", "categories": ["a", "b", "c"]},
    "regression": {"type": "number"},
}
PLAIN = Traits()
NATIVE = Traits(native=4, missing=True)


def fitted(
    column: dict[str, Any],
    values: Any,
    target: Any = None,
    *,
    task: str = "binary",
    traits: Traits = PLAIN,
    standardise: bool = False,
    **train: Any,
) -> Fitted:
    """Fit a contract of one feature, x."""
    target = np.arange(len(values)) % 2 if target is None else target
    columns = {"x": column, "y": {**TARGETS[task], "role": "target"}}
    contract = Contract.model_validate({"version": 1, "name": "made", "columns": columns})
    params = Train(**train)
    return fit_preprocessing(
        {"x": values}, target, contract, traits, params, standardise=standardise
    )


def letters(*values: str | None) -> Any:
    return np.array(values, dtype=object)


CATEGORY = {"type": "category", "missing": 0.5}
ABC = letters("b", "a", "c", "a", None, "b")


class TestEncoding:
    @pytest.mark.parametrize(
        ("takes", "params", "kind"),
        [
            (3, {}, Category),
            (2, {}, OneHot),
            (0, {}, OneHot),
            (0, {"onehot_max": 3}, OneHot),
            (0, {"onehot_max": 2}, TargetMean),
            (2, {"onehot_max": 2}, TargetMean),
            (3, {"categories": "native"}, Category),
            (3, {"categories": "onehot", "onehot_max": 2}, OneHot),
            (3, {"categories": "target"}, TargetMean),
        ],
    )
    def test_native_where_taken_else_by_the_number_of_categories(
        self, takes: int, params: dict[str, Any], kind: type[Any]
    ) -> None:
        values = letters(*"abc" * 10)
        program = fitted(CATEGORY, values, traits=Traits(native=takes), **params).preprocessing
        assert type(program.steps[0]) is kind

    @pytest.mark.parametrize(
        ("takes", "limit"), [(0, "no categories"), (2, "2 values of a category at most")]
    )
    def test_native_is_refused_where_it_is_not_taken(self, takes: int, limit: str) -> None:
        values = letters(*"abc" * 10)
        with pytest.raises(PerennialError) as caught:
            fitted(CATEGORY, values, traits=Traits(native=takes), categories="native")
        assert caught.value.what == (
            f"column x has 3 values, and the estimator takes {limit} as they are"
        )
        assert caught.value.where == "params.yaml: train.categories"
        assert caught.value.hint == "set it to auto, onehot or target"

    def test_an_estimator_with_fewer_bins_takes_fewer_categories(self) -> None:
        assert traits(HistGradientBoostingClassifier()).native == 255
        assert traits(HistGradientBoostingClassifier(max_bins=20)).native == 20

    def test_categories_keep_the_contracts_order_and_leave_out_what_training_lacks(self) -> None:
        listed = {**CATEGORY, "categories": ["z", "c", "a", "b"]}
        assert fitted(listed, ABC, traits=NATIVE).preprocessing.steps[0].categories == [
            "c",
            "a",
            "b",
        ]
        assert fitted(CATEGORY, ABC, traits=NATIVE).preprocessing.steps[0].categories == [
            "a",
            "b",
            "c",
        ]

    def test_native_matrix(self) -> None:
        result = fitted(CATEGORY, ABC, traits=NATIVE)
        np.testing.assert_array_equal(result.matrix[:, 0], [1, 0, 2, 0, np.nan, 1])

    def test_all_values_missing(self) -> None:
        for params in ({}, {"categories": "target"}):
            values = letters(*[None] * 10)
            result = fitted(CATEGORY, values, **params)
            assert result.preprocessing.encode({"x": letters("a", None)}).shape[0] == 2


class TestTargetMeans:
    @pytest.mark.parametrize("task", TARGETS)
    def test_as_scikit_learn_fits_and_crossfits_them(self, task: str) -> None:
        rng = np.random.default_rng(0)
        values = rng.choice(list("abcdefgh"), 300).astype(object)
        is_regression = task == "regression"
        classes = {"binary": 2, "multiclass": 3}.get(task, 0)
        target = rng.normal(size=300) if is_regression else rng.integers(0, classes, 300)
        result = fitted(CATEGORY, values, target, task=task, categories="target", seed=4)

        kind = KFold if is_regression else StratifiedKFold
        encoder = TargetEncoder(
            target_type="continuous" if is_regression else task,
            cv=kind(FOLDS, shuffle=True, random_state=4),
        )
        crossfitted = encoder.fit_transform(values[:, np.newaxis], target)
        np.testing.assert_allclose(result.matrix, crossfitted, rtol=0, atol=1e-12)
        whole = result.preprocessing.encode({"x": values})
        expected = encoder.transform(values[:, np.newaxis])
        np.testing.assert_allclose(whole, expected, rtol=0, atol=1e-12)
        # What training rows see does not hold their own target.
        assert not np.allclose(result.matrix, whole)

    @pytest.mark.parametrize("task", TARGETS)
    def test_missing_and_unseen_get_the_overall_mean(self, task: str) -> None:
        values = letters(*["a", "b", "c", None] * 15)
        target = np.arange(60) % 3 if task == "multiclass" else np.arange(60) // 30
        target = target.astype(float) if task == "regression" else target
        result = fitted(CATEGORY, values, target, task=task, categories="target")
        overall = [1 / 3] * 3 if task == "multiclass" else [0.5]
        unseen = result.preprocessing.encode({"x": letters("never", None)})
        np.testing.assert_allclose(unseen, [overall, overall])
        np.testing.assert_allclose(result.matrix[3::4], [overall] * 15)


class TestNumbersAndDates:
    @pytest.mark.parametrize("kind", ["number", "integer", "boolean"])
    def test_missing_stays_where_it_is_taken_and_else_is_the_median(self, kind: str) -> None:
        values = np.array([1.0, np.nan, 0.0, 1.0])
        column = {"type": kind, "missing": 0.5}
        native = fitted(column, values, traits=NATIVE)
        assert native.preprocessing.steps == [Number("x")]
        np.testing.assert_array_equal(native.matrix[:, 0], values)
        filled = fitted(column, values)
        assert filled.preprocessing.steps == [Number("x", fill=1.0)]
        assert filled.matrix[:, 0].tolist() == [1, 1, 0, 1]

    def test_a_column_without_any_value_is_filled_with_zero(self) -> None:
        result = fitted({"type": "number", "missing": 1.0}, np.full(4, np.nan))
        assert result.matrix.tolist() == [[0.0]] * 4

    def test_calendar_parts_and_their_medians(self) -> None:
        values = np.array(["2024-01-01", "2024-03-03", "NaT", "2024-05-05"], "datetime64[us]")
        column = {"type": "datetime", "missing": 0.5}
        assert fitted(column, values, traits=NATIVE).preprocessing.steps == [
            Calendar("x", list(DEFAULT_PARTS))
        ]
        result = fitted({**column, "parts": ["month", "day"]}, values)
        assert result.preprocessing.steps == [Calendar("x", ["month", "day"], [3.0, 3.0])]
        assert result.matrix.tolist() == [[1, 1], [3, 3], [3, 3], [5, 5]]


class TestText:
    NOTES = letters("late late train", "a train", None, "late bus", "The bus", "")

    @pytest.mark.parametrize(("features", "documents"), [(500, 2), (2, 1), (3, 1), (500, 1)])
    def test_as_scikit_learn_fits_it(self, features: int, documents: int) -> None:
        text = {"max_features": features, "min_documents": documents}
        result = fitted({"type": "text", "missing": 0.5}, self.NOTES, text=text)
        vectorizer = TfidfVectorizer(max_features=features, min_df=documents)
        expected = vectorizer.fit_transform([note or "" for note in self.NOTES]).toarray()
        np.testing.assert_allclose(result.matrix, expected, rtol=0, atol=1e-15)
        assert result.preprocessing.names == [
            f"x~{term}" for term in vectorizer.get_feature_names_out()
        ]

    @pytest.mark.parametrize("notes", [letters("a", None, ""), letters("one", "two", "three")])
    def test_text_without_a_usable_term_has_no_columns(self, notes: Any) -> None:
        result = fitted({"type": "text", "missing": 0.5}, notes)
        assert result.preprocessing.steps == [Tfidf("x", [], [])]
        assert result.matrix.shape == (3, 0)

    @pytest.mark.parametrize(
        ("notes", "terms"),
        [
            (["很好吃", "不好", "好", "服务很差"], ["好", "很"]),
            (["a b", "b", "a", "c, a"], ["a", "b"]),
            (["good good", "很好", "不好", "好"], ["好"]),
        ],
    )
    def test_texts_without_words_are_split_into_characters(
        self, notes: list[str], terms: list[str]
    ) -> None:
        result = fitted({"type": "text"}, letters(*notes))
        (step,) = result.preprocessing.steps
        assert isinstance(step, Tfidf)
        assert (step.terms, step.tokens) == (terms, "characters")
        np.testing.assert_array_equal(step.apply(letters(*notes)), result.matrix)
        again = Preprocessing.from_json(result.preprocessing.to_json())
        assert again == result.preprocessing

    def test_words_stay_words_where_most_texts_have_one(self) -> None:
        notes = letters("late train", "train", "a train", "x", "很好")
        (step,) = fitted({"type": "text"}, notes).preprocessing.steps
        assert isinstance(step, Tfidf)
        assert (step.terms, step.tokens) == (["train"], "words")

    def test_a_program_that_says_nothing_of_tokens_has_words(self) -> None:
        program = fitted({"type": "text"}, letters("late", "late")).preprocessing.to_json()
        del program["steps"][0]["tokens"]
        (step,) = Preprocessing.from_json(program).steps
        assert step.apply(letters("late")).tolist() == [[1.0]]
        program["steps"][0]["tokens"] = "syllables"
        with pytest.raises(ValueError, match="'syllables'"):
            Preprocessing.from_json(program)


@pytest.mark.parametrize("takes", [PLAIN, NATIVE, Traits(native=4)], ids=repr)
@pytest.mark.parametrize(
    ("column", "values"),
    [
        (CATEGORY, letters("a", None, "a", "a")),
        ({"type": "boolean", "missing": 0.5}, np.array([1.0, np.nan, 1.0, 1.0])),
        ({"type": "number", "missing": 0.5}, np.array([0.0, np.nan, 0.0, 0.0])),
        ({"type": "text", "missing": 0.5}, letters("word", None, "word", "word")),
        (
            {"type": "datetime", "parts": ["hour"], "missing": 0.5},
            np.array(["2024-01-01T12", "NaT", "2024-01-02T12", "2024-01-03T12"], "datetime64[us]"),
        ),
    ],
    ids=["category", "boolean", "number", "text", "datetime"],
)
def test_beside_a_single_value_a_gap_can_be_seen(
    column: dict[str, Any], values: Any, takes: Traits
) -> None:
    result = fitted(column, values, traits=takes)
    there, gap, *_ = result.preprocessing.encode({"x": values}).tolist()
    assert there != gap
    # A code of one category, or none: what an estimator makes of it is its own affair.
    assert type(result.preprocessing.steps[0]) is not Category
    np.testing.assert_array_equal(result.preprocessing.encode({"x": values}), result.matrix)


def test_standardised_as_scikit_learn_does_it() -> None:
    values = np.random.default_rng(0).normal(3, 5, 40)
    result = fitted({"type": "number"}, values, standardise=True)
    expected = StandardScaler().fit_transform(values[:, np.newaxis])
    np.testing.assert_allclose(result.matrix, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(result.preprocessing.encode({"x": values}), result.matrix)
    constant = fitted({"type": "number"}, np.ones(5), standardise=True)
    assert constant.matrix.tolist() == [[0.0]] * 5


def test_the_traits_go_into_the_program() -> None:
    program = fitted(
        {"type": "number"}, np.ones(4), traits=Traits(dtype="float32", finite=False)
    ).preprocessing
    assert (program.dtype, program.finite) == ("float32", False)
    assert program.types == {"x": "number"}
