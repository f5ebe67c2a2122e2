"""How sure a difference is: intervals, p-values, slices and the spread between seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from perennial.evaluation.bootstrap import Estimate, estimate_difference
from perennial.evaluation.delong import AreaDifference, area_difference
from perennial.evaluation.metrics.binary import BinaryScores, true_probability
from perennial.evaluation.metrics.definition import (
    Metric,
    MetricError,
    SampleError,
    Scorer,
    evaluate,
)
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores
from perennial.evaluation.permutation import exchange_p_values
from perennial.evaluation.scoring import primary_metric, scorer_of
from perennial.evaluation.slices import Slice, slices
from perennial.review.paired.answers import Answers
from perennial.review.params.compare import Compare

Array = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """What one metric says.

    Attributes
    ----------
    metric : Metric
        Which, and where better lies.
    base, head : float
        The values on the same rows.
    difference : Estimate
        head - base, with the interval of the paired block bootstrap.
    p_value : float
        From exchanging the two models' answers within whole blocks.
    """

    metric: Metric
    base: float
    head: float
    difference: Estimate
    p_value: float


@dataclass(frozen=True)
class SliceDifference:
    """What the rows of one slice say.

    Attributes
    ----------
    column, value : str
        The slice.
    rows : int
        Its rows.
    measure : str
        What is compared: `roc_auc`, or the mean loss that has a closed form.
    difference : float or None
        head - base; None where it cannot be computed.
    gain : float or None
        The difference, turned so that above 0 is better.
    p_value, adjusted : float or None
        Two-sided, alone and after Benjamini and Hochberg 1995 over all slices.
    """

    column: str
    value: str
    rows: int
    measure: str
    difference: float | None = None
    gain: float | None = None
    p_value: float | None = None
    adjusted: float | None = None


@dataclass(frozen=True)
class Evidence:
    """All that the rows say.

    Attributes
    ----------
    primary : Metric
        The metric that decides.
    differences : dict
        By metric, in the order of the report; a metric that has no value on the sample is absent.
    area : AreaDifference or None
        Clustered DeLong, for a binary task.
    slices : list of SliceDifference
        In the order of `evaluate.slices`.
    blocks : int
        Days, groups or rows that stand or fall together.
    rarest : int or None
        Rows of the rarest class; None for a regression.
    """

    primary: Metric
    differences: dict[str, Difference]
    area: AreaDifference | None
    slices: list[SliceDifference]
    blocks: int
    rarest: int | None


def gather(answers: Answers, params: Compare) -> Evidence:
    """Compare two models' answers to the same rows.

    Parameters
    ----------
    answers : Answers
        Of both.
    params : Compare
        Sizes and seed.

    Returns
    -------
    Evidence
        Differences with their intervals and p-values.

    Raises
    ------
    SampleError
        If the rows are too few for any interval.
    """
    sample, task = answers.sample, answers.contract.task
    primary = primary_metric(answers.head.metrics, task, answers.params.evaluate)
    area = None
    if isinstance(answers.head, BinaryScores) and isinstance(answers.base, BinaryScores):
        area = _area(answers.head, answers.base, sample.blocks, answers.params.evaluate.confidence)
    classes = len(answers.contract.classes)
    rarest = int(np.bincount(sample.target, minlength=classes).min()) if classes else None
    return Evidence(
        primary=primary,
        differences=_differences(answers, params),
        area=area,
        slices=adjusted(list(_slices(answers))),
        blocks=len(sample.target) if sample.blocks is None else len(np.unique(sample.blocks)),
        rarest=rarest,
    )


def _differences(answers: Answers, params: Compare) -> dict[str, Difference]:
    head, base, blocks = answers.head, answers.base, answers.sample.blocks
    names = _shared(head, base)
    found = estimate_difference(
        head,
        base,
        blocks,
        resamples=params.resamples,
        confidence=answers.params.evaluate.confidence,
        seed=params.seed,
        only=names,
    )
    p_values = exchange_p_values(
        head, base, blocks, exchanges=params.exchanges, seed=params.seed, only=names
    )
    of_base, of_head = (evaluate(scorer, only=names) for scorer in (base, head))
    return {
        name: Difference(metric, of_base[name], of_head[name], found[name], p_values[name])
        for name, metric in ((metric.name, metric) for metric in head.metrics)
        if name in names
    }


def _shared(head: Scorer, base: Scorer) -> list[str]:
    """Metrics that both have a value of."""
    names = []
    for metric in head.metrics:
        try:
            for scorer in (head, base):
                evaluate(scorer, only=[metric.name])
        except MetricError:
            continue
        names.append(metric.name)
    return names


def _area(
    head: BinaryScores, base: BinaryScores, blocks: Array | None, confidence: float
) -> AreaDifference | None:
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
    blocks = None if answers.sample.blocks is None else answers.sample.blocks[part.rows]
    head, base = (_part(scorer, part.rows) for scorer in (answers.head, answers.base))
    if isinstance(head, BinaryScores) and isinstance(base, BinaryScores):
        area = _area(head, base, blocks, answers.params.evaluate.confidence)
        measure, sign = "roc_auc", 1
        difference, p_value = (None, None) if area is None else (area.value, area.p_value)
    else:
        (measure, ours), (_, theirs), sign = _losses(head), _losses(base), -1
        difference, p_value = mean_difference(ours - theirs, blocks)
    gain = None if difference is None else sign * difference
    return SliceDifference(
        part.column, part.value, len(part.rows), measure, difference, gain, p_value
    )


def _part(scorer: Scorer, rows: Array) -> Scorer:
    if isinstance(scorer, BinaryScores):
        chance = scorer.probability[rows]
        return BinaryScores(scorer.target[rows], chance, scorer.threshold)
    if isinstance(scorer, MulticlassScores):
        return MulticlassScores(scorer.target[rows], scorer.probability[rows])
    assert isinstance(scorer, RegressionScores)
    return scorer_of("regression", scorer.target[rows], scorer.prediction[rows], None)


def _losses(scorer: Scorer) -> tuple[str, Array]:
    """A loss of each row, whose mean has a closed-form error."""
    if isinstance(scorer, MulticlassScores):
        given = scorer.probability[np.arange(scorer.rows), scorer.target]
        return "log_loss", -np.log(true_probability(np.ones(scorer.rows, bool), given))
    assert isinstance(scorer, RegressionScores)
    return "mse", scorer.error_**2


def mean_difference(losses: Array, blocks: Array | None) -> tuple[float | None, float | None]:
    """Test whether the mean of paired differences is 0, by blocks.

    The error of a mean over clusters is that of Liang and Zeger 1986 (Biometrika 73), with
    Student's t of blocks - 1 degrees of freedom.

    Parameters
    ----------
    losses : numpy.ndarray
        Differences of the two models' losses, shape (rows,).
    blocks : numpy.ndarray or None
        Rows with one number stand or fall together.

    Returns
    -------
    mean : float or None
        The mean difference.
    p_value : float or None
        Two-sided; None for both with fewer than two blocks.
    """
    codes = np.arange(len(losses)) if blocks is None else np.unique(blocks, return_inverse=True)[1]
    count = int(codes.max()) + 1
    if count < 2:
        return None, None
    mean = float(losses.mean())
    totals = np.bincount(codes, losses - mean, count)
    error = float(np.sqrt(count / (count - 1) * (totals @ totals))) / len(losses)
    if error == 0:
        return mean, 1.0 if mean == 0 else 0.0
    return mean, float(2 * stdtr(count - 1, -abs(mean) / error))


def adjusted(found: Sequence[SliceDifference]) -> list[SliceDifference]:
    """Adjust p-values for many slices, by Benjamini and Hochberg 1995 (JRSS B 57).

    Parameters
    ----------
    found : sequence of SliceDifference
        With p-values, or without where there is none.

    Returns
    -------
    list of SliceDifference
        In the same order, with `adjusted` set where there is a p-value.
    """
    places = [place for place, item in enumerate(found) if item.p_value is not None]
    p_values = np.array([found[place].p_value for place in places], dtype=np.float64)
    order = np.argsort(p_values)[::-1]
    ranks = np.arange(len(places), 0, -1)
    falling = np.minimum.accumulate(p_values[order] * len(places) / ranks) if places else p_values
    result = list(found)
    for place, value in zip(np.array(places, int)[order], falling, strict=True):
        result[place] = replace(result[place], adjusted=float(min(1.0, value)))
    return result


def lacking(evidence: Evidence, params: Compare) -> str:
    """Say what the evidence lacks for any verdict; nothing if it suffices."""
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


def gain(found: Difference) -> float:
    """The difference, turned so that above 0 is better."""
    if found.metric.direction == "zero":
        return abs(found.base) - abs(found.head)
    return found.difference.value * (1 if found.metric.direction == "up" else -1)
