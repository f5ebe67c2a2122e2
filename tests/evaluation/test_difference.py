"""One answer to whether a difference is real: interval and p-value are the same statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t as student

from perennial.evaluation.bootstrap import estimate_difference, resample_counts
from perennial.evaluation.delong import area_difference
from perennial.evaluation.difference import Contrast, carrying, contrast, crossed
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.definition import LOSS, Definition, Draw, Scorer
from perennial.evaluation.metrics.regression import RegressionScores, squared_error

Array = NDArray[Any]
Pair = tuple[Scorer, Scorer]


def told(head: Scorer, base: Scorer, metric: str, blocks: Array | None = None) -> Contrast:
    settings: dict[str, Any] = {"resamples": 200, "only": [metric]}
    return estimate_difference(head, base, blocks, **settings).contrasts[metric]


class TestContrast:
    @pytest.mark.parametrize("value", [-0.2, -0.01, 0.0, 0.003, 0.019, 0.021, 0.5])
    @pytest.mark.parametrize("error", [0.0, 0.01, 0.3])
    @pytest.mark.parametrize("blocks", [2.0, 5.5, 30.0, 5000.0])
    def test_the_interval_leaves_out_0_where_p_is_small_and_only_there(
        self, value: float, error: float, blocks: float
    ) -> None:
        for confidence in (0.8, 0.95, 0.999):
            one = contrast(value, error, blocks, confidence=confidence, widest=1.0)
            assert (one.low > 0 or one.high < 0) == (one.p_value < 1 - confidence)
            assert one.low <= one.value <= one.high

    def test_blocks_that_all_differ_alike_are_a_sign_test_and_no_certainty(self) -> None:
        assert contrast(0.1, 0.0, 5, confidence=0.95).p_value == pytest.approx(2 * 0.5**5)
        assert contrast(0.1, 0.0, 5, confidence=0.95).low < 0
        assert contrast(0.1, 0.0, 20, confidence=0.95).low > 0
        assert contrast(0.1, 0.0, 2000, confidence=0.95).p_value > 0

    def test_models_that_never_differ_may_do_so_in_three_of_n_others(self) -> None:
        one = contrast(0.0, 0.0, 100, confidence=0.9, widest=1.0)
        assert one.p_value == 1.0
        assert one.high == -one.low == pytest.approx(1 - 0.05 ** (1 / 100))
        assert 0.025 < one.high < 0.035

    def test_two_crossed_ways_are_no_surer_than_either(self) -> None:
        ways = [contrast(0.1, error, 30, confidence=0.95) for error in (0.03, 0.04, 0.02)]
        expected = (0.03**2 + 0.04**2 - 0.02**2) ** 0.5
        assert crossed(ways, confidence=0.95).standard_error == pytest.approx(expected)
        wide = [contrast(0.1, error, 30, confidence=0.95) for error in (0.03, 0.04, 0.05)]
        assert crossed(wide, confidence=0.95).standard_error == pytest.approx(0.04)

    def test_what_rises_with_a_value_keeps_its_p_value(self) -> None:
        """A difference of squares, told as one of roots."""
        squares = contrast(0.09 - 0.04, 0.01, 30, confidence=0.95)
        roots = squares.scaled(0.3 - 0.2)
        assert roots.p_value == squares.p_value
        assert roots.low == pytest.approx(2 * squares.low)
        assert roots.low > 0
        near_0 = contrast(0.0001, 0.01, 30, confidence=0.95).scaled(0.01)
        assert near_0.low >= -(0.0204**0.5)
        assert near_0.low < 0 < near_0.value < near_0.high < 0.15
        nothing = squares.scaled(0.0)
        assert (nothing.value, nothing.p_value) == (0.0, 1.0)
        assert nothing.low < 0 < nothing.high


def squared(draw: Draw[RegressionScores]) -> Array:
    return np.asarray(draw.total(squared_error) / draw.rows)


def test_models_are_compared_on_the_scale_that_a_metric_names() -> None:
    metric = Definition("rmse", "down", *LOSS, values=rooted, compared=squared, is_primary=True)

    class Compared(RegressionScores):
        definitions = (metric,)  # type: ignore[assignment]

    errors = np.random.default_rng(0).normal(size=(2, 200))
    head, base = (Compared(np.zeros(200), error) for error in (1.3 * errors[0], errors[1]))
    settings: dict[str, Any] = {"resamples": 100, "seed": 1}
    one = estimate_difference(head, base, None, **settings).contrasts["rmse"]
    counts = resample_counts(200, 100, seed=1)
    drawn = [(counts * side.error_**2).mean(axis=1) for side in (head, base)]
    squares = (head.error_**2).mean() - (base.error_**2).mean()
    error = np.std(drawn[0] - drawn[1], ddof=1) * np.sqrt(200 / 199)
    leaving = 1 - np.eye(200)
    left = [leaving @ side.error_**2 / 199 for side in (head, base)]
    freedom = carrying(left[0] - left[1] - np.mean(left[0] - left[1])) - 1
    assert one.weight == pytest.approx(freedom + 1)
    assert one.p_value == pytest.approx(2 * student(freedom).sf(squares / error))
    assert one.value == pytest.approx(
        np.sqrt((head.error_**2).mean()) - np.sqrt((base.error_**2).mean())
    )


@pytest.mark.parametrize("metric", ["log_loss", "brier", "recall", "average_precision"])
def test_four_rows_answered_otherwise_are_four_however_many_there_are(metric: str) -> None:
    """All four to one side come by chance in an eighth of cases: no difference at 5%."""
    target = np.tile([True, False], 500)
    chance = np.where(target, 0.8, 0.2)
    worse = np.where(np.arange(1000) < 8, np.where(target, 0.1, 0.2), chance)
    one = told(BinaryScores(target, chance, 0.5), BinaryScores(target, worse, 0.5), metric)
    assert one.value != 0
    assert one.weight == pytest.approx(12, rel=0.2)
    assert one.low < 0 < one.high
    assert one.p_value > 0.05


def rooted(draw: Draw[RegressionScores]) -> Array:
    return np.sqrt(squared(draw))


def precise(right: int, of: int, among: int = 300, right_among: int = 180) -> Pair:
    """Two models that predict other rows positive."""
    truth = np.repeat([True, False, True, False, False],
                      [right, of - right, right_among, among - right_among, 400])  # fmt: skip
    few, many = np.zeros(len(truth)), np.zeros(len(truth))
    few[:of], many[of : of + among] = 0.9, 0.9
    return BinaryScores(truth, few, 0.5), BinaryScores(truth, many, 0.5)


class TestPrecision:
    def test_7_of_15_against_180_of_300_is_no_difference(self) -> None:
        one = told(*precise(7, 15), "precision")
        assert one.value == pytest.approx(7 / 15 - 0.6)
        assert one.p_value > 0.2
        assert one.low < 0 < one.high
        assert one.blocks == 15

    def test_15_right_of_15_are_not_certain_to_be_right(self) -> None:
        """Resamples of them are right each time: 0.9 against 1 was a difference in a fifth."""
        assert told(*precise(15, 15, right_among=270), "precision").p_value > 0.05
        assert told(*precise(15, 15, right_among=150), "precision").p_value < 0.05

    def test_a_model_of_the_same_decisions_does_not_differ(self) -> None:
        head, _ = precise(7, 15)
        one = told(head, head, "precision")
        assert (one.value, one.standard_error, one.p_value) == (0.0, 0.0, 1.0)


def equal_precision(rng: np.random.Generator) -> Pair:
    return precise(int(rng.binomial(15, 0.6)), 15, 300, int(rng.binomial(300, 0.6)))


def equal_median(rng: np.random.Generator) -> Pair:
    wide, narrow = rng.laplace(size=200) / np.log(2), rng.uniform(-2, 2, 200)
    return RegressionScores(np.zeros(200), wide), RegressionScores(np.zeros(200), narrow)


def equal_calibration(rng: np.random.Generator) -> Pair:
    chance = rng.uniform(0.2, 0.8, 400)
    truth = rng.random(400) < chance
    return BinaryScores(truth, chance + 0.1, 0.5), BinaryScores(truth, chance - 0.1, 0.5)


@pytest.mark.parametrize(
    ("metric", "draw"),
    [
        ("precision", equal_precision),
        ("median_absolute_error", equal_median),
        ("calibration_error", equal_calibration),
    ],
)
def test_models_that_answer_otherwise_and_are_as_good_do_not_differ(
    metric: str, draw: Callable[[np.random.Generator], Pair]
) -> None:
    """An exchange of answers called them different in 29 to 80% of cases: they are not alike."""
    rng = np.random.default_rng(0)
    called = sum(told(*draw(rng), metric).p_value <= 0.05 for _ in range(200))
    assert called <= 20


def test_one_day_of_60_percent_counts_little_for_any_metric() -> None:
    day = np.repeat(np.arange(20), [600, *[21] * 19])
    rng = np.random.default_rng(0)
    truth = rng.random(len(day)) < 0.4
    head, base = (BinaryScores(truth, rng.random(len(day)), 0.5) for _ in range(2))
    differences = estimate_difference(head, base, day, resamples=50)
    assert all(one.blocks < 3.5 for one in differences.contrasts.values())
    area = area_difference(truth, head.probability, base.probability, day)
    assert area.blocks < 3.5


def test_the_rarer_class_counts_for_ranks_and_every_row_for_a_mean() -> None:
    truth = np.arange(500) < 5
    rng = np.random.default_rng(0)
    head, base = (BinaryScores(truth, rng.random(500), 0.5) for _ in range(2))
    found = estimate_difference(head, base, None, resamples=50).contrasts
    assert found["recall"].blocks == found["average_precision"].blocks == 5
    assert found["brier"].blocks == 500


def test_a_metric_without_a_value_is_named_and_stops_no_other() -> None:
    truth, low = np.arange(60) % 3 == 0, np.linspace(0, 0.4, 60)
    head, base = BinaryScores(truth, low, 0.5), BinaryScores(truth, low[::-1].copy(), 0.1)
    differences = estimate_difference(head, base, None, resamples=50)
    assert "head no value: it needs rows predicted positive" in differences.lacking["precision"]
    assert "roc_auc" in differences.contrasts


def test_a_bias_of_a_half_to_either_side_is_a_difference_and_no_gain() -> None:
    truth = np.random.default_rng(0).normal(size=200)
    head, base = RegressionScores(truth, truth + 0.5), RegressionScores(truth, truth - 0.5)
    differences = estimate_difference(head, base, None, resamples=50, only=["bias"])
    assert differences.contrasts["bias"].value == pytest.approx(1.0)
    assert differences.contrasts["bias"].p_value < 0.001
    assert abs(differences.nearer["bias"].value) < 1e-9
    assert differences.nearer["bias"].p_value > 0.05


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_what_rounding_makes_is_no_difference(unit: float) -> None:
    """The same errors in another order add up to another last digit."""
    rng = np.random.default_rng(0)
    errors = unit * rng.normal(size=300)
    head = RegressionScores(np.zeros(300), errors)
    base = RegressionScores(np.zeros(300), -errors)
    one = told(head, base, "rmse")
    assert (one.value, one.standard_error, one.p_value) == (0.0, 0.0, 1.0)
