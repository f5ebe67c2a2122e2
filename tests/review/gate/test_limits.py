"""Limits of the policy: what is missing, misnamed or no number fails as what is past them does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from perennial.evaluation.metrics.binary import METRICS
from perennial.evaluation.metrics.definition import Metric
from perennial.evaluation.metrics.regression import METRICS as REGRESSION
from perennial.review.gate.limits import CALIBRATION, outside, past_ceilings, past_floors
from perennial.review.params.gate import Gate, Range, gate_params
from perennial.runtime.errors import PerennialError

VALUES = {"roc_auc": 0.7, "log_loss": 0.4, "bias": -0.3}
OF_TASK = (*METRICS, Metric("bias", "zero", -math.inf, math.inf))


@pytest.mark.parametrize(
    ("floors", "values", "expected"),
    [
        ({"roc_auc": 0.7}, VALUES, []),
        ({"roc_auc": 0.71}, VALUES, ["roc_auc 0.7000 lies below its floor 0.71"]),
        ({"roc_auc": 0.1}, {"roc_auc": math.nan}, ["roc_auc nan lies below its floor 0.1"]),
        ({"precision": 0.1}, VALUES, ["precision has no value on these rows"]),
        ({"rocauc": 0.1}, VALUES, ["the task has no metric rocauc: remove gate.floors.rocauc"]),
        ({"log_loss": 0.1}, VALUES, ["of log_loss, less is better: it goes under gate.ceilings"]),
    ],
)
def test_floors(floors: dict[str, float], values: dict[str, float], expected: list[str]) -> None:
    assert list(past_floors(floors, OF_TASK, values)) == expected


@pytest.mark.parametrize(
    ("ceilings", "values", "expected"),
    [
        ({"log_loss": 0.4}, VALUES, []),
        ({"log_loss": 0.39}, VALUES, ["log_loss 0.4000 lies above its ceiling 0.39"]),
        ({"log_loss": 9}, {"log_loss": math.nan}, ["log_loss nan lies above its ceiling 9"]),
        ({"bias": 0.31}, VALUES, []),
        ({"bias": 0.2}, VALUES, ["bias -0.3000 lies above its ceiling 0.2"]),
        ({"brier": 0.2}, VALUES, ["brier has no value on these rows"]),
        ({"loss": 0.2}, VALUES, ["the task has no metric loss: remove gate.ceilings.loss"]),
        ({"roc_auc": 0.2}, VALUES, ["of roc_auc, more is better: it goes under gate.floors"]),
    ],
)
def test_ceilings(
    ceilings: dict[str, float], values: dict[str, float], expected: list[str]
) -> None:
    assert list(past_ceilings(ceilings, OF_TASK, values)) == expected


def test_a_regression_is_told_to_drop_the_limit_of_calibration() -> None:
    key = "gate.max_calibration_error"
    breaches = list(past_ceilings({CALIBRATION: 0.1}, REGRESSION, {"rmse": 2.0}, key=key))
    assert breaches == [f"the task has no metric calibration_error: remove {key}"]


def test_a_range_holds_its_ends_and_not_nan() -> None:
    allowed = Range(low=0.1, high=0.4)
    assert outside({"low": 0.1, "high": 0.4}, allowed) == []
    assert outside({"low": 0.09}, allowed) == ["low is 0.09, below 0.1"]
    assert outside({"high": 0.41}, allowed) == ["high is 0.41, above 0.4"]
    assert outside({"x": math.nan}, Range(high=0.4)) == ["x is nan, above 0.4"]
    assert outside({"x": math.nan}, Range(low=0.4)) == ["x is nan, below 0.4"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{marging: 0.1}", "marging: no such key"),
        ("{margin: -0.1}", "margin: "),
        ("{alpha: 0}", "alpha: "),
        ("{alpha: 0.5}", "alpha: "),
        ("{planned_looks: 0}", "planned_looks: "),
        ("{floors: {roc_auc: .nan}}", "floors.roc_auc: "),
        ("{label_rate: {}}", "label_rate: a range needs low, high or both"),
        ("{label_rate: {low: 2, high: 1}}", "label_rate: low (2) lies above high (1)"),
        ("{reject_share: 0.1}", "reject_share: "),
    ],
)
def test_a_mistake_in_the_policy_is_reported(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"gate: {text}\n", encoding="utf-8")
    with pytest.raises(PerennialError) as refused:
        gate_params(path)
    assert expected in str(refused.value)


def test_no_policy_is_the_default_one(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("train: {}\n", encoding="utf-8")
    assert gate_params(path) == Gate()
