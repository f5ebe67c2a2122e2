"""Which scorer and which blocks belong to a task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perennial.evaluation.metrics.definition import defined_values
from perennial.evaluation.scoring import (
    METRICS,
    Sample,
    blocks_of,
    default_primary,
    dependence_of,
    judge,
    primary_metric,
    scorer_of,
)
from perennial.params.evaluate import Evaluate
from perennial.runtime.errors import PerennialError

RNG = np.random.default_rng(0)
ROWS = 300
PARAMS = Evaluate(resamples=100)
LABELS = RNG.integers(0, 2, ROWS)
POSITIVE = np.clip(0.25 + 0.5 * LABELS + RNG.normal(0, 0.2, ROWS), 0, 1)
SPECIES = RNG.integers(0, 3, ROWS)
SHARES = RNG.dirichlet([1, 1, 1], ROWS)
CASES: dict[str, tuple[Any, Any, Any, list[Any]]] = {
    "binary": (LABELS, np.column_stack([1 - POSITIVE, POSITIVE]), 0.4, [False, True]),
    "multiclass": (SPECIES, SHARES, None, ["c", "a", "b"]),
    "regression": (POSITIVE, POSITIVE + RNG.normal(0, 0.1, ROWS), None, []),
}


@pytest.mark.parametrize("task", CASES)
def test_the_primary_metric_is_one_of_the_tasks(task: str) -> None:
    target, answers, threshold, _ = CASES[task]
    scorer = scorer_of(task, target, answers, threshold)  # type: ignore[arg-type]
    assert default_primary(task) in scorer.metrics == METRICS[task]  # type: ignore[arg-type, index]
    result = judge(scorer, Sample(target, None), PARAMS)
    assert result.keys() == {metric.name for metric in scorer.metrics}
    assert all(item.low <= item.value <= item.high for item in result.values())


def test_the_threshold_decides() -> None:
    target, answers, *_ = CASES["binary"]
    recalls = [
        judge(scorer_of("binary", target, answers, at), Sample(target, None), PARAMS)[
            "recall"
        ].value
        for at in (0.3, 0.7)
    ]
    assert recalls[0] > recalls[1]


class TestBlocks:
    TIMES = np.array(["2013-01-01T00:00", "2013-01-01T23:59", "2013-01-02T00:00"], "datetime64[us]")
    GROUPS = np.array(["b", "a", "b"])

    def test_a_split_by_time_judges_by_days(self) -> None:
        first, second, third = blocks_of("time", self.TIMES, self.GROUPS).tolist()  # type: ignore[union-attr]
        assert first == second != third

    def test_a_split_by_group_judges_by_groups(self) -> None:
        result = blocks_of("group", self.TIMES, self.GROUPS)
        assert result is not None
        assert result.tolist() == [1, 0, 1]

    @pytest.mark.parametrize("method", ["id", "random"])
    def test_groups_count_under_every_split(self, method: str) -> None:
        result = dependence_of(method, self.TIMES, self.GROUPS, "day", "person")
        assert result.codes is not None
        assert (result.codes.tolist(), result.unit) == ([1, 0, 1], "groups of person")

    @pytest.mark.parametrize("method", ["id", "random"])
    def test_else_each_row_stands_for_itself(self, method: str) -> None:
        assert blocks_of(method, self.TIMES, None) is None
        assert dependence_of(method, self.TIMES, None).unit == "rows"

    def test_days_that_hold_whole_groups_are_enough(self) -> None:
        within = dependence_of("time", self.TIMES, np.array(["a", "b", "c"]), "day", "person")
        assert (within.unit, within.crossed) == ("days of day", None)
        around = dependence_of("time", self.TIMES, np.array(["a", "a", "a"]), "day", "person")
        assert (around.unit, around.crossed) == ("groups of person", None)

    def test_days_and_groups_that_cross_are_both_kept(self) -> None:
        result = dependence_of("time", self.TIMES, self.GROUPS, "day", "person")
        assert result.unit == "days of day, crossed by groups of person"
        assert [way.tolist() for way in result.ways if way is not None] == [
            [0, 0, 1], [1, 0, 1], [1, 0, 2]
        ]  # fmt: skip

    def test_a_row_without_a_group_is_one_of_its_own(self) -> None:
        groups = np.array(["a", None, None, "a"], dtype=object)
        assert dependence_of("random", None, groups).codes.tolist() == [0, 1, 2, 0]  # type: ignore[union-attr]

    @pytest.mark.parametrize("method", ["time", "group"])
    def test_or_where_there_is_no_such_column(self, method: str) -> None:
        assert blocks_of(method, None, None) is None

    def test_a_part_of_a_sample_keeps_rows_and_blocks_together(self) -> None:
        part = Sample(np.arange(4), np.array([7, 7, 8, 9])).part(np.array([1, 3]))
        assert part.target.tolist() == [1, 3]
        assert part.blocks is not None
        assert part.blocks.tolist() == [7, 9]
        assert Sample(np.arange(4), None).part(np.array([0])).blocks is None


class TestPrimaryMetric:
    METRICS = scorer_of("binary", CASES["binary"][0], CASES["binary"][1], 0.5).metrics

    def test_it_is_the_tasks_or_the_one_named(self) -> None:
        assert primary_metric(self.METRICS, "binary", PARAMS).name == "roc_auc"
        chosen = PARAMS.model_copy(update={"primary": "brier"})
        assert primary_metric(self.METRICS, "binary", chosen).name == "brier"

    def test_one_that_the_task_does_not_have_is_refused(self) -> None:
        wrong = PARAMS.model_copy(update={"primary": "rmse"})
        with pytest.raises(PerennialError) as refused:
            primary_metric(self.METRICS, "binary", wrong)
        message = str(refused.value)
        assert message.startswith(
            "params.yaml: evaluate.primary: a binary task has no metric rmse\n"
        )
        assert "hint: choose one of roc_auc, average_precision, " in message


class TestBaselines:
    def test_a_constant_answer_keeps_the_metrics_that_it_has(self) -> None:
        target = CASES["binary"][0]
        never = np.tile([0.9, 0.1], (ROWS, 1))
        scorer = scorer_of("binary", target, never, 0.5)
        result = defined_values(scorer)
        assert result["roc_auc"] == 0.5
        assert "log_loss" in result
        assert "precision" not in result
        judged = judge(scorer, Sample(target, None), PARAMS)
        assert judged["precision"].value is None
        assert "rows reach the threshold 0.5" in judged["precision"].why_not
        assert {n: f.value for n, f in judged.items() if f.value is not None} == result

    def test_figures_do_not_depend_on_which_others_could_be_had(self) -> None:
        target, answers, threshold, _ = CASES["binary"]
        scorer = scorer_of("binary", target, answers, threshold)
        judged = judge(scorer, Sample(target, None), PARAMS)
        assert defined_values(scorer) == {name: item.value for name, item in judged.items()}


def test_an_interval_is_no_surer_than_the_less_sure_of_two_crossed_ways() -> None:
    """Every positive stands in one group of twelve, spread over thirty days."""
    rng = np.random.default_rng(1)
    day, group = rng.integers(0, 30, 1200), rng.integers(0, 12, 1200)
    positive = (group == 0) & (rng.random(1200) < 0.5)
    chance = np.clip(0.2 + 0.3 * positive + 0.2 * rng.normal(size=1200), 0, 1)
    answers = np.column_stack([1 - chance, chance])
    scorer = scorer_of("binary", positive.astype(int), answers, 0.3)
    by_day, by_group = (Sample(positive.astype(int), codes) for codes in (day, group))
    both = judge(scorer, Sample(positive.astype(int), day, group), PARAMS)
    alone = [judge(scorer, sample, PARAMS) for sample in (by_day, by_group)]
    assert alone[0]["roc_auc"].low is not None
    assert both["roc_auc"].low is None
    assert both["roc_auc"].why_not == alone[1]["roc_auc"].why_not != ""
    recall = both["recall"]
    assert recall.warning
    assert (recall.low, recall.high) == (alone[1]["recall"].low, alone[1]["recall"].high)
