"""Is a difference between two models more than chance? Exchange their answers, and see.

If the two models were as good as each other, it would not matter whose answers to a day's rows are
called the head's: the difference would be as likely to be d as -d. So the answers are exchanged
within whole blocks at random, many times over, and the p-value is the share of exchanges with a
difference as large as the one observed, itself included (Venkatraman and Begg 1996, Biometrika 83,
for ROC curves; Good 2005, *Permutation, Parametric and Bootstrap Tests of Hypotheses*; plus one:
Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9). Rows that
both answer alike change nothing when exchanged, so they are no evidence.

An exchange is a weighing: both models' answers stand in one sample, and each block counts either
the head's or the base's. So one sort serves all exchanges, and every task's scorer serves as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial.evaluation.bootstrap import CHUNK_SIZE
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.definition import FloatArray, IntArray, Metric, Scorer
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores

#: Binary metrics that look at ranks alone: each model's own ranks are exchanged, for two scales of
#: scores do not mix.
RANKED = ("roc_auc", "average_precision")

#: Binary metrics of what is predicted at the threshold: each model has its own.
DECIDED = ("precision", "recall", "f1")

# Differences nearer than this share of the metric are ties: sums in another order differ in the
# last places, wherever these stand. A target in cents is no other evidence than one in millions.
TIE = 1e-10


@dataclass(frozen=True, slots=True)
class Pooled:
    """Both models' answers as one sample: the rows as the head answers them, then as the base does.

    Parameters
    ----------
    scorer
        Of the pooled sample, (2 rows,).
    metrics
        The names of the metrics that it is asked for.
    """

    scorer: Scorer
    metrics: tuple[str, ...]


def pooled(head: Scorer, base: Scorer) -> list[Pooled]:
    """Put two models' answers to the same rows into common samples.

    Parameters
    ----------
    head, base
        Scorers of one kind over the same rows.

    Returns
    -------
    list of Pooled
        Samples that together have every metric once.

    Raises
    ------
    TypeError
        If the two are not of one kind that is known.
    """
    names = tuple(metric.name for metric in head.metrics)
    if isinstance(head, BinaryScores) and isinstance(base, BinaryScores):
        return _pooled_binary(head, base, names)
    if isinstance(head, MulticlassScores) and isinstance(base, MulticlassScores):
        probability = np.concatenate([head.probability, base.probability])
        return [Pooled(MulticlassScores(np.tile(head.target, 2), probability), names)]
    if isinstance(head, RegressionScores) and isinstance(base, RegressionScores):
        prediction = np.concatenate([head.prediction, base.prediction])
        return [Pooled(RegressionScores(np.tile(head.target, 2), prediction), names)]
    raise TypeError(f"no exchange of {type(head).__name__} with {type(base).__name__}")


def _pooled_binary(head: BinaryScores, base: BinaryScores, names: tuple[str, ...]) -> list[Pooled]:
    target = np.tile(head.target, 2)

    def together(of: Callable[[BinaryScores], FloatArray]) -> BinaryScores:
        return BinaryScores(target, np.concatenate([of(head), of(base)]), 0.5)

    ranks = together(lambda scores: mean_ranks(scores.probability))
    answers = together(lambda scores: scores.probability)
    decisions = together(lambda scores: (scores.probability >= scores.threshold).astype(np.float64))
    others = tuple(name for name in names if name not in {*RANKED, *DECIDED})
    return [Pooled(ranks, RANKED), Pooled(answers, others), Pooled(decisions, DECIDED)]


def mean_ranks(values: FloatArray) -> FloatArray:
    """Rank values from 0 to 1, ties sharing their mean rank: (rows,) to (rows,)."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - (counts - 1) / 2) / len(values))[places])


def exchange_p_values(
    head: Scorer,
    base: Scorer,
    blocks: npt.ArrayLike | None,
    *,
    exchanges: int = 1000,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> dict[str, float]:
    """Find how often chance alone makes a difference as large as the observed one.

    Parameters
    ----------
    head, base
        The answers of two models to the same rows in the same order.
    blocks
        (rows,) whole numbers: the answers to rows with one number are exchanged together. None
        exchanges each row for itself.
    exchanges
        How many are drawn, from 1 up.
    seed
        Of the draws.
    only
        The names of the metrics wanted; None means all.

    Returns
    -------
    dict
        Two-sided p-value, between 1 / (exchanges + 1) and 1, by metric. A metric that some
        exchange leaves without a value is judged by the others; one that has none at all is 1.

    Raises
    ------
    ValueError
        When the two differ in rows, or a parameter is out of its range.
    TypeError
        As for `pooled`.
    """
    if head.rows != base.rows:
        raise ValueError(f"base: has {base.rows} rows where head has {head.rows}")
    if exchanges < 1:
        raise ValueError(f"exchanges: must be at least 1, got {exchanges}")
    codes = np.arange(head.rows) if blocks is None else _codes(blocks)
    metrics = {
        metric.name: metric for metric in head.metrics if only is None or metric.name in only
    }
    found: dict[str, float] = {}
    for sample in pooled(head, base):
        wanted = [metrics[name] for name in sample.metrics if name in metrics]
        if wanted:
            leads, sizes = _leads(sample.scorer, wanted, codes, exchanges, seed)
            found |= {
                name: _p_value(np.abs(lead), TIE * sizes[name]) for name, lead in leads.items()
            }
    return {name: found[name] for name in metrics}


def exchanged_leads(
    head: Scorer,
    base: Scorer,
    blocks: npt.ArrayLike | None,
    metric: str,
    *,
    exchanges: int = 1000,
    seed: int = 0,
) -> FloatArray:
    """Compute the head's lead on a metric as it is, and under random exchanges.

    Parameters
    ----------
    head, base, blocks, exchanges, seed
        As for `exchange_p_values`.
    metric
        The metric's name.

    Returns
    -------
    ndarray
        (exchanges + 1,): the observed lead first; above 0 where the head is better, NaN where an
        exchange leaves the metric without a value.
    """
    codes = np.arange(head.rows) if blocks is None else _codes(blocks)
    (wanted,) = (item for item in head.metrics if item.name == metric)
    (sample,) = (item for item in pooled(head, base) if metric in item.metrics)
    return _leads(sample.scorer, [wanted], codes, exchanges, seed)[0][metric]


def _codes(blocks: npt.ArrayLike) -> IntArray:
    return np.unique(np.asarray(blocks), return_inverse=True)[1].astype(np.int64)


def _leads(
    scorer: Scorer, metrics: list[Metric], codes: IntArray, exchanges: int, seed: int
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Leads by metric, the observed one first, and how large the metric itself is."""
    count = int(codes.max()) + 1
    # Cells: each block as the head answers it, then each as the base does.
    drawn: dict[str, list[FloatArray]] = {metric.name: [] for metric in metrics}
    sizes: dict[str, float] = {}
    evaluate = scorer.over(np.concatenate([codes, codes + count]), drawn)
    for is_exchanged in _exchanges(count, exchanges, seed, max(1, CHUNK_SIZE // (2 * len(codes)))):
        ours = evaluate(np.concatenate([1 - is_exchanged, is_exchanged], axis=1))
        theirs = evaluate(np.concatenate([is_exchanged, 1 - is_exchanged], axis=1))
        for metric in metrics:
            lead = _merit(metric, ours[metric.name]) - _merit(metric, theirs[metric.name])
            drawn[metric.name].append(lead)
            # The first are the observed ones.
            size = max(abs(ours[metric.name][0]), abs(theirs[metric.name][0]))
            sizes.setdefault(metric.name, float(size))
    return {name: np.concatenate(leads) for name, leads in drawn.items()}, sizes


def _exchanges(blocks: int, exchanges: int, seed: int, chunk: int) -> Iterator[IntArray]:
    """Which blocks are exchanged, (up to chunk, blocks) of 0 and 1; the first: none."""
    generator = np.random.Generator(np.random.PCG64(seed))
    yield np.zeros((1, blocks), dtype=np.int64)
    for first in range(0, exchanges, chunk):
        size = min(chunk, exchanges - first)
        yield generator.integers(0, 2, size=(size, blocks))


def _merit(metric: Metric, values: FloatArray) -> FloatArray:
    return {"up": values, "down": -values, "zero": -np.abs(values)}[metric.direction]


def _p_value(leads: FloatArray, tie: float) -> float:
    observed, others = leads[0], leads[1:]
    others = others[~np.isnan(others)]
    if np.isnan(observed):
        return 1.0
    return float((1 + np.count_nonzero(others >= observed - tie)) / (1 + len(others)))
