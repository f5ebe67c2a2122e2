"""Calibration curves are the ones that fit validation best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from sklearn.isotonic import IsotonicRegression

from perennial.learning.calibration import fit_calibration
from perennial.model.decision import Decision, Isotonic, Sigmoid


def rows(classes: int, seed: int = 0, count: int = 3000) -> tuple[Any, Any]:
    """Overconfident probabilities, and codes drawn from the true ones."""
    rng = np.random.default_rng(seed)
    truth = scipy.special.softmax(rng.normal(size=(count, classes)), axis=1)
    codes = np.array([rng.choice(classes, p=row) for row in truth])
    return scipy.special.softmax(3 * np.log(truth), axis=1), codes


def log_loss(probabilities: Any, codes: Any) -> float:
    chosen = probabilities[np.arange(len(codes)), codes]
    return float(-np.mean(np.log(np.clip(chosen, 1e-12, 1))))


def test_none() -> None:
    assert fit_calibration("none", *rows(2)) == ()


@pytest.mark.parametrize("classes", [2, 3])
class TestCurves:
    def test_one_for_two_classes_else_one_a_class(self, classes: int) -> None:
        count = 1 if classes == 2 else classes
        for method, kind in (("sigmoid", Sigmoid), ("isotonic", Isotonic)):
            curves = fit_calibration(method, *rows(classes))
            assert [type(curve) for curve in curves] == [kind] * count

    def test_sigmoid_minimises_the_log_loss(self, classes: int) -> None:
        # Few rows, so that a penalty on the slope would show.
        probabilities, codes = rows(classes, count=100)
        for code, curve in zip(
            range(1 if classes == 2 else 0, classes),
            fit_calibration("sigmoid", probabilities, codes),
            strict=True,
        ):
            odds, positive = scipy.special.logit(probabilities[:, code]), codes == code

            def loss(line: Any, odds: Any = odds, positive: Any = positive) -> float:
                margin = line[0] * odds + line[1]
                return float(np.mean(np.logaddexp(0, np.where(positive, -margin, margin))))

            best = scipy.optimize.minimize(loss, [1.0, 0.0], tol=1e-10).x
            assert isinstance(curve, Sigmoid)
            assert [curve.slope, curve.intercept] == pytest.approx(best, abs=1e-3)

    def test_isotonic_is_scikit_learns(self, classes: int) -> None:
        probabilities, codes = rows(classes)
        places = range(1 if classes == 2 else 0, classes)
        for code, curve in zip(
            places, fit_calibration("isotonic", probabilities, codes), strict=True
        ):
            oracle = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            levels = oracle.fit(probabilities[:, code], codes == code).predict(
                probabilities[:, code]
            )
            inputs = np.concatenate([[0.0, 1.0], probabilities[:, code], np.linspace(0, 1, 101)])
            # But for its ends, of which no number of rows makes certain.
            low, high = 0.5 / ((levels == 0).sum() + 1), 1 - 0.5 / ((levels == 1).sum() + 1)
            between = levels[(levels > 0) & (levels < 1)]
            expected = np.clip(
                oracle.predict(inputs), min(low, between.min()), max(high, between.max())
            )
            np.testing.assert_allclose(curve.apply(inputs), expected, atol=1e-12)

    @pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
    def test_nothing_is_certain(self, classes: int, method: str) -> None:
        probabilities, codes = rows(classes)
        curves = fit_calibration(method, probabilities, codes)
        for curve in curves:
            ends = curve.apply(np.array([0.0, 1.0]))
            assert 0 < ends[0] < ends[1] < 1

    @pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
    def test_a_class_that_is_absent_is_unlikely_and_not_impossible(
        self, classes: int, method: str
    ) -> None:
        probabilities, _ = rows(classes, count=99)
        curve = fit_calibration(method, probabilities, np.zeros(99, int))[-1]
        np.testing.assert_allclose(curve.apply(np.array([0.0, 0.5, 1.0])), 0.005, rtol=1e-4)

    @pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
    def test_answers_are_better_on_other_rows(self, classes: int, method: str) -> None:
        names = [f"class {code}" for code in range(classes)]
        decision = Decision(names, None, fit_calibration(method, *rows(classes)))
        probabilities, codes = rows(classes, seed=1)
        answers = decision.answers(probabilities)
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-8)
        assert log_loss(answers, codes) < log_loss(probabilities, codes)

    @pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
    def test_certain_probabilities_are_no_trouble(self, classes: int, method: str) -> None:
        codes = np.arange(60) % classes
        certain = np.eye(classes)[codes]
        curves = fit_calibration(method, certain, codes)
        answers = Decision(list(map(str, range(classes))), None, curves).answers(certain)
        assert (answers.argmax(axis=1) == codes).all()
