"""The verdict: what it takes to be called better or worse, and what is said instead."""

from __future__ import annotations

import pytest
from scipy.stats import t as student

from perennial.evaluation.difference import contrast
from perennial.evaluation.metrics.definition import Metric
from perennial.review.compare.seeds import Spread
from perennial.review.compare.verdict import Verdict, judge, p_text, signed
from perennial.review.paired.evidence import Difference, Evidence
from perennial.review.params.compare import Compare

AUC = Metric("roc_auc", "up", 0, 1)
LOSS = Metric("log_loss", "down", 0, 36)
BIAS = Metric("bias", "zero", -9, 9)


def verdict(
    metric: Metric = AUC,
    base: float = 0.70,
    head: float = 0.72,
    p_value: float = 0.01,
    blocks: float = 30,
    rarest: int | None = 400,
    width: float = 0.0,
    *,
    same_bundle: bool = False,
) -> Verdict:
    gap = head - base
    error = abs(gap) / student(29).isf(p_value / 2)
    difference = contrast(gap, error, 30, confidence=0.95)
    gain = difference if metric.direction == "up" else difference.turned()
    if metric.direction == "zero":
        gain = contrast(abs(base) - abs(head), error, 30, confidence=0.95)
    result = Difference(metric, base, head, difference, gain)
    assert result.p_value == pytest.approx(p_value)
    evidence = Evidence(metric, {metric.name: result}, {}, [], blocks, "days of day", rarest)
    spread = Spread([head], width)
    return judge(evidence, spread, Compare(), confidence=0.95, same_bundle=same_bundle)


@pytest.mark.parametrize(
    ("metric", "base", "head", "word"),
    [
        (AUC, 0.70, 0.72, "better"),
        (AUC, 0.72, 0.70, "worse"),
        (LOSS, 0.40, 0.38, "better"),
        (LOSS, 0.38, 0.40, "worse"),
        (BIAS, -0.4, 0.0, "better"),
        (BIAS, 0.0, -0.4, "worse"),
        (BIAS, 0.5, -0.5, "different"),
        (BIAS, 0.5, -0.4, "different"),
    ],
)
def test_better_lies_where_the_metric_says(
    metric: Metric, base: float, head: float, word: str
) -> None:
    assert verdict(metric, base, head).word == word


def test_chance_is_no_difference() -> None:
    assert verdict(p_value=0.051).word == "no detectable difference"
    assert verdict(p_value=0.049).word == "better"


def test_a_word_never_stands_beside_an_interval_that_contradicts_it() -> None:
    """7 of 15 right against 180 of 300 was worse, with an interval from -0.39 to +0.13."""
    for p_value in (0.001, 0.03, 0.049, 0.051, 0.2, 0.9):
        told = verdict(p_value=p_value)
        low, high = (float(end) for end in told.why.split("(")[1].split(")")[0].split(" to "))
        assert (told.word == "better") == (low > 0)
        assert high > 0


def test_what_other_seeds_make_is_no_difference_however_small_the_p_value() -> None:
    result = verdict(p_value=0.001, width=0.03)
    assert result.word == "no detectable difference"
    assert "0.0300 that other seeds make" in result.why


def test_the_same_bytes_are_no_difference_even_on_few_rows() -> None:
    assert verdict(same_bundle=True, blocks=2).word == "no detectable difference"


@pytest.mark.parametrize(
    ("lack", "expected"),
    [
        ({"blocks": 2.66}, "2.7 effective days of day are fewer than compare.min_blocks (20)"),
        ({"rarest": 49}, "49 rows of the rarest class are fewer than compare.min_positives (50)"),
    ],
)
def test_too_little_evidence_has_no_verdict(lack: dict[str, float], expected: str) -> None:
    result = verdict(**lack)  # type: ignore[arg-type]
    assert (result.word, result.why, result.exit_code) == ("cannot tell", expected, 2)
    assert verdict(blocks=20, rarest=50).word == "better"


def test_a_metric_without_a_value_cannot_tell() -> None:
    evidence = Evidence(AUC, {}, {"roc_auc": "it needs positives"}, [], 30, "rows", 400)
    result = judge(evidence, Spread([], 0), Compare(), confidence=0.95, same_bundle=False)
    assert result == Verdict("cannot tell", "roc_auc cannot be compared: it needs positives")


def test_a_regression_has_no_rarest_class() -> None:
    assert verdict(Metric("rmse", "down", 0, 9), 2.0, 1.0, rarest=None).word == "better"


@pytest.mark.parametrize(
    ("value", "expected"), [(-0.00001, "0.0000"), (0.0, "0.0000"), (0.01234, "+0.0123")]
)
def test_zero_has_no_sign(value: float, expected: str) -> None:
    assert signed(value) == expected


def test_a_p_value_has_no_more_digits_than_it_means() -> None:
    assert [p_text(value) for value in (0.0009, 0.0321, 1.0)] == ["< 0.001", "0.032", "1.000"]
