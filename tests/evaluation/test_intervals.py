"""Intervals hold the truth, and say where they might not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest

from perennial.evaluation.bootstrap import estimate
from perennial.evaluation.intervals import (
    Support,
    effective_rows,
    interval,
    participation,
    share_interval,
)
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores


def classified(hits: np.ndarray) -> MulticlassScores:
    """Three classes in turn, answered rightly where `hits` says so."""
    target = np.arange(len(hits)) % 3
    guess = np.where(hits, target, (target + 1) % 3)
    return MulticlassScores(target, np.eye(3)[guess] * 0.7 + 0.1)


def right(rows: int, wrong: int) -> np.ndarray:
    return np.arange(rows) >= wrong


# Shares


@pytest.mark.parametrize(("wrong", "low", "high"), [(0, 0.884, 1.0), (1, 0.828, 0.999)])
def test_thirty_rows_tell_what_they_tell(wrong: int, low: float, high: float) -> None:
    one = estimate(classified(right(30, wrong)), None, resamples=100)["accuracy"]
    assert one.value == 1 - wrong / 30
    assert (round(one.low, 3), round(one.high, 3)) == (low, high)
    assert one.warning == ""


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (3, 7), (29, 30), (1000, 1000)])
def test_a_share_of_rows_is_clopper_and_pearsons(hits: int, rows: int) -> None:
    exact = binomtest(hits, rows).proportion_ci(0.9, method="exact")
    assert share_interval(hits / rows, rows, 0.9) == pytest.approx(tuple(exact), abs=1e-9)


def test_precision_and_recall_count_the_rows_that_they_are_shares_of() -> None:
    target = np.arange(400) < 8
    result = estimate(BinaryScores(target, np.where(target, 0.9, 0.1), 0.5), None, resamples=100)
    exact = binomtest(8, 8).proportion_ci()
    for name in ("precision", "recall"):
        assert (result[name].low, result[name].high) == pytest.approx(tuple(exact))


def test_twelve_days_without_an_error_are_twelve_and_not_their_rows() -> None:
    one = estimate(classified(right(600, 0)), np.repeat(np.arange(12), 50), resamples=100)
    assert one["accuracy"].low == pytest.approx(binomtest(12, 12).proportion_ci().low)


def test_errors_in_one_day_leave_less_certainty_than_as_many_in_all() -> None:
    days = np.repeat(np.arange(20), 30)
    together = estimate(classified(days != 0), days, resamples=100)["accuracy"]
    spread = estimate(classified(np.arange(600) % 20 != 0), days, resamples=100)["accuracy"]
    assert together.value == spread.value == 0.95
    # Of one day of twenty nothing surer is known than of one row of twenty.
    assert together.low <= binomtest(19, 20).proportion_ci().low + 1e-9
    assert spread.low > 0.91


def test_effective_rows_lie_between_the_blocks_and_the_rows() -> None:
    for error in (1e-6, 0.01, 0.4):
        support = Support(error, rows=500.0, blocks=20.0, weight=15.0, is_by_row=False)
        assert 20 <= effective_rows("share", 0.9, support, 0.95) <= 500


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1_macro"])
def test_a_mean_over_classes_hangs_on_the_rarest(name: str) -> None:
    target = np.repeat([0, 1, 2], [100, 100, 4])
    scores = MulticlassScores(target, np.eye(3)[target] * 0.7 + 0.1)
    one = estimate(scores, None, resamples=100)[name]
    assert one.low == pytest.approx(binomtest(12, 12).proportion_ci().low)


# What cannot be estimated


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_a_ranking_without_a_discordant_pair_has_no_interval(name: str) -> None:
    target = np.arange(60) < 20
    one = estimate(BinaryScores(target, np.linspace(1, 0, 60), 0.5), None, resamples=100)[name]
    assert one.value == 1.0
    assert (one.low, one.high) == (None, None)
    assert one.why_not.startswith("no interval: no block of rows moves it")


def test_a_calibration_without_any_residual_has_no_interval() -> None:
    target = np.tile([True, False], 50)
    scores = BinaryScores(target, target.astype(float), 0.5)
    one = estimate(scores, None, resamples=100)["calibration_error"]
    assert (one.value, one.low, one.high) == (0.0, None, None)
    assert one.why_not.startswith("no interval: no block of rows moves it")


def test_errors_that_are_all_alike_have_no_interval() -> None:
    truth = np.linspace(0, 1, 40)
    for name, one in estimate(RegressionScores(truth, truth + 0.1), None, resamples=100).items():
        assert one.low is None or name == "r2", name


def test_a_handful_of_positives_is_no_ground_for_trust() -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    target = np.arange(500) < 5
    scores = BinaryScores(target, generator.random(500) * np.where(target, 1, 0.9), 0.5)
    one = estimate(scores, None, resamples=100)["roc_auc"]
    assert one.warning == "it rests on 5.0 effective rows: the interval is not to be trusted"


def test_a_day_of_most_rows_is_no_ground_for_trust() -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    days = np.repeat(np.arange(20), [600, *[21] * 19])
    scores = RegressionScores(np.zeros(len(days)), generator.normal(size=len(days)))
    one = estimate(scores, days, resamples=100)["rmse"]
    assert "effective blocks: the interval is not to be trusted" in one.warning
    even = estimate(scores, np.arange(len(days)) % 20, resamples=100)["rmse"]
    assert even.warning == ""


def test_few_rows_that_carry_the_loss_are_no_ground_for_trust() -> None:
    error = np.where(np.arange(1000) < 1, 30.0, 1.0) * (-1.0) ** np.arange(1000)
    result = estimate(RegressionScores(np.zeros(1000), error), None, resamples=100)
    assert result["rmse"].warning
    assert not result["median_absolute_error"].warning


def test_sure_answers_that_happen_to_be_right_are_no_ground_for_trust() -> None:
    """A small forest answers 0 and 1, and one such answer in three hundred is wrong elsewhere."""
    generator = np.random.default_rng(0)
    sure = np.arange(300) < 60
    target = np.where(sure, True, generator.random(300) < 0.6)
    for answer, is_doubtful in ((1.0, True), (0.999, False)):
        chance = np.where(sure, answer, 0.6)
        scores = BinaryScores(target, chance, 0.5)
        classes = MulticlassScores(target.astype(int), np.column_stack([1 - chance, chance]))
        for one in (scores, classes):
            figure = estimate(one, None, resamples=100, only=["log_loss"])["log_loss"]
            assert ("answers of 0 or 1" in figure.warning) == is_doubtful
    day = np.repeat(np.arange(30), 300)
    target = generator.random(9000) < np.where(day % 2, 0.9, 0.2)
    unsure = np.where(np.arange(9000) % 100, 0.6, target)
    figure = estimate(BinaryScores(target, unsure, 0.5), day, resamples=100)["log_loss"]
    assert figure.warning == ""


def test_blocks_that_move_a_metric_by_normal_amounts_weigh_two_thirds_of_their_number() -> None:
    moved = np.random.Generator(np.random.PCG64(0)).normal(size=30_000)
    assert participation(moved) == pytest.approx(20_000, rel=0.02)
    assert participation(np.array([5.0, 0.0, 0.0])) == 2
    assert participation(np.zeros(3)) == np.inf


# Scales


def test_intervals_stay_inside_their_range_without_being_cut() -> None:
    support = Support(0.04, rows=100.0, blocks=30.0, weight=30.0, is_by_row=False)
    area, loss, r2 = (
        interval(metric, scale, value, support, 0.95)
        for (metric, scale, value) in (
            (BinaryScores([True, False], [0.9, 0.1], 0.5).metrics[0], "area", 0.97),
            (RegressionScores([0.0], [0.0]).metrics[0], "loss", 0.05),
            (RegressionScores([0.0], [0.0]).metrics[2], "unexplained", 0.98),
        )
    )
    assert 0.5 < area[0] < 0.97 < area[1] < 1
    assert 0 < loss[0] < 0.05 < loss[1]
    assert r2[0] < 0.98 < r2[1] < 1


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_the_targets_unit_is_the_unit_of_its_intervals(unit: float) -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    truth, error = generator.normal(size=(2, 60))
    plain = estimate(RegressionScores(truth, truth + error), None, resamples=100)
    other = estimate(RegressionScores(unit * truth, unit * (truth + error)), None, resamples=100)
    for name, one in plain.items():
        scale = 1 if name == "r2" else unit
        ends = pytest.approx((scale * one.low, scale * one.high), rel=1e-6)
        assert (other[name].low, other[name].high) == ends


# Coverage: seeded and small; the wide tables are made by benchmarks/intervals.py. Of 200 intervals
# at 95% some 190 hold the truth, and below 181 there is one chance in a thousand.


def held(
    draw: Callable[[np.random.Generator], BinaryScores | RegressionScores | MulticlassScores],
    blocks: np.ndarray | None,
    name: str,
    truth: float,
) -> int:
    generator = np.random.Generator(np.random.PCG64(5))
    count = 0
    for seed in range(200):
        one = estimate(draw(generator), blocks, resamples=100, seed=seed, only=[name])[name]
        count += one.low is None or one.low <= truth <= one.high
    return count


def test_an_accuracy_near_its_edge_is_held() -> None:
    def draw(generator: np.random.Generator) -> MulticlassScores:
        return classified(generator.random(30) < 0.97)

    assert held(draw, None, "accuracy", 0.97) >= 190


def test_an_rmse_of_few_days_is_held() -> None:
    days = np.repeat(np.arange(20), 10)

    def draw(generator: np.random.Generator) -> RegressionScores:
        # A day's variance is exp(z): lognormal, with the mean exp(1 / 2).
        spread = np.exp(generator.normal(size=20) / 2)[days]
        return RegressionScores(np.zeros(200), spread * generator.normal(size=200))

    assert held(draw, days, "rmse", np.exp(0.25)) >= 181


@pytest.mark.parametrize("by_day", [False, True])
def test_a_calibrated_model_is_held_to_be_one(by_day: bool) -> None:
    days = np.repeat(np.arange(25), 20)

    def draw(generator: np.random.Generator) -> BinaryScores:
        probability = generator.uniform(0.1, 0.9, 500)
        mood = generator.uniform(-0.1, 0.1, 25)[days] if by_day else 0
        return BinaryScores(generator.random(500) < probability + mood, probability, 0.5)

    count = held(draw, days if by_day else None, "calibration_error", 0.0)
    assert 183 <= count < 200


def test_a_model_that_is_off_by_a_tenth_is_held_to_be_that() -> None:
    def draw(generator: np.random.Generator) -> BinaryScores:
        probability = generator.uniform(0.2, 0.7, 500)
        return BinaryScores(generator.random(500) < probability + 0.1, probability, 0.5)

    assert held(draw, None, "calibration_error", 0.1) >= 183


def test_the_calibration_error_of_a_calibrated_model_is_near_zero_and_below_what_chance_adds() -> (
    None
):
    generator = np.random.Generator(np.random.PCG64(3))
    probability = generator.uniform(0, 1, 2000)
    scores = BinaryScores(generator.random(2000) < probability, probability, 0.5)
    one = estimate(scores, None, resamples=100, only=["calibration_error"])["calibration_error"]
    assert one.value < 0.03
    assert one.low == 0.0
