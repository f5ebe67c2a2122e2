"""Rows that the decision was fitted on are judged by the answers of decisions that were not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from perennial.evaluation.answering import Models, Side
from perennial.evaluation.crossfitted import DECIDED, RANKED, crossfitted
from perennial.evaluation.figures import side_figures
from perennial.evaluation.metrics.definition import evaluate
from perennial.evaluation.scoring import METRICS, Sample, scorer_of
from perennial.model.crossfit import Crossfit
from perennial.model.decision import Curve, Decision, Isotonic, Sigmoid
from perennial.params.evaluate import Evaluate

ROWS = 400
RNG = np.random.default_rng(0)
SCORE = np.round(RNG.random(ROWS), 2)
TARGET = (RNG.random(ROWS) < SCORE).astype(int)
FOLDS = np.arange(ROWS) % 4


def _of_scale(scales: set[str]) -> set[str]:
    return {metric.name for metric in METRICS["binary"] if metric.scale in scales}


@dataclass(frozen=True)
class Column:
    """A model whose score is its one column."""

    decision: Decision

    def scored(self, columns: Any) -> Any:
        return np.stack([1 - columns["x"], columns["x"]], axis=1)


def side() -> Side:
    raw = np.stack([1 - SCORE, SCORE], axis=1)
    return Side(
        task="binary",
        columns={"x": SCORE},
        sample=Sample(TARGET, None),
        answers={"model": raw, "linear": raw, "dummy": np.full((ROWS, 2), 0.5)},
        thresholds={"model": 0.5, "linear": 0.5, "dummy": 0.5},
    )


def apart(curves: list[Curve | None], thresholds: list[float]) -> Side:
    decisions = [
        Decision(["no", "yes"], threshold, () if curve is None else (curve,))
        for curve, threshold in zip(curves, thresholds, strict=True)
    ]
    model: Any = Column(Decision(["no", "yes"]))
    models = Models(model, model, np.array([0.5, 0.5]))
    names = {"model": decisions, "linear": decisions}
    return crossfitted(side(), models, Crossfit("cross-fitted", FOLDS, names))


def figures(of: Side) -> dict[str, Any]:
    return side_figures(of, Evaluate(resamples=100))


def test_each_rows_probability_is_its_folds() -> None:
    curves: list[Curve | None] = [Sigmoid(1.0, shift) for shift in (-1.0, 0.0, 1.0, 2.0)]
    done = apart(curves, [0.5] * 4)
    for fold, curve in enumerate(curves):
        assert curve is not None
        own = done.answers["model"][fold == FOLDS, 1]
        np.testing.assert_allclose(own, curve.apply(SCORE[fold == FOLDS]), atol=1e-9)
    assert done.answers["dummy"] is not None


def test_a_sigmoid_changes_no_ranking_however_the_folds_differ() -> None:
    plain = figures(side())
    curves: list[Curve | None] = [Sigmoid(2.0, shift) for shift in (-2.0, 0.0, 1.0, 3.0)]
    shifted = figures(apart(curves, [0.5] * 4))
    for name in _of_scale(RANKED):
        assert shifted[name] == pytest.approx(plain[name], abs=1e-12)
    assert shifted["log_loss"] > plain["log_loss"]


def test_what_a_curve_makes_equal_is_a_tie_in_its_fold() -> None:
    flat = Isotonic([0.0, 1.0], [0.3, 0.3])
    assert figures(apart([flat] * 4, [0.1] * 4))["roc_auc"] == 0.5


def test_decisions_are_each_folds_own() -> None:
    thresholds = [0.2, 0.4, 0.6, 0.8]
    done = figures(apart([None] * 4, thresholds))
    predicted = np.array(thresholds)[FOLDS] <= SCORE
    assert done["precision"] == TARGET[predicted].mean()
    assert done["recall"] == predicted[TARGET == 1].mean()
    for name in ("roc_auc", "average_precision", "log_loss", "brier"):
        assert done[name] == pytest.approx(figures(side())[name], abs=1e-12)


def test_the_order_of_reports_stays() -> None:
    done = figures(apart([None] * 4, [0.5] * 4))
    assert [row["metric"] for row in done["detail"]] == [m.name for m in METRICS["binary"]]
    assert done["notes"] == ["cross-fitted"]
    whole = figures(replace(side(), note="")) | {"notes": done["notes"]}
    assert {row["metric"]: row["dummy"] for row in done["detail"]} == {
        row["metric"]: row["dummy"] for row in whole["detail"]
    }


def test_the_scales_are_of_what_depends_on_the_order_and_on_the_decision_alone() -> None:
    raw = np.stack([1 - SCORE, SCORE], axis=1)
    squeezed = np.stack([1 - SCORE**2, SCORE**2], axis=1)

    def values(answers: Any, threshold: float) -> dict[str, float]:
        return evaluate(scorer_of("binary", TARGET, answers, threshold))

    plain, moved = values(raw, 0.5), values(raw, 0.3)
    reshaped = values(squeezed, 0.25)
    decided = {name for name in plain if plain[name] != moved[name]}
    assert decided == _of_scale(DECIDED)
    # Squeezed with its threshold, ranks and decisions are the same and probabilities are not.
    same = {name for name in plain if plain[name] == pytest.approx(reshaped[name], abs=1e-12)}
    assert same == _of_scale(RANKED | DECIDED)


def test_without_folds_the_figures_are_as_they_were_with_a_note() -> None:
    model: Any = Column(Decision(["no", "yes"]))
    models = Models(model, model, np.array([0.5, 0.5]))
    done = crossfitted(side(), models, Crossfit("not cross-fitted", np.zeros(0, int), {}))
    assert figures(done) == figures(side()) | {"notes": ["not cross-fitted"]}


def test_no_rows_have_no_figures() -> None:
    assert figures(side().part(np.zeros(0, int)))["detail"] == []
