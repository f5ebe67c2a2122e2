"""Weighing a gain and slices: a pass has to be earned by evidence, and every look asks for more."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as student

from perennial.evaluation.difference import contrast
from perennial.evaluation.metrics.binary import METRICS, BinaryScores
from perennial.evaluation.metrics.definition import Metric, evaluate
from perennial.evaluation.metrics.regression import METRICS as OF_REGRESSION
from perennial.review.gate.case import NoFigure
from perennial.review.gate.comparison import Gain, gain_of, margin_of, slices_weighed, weighed
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
            (0.0, 0.002, "could not tell"),  # one bad day in twenty may be unseen in thirty
            (0.02, 0.002, "pass"),
            (-0.02, 0.002, "finding"),
            (-0.011, 0.0, "finding"),
            (-0.01, 0.0, "finding"),  # at the margin is not above it
            (0.0, 0.0, "could not tell"),  # no evidence is no certainty
            (0.0, 0.02, "could not tell"),
            (0.02, 0.05, "could not tell"),  # better, and nobody knows how surely
            (-0.02, 0.05, "could not tell"),
        ],
    )
    def test_a_pass_needs_the_bound_above_the_margin(
        self, gain: float, error: float, expected: str
    ) -> None:
        assert outcome(gain, error).status == expected

    def test_a_failure_says_what_makes_it_one(self) -> None:
        """A loss within the margin may be surely one: that it is not above it is no reason."""
        answer = outcome(-0.005, 0.002)
        assert answer.status == "finding"
        high = -0.005 + student.ppf(0.95, 29) * 0.002
        assert answer.reason.endswith(
            f"not above -0.0100, and at most {high:.4f} at alpha 0.05: worse"
        )
        assert answer.figures["high"] == pytest.approx(high)
        assert "worse" not in outcome(-0.005, 0.02).reason

    def test_a_wider_margin_forgives_more(self) -> None:
        assert outcome(-0.01, 0.002, margin=0.03, blocks=400).status == "pass"
        assert outcome(-0.01, 0.002, margin=0.01, blocks=400).status == "finding"

    def test_passing_gets_harder_with_each_look_and_failing_does_not(self) -> None:
        ranks = {"pass": 2, "could not tell": 1, "finding": 0}
        for gain in np.linspace(-0.02, 0.02, 17):
            ranked = [ranks[outcome(gain, 0.003, look=look).status] for look in range(1, 60)]
            assert ranked == sorted(ranked, reverse=True)
        statuses = [outcome(0.0, 0.001, look=look, blocks=200).status for look in (1, 30)]
        assert statuses == ["pass", "could not tell"]

    def test_few_days_ask_for_more(self) -> None:
        assert outcome(0.0, 0.001, blocks=180).status == "pass"
        answer = outcome(0.0, 0.001, blocks=30)
        assert answer.status == "could not tell"
        needed = answer.figures["blocks_needed"]
        assert f"about {needed} blocks would do, and there are 30.0" in answer.reason
        shrunk = 0.001 * (30 / needed) ** 0.5
        assert outcome(0.0, shrunk, blocks=needed).status == "pass"
        assert outcome(0.0, shrunk, blocks=needed - 10).status == "could not tell"

    def test_no_level_makes_certainty_of_no_evidence(self) -> None:
        answer = weighed(Gain(0.0, 0.0, 19), "rmse", 0.01, level=1e-9, alpha=0.05)
        assert answer.status == "could not tell"
        without_margin = weighed(Gain(0.0, 0.0, 500), "rmse", 0.0, level=0.05, alpha=0.05)
        assert without_margin.status == "could not tell"

    @pytest.mark.parametrize("level", [0.0045, 0.05])
    @pytest.mark.parametrize("rows", [50, 100, 150, 200, 300, 700, 2000])
    def test_a_model_worse_by_the_margin_passes_no_oftener_than_the_level_says(
        self, rows: int, level: float
    ) -> None:
        """A share of the rows that were right is wrong now: recall, accuracy."""
        lost = np.random.default_rng(rows).binomial(rows, 0.01, 4000)
        passed = 0
        for count, times in zip(*np.unique(lost, return_counts=True), strict=True):
            share = count / rows
            gain = Gain(-share, math.sqrt(share * (1 - share) / (rows - 1)), rows - 1, 0.01)
            answer = weighed(gain, "recall", 0.01, level=level, alpha=0.05)
            passed += int(times) * (answer.status == "pass")
        assert passed / 4000 <= 1.2 * level + 2 * math.sqrt(level / 4000)

    @pytest.mark.parametrize("days", [30, 60, 150])
    @pytest.mark.parametrize("noise", [0.001, 0.02])
    def test_one_bad_day_in_twenty_is_waited_for(self, days: int, noise: float) -> None:
        rng = np.random.default_rng(days)
        gains = noise * rng.normal(size=(2000, days)) - 0.2 * (rng.random((2000, days)) < 0.05)
        errors = gains.std(axis=1, ddof=1) / math.sqrt(days)
        answers = [
            weighed(Gain(mean, error, days - 1), "roc_auc", 0.01, level=0.0045, alpha=0.05)
            for mean, error in zip(gains.mean(axis=1).tolist(), errors.tolist(), strict=True)
        ]
        passed = sum(answer.status == "pass" for answer in answers)
        assert passed / 2000 <= 1.2 * 0.0045 + 2 * math.sqrt(0.0045 / 2000)

    @pytest.mark.parametrize(("gain", "error"), [(math.nan, 0.1), (0.1, math.nan), (0.1, math.inf)])
    def test_what_is_no_number_never_passes(self, gain: float, error: float) -> None:
        with pytest.raises(NoFigure):
            outcome(gain, error)

    def test_a_default_margin_exists_for_metrics_between_0_and_1_alone(self) -> None:
        assert margin_of(BINARY["roc_auc"], None) == 0.01
        assert margin_of(BINARY["log_loss"], None) is None
        assert margin_of(BINARY["log_loss"], 0.2) == 0.2
        assert margin_of(BINARY["roc_auc"], 0.0) == 0.0


def evidence(metric: Metric, value: float, *, unit: str = "days of day") -> Evidence:
    difference = contrast(value, 0.02, 30.0, confidence=0.95)
    gain = difference if metric.direction == "up" else difference.turned()
    told = Difference(metric, 0.5, 0.5 + value, difference, gain)
    return Evidence(metric, {metric.name: told}, {}, [], 30.0, unit, 99)


class TestGain:
    def test_a_gain_is_above_zero_where_the_head_is_better(self) -> None:
        days = "days of day"
        assert gain_of(evidence(BINARY["f1"], 0.1), 0.01, None) == Gain(0.1, 0.02, 29, 0.05, days)
        assert gain_of(evidence(BINARY["log_loss"], 0.1), 0.01, None) == (
            Gain(-0.1, 0.02, 29, 0.05, days)
        )

    @pytest.mark.parametrize(
        ("name", "unit", "margin", "stated", "share"),
        [
            ("f1", "rows", 0.01, None, 0.01),
            ("f1", "rows", 0.04, None, 0.04),  # a row loses 1 at most, so four in a hundred do
            ("log_loss", "rows", 0.04, None, 0.01),  # and here there is no most
            ("f1", "days of day", 0.01, None, 0.05),
            ("f1", "days of day", 0.01, 0.2, 0.2),
            ("log_loss", "rows", 0.01, 0.2, 0.2),
        ],
    )
    def test_how_rare_a_loss_may_be(
        self, name: str, unit: str, margin: float, stated: float | None, share: float
    ) -> None:
        gain = gain_of(evidence(BINARY[name], 0.1, unit=unit), margin, stated)
        assert gain is not None
        assert gain.rare == share

    @pytest.mark.parametrize("positives", [50, 1000])
    def test_one_row_may_cost_more_than_its_share_of_an_average_precision(
        self, positives: int
    ) -> None:
        """A negative above all positives halves the first one's precision, and lowers the rest."""
        target = np.append(np.ones(positives, bool), False)
        falling = np.linspace(0.8, 0.2, positives)
        scores = BinaryScores(target, np.append(falling, 0.9), 0.5)
        cost = 1 - evaluate(scores, only=["average_precision"])["average_precision"]
        metric = BINARY["average_precision"]
        assert metric.reach(positives) == pytest.approx(positives * cost)
        gain = gain_of(evidence(metric, 0.1, unit="rows"), 0.01, None)
        assert gain is not None
        assert gain.rare == pytest.approx(0.01 / metric.reach(30))

    def test_a_metric_whose_best_is_in_the_middle_has_no_bound(self) -> None:
        bias = next(metric for metric in OF_REGRESSION if metric.direction == "zero")
        assert gain_of(evidence(bias, 0.1), 0.01, None) is None


def part(gain: float | None, p_value: float | None, value: str = "a") -> SliceDifference:
    return SliceDifference("clinic", value, 600, "roc_auc", gain, gain, p_value)


class TestSlices:
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
