"""How sure a difference is: intervals, p-values, slices and the spread between seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr
from scipy.stats import false_discovery_control

from perennial.evaluation.bootstrap import Estimate, estimate_difference
from perennial.evaluation.delong import AreaDifference, area_difference
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.columns import SampleError, block_codes
from perennial.evaluation.metrics.definition import Metric, Scorer, defined_values
from perennial.evaluation.permutation import exchange_p_values
from perennial.evaluation.scoring import default_primary, primary_metric
from perennial.evaluation.slices import Slice, slices
from perennial.review.paired.answers import Answers
from perennial.review.params.compare import Compare

Array = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """One metric of two models on the same rows."""

    metric: Metric
    base: float
    head: float
    difference: Estimate
    """head - base, with the interval of the paired block bootstrap."""
    p_value: float
    """From exchanging the two models' answers within whole blocks."""


@dataclass(frozen=True)
class SliceDifference:
    """Two models on the rows of one slice."""

    column: str
    value: str
    rows: int
    measure: str
    """What is compared: `roc_auc`, or the mean loss that has a closed form."""
    difference: float | None = None
    """head - base; None where it cannot be computed."""
    gain: float | None = None
    """The difference, turned so that above 0 is better."""
    p_value: float | None = None
    """Two-sided."""
    adjusted: float | None = None
    """After Benjamini and Hochberg 1995 over all slices."""


@dataclass(frozen=True)
class Evidence:
    """How two models differ on the same rows, and how surely."""

    primary: Metric
    """The metric that decides."""
    differences: dict[str, Difference]
    """By metric, in the order of the report; a metric without a value on the sample is absent."""
    area: AreaDifference | None
    """Clustered DeLong, for a binary task."""
    slices: list[SliceDifference]
    """In the order of `evaluate.slices`."""
    blocks: int
    """Days, groups or rows that are drawn together."""
    rarest: int | None
    """Rows of the rarest class; None for a regression."""


def gather(answers: Answers, params: Compare) -> Evidence:
    """Compare two models' answers to the same rows; too few for any interval: a `SampleError`."""
    sample, task = answers.sample, answers.contract.task
    classes = len(answers.contract.classes)
    return Evidence(
        primary=primary_metric(answers.head.metrics, task, answers.params.evaluate),
        differences=_differences(answers, params),
        area=_area(answers, answers.head, answers.base, sample.blocks),
        slices=adjusted(list(_slices(answers))),
        blocks=len(sample.target) if sample.blocks is None else len(np.unique(sample.blocks)),
        rarest=int(np.bincount(sample.target, minlength=classes).min()) if classes else None,
    )


def _differences(answers: Answers, params: Compare) -> dict[str, Difference]:
    head, base, blocks = answers.head, answers.base, answers.sample.blocks
    of_head, of_base = defined_values(head), defined_values(base)
    metrics = {
        metric.name: metric
        for metric in head.metrics
        if metric.name in of_head and metric.name in of_base
    }
    estimates = estimate_difference(
        head,
        base,
        blocks,
        resamples=params.resamples,
        confidence=answers.params.evaluate.confidence,
        seed=params.seed,
        only=metrics,
    )
    p_values = exchange_p_values(
        head, base, blocks, exchanges=params.exchanges, seed=params.seed, only=metrics
    )
    return {
        name: Difference(metric, of_base[name], of_head[name], estimates[name], p_values[name])
        for name, metric in metrics.items()
    }


def _area(
    answers: Answers, head: Scorer, base: Scorer, blocks: Array | None
) -> AreaDifference | None:
    """The areas of a binary task; None for another one, or on rows that have none."""
    if not isinstance(head, BinaryScores) or not isinstance(base, BinaryScores):
        return None
    confidence = answers.params.evaluate.confidence
    try:
        return area_difference(
            head.target, head.probability, base.probability, blocks, confidence=confidence
        )
    except SampleError:
        return None


def _slices(answers: Answers) -> Iterator[SliceDifference]:
    contract, params = answers.contract, answers.params.evaluate
    types = {name: contract.columns[name].type for name in contract.features}
    for part in slices(answers.columns, dict(types), params.slices):
        if len(part.rows) >= params.slice_min_rows:
            yield _slice(answers, part)


def _slice(answers: Answers, part: Slice) -> SliceDifference:
    """By the task's own primary metric: its mean loss, or the area where it is no mean."""
    blocks = answers.sample.part(part.rows).blocks
    head, base = (scorer.part(part.rows) for scorer in (answers.head, answers.base))
    primary = default_primary(answers.contract.task)
    average = primary.average
    if average is None:
        area = _area(answers, head, base, blocks)
        difference, p_value = (None, None) if area is None else (area.value, area.p_value)
    else:
        difference, p_value = mean_difference(average.of(head) - average.of(base), blocks)
    return SliceDifference(
        column=part.column,
        value=part.value,
        rows=len(part.rows),
        measure=primary.name if average is None else average.name,
        difference=difference,
        gain=None if difference is None else difference * (1 if primary.direction == "up" else -1),
        p_value=p_value,
    )


def mean_difference(losses: Array, blocks: Array | None) -> tuple[float | None, float | None]:
    """The mean of paired differences (rows,), and its two-sided p-value, by blocks.

    The error of a mean over clusters is that of Liang and Zeger 1986 (Biometrika 73), with
    Student's t of blocks - 1 degrees of freedom; None for both with fewer than two blocks.
    """
    codes = block_codes(blocks, len(losses))
    count = int(codes.max()) + 1
    if count < 2:
        return None, None
    mean = float(losses.mean())
    totals = np.bincount(codes, losses - mean, count)
    error = float(np.sqrt(count / (count - 1) * (totals @ totals))) / len(losses)
    if error == 0:
        return mean, 1.0 if mean == 0 else 0.0
    return mean, float(2 * stdtr(count - 1, -abs(mean) / error))


def adjusted(items: Sequence[SliceDifference]) -> list[SliceDifference]:
    """Adjust the p-values that there are for many slices, by Benjamini and Hochberg."""
    p_values = [item.p_value for item in items if item.p_value is not None]
    if not p_values:
        return list(items)
    corrected = iter(false_discovery_control(p_values).tolist())
    return [
        item if item.p_value is None else replace(item, adjusted=next(corrected)) for item in items
    ]


def lacking(evidence: Evidence, params: Compare) -> str:
    """What the evidence lacks for any verdict; nothing if it suffices."""
    if evidence.blocks < params.min_blocks:
        return (
            f"{evidence.blocks} blocks (days, groups or rows) are fewer than "
            f"compare.min_blocks ({params.min_blocks})"
        )
    if evidence.rarest is not None and evidence.rarest < params.min_positives:
        return (
            f"{evidence.rarest} rows of the rarest class are fewer than "
            f"compare.min_positives ({params.min_positives})"
        )
    if evidence.primary.name not in evidence.differences:
        return f"{evidence.primary.name} has no value on these rows"
    return ""


def gain(item: Difference) -> float:
    """The difference, turned so that above 0 is better."""
    if item.metric.direction == "zero":
        return abs(item.base) - abs(item.head)
    return item.difference.value * (1 if item.metric.direction == "up" else -1)
