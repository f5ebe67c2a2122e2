"""How sure a metric is: the cluster bootstrap.

Rows of one day share its weather; a model's errors come in blocks, and a bootstrap of single rows
promises far too much. Here whole blocks are drawn with replacement (Davison and Hinkley 1997,
*Bootstrap Methods and their Application*, section 3.8; Field and Welsh 2007, JRSS B 69).

The interval for G blocks is value ± t(G - 1) * SE * sqrt(G / (G - 1)), within the metric's range:
the bootstrap's t interval (Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, ch. 12)
with the degrees of freedom and the correction for few blocks of Cameron, Gelbach and Miller 2008
(Review of Economics and Statistics 90). It was chosen by simulation: days of very unequal size,
whose base rate, ranking and scores all vary, and a wanted coverage of 95%. For roc_auc:

====================  =======  =======  ======
interval              30 days  10 days  5 days
====================  =======  =======  ======
this one                92.3%    89.9%   93.8%
t without the root      91.9%    88.6%   90.7%
normal                  90.4%    85.3%   81.7%
percentile              90.6%    87.1%   83.3%
basic                   88.9%    80.5%   74.0%
BCa                     89.3%    85.1%   81.8%
rows drawn as blocks    48.7%    57.3%   67.3%
====================  =======  =======  ======

(1,500, 800 and 600 data sets. With weak day effects and 30 days: this one 94.3%.) The other
metrics lie between 92.8% and 96.7% at 30 days. A t interval on the logit covers about one point
more for the areas, fails badly for calibration_error (84%) and has no form for differences.
One caution: calibration_error adds up absolute values, so on a sample it stands above its
true value, and when that is near zero the interval mostly lies above it: with a true value of
0.003 and 30 days of 80 rows, 18% of the intervals held it.

The draws are counts of blocks, and metrics follow from sums of blocks or from one sort:
`scipy.stats.bootstrap` would score each resample anew, row by row. The same seed gives the same
figures on every CPU, but for the last bits of a logarithm: see `metrics.sums`.

Why so: docs/decisions.md#d27
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from perennial.evaluation.difference import MAX_UNDEFINED_SHARE, Differences, Pair
from perennial.evaluation.metrics.columns import FloatArray, IntArray, SampleError, block_codes
from perennial.evaluation.metrics.definition import Metric, MetricError, Scorer, evaluate, select

# Weights held at once: few enough to stay in a CPU's cache, or nearly. Changes no result.
CHUNK_SIZE = 250_000

# Bytes: more than any one array of a chunk, less than the 32 MB at which glibc stops adapting.
KEPT_MEMORY = 24 << 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value and how far to trust it."""

    value: float
    """On the sample itself."""
    low: float
    high: float
    """The confidence interval, within the metric's range. It closes to a point when no resample
    differs (a flawless model on a small sample): that is want of evidence, not certainty."""
    standard_error: float
    """The deviation of the value over resamples, times sqrt(G / (G - 1)) for G blocks."""


def estimate(
    scorer: Scorer,
    blocks: npt.ArrayLike | None,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> dict[str, Estimate]:
    """Metrics and their confidence intervals, by name.

    `blocks` (rows,) holds whole numbers: rows with the same number are drawn together, such as
    those of one day; None makes each row its own block. A metric that has no value on the sample,
    or on over 5% of the resamples, is a `MetricError`; fewer than two blocks are a `SampleError`.

    Examples
    --------
    >>> from perennial.evaluation.metrics.binary import BinaryScores
    >>> target = np.array([True, False, True, False, True, True])
    >>> scores = BinaryScores(target, np.array([0.9, 0.2, 0.6, 0.7, 0.4, 0.8]), 0.5)
    >>> brier = estimate(scores, np.array([1, 1, 2, 2, 3, 3]), only=["brier"])["brier"]
    >>> round(brier.value, 4), brier.low <= brier.value <= brier.high
    (0.1833, True)
    """
    design = _design(scorer.rows, blocks, resamples, confidence, seed)
    values = evaluate(scorer, only=only)
    (drawn,) = _replicates((scorer,), design, values)
    _refuse_undefined(scorer, drawn, values)
    return {
        metric.name: _interval(metric, values[metric.name], drawn[metric.name], design)
        for metric in select(scorer.metrics, only)
    }


def estimate_difference(
    head: Scorer,
    base: Scorer,
    blocks: npt.ArrayLike | None,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> Differences:
    """How much higher `head` scores than `base` on the same rows, by metric: head - base.

    Both are judged on the same draws, so what makes a day hard for both cancels. The sign says
    nothing of better or worse: see `Metric.direction` and `Differences.nearer`.
    """
    if head.rows != base.rows or head.metrics != base.metrics:
        raise ValueError(
            f"base: must answer the same question on the same rows as head, got "
            f"{base.rows} rows against {head.rows}"
        )
    design = _design(head.rows, blocks, resamples, confidence, seed)
    wanted = select(head.definitions, only)
    names = [metric.name for metric in wanted]
    drawn = _replicates((head, base), design, names, compared=True)
    result = Differences({}, {}, {})
    for metric in wanted:
        pair = Pair(metric, head, base, drawn[0][metric.name], drawn[1][metric.name])
        lack = pair.lack(design.codes)
        if lack:
            result.lacking[metric.name] = lack
            continue
        result.found[metric.name] = pair.contrast(design.codes, confidence)
        if metric.direction == "zero":
            result.nearer[metric.name] = pair.nearer(design.codes, confidence)
    return result


def resample_counts(groups: int, resamples: int, seed: int) -> IntArray:
    """How often each group is drawn, (resamples, groups): with replacement, as many as there are.

    Examples
    --------
    >>> resample_counts(4, 2, seed=0).sum(axis=1)
    array([4, 4])
    """
    _at_least("groups", groups, 1)
    _at_least("resamples", resamples, 1)
    _at_least("seed", seed, 0)
    return np.concatenate(list(_draws(groups, resamples, seed, chunk=resamples)))


@dataclass(frozen=True, slots=True)
class _Design:
    """How the sample falls into blocks, and how it is drawn from."""

    codes: IntArray
    groups: int
    resamples: int
    confidence: float
    seed: int


def _design(
    rows: int, blocks: npt.ArrayLike | None, resamples: int, confidence: float, seed: int
) -> _Design:
    _at_least("resamples", resamples, 2)
    _at_least("seed", seed, 0)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: must be between 0 and 1, got {confidence}")
    codes = block_codes(blocks, rows)
    groups = int(codes.max()) + 1
    if groups < 2:
        raise SampleError(
            f"an interval needs two blocks at least, and {rows} rows make one",
            where="blocks",
            hint="score a longer period, or use finer blocks",
        )
    return _Design(codes, groups, resamples, confidence, seed)


def _draws(groups: int, resamples: int, seed: int, chunk: int) -> Iterator[IntArray]:
    """Counts (up to chunk, groups), the same overall whatever the chunk."""
    generator = np.random.Generator(np.random.PCG64(seed))
    for first in range(0, resamples, chunk):
        size = min(chunk, resamples - first)
        drawn = generator.integers(0, groups, size=(size, groups))
        # Each resample counts in a range of its own, so that one bincount serves all.
        drawn += np.arange(size)[:, np.newaxis] * groups
        yield np.bincount(drawn.ravel(), minlength=size * groups).reshape(size, groups)


def _replicates(
    scorers: tuple[Scorer, ...],
    design: _Design,
    wanted: Collection[str],
    *,
    compared: bool = False,
) -> list[dict[str, FloatArray]]:
    """Each scorer's metrics (resamples,) on the same draws."""
    _keep_freed_memory()
    ready = [scorer.over(design.codes, wanted, compared=compared) for scorer in scorers]
    chunk = max(1, CHUNK_SIZE // len(design.codes))
    parts = [
        [evaluate_counts(counts) for evaluate_counts in ready]
        for counts in _draws(design.groups, design.resamples, design.seed, chunk)
    ]
    return [
        {name: np.concatenate([part[i][name] for part in parts]) for name in wanted}
        for i in range(len(scorers))
    ]


def _keep_freed_memory() -> None:
    """Let glibc keep what a chunk frees for the next chunk, which doubles the speed.

    It returns freed memory to the system past twice the largest block that it ever mapped alone;
    freeing one large block, never touched, so moves that bound. Elsewhere this does nothing.
    """
    np.empty(KEPT_MEMORY, dtype=np.uint8)


def _refuse_undefined(
    scorer: Scorer, drawn: dict[str, FloatArray], wanted: Collection[str]
) -> None:
    for name in wanted:
        share = np.isnan(drawn[name]).mean()
        if share > MAX_UNDEFINED_SHARE:
            cause, hint = scorer.explain(name)
            raise MetricError(name, f"{share:.0%} of the resamples give it no value: {cause}", hint)


def _interval(metric: Metric, value: float, drawn: FloatArray, design: _Design) -> Estimate:
    defined = drawn[~np.isnan(drawn)]
    few_blocks = np.sqrt(design.groups / (design.groups - 1))
    error = float(defined.std(ddof=1) * few_blocks)
    reach = _student_quantile(design.groups - 1, design.confidence) * error
    low, high = max(metric.low, value - reach), min(metric.high, value + reach)
    return Estimate(value, low, high, error)


def _student_quantile(freedom: int, confidence: float) -> float:
    # To 12 digits: a CPU's own exp or log may differ in the sixteenth.
    return float(f"{stdtrit(freedom, (1 + confidence) / 2):.12g}")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name}: must be at least {least}, got {value}")
