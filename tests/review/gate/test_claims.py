"""A report is a claim: each figure has to be what the files give, to the last decimal kept."""

from __future__ import annotations

import math
from typing import Any

import pytest

from perennial.review.gate.claims import unlike, unlike_metrics

VALUES = {"roc_auc": 0.7149921, "brier": 0.1178523}


def report(**changes: Any) -> dict[str, Any]:
    """`metrics/evaluate.json` with the figures that it has twice."""
    figures = {"roc_auc": 0.714992, "brier": 0.117852}
    detail = [{"metric": name, "value": value} for name, value in figures.items()]
    return {**figures, "detail": detail, **changes}


def test_rounded_figures_are_the_figures() -> None:
    assert unlike_metrics(report(), VALUES) == []


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (report(roc_auc=0.715), ["roc_auc is reported as 0.715, and the model has 0.714992"]),
        (report(roc_auc=True), ["roc_auc is reported as True, and the model has 0.714992"]),
        (report(roc_auc=math.nan), ["roc_auc is reported as nan, and the model has 0.714992"]),
        (report(roc_auc=None), ["roc_auc is reported as None, and the model has 0.714992"]),
        (report(f1=0.9), ["f1 is reported as 0.9, and the model has none"]),
        (
            report(detail=[{"metric": "roc_auc", "value": 0.75}]),
            [
                "brier is not reported",
                "roc_auc is reported as 0.75, and the model has 0.714992",
            ],
        ),
        ({}, ["metrics/evaluate.json is no report of metrics"]),
        ([], ["metrics/evaluate.json is no report of metrics"]),
        ({"detail": [{}]}, ["metrics/evaluate.json is no report of metrics"]),
    ],
)
def test_an_edited_figure_is_reported_wherever_it_is(claimed: Any, expected: list[str]) -> None:
    assert unlike_metrics(claimed, VALUES) == expected


def test_data_figures_are_compared_at_any_depth_and_must_be_there() -> None:
    figures = {"rows": {"test": 3}, "labels": {"test": {"positive": 1 / 3}}}
    claimed = {"rows": {"test": 3, "rejected": 1}, "labels": {"test": {"positive": 0.333333}}}
    assert unlike(claimed, figures) == []
    claimed["labels"] = {"test": {"positive": 0.3334}}
    assert unlike(claimed, figures) == [
        "labels.test.positive is reported as 0.3334, and is 0.333333"
    ]
    assert unlike({"rows": {"test": 3}}, figures) == [
        "labels.test.positive is reported as None, and is 0.333333"
    ]
    assert len(unlike(None, figures)) == 2
    assert unlike({"rows": True}, {"rows": 1}) == ["rows is reported as True, and is 1"]
