"""Is a difference between two models more than chance? Exchange their answers, and see.

If the two models were as good as each other, it would not matter whose answers to a day's rows are
called the head's: the difference would be as likely to be d as -d. So the answers are exchanged
within whole blocks at random, many times over, and the p-value is the share of exchanges with a
difference as large as the one observed, itself included (Venkatraman and Begg 1996, Biometrika 83,
for ROC curves; Good 2005, *Permutation, Parametric and Bootstrap Tests of Hypotheses*; plus one:
Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9). Rows that
both answer alike change nothing when exchanged, so they are no evidence.

An exchange is a weighing: both models' answers stand in one sample, and each block counts either
the head's or the base's. So one sort serves all exchanges, and every task's scorer serves as it
is. `scipy.stats.permutation_test` would score each exchange anew, row by row.

Why so: docs/decisions.md#d28
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.bootstrap import CHUNK_SIZE
from perennial.evaluation.metrics.columns import FloatArray, IntArray, block_codes
from perennial.evaluation.metrics.definition import Definition, Metric, Scorer, select

# Differences nearer than this share of the metric are ties: sums in another order differ in the
# last places, wherever these stand. A target in cents is no other evidence than one in millions.
TIE = 1e-10


@dataclass(frozen=True, slots=True)
class Pooled:
    """Both models' answers as one sample: the rows as the head answers them, then the base."""

    scorer: Scorer
    """Of the pooled sample, (2 rows,)."""
    metrics: tuple[Definition[Any], ...]
    """Those that are computed from it."""


def pooled(head: Scorer, base: Scorer, definitions: tuple[Definition[Any], ...]) -> list[Pooled]:
    """One sample for each part of the answers that some metric exchanges."""
    if type(head) is not type(base):
        raise TypeError(f"no exchange of {type(head).__name__} with {type(base).__name__}")
    by_part: dict[Callable[[Any], FloatArray], list[Definition[Any]]] = {}
    for definition in definitions:
        by_part.setdefault(definition.exchanged, []).append(definition)
    target = np.tile(head.target, 2)
    return [
        Pooled(head.pooled(target, np.concatenate([part(head), part(base)])), tuple(metrics))
        for part, metrics in by_part.items()
    ]


def exchange_p_values(
    head: Scorer,
    base: Scorer,
    blocks: npt.ArrayLike | None,
    *,
    exchanges: int = 1000,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> dict[str, float]:
    """Two-sided p-values by metric, between 1 / (exchanges + 1) and 1.

    `head` and `base` answer the same rows in the same order; rows with one number in `blocks`
    (rows,) are exchanged together, each for itself where it is None. An exchange that leaves a
    metric without a value is left out; a metric that has none as observed is 1.
    """
    if head.rows != base.rows:
        raise ValueError(f"base: has {base.rows} rows where head has {head.rows}")
    if exchanges < 1:
        raise ValueError(f"exchanges: must be at least 1, got {exchanges}")
    metrics = select(head.definitions, only)
    codes = block_codes(blocks, head.rows)
    p_values: dict[str, float] = {}
    for sample in pooled(head, base, metrics):
        leads, sizes = _leads(sample, codes, exchanges, seed)
        p_values |= {
            name: _p_value(np.abs(lead), TIE * sizes[name]) for name, lead in leads.items()
        }
    return {metric.name: p_values[metric.name] for metric in metrics}


def exchanged_leads(
    head: Scorer,
    base: Scorer,
    blocks: npt.ArrayLike | None,
    metric: str,
    *,
    exchanges: int = 1000,
    seed: int = 0,
) -> FloatArray:
    """The head's lead on a metric as observed, and under each exchange: (exchanges + 1,).

    Above 0 where the head is better; NaN where an exchange leaves the metric without a value.
    """
    (sample,) = pooled(head, base, select(head.definitions, [metric]))
    return _leads(sample, block_codes(blocks, head.rows), exchanges, seed)[0][metric]


def _leads(
    sample: Pooled, codes: IntArray, exchanges: int, seed: int
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Leads by metric, the observed one first, and how large the metric itself is."""
    count = int(codes.max()) + 1
    # Cells: each block as the head answers it, then each as the base does.
    drawn: dict[str, list[FloatArray]] = {metric.name: [] for metric in sample.metrics}
    sizes: dict[str, float] = {}
    evaluate = sample.scorer.over(np.concatenate([codes, codes + count]), drawn)
    for is_exchanged in _exchanges(count, exchanges, seed, max(1, CHUNK_SIZE // (2 * len(codes)))):
        ours = evaluate(np.concatenate([1 - is_exchanged, is_exchanged], axis=1))
        theirs = evaluate(np.concatenate([is_exchanged, 1 - is_exchanged], axis=1))
        for metric in sample.metrics:
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
