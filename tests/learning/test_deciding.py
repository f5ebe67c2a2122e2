"""Validation judges calibration and threshold on rows that they were not fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from perennial.learning.deciding import crossfit, fit_baseline, fit_decision, fold_numbers
from perennial.learning.fitting import Rows
from perennial.model.crossfit import MOST_FOLDS, Crossfit
from perennial.model.decision import Decision
from perennial.params.train import Train
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError

YES_NO = Decision(["no", "yes"])


def params(**section: Any) -> Train:
    return Train.model_validate(section)


def side(target: Any, blocks: Any = None, unit: str = "rows") -> Rows:
    return Rows({}, np.asarray(target), None, blocks, unit)


def drawn(rows: int, rng: Any) -> tuple[Any, Any]:
    """Overconfident probabilities that a sigmoid sets right, and codes drawn from the true ones."""
    odds = rng.normal(size=rows)
    positive = expit(2 * odds)
    codes = (rng.random(rows) < expit(odds - 0.5)).astype(int)
    return np.stack([1 - positive, positive], axis=1), codes


def log_loss(answers: Any, codes: Any) -> float:
    return float(-np.log(np.clip(answers[np.arange(len(codes)), codes], 1e-12, 1)).mean())


class TestFolds:
    @given(
        st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2)), min_size=1, max_size=60),
    )
    def test_blocks_stay_whole_and_each_class_is_left(self, drawn: list[tuple[int, int]]) -> None:
        blocks, target = (np.array(values) for values in zip(*drawn, strict=True))
        folds = fold_numbers(blocks, target)
        if folds is None:
            return
        count = folds.max() + 1
        assert 2 <= count <= MOST_FOLDS
        assert set(folds) == set(range(count))
        for block in np.unique(blocks):
            assert len(np.unique(folds[blocks == block])) == 1
        several = max(target) > 1
        needed = {c for c in target if len(set(blocks[target == c])) > 1 or not several}
        for fold in range(count):
            assert set(target[folds != fold]) >= needed

    def test_a_single_row_of_one_of_many_classes_keeps_none_from_it(self) -> None:
        target = np.append(np.arange(99) % 3, 3)
        scores = np.full((100, 4), 0.25)
        for method in ("sigmoid", "isotonic"):
            decision = Decision(list("abcd"))
            done = crossfit({"model": scores}, decision, side(target), params(calibration=method))
            assert done is not None
            (apart,) = [decisions[done.folds[-1]] for decisions in done.decisions.values()]
            assert 0 < apart.answers(scores)[-1, 3] < 0.02

    def test_rows_of_each_class_are_dealt_evenly(self) -> None:
        target = np.arange(200) % 4 == 0
        folds = fold_numbers(np.arange(200), target.astype(int))
        assert folds is not None
        assert np.bincount(folds).tolist() == [20] * 10
        assert np.ptp(np.bincount(folds[target])) <= 1

    def test_few_blocks_make_few_folds(self) -> None:
        folds = fold_numbers(np.arange(60) // 20, np.arange(60) % 2)
        assert folds is not None
        assert folds.max() + 1 == 3

    @pytest.mark.parametrize(
        "blocks", [np.zeros(10, int), np.array([0] * 5 + [1] * 5)], ids=["one", "one a class"]
    )
    def test_there_may_be_none(self, blocks: Any) -> None:
        assert fold_numbers(blocks, np.array([0] * 5 + [1] * 5)) is None


class TestCrossfit:
    def test_each_fold_is_answered_by_the_others_decision(self) -> None:
        rng = np.random.default_rng(0)
        scores, codes = drawn(300, rng)
        days = np.arange(300) // 10
        given_ = params(calibration="sigmoid")
        done = crossfit({"model": scores}, YES_NO, side(codes, days, "days"), given_)
        assert done is not None
        assert done.note == (
            "cross-fitted: calibration and threshold come from the other 9 of 10 folds of whole "
            "days"
        )
        for fold, decision in enumerate(done.decisions["model"]):
            others = done.folds != fold
            assert decision == fit_decision(YES_NO, scores[others], codes[others], given_)

    def test_as_json_it_is_the_same(self) -> None:
        scores, codes = drawn(50, np.random.default_rng(0))
        done = crossfit({"model": scores}, YES_NO, side(codes), params(calibration="isotonic"))
        assert done is not None
        again = Crossfit.from_json(jsonfile.loads(jsonfile.dumps(done.to_json()).encode()))
        assert (again.note, again.decisions) == (done.note, done.decisions)
        np.testing.assert_array_equal(again.folds, done.folds)

    @pytest.mark.parametrize(
        ("section", "classes"),
        [
            ({"threshold": {"method": "fixed"}}, ["no", "yes"]),
            ({}, ["a", "b", "c"]),
            ({"calibration": "sigmoid"}, []),
        ],
    )
    def test_where_nothing_is_fitted_nothing_is_cross_fitted(
        self, section: dict[str, Any], classes: list[str]
    ) -> None:
        rows = side(np.arange(30) % 2)
        assert crossfit({}, Decision(classes), rows, params(**section)) is None

    def test_too_few_rows_are_said_to_be_judged_by_themselves(self) -> None:
        scores, _ = drawn(20, np.random.default_rng(0))
        one_positive = (np.arange(20) == 3).astype(int)
        done = crossfit({"model": scores}, YES_NO, side(one_positive), params())
        assert done is not None
        assert done.decisions == {}
        assert "not cross-fitted" in done.note
        assert "some class is not in two rows at least" in done.note

    def test_a_promise_that_a_fold_cannot_make_is_said(self) -> None:
        # Thirty positives are enough to promise a recall of 0.9; those of nine folds are not.
        scores = np.stack([1 - np.linspace(0, 1, 60), np.linspace(0, 1, 60)], axis=1)
        codes = (np.arange(60) >= 30).astype(int)
        given_ = params(threshold={"method": "recall_at", "value": 0.9})
        assert fit_decision(YES_NO, scores, codes, given_).threshold is not None
        done = crossfit({"model": scores}, YES_NO, side(codes), given_)
        assert done is not None
        assert done.decisions == {}
        assert "no threshold has a recall of 0.9" in done.note

    def test_a_curve_fitted_on_the_same_rows_makes_no_precision_of_luck(self) -> None:
        # Scores say nothing; isotonic's steps are where the labels happen to be good.
        given_ = params(
            calibration="isotonic",
            threshold={"method": "precision_at", "value": 0.6, "confidence": 0.8},
        )
        chosen = 0
        for seed in range(100):
            rng = np.random.default_rng(seed)
            positive, codes = rng.random(1000), (rng.random(1000) < 0.599).astype(int)
            try:
                fit_decision(YES_NO, np.stack([1 - positive, positive], axis=1), codes, given_)
            except PerennialError:
                continue
            chosen += 1
        assert chosen <= 100 * 0.2 + 3 * (100 * 0.16) ** 0.5

    def test_a_baseline_that_cannot_promise_stops_no_model(self) -> None:
        codes = np.arange(400) % 2
        good = np.stack([1 - codes * 0.8, codes * 0.8], axis=1)
        useless = np.full((400, 2), 0.5) + np.linspace(-0.1, 0.1, 400)[:, np.newaxis] * [-1, 1]
        given_ = params(threshold={"method": "precision_at", "value": 0.9})
        done = crossfit({"model": good, "linear": useless}, YES_NO, side(codes), given_)
        assert done is not None
        assert done.decisions.keys() == {"model", "linear"}
        best = fit_decision(YES_NO, useless, codes, params())
        assert fit_baseline(YES_NO, useless, codes, given_) == best

    def test_validation_chooses_the_better_calibration(self) -> None:
        # By the rows that it was fitted on, isotonic is always better.
        rng = np.random.default_rng(0)
        trials, others = 40, drawn(20_000, rng)
        better, chosen, flattered = 0, 0, 0
        for _ in range(trials):
            scores, codes = drawn(500, rng)
            apart, own, truth = {}, {}, {}
            for method in ("sigmoid", "isotonic"):
                given_ = params(calibration=method)
                done = crossfit({"model": scores}, YES_NO, side(codes), given_)
                assert done is not None
                answers = np.stack([d.answers(scores) for d in done.decisions["model"]])
                apart[method] = log_loss(answers[done.folds, np.arange(500)], codes)
                decision = fit_decision(YES_NO, scores, codes, given_)
                own[method] = log_loss(decision.answers(scores), codes)
                truth[method] = log_loss(decision.answers(others[0]), others[1])
            better += truth["sigmoid"] < truth["isotonic"]
            chosen += apart["sigmoid"] < apart["isotonic"]
            flattered += own["isotonic"] < own["sigmoid"]
        assert better >= 0.9 * trials
        assert chosen >= 0.8 * trials
        assert flattered == trials
