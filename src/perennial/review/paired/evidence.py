"""How sure a difference is: intervals, p-values and slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from perennial.evaluation.blocks import Blocks, effective_blocks
from perennial.evaluation.bootstrap import estimate_difference
from perennial.evaluation.delong import area_difference
from perennial.evaluation.difference import Contrast, carrying, contrast, crossed, merged
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.columns import SampleError, block_codes
from perennial.evaluation.metrics.definition import Metric, Scorer, defined_values
from perennial.evaluation.metrics.sums import block_sums
from perennial.evaluation.scoring import default_primary, primary_metric
from perennial.evaluation.slices import Slice, slices
from perennial.review.paired.answers import Answers
from perennial.review.params.compare import Compare

Array = NDArray[Any]

#: The metric that has a closed form of its own.
ROC_AUC = "roc_auc"


@dataclass(frozen=True)
class Difference:
    """One metric of two models on the same rows."""

    metric: Metric
    base: float
    head: float
    difference: Contrast
    """head - base: by DeLong for the ROC area of a binary task, else by the paired bootstrap."""
    gain: Contrast
    """Turned so that above 0 is better: for a metric that is best at 0, |base| - |head|."""
    adjusted: float | None = None
    """The p-value of a metric that does not decide, after Holm over all of these."""

    @property
    def p_value(self) -> float:
        """Two-sided, of the difference alone."""
        return self.difference.p_value


@dataclass(frozen=True)
class SliceDifference:
    """Two models on the rows of one slice."""

    column: str
    value: str
    rows: int
    measure: str
    """What is compared: `roc_auc`, or the mean loss that has a closed form."""
    difference: float | None = None
    """head - base; None where it cannot be estimated."""
    gain: float | None = None
    """The difference, turned so that above 0 is better."""
    p_value: float | None = None
    """Two-sided."""
    adjusted: float | None = None
    """After Benjamini and Hochberg 1995 over all slices."""
    lack: str = ""
    """Why it cannot be estimated."""


@dataclass(frozen=True)
class Evidence:
    """How two models differ on the same rows, and how surely."""

    primary: Metric
    """The metric that decides."""
    differences: dict[str, Difference]
    """By metric, in the order of the report."""
    lacking: dict[str, str]
    """Why a metric is not among them."""
    slices: list[SliceDifference]
    """In the order of `evaluate.slices`."""
    blocks: float
    """Effective days, groups or rows that are drawn together."""
    unit: str
    """What these are."""
    rarest: int | None
    """Rows of the rarest class; None for a regression."""


def gather(answers: Answers, params: Compare) -> Evidence:
    """Compare two models' answers to the same rows; too few for any interval: a `SampleError`."""
    sample, task = answers.sample, answers.contract.task
    classes = len(answers.contract.classes)
    primary = primary_metric(answers.head.metrics, task, answers.params.evaluate)
    differences, lacking = _differences(answers, params)
    return Evidence(
        primary=primary,
        differences=_adjusted(differences, primary.name),
        lacking=lacking,
        slices=adjusted(list(_slices(answers, params))),
        blocks=_effective(sample.dependence, len(sample.target)),
        unit=sample.unit,
        rarest=int(np.bincount(sample.target, minlength=classes).min()) if classes else None,
    )


def _differences(answers: Answers, params: Compare) -> tuple[dict[str, Difference], dict[str, str]]:
    head, base, confidence = answers.head, answers.base, answers.params.evaluate.confidence
    result = merged(
        [
            estimate_difference(
                head, base, way, resamples=params.resamples, confidence=confidence, seed=params.seed
            )
            for way in answers.sample.dependence.ways
        ],
        head.metrics,
        confidence,
    )
    contrasts, lacking = dict(result.contrasts), dict(result.lacking)
    if ROC_AUC in contrasts and isinstance(head, BinaryScores):
        try:
            contrasts[ROC_AUC] = _area(head, base, answers.sample.dependence, confidence)
        except SampleError as error:
            lacking[ROC_AUC] = error.what
            del contrasts[ROC_AUC]
    of_head, of_base = defined_values(head), defined_values(base)
    differences = {}
    for metric in head.metrics:
        if metric.name not in contrasts:
            continue
        one = contrasts[metric.name]
        gain = result.nearer.get(metric.name, one if metric.direction == "up" else one.turned())
        differences[metric.name] = Difference(
            metric, of_base[metric.name], of_head[metric.name], one, gain
        )
    return differences, lacking


def _adjusted(differences: dict[str, Difference], primary: str) -> dict[str, Difference]:
    """Adjust the p-values of the metrics that do not decide, for their number."""
    names = [name for name in differences if name != primary]
    p_values = holm([differences[name].p_value for name in names])
    return differences | {
        name: replace(differences[name], adjusted=p)
        for name, p in zip(names, p_values, strict=True)
    }


def _area(head: Scorer, base: Scorer, blocks: Blocks, confidence: float) -> Contrast:
    """The areas of a binary task, by DeLong; a `SampleError` on rows that have none."""
    assert isinstance(head, BinaryScores)
    assert isinstance(base, BinaryScores)
    return crossed(
        [
            area_difference(
                head.target, head.probability, base.probability, way, confidence=confidence
            )
            for way in blocks.ways
        ],
        confidence=confidence,
        widest=1.0,
    )


def _slices(answers: Answers, params: Compare) -> Iterator[SliceDifference]:
    contract, evaluated = answers.contract, answers.params.evaluate
    types = {name: contract.columns[name].type for name in contract.features}
    for part in slices(answers.columns, dict(types), evaluated.slices):
        if len(part.rows) >= evaluated.slice_min_rows:
            yield _slice(answers, part, params)


def _slice(answers: Answers, part: Slice, params: Compare) -> SliceDifference:
    """By the task's own primary metric: its mean loss, or the area where it is no mean."""
    head, base = (scorer.part(part.rows) for scorer in (answers.head, answers.base))
    blocks = answers.sample.dependence.part(part.rows)
    primary = default_primary(answers.contract.task)
    average, confidence = primary.average, answers.params.evaluate.confidence
    measure = primary.name if average is None else average.name
    item = SliceDifference(part.column, part.value, len(part.rows), measure)
    lack = _lack_of_slice(primary.counting(head), blocks, params, is_of_class=average is None)
    if lack:
        return replace(item, lack=lack)
    try:
        estimate = (
            _area(head, base, blocks, confidence)
            if average is None
            else mean_difference(average.of(head) - average.of(base), blocks, confidence=confidence)
        )
    except SampleError as error:
        return replace(item, lack=error.what)
    gain = estimate.value * (1 if primary.direction == "up" else -1)
    return replace(item, difference=estimate.value, gain=gain, p_value=estimate.p_value)


def _lack_of_slice(counts: Array, blocks: Blocks, params: Compare, *, is_of_class: bool) -> str:
    rows = int(counts.sum())
    if is_of_class and rows < params.min_positives:
        return f"{rows} rows of the rarer class, fewer than {params.min_positives}"
    effective = _effective(blocks, len(counts))
    if effective < params.min_blocks:
        return f"{effective:.1f} effective {blocks.unit}, fewer than {params.min_blocks}"
    return ""


def _effective(blocks: Blocks, rows: int) -> float:
    return min(effective_blocks(block_codes(way, rows)) for way in blocks.ways[:2])


def mean_difference(losses: Array, blocks: Blocks, *, confidence: float = 0.95) -> Contrast:
    """The mean of paired differences (rows,), by blocks.

    The error of a mean over clusters is that of Liang and Zeger 1986 (Biometrika 73).
    """
    mean, ways = float(losses.mean()), []
    for way in blocks.ways:
        codes = block_codes(way, len(losses))
        count = effective_blocks(codes)
        totals = block_sums(codes, losses - mean)
        error = float(np.sqrt(count / (count - 1) * (totals @ totals))) / len(losses)
        weight = carrying(totals)
        ways.append(contrast(mean, error, count, confidence=confidence, weight=weight))
    return crossed(ways, confidence=confidence)


def adjusted(items: Sequence[SliceDifference]) -> list[SliceDifference]:
    """Adjust the p-values that there are for many slices, by Benjamini and Hochberg."""
    p_values = [item.p_value for item in items if item.p_value is not None]
    if not p_values:
        return list(items)
    corrected = iter(false_discovery_control(p_values).tolist())
    return [
        item if item.p_value is None else replace(item, adjusted=next(corrected)) for item in items
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, by Holm 1979 (Scandinavian Journal of Statistics 6).

    Rejecting those up to alpha has a chance of at most alpha for a wrong one among them, whatever
    their dependence. scipy has Benjamini and Hochberg's, which bounds another rate.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    rising = pd.Series(p_values, dtype=float).sort_values()
    adjusted = (rising * np.arange(len(rising), 0, -1)).cummax().clip(upper=1)
    return list(adjusted.sort_index().tolist())


def lacking(evidence: Evidence, params: Compare) -> str:
    """What the evidence lacks for any verdict; nothing if it suffices."""
    if evidence.blocks < params.min_blocks:
        return (
            f"{evidence.blocks:.1f} effective {evidence.unit} are fewer than "
            f"compare.min_blocks ({params.min_blocks})"
        )
    if evidence.rarest is not None and evidence.rarest < params.min_positives:
        return (
            f"{evidence.rarest} rows of the rarest class are fewer than "
            f"compare.min_positives ({params.min_positives})"
        )
    if evidence.primary.name not in evidence.differences:
        why = evidence.lacking[evidence.primary.name]
        return f"{evidence.primary.name} cannot be compared: {why}"
    return ""
