"""Scores become answers and labels: calibrated, rounded, each row by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perennial.model.decision import Decision, Isotonic, Sigmoid, sigmoid, softmax
from perennial.runtime import jsonfile

unit = st.floats(0, 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
margins = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 4)), elements=finite)
sigmoids = st.builds(Sigmoid, st.floats(-50, 50), st.floats(-50, 50))


@st.composite
def isotonics(draw: st.DrawFn) -> Isotonic:
    x = sorted(draw(st.sets(unit, min_size=1, max_size=5)))
    y = sorted(draw(st.lists(unit, min_size=len(x), max_size=len(x))))
    return Isotonic(x, y)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    size = draw(st.sampled_from([0, 2, 3]))
    classes: list[Any] = [f"class {place}" for place in range(size)]
    if size == 2:
        classes = draw(st.sampled_from([classes, [False, True]]))
    curves = {0: 0, 2: 1, 3: 3}[size] * draw(st.integers(0, 1))
    kinds = draw(st.sampled_from([sigmoids, isotonics()]))
    calibration = tuple(draw(st.lists(kinds, min_size=curves, max_size=curves)))
    return Decision(classes, draw(unit) if size == 2 else None, calibration)


class TestLinks:
    @given(hnp.arrays(np.float64, 5, elements=st.floats(allow_nan=False)))
    def test_sigmoid(self, values: Any) -> None:
        np.testing.assert_allclose(sigmoid(values), scipy.special.expit(values), rtol=1e-14)

    @given(margins)
    def test_softmax(self, values: Any) -> None:
        values = np.clip(values, -1e300, 1e300)
        np.testing.assert_allclose(softmax(values), scipy.special.softmax(values, axis=1), 1e-12)
        np.testing.assert_allclose(softmax(values).sum(axis=1), 1)


class TestAnswers:
    @given(decisions(), st.data())
    def test_no_row_depends_on_another(self, decision: Decision, data: st.DataObject) -> None:
        shape = (4, len(decision.classes)) if decision.classes else (4,)
        scores = data.draw(hnp.arrays(np.float64, shape, elements=unit))
        answers = decision.answers(scores)
        labels = decision.labels(answers)
        for row in range(4):
            alone = decision.answers(scores[[row]])
            assert alone.tobytes() == answers[[row]].tobytes()
            assert decision.labels(alone)[0] == labels[row]

    @given(decisions(), st.data())
    def test_probabilities_are_probabilities(self, decision: Decision, data: st.DataObject) -> None:
        if not decision.classes:
            return
        size = len(decision.classes)
        weights = data.draw(hnp.arrays(np.float64, (3, size), elements=st.floats(0.001, 1)))
        answers = decision.answers(weights / weights.sum(axis=1, keepdims=True))
        assert ((answers >= 0) & (answers <= 1)).all()
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=2e-9)

    def test_a_last_bit_of_the_score_does_not_show(self) -> None:
        decision = Decision(["no", "yes"], 0.5)
        score = np.array([[0.7, 0.3]])
        other = np.nextafter(score, 1)
        assert decision.answers(score).tobytes() == decision.answers(other).tobytes()
        assert decision.answers(score).tolist() == [[0.7, 0.3]]
        regression = Decision([])
        value = np.array([123.456])
        assert regression.answers(value) == regression.answers(np.nextafter(value, 0))

    @given(st.floats(-1e308, 1e308))
    def test_a_value_keeps_thirty_bits(self, value: float) -> None:
        answer = float(Decision([]).answers(np.array([value]))[0])
        assert abs(answer - value) <= max(abs(value) * 2.0**-30, 5e-324)

    def test_no_negative_zero(self) -> None:
        assert str(Decision([]).answers(np.array([-0.0]))[0]) == "0.0"
        assert str(Decision(["a", "b"]).answers(np.array([[-0.0, 1.0]]))[0, 0]) == "0.0"

    def test_classes_whose_curves_all_say_never_share_alike(self) -> None:
        never = Isotonic([0.0, 1.0], [0.0, 0.0])
        decision = Decision(["a", "b", "c"], calibration=(never, never, never))
        answers = decision.answers(np.array([[0.2, 0.3, 0.5]]))
        np.testing.assert_allclose(answers, 1 / 3, atol=1e-9)


class TestLabels:
    @given(unit, st.lists(unit, min_size=1))
    def test_the_threshold_itself_is_positive(self, threshold: float, scores: list[float]) -> None:
        positive = np.array([*scores, threshold])
        answers = np.stack([1 - positive, positive], axis=1)
        labels = Decision([False, True], threshold).labels(answers)
        assert labels.tolist() == [score >= threshold for score in positive]
        assert labels[-1]

    def test_the_likeliest_of_many_and_the_first_of_equals(self) -> None:
        answers = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
        assert Decision(["a", "b", "c"]).labels(answers).tolist() == ["b", "a"]

    @pytest.mark.parametrize(
        "classes", [[7, 0, 2**60], [0.5, 1.0, 2.5], [False, True], ["1", "0", "2"]], ids=str
    )
    def test_labels_have_the_type_of_the_classes(self, classes: list[Any]) -> None:
        labels = Decision(classes).labels(np.eye(len(classes))).tolist()
        assert labels == classes
        assert [type(label) for label in labels] == [type(name) for name in classes]

    def test_a_value_is_its_own_label(self) -> None:
        assert Decision([]).labels(np.array([1.5])).tolist() == [1.5]


class TestJson:
    @given(decisions())
    def test_the_same_decision(self, decision: Decision) -> None:
        text = jsonfile.dumps(decision.to_json())
        after = Decision.from_json(json.loads(text))
        assert after == decision
        assert jsonfile.dumps(after.to_json()) == text

    @pytest.mark.parametrize("classes", [["no", "yes"], [False, True]])
    def test_through_a_file(self, classes: list[Any], tmp_path: Path) -> None:
        decision = Decision(classes, 1 / 3, (Isotonic([0.1, 0.2], [0.3, 0.4]),))
        jsonfile.write(tmp_path / "decision.json", decision.to_json())
        after = Decision.from_json(jsonfile.read(tmp_path / "decision.json"))
        assert after == decision
        assert [type(label) for label in after.classes] == [type(label) for label in classes]


class TestCurves:
    @given(st.floats(0.01, 0.99))
    def test_sigmoid_of_slope_one_changes_nothing(self, probability: float) -> None:
        assert Sigmoid(1.0, 0.0).apply(np.array(probability)) == pytest.approx(probability, 1e-9)

    def test_sigmoid_at_the_edges(self) -> None:
        calibrated = Sigmoid(1.0, 0.0).apply(np.array([0.0, 1.0]))
        np.testing.assert_allclose(calibrated, [0, 1], atol=1e-11)

    def test_isotonic_is_level_outside_its_knots(self) -> None:
        calibrated = Isotonic([0.2, 0.4], [0.1, 0.9]).apply(np.array([0.0, 0.2, 0.3, 0.4, 1.0]))
        np.testing.assert_allclose(calibrated, [0.1, 0.1, 0.5, 0.9, 0.9])
