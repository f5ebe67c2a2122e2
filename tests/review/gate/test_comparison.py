"""Weighing a gain and slices: a pass has to be earned by evidence, and every look asks for more."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as student

from perennial.evaluation.bootstrap import Estimate
from perennial.evaluation.delong import AreaDifference
from perennial.evaluation.metrics.binary import METRICS
from perennial.evaluation.metrics.definition import Metric
from perennial.evaluation.metrics.regression import METRICS as OF_REGRESSION
from perennial.review.gate.case import NoFigure
from perennial.review.gate.comparison import Gain, gain_of, holm, margin_of, slices_weighed, weighed
from perennial.review.gate.spending import level_of
from perennial.review.paired.evidence import Difference, Evidence, SliceDifference
from perennial.runtime.checks import Explained

BINARY = {metric.name: metric for metric in METRICS}


def outcome(
    gain: float, error: float, *, margin: float = 0.01, look: int = 1, blocks: int = 30
) -> Explained:
    level = level_of(look, 0.05, 10)
    return weighed(Gain(gain, error, blocks - 1), "roc_auc", margin, level=level, alpha=0.05)


class TestChampion:
    def test_the_bound_is_students(self) -> None:
        expected = 0.02 - student.ppf(1 - 0.003, 29) * 0.004
        assert Gain(0.02, 0.004, 29).bound(0.003) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("gain", "error", "expected"),
        [
            (0.0, 0.002, "pass"),
            (0.02, 0.002, "pass"),
            (-0.004, 0.002, "pass"),  # a loss that the margin covers
            (-0.02, 0.002, "finding"),
            (-0.011, 0.0, "finding"),
            (-0.01, 0.0, "finding"),  # at the margin is not above it
            (0.0, 0.0, "pass"),
            (0.0, 0.02, "could not tell"),
            (0.02, 0.05, "could not tell"),  # better, and nobody knows how surely
            (-0.02, 0.05, "could not tell"),
        ],
    )
    def test_a_pass_needs_the_bound_above_the_margin(
        self, gain: float, error: float, expected: str
    ) -> None:
        assert outcome(gain, error).status == expected

    def test_a_wider_margin_forgives_more(self) -> None:
        assert outcome(-0.02, 0.002, margin=0.03).status == "pass"

    def test_passing_gets_harder_with_each_look_and_failing_does_not(self) -> None:
        ranks = {"pass": 2, "could not tell": 1, "finding": 0}
        for gain in np.linspace(-0.02, 0.02, 17):
            ranked = [ranks[outcome(gain, 0.003, look=look).status] for look in range(1, 60)]
            assert ranked == sorted(ranked, reverse=True)
        statuses = [outcome(0.0, 0.003, look=look).status for look in (1, 30)]
        assert statuses == ["pass", "could not tell"]

    def test_few_days_ask_for_more(self) -> None:
        assert outcome(0.0, 0.003, blocks=60).status == "pass"
        assert outcome(0.0, 0.003, blocks=5).status == "could not tell"

    @pytest.mark.parametrize(("gain", "error"), [(math.nan, 0.1), (0.1, math.nan), (0.1, math.inf)])
    def test_what_is_no_number_never_passes(self, gain: float, error: float) -> None:
        with pytest.raises(NoFigure):
            outcome(gain, error)

    def test_a_default_margin_exists_for_metrics_between_0_and_1_alone(self) -> None:
        assert margin_of(BINARY["roc_auc"], None) == 0.01
        assert margin_of(BINARY["log_loss"], None) is None
        assert margin_of(BINARY["log_loss"], 0.2) == 0.2
        assert margin_of(BINARY["roc_auc"], 0.0) == 0.0


def evidence(metric: Metric, value: float, area: AreaDifference | None = None) -> Evidence:
    difference = Difference(metric, 0.5, 0.5 + value, Estimate(value, -1, 1, 0.02), 0.5)
    return Evidence(metric, {metric.name: difference}, area, [], blocks=30, rarest=99)


class TestGain:
    def test_a_gain_is_above_zero_where_the_head_is_better(self) -> None:
        assert gain_of(evidence(BINARY["f1"], 0.1)) == Gain(0.1, 0.02, 29)
        assert gain_of(evidence(BINARY["log_loss"], 0.1)) == Gain(-0.1, 0.02, 29)

    def test_an_area_is_delongs_or_nothing(self) -> None:
        area = AreaDifference(0.6, 0.5, 0.1, 0.0, 0.2, 0.04, 0.1)
        assert gain_of(evidence(BINARY["roc_auc"], 0.1, area)) == Gain(0.1, 0.04, 29)
        assert gain_of(evidence(BINARY["roc_auc"], 0.1)) is None

    def test_a_metric_whose_best_is_in_the_middle_has_no_bound(self) -> None:
        bias = next(metric for metric in OF_REGRESSION if metric.direction == "zero")
        assert gain_of(evidence(bias, 0.1)) is None


def part(gain: float | None, p_value: float | None, value: str = "a") -> SliceDifference:
    return SliceDifference("clinic", value, 600, "roc_auc", gain, gain, p_value)


class TestSlices:
    def test_holms_p_values(self) -> None:
        """The step-down procedure, written out: stop at the first that is kept."""
        rng = np.random.default_rng(0)
        for _ in range(50):
            p_values = list(rng.uniform(size=8) ** 3)
            rejected, order = set(), np.argsort(p_values)
            for step, place in enumerate(order):
                if p_values[place] > 0.05 / (8 - step):
                    break
                rejected.add(int(place))
            assert {place for place, p in enumerate(holm(p_values)) if p <= 0.05} == rejected
        assert holm([]) == []

    def test_a_slice_that_lost_fails_and_one_that_gained_does_not(self) -> None:
        slices = [part(-0.1, 0.001), part(0.1, 0.0001, "b"), part(-0.01, 0.4, "c")]
        answer = slices_weighed(slices, 0.05, 500)
        assert answer.status == "finding"
        assert [item["slice"] for item in answer.figures["worse"]] == ["a"]
        assert slices_weighed(slices[1:], 0.05, 500).status == "pass"

    def test_many_slices_ask_for_more(self) -> None:
        """0.03 on one side is a loss among one slice, and luck among ten."""
        assert slices_weighed([part(-0.1, 0.06)], 0.05, 500).status == "finding"
        many = [part(-0.1, 0.06), *(part(0.0, 1.0, str(n)) for n in range(9))]
        assert slices_weighed(many, 0.05, 500).status == "pass"

    def test_a_slice_that_cannot_be_compared_is_no_pass(self) -> None:
        answer = slices_weighed([part(0.0, 1.0), part(None, None, "plain")], 0.05, 500)
        assert answer.status == "could not tell"
        assert "clinic plain" in answer.reason
        worse = slices_weighed([part(-0.1, 0.001), part(None, None)], 0.05, 500)
        assert worse.status == "finding"

    def test_nan_is_worse(self) -> None:
        assert slices_weighed([part(math.nan, math.nan)], 0.05, 500).status == "finding"

    def test_without_a_large_slice_the_rule_is_not_applicable(self) -> None:
        assert slices_weighed([], 0.05, 500).status == "not applicable"
