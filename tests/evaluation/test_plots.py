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
            ("multiclass", {"roc", "precision_recall", "calibration", "confusion"}),
            ("regression", {"calibration", "residuals"}),
        ],
    )
    def test_each_task_has_its_own(self, task: str, names: set[str]) -> None:
        target, answers, threshold, classes = CASES[task]
        result = plots(task, target, answers, threshold, classes)  # type: ignore[arg-type]
        assert result.keys() == names < set(PLOTS)
        for columns in result.values():
            assert len({len(values) for values in columns.values()}) == 1

    def test_rows_of_one_class_have_no_curve_and_all_other_plots(self) -> None:
        _, answers, threshold, classes = CASES["binary"]
        result = plots("binary", np.zeros(ROWS, dtype=int), answers, threshold, classes)
        assert (result["roc"], result["precision_recall"]) == ({}, {})
        assert sum(result["confusion"]["rows"]) == sum(result["scores"]["negatives"]) == ROWS

    def test_a_class_without_rows_leaves_the_others_their_curves(self) -> None:
        _, answers, threshold, classes = CASES["multiclass"]
        result = plots("multiclass", np.where(SPECIES == 1, 0, 2), answers, threshold, classes)
        for name in ("roc", "precision_recall"):
            assert set(result[name]["class"]) == {"c", "b"}

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
        for name in ("roc", "precision_recall", "calibration"):
            assert set(result[name]["class"]) == set(classes)
