"""Which plots belong to a task, and what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perennial.evaluation.plots import PLOTS, plots

RNG = np.random.default_rng(0)
ROWS = 300
LABELS = RNG.integers(0, 2, ROWS)
POSITIVE = np.clip(0.25 + 0.5 * LABELS + RNG.normal(0, 0.2, ROWS), 0, 1)
SPECIES = RNG.integers(0, 3, ROWS)
SHARES = RNG.dirichlet([1, 1, 1], ROWS)
CASES: dict[str, tuple[Any, Any, Any, list[Any]]] = {
    "binary": (LABELS, np.column_stack([1 - POSITIVE, POSITIVE]), 0.4, [False, True]),
    "multiclass": (SPECIES, SHARES, None, ["c", "a", "b"]),
    "regression": (POSITIVE, POSITIVE + RNG.normal(0, 0.1, ROWS), None, []),
}


class TestPlots:
    @pytest.mark.parametrize(
        ("task", "names"),
        [
            ("binary", {"roc", "precision_recall", "calibration", "confusion", "scores"}),
            ("multiclass", {"roc", "calibration", "confusion"}),
            ("regression", {"calibration", "scores"}),
        ],
    )
    def test_each_task_has_its_own(self, task: str, names: set[str]) -> None:
        target, answers, threshold, classes = CASES[task]
        result = plots(task, target, answers, threshold, classes)  # type: ignore[arg-type]
        assert result.keys() == names < set(PLOTS)
        for columns in result.values():
            assert len({len(values) for values in columns.values()}) == 1

    def test_residuals_are_parted_at_zero(self) -> None:
        target, answers, threshold, classes = CASES["regression"]
        result = plots("regression", target, answers, threshold, classes)["scores"]
        residual = answers - target
        assert result["negatives"].sum() == np.count_nonzero(residual < 0)
        assert result["positives"].sum() == np.count_nonzero(residual >= 0)
        assert not result["positives"][result["high"] <= 0].any()
        assert not result["negatives"][result["low"] >= 0].any()
        assert min(result["negatives"].min(), result["positives"].min()) == 0

    @pytest.mark.parametrize("task", ["binary", "multiclass"])
    def test_confusion_counts_every_row_under_the_names_of_the_classes(self, task: str) -> None:
        target, answers, threshold, classes = CASES[task]
        result = plots(task, target, answers, threshold, classes)["confusion"]  # type: ignore[arg-type]
        counts = next(
            values for name, values in result.items() if name not in {"actual", "predicted"}
        )
        assert sum(counts) == ROWS
        names = {"false", "true"} if task == "binary" else {"a", "b", "c"}
        assert set(result["actual"]) == set(result["predicted"]) == names
        actual = dict.fromkeys(names, 0)
        for name, count in zip(result["actual"], counts, strict=True):
            actual[str(name)] += int(count)
        order = ["false", "true"] if task == "binary" else ["c", "a", "b"]
        assert [actual[name] for name in order] == np.bincount(target).tolist()

    def test_curves_of_several_classes_bear_their_names(self) -> None:
        target, answers, threshold, classes = CASES["multiclass"]
        result = plots("multiclass", target, answers, threshold, classes)
        assert set(result["roc"]["class"]) == set(result["calibration"]["class"]) == set(classes)
