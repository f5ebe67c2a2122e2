"""The cluster bootstrap: what its intervals promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perennial.evaluation import bootstrap
from perennial.evaluation.bootstrap import estimate, estimate_difference, resample_counts
from perennial.evaluation.intervals import Figure
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.columns import SampleError
from perennial.evaluation.metrics.definition import Scorer, evaluate, select
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores

DAYS = 12
ROWS = 240
TASKS = ("binary", "multiclass", "regression")

# Printed twice, with and without the CPU's own instructions. Only whole numbers are drawn, for
# numpy's normal numbers are not the subject here.
FINGERPRINT = """
import numpy as np
from perennial.evaluation.bootstrap import estimate
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores
generator = np.random.Generator(np.random.PCG64(5))
codes, parts = generator.integers(0, 3, 3000), generator.integers(1, 1000, (3000, 3))
table, days = parts / parts.sum(axis=1, keepdims=True), generator.integers(0, 20, 3000)
for scores in (
    BinaryScores(codes == 0, table[:, 0], 0.4),
    MulticlassScores(codes, table),
    RegressionScores(table[:, 0], table[:, 1]),
):
    for blocks in (days, None):
        for name, one in estimate(scores, blocks, resamples=50, seed=1).items():
            numbers = (one.value, one.low, one.high, one.standard_error)
            # Two CPUs' logarithms differ in the last bit; figures are written to six decimals.
            shown = (f"{x:.10f}" for x in numbers)
            print(name, *shown)
"""


def days() -> np.ndarray:
    return np.random.Generator(np.random.PCG64(1)).integers(0, DAYS, ROWS)


def some_scores(task: str, seed: int = 2, repeat: int = 1) -> Scorer:
    """Scores with a strong effect of the day, each row `repeat` times."""
    generator = np.random.Generator(np.random.PCG64(seed))
    mood = np.random.Generator(np.random.PCG64(9)).normal(size=DAYS)[days()]
    latent = mood + generator.normal(size=ROWS)
    noise = generator.random((ROWS, 3)) + 0.1
    if task == "binary":
        probability = np.repeat(noise[:, 0] / 3, repeat)
        return BinaryScores(np.repeat(latent > 0, repeat), probability, 0.2)
    if task == "multiclass":
        leaning = np.add(noise, [0, 0, 0.8])
        table = leaning / leaning.sum(axis=1, keepdims=True)
        codes = np.digitize(latent, [-0.5, 0.5])
        return MulticlassScores(np.repeat(codes, repeat), np.repeat(table, repeat, axis=0))
    return RegressionScores(np.repeat(latent, repeat), np.repeat(noise[:, 0], repeat))


def errors(estimates: dict[str, Figure]) -> dict[str, float | None]:
    return {name: result.standard_error for name, result in estimates.items()}


def same(values: dict[str, float]) -> Any:
    return pytest.approx(values, rel=1e-9)


# Draws


def test_each_draw_takes_as_many_groups_as_there_are() -> None:
    counts = resample_counts(7, 500, seed=0)
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert counts.min() == 0


def test_draws_are_uniform_over_groups() -> None:
    # 40,000 draws a group; the bound is six standard deviations.
    share = resample_counts(5, 40_000, seed=0).sum(axis=0) / 200_000
    assert np.abs(share - 0.2).max() < 6 * np.sqrt(0.2 * 0.8 / 200_000)


def test_draws_depend_on_the_seed_alone() -> None:
    first = resample_counts(9, 20, seed=4)
    assert np.array_equal(first, resample_counts(9, 20, seed=4))
    assert np.array_equal(first[:5], resample_counts(9, 5, seed=4))
    assert not np.array_equal(first, resample_counts(9, 20, seed=5))


@pytest.mark.parametrize(
    ("groups", "resamples", "seed", "name"),
    [(0, 1, 0, "groups"), (1, 0, 0, "resamples"), (1, 1, -1, "seed")],
)
def test_draws_of_nothing_are_refused(groups: int, resamples: int, seed: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: must be at least"):
        resample_counts(groups, resamples, seed)


# Estimates


@pytest.mark.parametrize("task", TASKS)
def test_the_error_is_the_spread_over_samples_of_whole_blocks(task: str) -> None:
    # The slow way: write each drawn block's rows out and score them afresh.
    scores, blocks = some_scores(task), days()
    names = [m.name for m in scores.metrics if m.name != "calibration_error"]
    drawn = []
    for counts in resample_counts(DAYS, 30, seed=3):
        rows = np.concatenate([np.flatnonzero(blocks == g) for g in np.repeat(range(DAYS), counts)])
        drawn.append(evaluate(scores.part(rows), only=names))
    result = estimate(scores, blocks, resamples=30, seed=3, only=names)
    assert list(result) == names
    for name in names:
        spread = np.std([values[name] for values in drawn], ddof=1) * np.sqrt(DAYS / (DAYS - 1))
        one = result[name]
        by_jackknife = jackknife(scores, blocks, name)
        assert one.standard_error == pytest.approx(max(spread, by_jackknife), rel=1e-9)


def jackknife(scores: Scorer, blocks: np.ndarray, name: str) -> float:
    """The jackknife's error on the metric's scale, in the metric's unit, the slow way."""
    (metric,) = select(scores.definitions, [name])
    value = evaluate(scores, only=[name])[name]
    left_out = np.array(
        [evaluate(scores.part(np.flatnonzero(blocks != g)), only=[name])[name] for g in range(DAYS)]
    )
    if metric.scale == "area":
        left_out, slope = np.log(left_out / (1 - left_out)), 1 / (value * (1 - value))
    elif metric.scale in {"loss", "unexplained"}:
        shift = 0 if metric.scale == "loss" else 1
        left_out, slope = np.log(np.abs(left_out - shift)), 1 / abs(value - shift)
    else:
        slope = 1.0
    return float(np.sqrt((DAYS - 1) * np.var(left_out)) / slope)


def test_more_confidence_is_a_wider_interval_from_the_same_draws() -> None:
    narrow, wide = (
        estimate(some_scores("regression"), days(), resamples=50, confidence=c)["mae"]
        for c in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert wide.standard_error == narrow.standard_error


@pytest.mark.parametrize("task", TASKS)
def test_a_row_repeated_within_its_block_adds_no_certainty(task: str) -> None:
    # But of the calibration error, which takes two rows alike for two pieces of evidence.
    only = [m.name for m in some_scores(task).metrics if m.name != "calibration_error"]
    once, twice = (
        estimate(
            some_scores(task, repeat=n), np.repeat(days(), n), resamples=100, seed=5, only=only
        )
        for n in (1, 2)
    )
    assert errors(twice) == same(errors(once))


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "brier"), ("multiclass", "accuracy"), ("regression", "bias")]
)
def test_rows_drawn_singly_promise_too_much_where_days_matter(task: str, metric: str) -> None:
    by_day = estimate(some_scores(task), days(), resamples=200, only=[metric])
    by_row = estimate(some_scores(task), None, resamples=200, only=[metric])
    assert by_row[metric].standard_error < 0.8 * by_day[metric].standard_error


def test_no_blocks_means_each_row_its_own() -> None:
    scores = some_scores("regression")
    by_row = estimate(scores, np.arange(ROWS), resamples=20)
    assert estimate(scores, None, resamples=20) == by_row


def test_block_ids_may_be_any_numbers_in_any_type() -> None:
    scores, blocks = some_scores("binary"), days()
    plain = estimate(scores, blocks, resamples=20)
    assert estimate(scores, blocks * 1000 - 5000, resamples=20) == plain
    assert estimate(scores, blocks.astype(np.uint8), resamples=20) == plain


@pytest.mark.parametrize("task", TASKS)
def test_the_order_of_rows_does_not_matter(task: str) -> None:
    shuffled = np.random.Generator(np.random.PCG64(0)).permutation(ROWS)
    plain = estimate(some_scores(task), days(), resamples=50)
    moved = estimate(some_scores(task).part(shuffled), days()[shuffled], resamples=50)
    assert errors(moved) == same(errors(plain))


@pytest.mark.parametrize("task", TASKS)
def test_the_chunks_of_work_change_no_byte(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = estimate(some_scores(task), days(), resamples=37)
    monkeypatch.setattr(bootstrap, "CHUNK_SIZE", 5 * ROWS)
    assert estimate(some_scores(task), days(), resamples=37) == whole
    monkeypatch.setattr(bootstrap, "CHUNK_SIZE", 1)
    assert estimate(some_scores(task), days(), resamples=37) == whole


def test_another_cpu_and_more_threads_change_no_figure() -> None:
    result = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    old_cpu = {"NPY_DISABLE_CPU_FEATURES": " ".join(result), "OMP_NUM_THREADS": "1"}
    assert fingerprint(old_cpu) == fingerprint({"OMP_NUM_THREADS": "4"})


def fingerprint(settings: dict[str, str]) -> str:
    source = Path(bootstrap.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(source), **settings}
    run = [sys.executable, "-c", FINGERPRINT]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout


def test_another_seed_gives_other_errors_and_the_same_values() -> None:
    one, other = (estimate(some_scores("binary"), days(), resamples=20, seed=s) for s in (1, 2))
    assert errors(one) != errors(other)
    assert {n: e.value for n, e in one.items()} == {n: e.value for n, e in other.items()}


def test_the_smallest_sample_has_an_estimate() -> None:
    result = estimate(RegressionScores([1.0, 2.0], [1.0, 3.0]), None, resamples=50, only=["mae"])
    assert result["mae"].value == 0.5
    assert 0 < result["mae"].low < 0.5 < result["mae"].high
    assert (
        result["mae"].warning == "it rests on 2.0 effective rows: the interval is not to be trusted"
    )


# Coverage


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    # The true bias is zero: each day of 30 has its own, with a deviation as large as a row's.
    # Of 200 intervals at 95% some 190 should hold it, give or take three deviations of 3.1.
    generator = np.random.Generator(np.random.PCG64(11))
    blocks = np.repeat(np.arange(30), 20)
    held = {"days": 0, "rows": 0}
    for seed in range(200):
        error = generator.normal(size=30)[blocks] + generator.normal(size=600)
        scores = RegressionScores(np.zeros(600), error)
        for name, drawn in (("days", blocks), ("rows", None)):
            result = estimate(scores, drawn, resamples=100, seed=seed, only=["bias"])["bias"]
            held[name] += result.low <= 0 <= result.high
    assert 181 <= held["days"] <= 199
    assert held["rows"] < 120


def test_intervals_of_an_area_and_of_a_difference_hold_the_truth() -> None:
    # Logits are 1 for positives, and each day's and each row's standard normal: over all days the
    # area is the chance that a standard normal is below 1 / sqrt(2 * 2), which is 0.6915. The
    # base rate goes with the day, too, and the other model is exactly as good.
    generator = np.random.Generator(np.random.PCG64(12))
    blocks = np.repeat(np.arange(30), 20)
    held = {"area": 0, "difference": 0}
    for seed in range(120):
        target = generator.random(600) < generator.uniform(0.2, 0.8, 30)[blocks]
        shift = target + generator.normal(size=30)[blocks]
        head, base = (
            BinaryScores(target, 1 / (1 + np.exp(-shift - noise)), 0.5)
            for noise in generator.normal(size=(2, 600))
        )
        settings: dict[str, Any] = {"resamples": 100, "seed": seed, "only": ["roc_auc"]}
        area = estimate(head, blocks, **settings)["roc_auc"]
        difference = estimate_difference(head, base, blocks, **settings).contrasts["roc_auc"]
        held["area"] += area.low <= 0.6915 <= area.high
        held["difference"] += difference.low <= 0 <= difference.high
    assert 104 <= held["area"] <= 119
    assert 107 <= held["difference"] <= 119


# Differences


@pytest.mark.parametrize("task", TASKS)
def test_a_difference_is_taken_on_the_same_draws(task: str) -> None:
    head, base = some_scores(task), worse(some_scores(task))
    result = estimate_difference(head, base, days(), resamples=40, seed=6).contrasts
    counts = resample_counts(DAYS, 40, seed=6)
    drawn_head, drawn_base = head.over(days())(counts), base.over(days())(counts)
    for name, one in result.items():
        assert one.value == evaluate(head)[name] - evaluate(base)[name]
        spread = np.std(drawn_head[name] - drawn_base[name], ddof=1)
        few_blocks = np.sqrt(one.blocks / (one.blocks - 1))
        # Precision adds what two sets of predicted rows hide; a bias that is moved by a half in
        # each row has no spread but rounding's; calibration errors are compared by their squares.
        if name not in {"precision", "bias", "calibration_error"}:
            assert one.standard_error == pytest.approx(spread * few_blocks, rel=1e-9)


def worse(scores: Scorer) -> Scorer:
    """The same rows, answered a little differently."""
    if isinstance(scores, BinaryScores):
        return BinaryScores(scores.target, scores.probability * 0.9, scores.threshold)
    if isinstance(scores, MulticlassScores):
        return MulticlassScores(scores.target, scores.probability[:, [1, 0, 2]])
    assert isinstance(scores, RegressionScores)
    return RegressionScores(scores.target, scores.prediction + 0.5)


@pytest.mark.parametrize("task", TASKS)
def test_a_model_does_not_differ_from_itself(task: str) -> None:
    result = estimate_difference(
        some_scores(task), some_scores(task), days(), resamples=20
    ).contrasts
    for one in result.values():
        assert (one.value, one.standard_error, one.p_value) == (0.0, 0.0, 1.0)


def test_what_is_hard_for_both_cancels() -> None:
    head, base = some_scores("regression"), worse(some_scores("regression"))
    alone = estimate(head, days(), resamples=100, only=["mae"])["mae"]
    paired = estimate_difference(head, base, days(), resamples=100, only=["mae"])
    assert paired.contrasts["mae"].standard_error < alone.standard_error


def test_a_difference_stays_within_what_two_values_can_differ_by() -> None:
    target = np.array([True, False, True, False])
    good, bad = np.array([0.9, 0.1, 0.8, 0.4]), np.array([0.1, 0.9, 0.6, 0.8])
    result = estimate_difference(
        BinaryScores(target, good, 0.5),
        BinaryScores(target, bad, 0.5),
        [1, 1, 2, 2],
        resamples=50,
        only=["brier"],
    ).contrasts["brier"]
    assert result.low == -1.0 < result.value < result.high <= 1.0


@pytest.mark.parametrize(
    "base", [BinaryScores([True, False], [0.5, 0.4], 0.5), RegressionScores([1.0], [1.0])]
)
def test_models_that_answered_other_questions_are_not_compared(base: Scorer) -> None:
    head = RegressionScores([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="base: must answer the same question"):
        estimate_difference(head, base, None)


# What cannot be estimated


def test_one_block_has_values_and_no_interval() -> None:
    scores = some_scores("binary")
    for name, one in estimate(scores, np.zeros(ROWS, dtype=int)).items():
        assert one.value == evaluate(scores)[name]
        assert (one.low, one.high, one.standard_error) == (None, None, None)
        assert one.why_not == "no interval: it needs two blocks at least, and 240 rows make one"


def test_one_block_has_no_difference_but_an_error_with_its_hint() -> None:
    scores = some_scores("binary")
    with pytest.raises(SampleError, match="two blocks at least, and 240 rows make one") as caught:
        estimate_difference(scores, worse(scores), np.zeros(ROWS, dtype=int))
    assert "finer blocks" in str(caught.value)


def test_a_metric_without_a_value_says_so_by_the_classs_name_and_the_others_have_theirs() -> None:
    scores = BinaryScores([False] * 40, np.linspace(0, 1, 40), 0.5, ("late=no", "late=yes"))
    result = estimate(scores, None)
    needs = "it needs positives and negatives, and 0 of 40 rows are late=yes"
    assert result["roc_auc"] == Figure(None, why_not=f"no value: {needs}")
    assert result["brier"].low < result["brier"].value < result["brier"].high


def test_a_metric_without_a_value_on_many_draws_has_no_interval_and_says_how_many() -> None:
    # All positives are in one block of three: (2/3)**3 = 30% of the draws miss them.
    scores = BinaryScores([True, True, False, False, False], [0.9, 0.8, 0.2, 0.6, 0.7], 0.5)
    result = estimate(scores, [1, 1, 2, 2, 3], resamples=200)
    one = result["average_precision"]
    assert one.value == 1.0
    assert re.search(r"no interval: (2\d|3\d)% of the resamples .* 2 of 5 rows", one.why_not)
    # A share needs no resample: of one block it may be anything from 0.025 on.
    assert result["recall"].low == pytest.approx(0.025)


def test_a_few_draws_without_a_value_are_left_out() -> None:
    # Positives in four blocks of eight: (1/2)**8 = 0.4% of the draws have none.
    blocks = np.repeat(np.arange(8), 3)
    probability = np.random.Generator(np.random.PCG64(0)).random(24)
    scores = BinaryScores(blocks < 4, probability, 0.5)
    counts = resample_counts(8, 2000, seed=0)
    drawn = scores.over(blocks)(counts)["recall"]
    none = counts[:, :4].sum(axis=1) == 0
    assert none.any()
    assert np.array_equal(np.isnan(drawn), none)
    result = estimate(scores, blocks, resamples=2000, seed=0, only=["recall"])["recall"]
    expected = np.std(drawn[~none], ddof=1) * np.sqrt(8 / 7)
    left_out = jackknife_of_shares(scores, blocks)
    assert result.standard_error == pytest.approx(max(expected, left_out), rel=1e-12)


def jackknife_of_shares(scores: BinaryScores, blocks: np.ndarray) -> float:
    parts = [scores.part(np.flatnonzero(blocks != g)) for g in range(8)]
    return float(np.sqrt(7 * np.var([evaluate(part)["recall"] for part in parts])))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resamples": 1}, "resamples: must be at least 2, got 1"),
        ({"seed": -1}, "seed: must be at least 0"),
        ({"confidence": 1.0}, r"confidence: must be between 0 and 1, got 1\.0"),
        ({"confidence": 95}, "confidence"),
        ({"only": ["auc"]}, "'auc'"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(some_scores("binary"), days(), **settings)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (np.zeros(3, dtype=int), "blocks: has 3 rows where 240"),
        (np.zeros(ROWS), "blocks: must be whole numbers, got float64"),
    ],
)
def test_blocks_are_checked(blocks: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(some_scores("binary"), blocks)
