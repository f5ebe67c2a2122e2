"""Closed forms that stand behind slices."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import false_discovery_control, ttest_1samp

from perennial.data.contract import read_contract
from perennial.evaluation.blocks import Blocks
from perennial.evaluation.scoring import Sample, scorer_of
from perennial.params.build import BuildParams
from perennial.review.paired.answers import Answers
from perennial.review.paired.evidence import (
    Evidence,
    SliceDifference,
    adjusted,
    gather,
    holm,
    mean_difference,
)
from perennial.review.params.compare import Compare


def test_many_slices_are_adjusted_as_benjamini_and_hochberg_do() -> None:
    p_values = np.random.default_rng(0).uniform(size=15) ** 3
    items = [SliceDifference("c", str(p), 10, "roc_auc", p_value=p) for p in p_values]
    items.insert(4, SliceDifference("c", "too plain", 10, "roc_auc"))
    result = adjusted(items)
    assert [item.value for item in result] == [item.value for item in items]
    assert result[4].adjusted is None
    given = [item.adjusted for item in result if item.p_value is not None]
    np.testing.assert_allclose(np.array(given, float), false_discovery_control(p_values))
    assert adjusted([]) == []


def test_a_mean_over_rows_is_students_test() -> None:
    # Of values that lie evenly, every row carries the error, and all degrees of freedom count.
    losses = np.random.default_rng(1).uniform(-0.3, 0.7, size=40)
    told = mean_difference(losses, Blocks())
    expected = ttest_1samp(losses, 0)
    np.testing.assert_allclose([told.value, told.p_value], [losses.mean(), expected.pvalue])
    np.testing.assert_allclose([told.low, told.high], expected.confidence_interval())


def test_rows_of_one_block_count_once() -> None:
    losses, blocks = np.random.default_rng(2).normal(0.2, size=40), np.arange(40)
    many = mean_difference(np.repeat(losses, 50), Blocks(np.repeat(blocks, 50)))
    once = mean_difference(losses, Blocks())
    np.testing.assert_allclose(astuple(many), astuple(once))


def test_one_huge_day_is_not_twenty() -> None:
    day = np.repeat(np.arange(20), [600, *[21] * 19])
    told = mean_difference(np.random.default_rng(3).normal(size=999), Blocks(day))
    assert 2 < told.blocks < 3


def test_holms_p_values() -> None:
    """The step-down procedure, written out: stop at the first that is kept."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = list(rng.uniform(size=8) ** 3)
        rejected, order = set(), np.argsort(p_values)
        for step, place in enumerate(order):
            if p_values[place] > 0.05 / (8 - step):
                break
            rejected.add(int(place))
        assert {place for place, p in enumerate(holm(p_values)) if p <= 0.05} == rejected
    assert holm([]) == []


CONTRACT = """\
version: 1
name: t
columns:
  part: {type: category}
  late: {type: boolean, role: target}
"""


def answers_of(
    folder: Path, truth: Any, answers: list[Any], part: Any, blocks: Any = None
) -> Answers:
    """Two models' answers, the head's first, to rows of a class or a number."""
    is_number = truth.dtype == float
    text = CONTRACT.replace("boolean", "number") if is_number else CONTRACT
    (folder / "contract.yaml").write_text(text)
    contract = read_contract(folder / "contract.yaml")
    head, base = (scorer_of(contract.task, truth, one, 0.5) for one in answers)
    evaluated = {"resamples": 100, "slices": ["part"], "slice_min_rows": 100}
    return Answers(
        contract=contract,
        params=BuildParams.model_validate({"evaluate": evaluated}),
        table=pa.table({"part": part.tolist()}),
        columns={"part": part},
        sample=Sample(truth, blocks, unit="rows" if blocks is None else "days of day"),
        head=head,
        base=base,
        excluded=0,
        alike=0,
        same_bundle=False,
    )


def evidence_of(
    folder: Path, rate: float, *, sizes: tuple[int, ...] = (500, 500), blocks: Any = None
) -> Evidence:
    """Two models as good as each other, on slices of these sizes."""
    rng = np.random.default_rng(0)
    truth = (rng.random(sum(sizes)) < rate).astype(int)
    scores = [1 / (1 + np.exp(-(truth + rng.normal(size=len(truth))))) for _ in range(2)]
    part = np.repeat([f"p{number}" for number in range(len(sizes))], sizes).astype(object)
    both = [np.column_stack([1 - score, score]) for score in scores]
    return gather(answers_of(folder, truth, both, part, blocks), Compare(resamples=200))


def test_a_bias_to_the_other_side_differs_and_gains_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth, part = rng.normal(size=400), np.full(400, "p", dtype=object)
    both = [truth + shift + 0.3 * rng.normal(size=400) for shift in (0.5, -0.5)]
    evidence = gather(answers_of(tmp_path, truth, both, part), Compare(resamples=200))
    bias = evidence.differences["bias"]
    assert bias.p_value < 0.001
    assert bias.gain.p_value > 0.05
    mae = evidence.differences["mae"]
    assert (mae.gain.value, mae.gain.low) == (-mae.difference.value, -mae.difference.high)


def test_a_slice_of_too_few_positives_is_not_compared(tmp_path: Path) -> None:
    """Of 500 rows with 1% positives a quarter was flagged, and a fifth failed the gate."""
    for item in evidence_of(tmp_path, 0.01).slices:
        assert item.p_value is item.adjusted is item.gain is None
        assert "rows of the rarer class, fewer than 50" in item.lack
    assert all(item.p_value is not None for item in evidence_of(tmp_path, 0.3).slices)


def test_a_slice_that_stands_in_a_few_days_is_not_compared(tmp_path: Path) -> None:
    day = np.concatenate([np.arange(500) // 50, np.arange(500) // 10])
    few, many = evidence_of(tmp_path, 0.3, blocks=day).slices
    assert few.lack == "10.0 effective days of day, fewer than 20"
    assert (many.lack, many.p_value is None) == ("", False)


def test_metrics_that_do_not_decide_are_adjusted_and_the_one_that_does_is_not(
    tmp_path: Path,
) -> None:
    evidence = evidence_of(tmp_path, 0.3)
    others = {n: d for n, d in evidence.differences.items() if n != evidence.primary.name}
    assert evidence.differences["roc_auc"].adjusted is None
    adjusted_p = [item.adjusted for item in others.values()]
    assert adjusted_p == holm([item.p_value for item in others.values()])


def test_an_area_is_delongs_for_the_metric_and_its_slices_alike(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, 0.3, sizes=(900,))
    area = evidence.differences["roc_auc"].difference
    (part,) = evidence.slices
    assert (part.difference, part.p_value) == (area.value, area.p_value)
    assert evidence.unit == "rows"
    assert evidence.blocks == 900
    assert 200 < area.blocks < 340
