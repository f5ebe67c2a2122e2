"""How sure a metric is: the cluster bootstrap.

Rows of one day share its weather; a model's errors come in blocks, and a bootstrap of single rows
promises far too much. Here whole blocks are drawn with replacement (Davison and Hinkley 1997,
*Bootstrap Methods and their Application*, section 3.8; Field and Welsh 2007, JRSS B 69).

A value's interval is made by `perennial.evaluation.intervals` from its standard error: the larger
of the bootstrap's, times sqrt(G / (G - 1)) for G blocks (Cameron, Gelbach and Miller 2008, Review
of Economics and Statistics 90), and the jackknife's. A difference of two values has a t interval of
the former with G - 1 degrees of freedom.

The draws are counts of blocks, and metrics follow from sums of blocks or from one sort:
`scipy.stats.bootstrap` would score each resample anew, row by row. The same seed gives the same
figures on every CPU, but for the last bits of a logarithm: see `metrics.sums`.

Why so: docs/decisions.md#d27
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.blocks import effective_blocks
from perennial.evaluation.difference import MAX_UNDEFINED_SHARE, Differences, Pair
from perennial.evaluation.intervals import (
    Figure,
    Support,
    interval,
    jackknife_error,
    moves,
    participation,
    warning,
)
from perennial.evaluation.metrics.columns import FloatArray, IntArray, SampleError, block_codes
from perennial.evaluation.metrics.definition import (
    Definition,
    Evaluate,
    Scorer,
    defined_values,
    select,
)

# The jackknife leaves out one block at a time up to so many, as it costs an evaluation each; else
# it deals the blocks out to fewer parts, and leaves out a part.
MOST_LEFT_OUT, PARTS = 1000, 200

# Weights held at once: few enough to stay in a CPU's cache, or nearly. Changes no result.
CHUNK_SIZE = 250_000

# Bytes: more than any one array of a chunk, less than the 32 MB at which glibc stops adapting.
KEPT_MEMORY = 24 << 20


def estimate(
    scorer: Scorer,
    blocks: npt.ArrayLike | None,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> dict[str, Figure]:
    """Metrics and their confidence intervals, by name; each says what it cannot tell, and why.

    `blocks` (rows,) holds whole numbers: rows with the same number are drawn together, such as
    those of one day; None makes each row its own block.

    Examples
    --------
    >>> from perennial.evaluation.metrics.binary import BinaryScores
    >>> target = np.array([True, False, True, False, True, True])
    >>> scores = BinaryScores(target, np.array([0.9, 0.2, 0.6, 0.7, 0.4, 0.8]), 0.5)
    >>> brier = estimate(scores, np.array([1, 1, 2, 2, 3, 3]), only=["brier"])["brier"]
    >>> round(brier.value, 4), brier.low <= brier.value <= brier.high
    (0.1833, True)
    """
    design = _design(scorer.rows, blocks, resamples, confidence, seed, least=1)
    values = defined_values(scorer, only=only)
    judged = _Judged(scorer, design, *_moved(scorer, design, values)) if values else None
    return {
        definition.name: judged.figure(definition, values[definition.name])
        if judged and definition.name in values
        else Figure(None, why_not=f"no value: {scorer.explain(definition.name)[0]}")
        for definition in select(scorer.definitions, only)
    }


def _moved(
    scorer: Scorer, design: _Design, wanted: Collection[str]
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Metrics under every draw, and with each block left out in turn, or each of many parts."""
    if design.groups < 2:
        return {}, {}
    _keep_freed_memory()
    ready, chunk = scorer.over(design.codes, wanted), max(1, CHUNK_SIZE // len(design.codes))
    drawn = _each(ready, _draws(design.groups, design.resamples, design.seed, chunk))
    return drawn, _each(ready, _left_out(design.groups, chunk))


@dataclass(frozen=True, slots=True)
class _Judged:
    """A sample whose metrics have been looked at under draws of its blocks."""

    scorer: Scorer
    design: _Design
    drawn: dict[str, FloatArray]
    left_out: dict[str, FloatArray]

    def figure(self, definition: Definition[Any], value: float) -> Figure:
        """A metric's value with its interval, or with why there is none."""
        if self.design.groups < 2:
            reason = f"it needs two blocks at least, and {self.scorer.rows} rows make one"
            return Figure(value, why_not=f"no interval: {reason}")
        support, confidence = self._support(definition, value), self.design.confidence
        if definition.own_interval:
            reach = support.reach(confidence)
            low, high = definition.own_interval(self.scorer, self.design.codes, reach)
            # Where no residual is left nothing tells how wide: flawless here is not flawless.
            ends = (min(low, value), max(high, value)) if low < high else None
        else:
            ends = interval(definition, definition.scale, value, support, confidence)
        if ends is None:
            return Figure(value, why_not=f"no interval: {self._why_not(definition.name)}")
        doubt = warning(support, definition.scale) or self._unseen(definition, *ends)
        return Figure(value, *ends, support.error or None, warning=doubt)

    def _unseen(self, definition: Definition[Any], low: float, high: float) -> str:
        """A warning where rows that this sample lacks may move it by half of its interval."""
        rise = definition.unseen(self.scorer)
        if rise <= (high - low) / 2:
            return ""
        return (
            f"answers of 0 or 1 would raise it by {rise:.2f} were up to three of them wrong: "
            "the interval is not to be trusted"
        )

    def _support(self, definition: Definition[Any], value: float) -> Support:
        codes, counting = self.design.codes, definition.counting(self.scorer)
        moved = self._moves(definition, value)
        return Support(
            error=self._error(definition.name, moved),
            rows=float(counting.sum()),
            blocks=effective_blocks(codes, counting),
            weight=participation(moved),
            is_by_row=self.design.groups == self.scorer.rows,
        )

    def _error(self, name: str, moved: FloatArray) -> float | None:
        drawn = self.drawn[name]
        if self._undefined(name) > MAX_UNDEFINED_SHARE:
            return None
        few_blocks = np.sqrt(self.design.groups / (self.design.groups - 1))
        error = float(drawn[~np.isnan(drawn)].std(ddof=1) * few_blocks)
        return max(error, jackknife_error(moved))

    def _moves(self, definition: Definition[Any], value: float) -> FloatArray:
        """What the metric moves by without each block; not at all where one leaves it undefined."""
        left_out = self.left_out[definition.name]
        if definition.own_interval or np.isnan(left_out).any():
            return np.zeros(1)
        return moves(definition.scale, value, left_out)

    def _undefined(self, name: str) -> float:
        """The share of resamples without a value."""
        return float(np.isnan(self.drawn[name]).mean())

    def _why_not(self, name: str) -> str:
        share = self._undefined(name)
        if share > MAX_UNDEFINED_SHARE:
            return f"{share:.0%} of the resamples give it no value: {self.scorer.explain(name)[0]}"
        return "no block of rows moves it, so that nothing tells how far off it may be"


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
    drawn, left = _replicates((head, base), design, names)
    result = Differences({}, {}, {})
    for metric in wanted:
        moved = [models[metric.name] for models in (*drawn, *left)]
        pair = Pair(metric, head, base, *moved)
        lack = pair.lack(design.codes)
        if lack:
            result.lacking[metric.name] = lack
            continue
        result.contrasts[metric.name] = pair.contrast(design.codes, confidence)
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
    rows: int,
    blocks: npt.ArrayLike | None,
    resamples: int,
    confidence: float,
    seed: int,
    least: int = 2,
) -> _Design:
    _at_least("resamples", resamples, 2)
    _at_least("seed", seed, 0)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: must be between 0 and 1, got {confidence}")
    codes = block_codes(blocks, rows)
    groups = int(codes.max()) + 1
    if groups < least:
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


def _left_out(groups: int, chunk: int) -> Iterator[IntArray]:
    """Counts (up to chunk, groups) in which each group is left out once, or each of many parts."""
    parts = groups if groups <= MOST_LEFT_OUT else PARTS
    part_of = np.arange(groups) % parts
    for first in range(0, parts, chunk):
        places = np.arange(first, min(first + chunk, parts))
        yield (part_of != places[:, np.newaxis]).astype(np.int64)


def _each(ready: Evaluate, counts: Iterator[IntArray]) -> dict[str, FloatArray]:
    """Metrics under all counts, by name."""
    parts = [ready(some) for some in counts]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _replicates(
    scorers: tuple[Scorer, ...], design: _Design, wanted: Collection[str]
) -> tuple[list[dict[str, FloatArray]], list[dict[str, FloatArray]]]:
    """Each scorer's metrics, as they are compared: on the same draws, and without each block."""
    _keep_freed_memory()
    ready = [scorer.over(design.codes, wanted, compared=True) for scorer in scorers]
    chunk = max(1, CHUNK_SIZE // len(design.codes))

    def on(all_counts: Iterator[IntArray]) -> list[dict[str, FloatArray]]:
        parts = [[evaluate(counts) for evaluate in ready] for counts in all_counts]
        return [
            {name: np.concatenate([part[i][name] for part in parts]) for name in wanted}
            for i in range(len(scorers))
        ]

    drawn = on(_draws(design.groups, design.resamples, design.seed, chunk))
    return drawn, on(_left_out(design.groups, chunk))


def _keep_freed_memory() -> None:
    """Let glibc keep what a chunk frees for the next chunk, which doubles the speed.

    It returns freed memory to the system past twice the largest block that it ever mapped alone;
    freeing one large block, never touched, so moves that bound. Elsewhere this does nothing.
    """
    np.empty(KEPT_MEMORY, dtype=np.uint8)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name}: must be at least {least}, got {value}")
