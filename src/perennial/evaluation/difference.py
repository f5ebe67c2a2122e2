"""Is a difference between two models real? One answer, from its error and Student's t.

Interval and p-value are two readings of one statement, difference ± t(blocks - 1) * error, so that
they cannot contradict each other. The error comes from the paired block bootstrap, or from DeLong
by blocks for a ROC area; the blocks are counted by the evidence that they carry, see `blocks`, and
for all but the area by what moves the difference, see `intervals`: where four rows in 200 are
answered otherwise, these four decide.

An exchange test of the two models' answers (Good 2005) stood beside it. It tests another
hypothesis, that the two models answer alike in distribution: two models of equal precision, median
absolute error or calibration error that decide by different rows were called different in 29 to
80% of cases. Studentised inside each exchange (Chung and Romano 2013, Annals of Statistics 41) it
holds its level, and is the t below with a thousand bootstraps for each p-value.

Why so: docs/decisions.md#d28
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from perennial.evaluation.blocks import combined, effective_blocks
from perennial.evaluation.intervals import participation
from perennial.evaluation.metrics.columns import FloatArray, IntArray
from perennial.evaluation.metrics.definition import Definition, Metric, Scorer, evaluate

#: A metric without a value on more of the resamples has no interval.
MAX_UNDEFINED_SHARE = 0.05

#: Smaller than this share of the metric a difference is none: sums in another order differ so.
TIE = 1e-10

#: A chance of 2 to this power, negated, is the least that a sign test is taken at.
LEAST_CHANCE = 40

#: Fewer effective blocks say nothing of a spread.
LEAST_BLOCKS = 2.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much higher one model scores than another on the same rows, and how surely."""

    value: float
    """head - base."""
    low: float
    high: float
    """The confidence interval."""
    standard_error: float
    p_value: float
    """Two-sided. It is at most 1 - confidence where the interval leaves 0 out, and only there."""
    blocks: float
    """Effective blocks of the rows that count."""
    weight: float = np.inf
    """Effective blocks by what moves the difference; infinite where unknown. Student's t has one
    degree of freedom less than the fewer of the two."""

    def scaled(self, value: float) -> Contrast:
        """The contrast of a difference of roots, this one being of squares; p stays as it is.

        It is scaled, but never past the root of a difference of squares, than which no difference
        of roots is larger. Where it is 0 and this one is not, the models are not told apart.
        """
        by = value / self.value if self.value else 0.0
        if by <= 0:
            reach = float(np.sqrt(max(abs(self.low), abs(self.high))))
            error = reach / 2 if self.standard_error else 0.0
            return replace(
                self, value=value, low=value - reach, high=value + reach, standard_error=error,
                p_value=1.0,
            )  # fmt: skip
        low, high = (
            float(np.copysign(min(by * abs(end), np.sqrt(abs(end))), end))
            for end in (self.low, self.high)
        )
        error = by * self.standard_error
        return replace(self, value=value, low=low, high=high, standard_error=error)

    def turned(self) -> Contrast:
        """The same contrast seen from the other model."""
        return replace(self, value=-self.value, low=-self.high, high=-self.low)


def contrast(
    value: float,
    error: float,
    blocks: float,
    *,
    confidence: float,
    widest: float = np.inf,
    weight: float = np.inf,
) -> Contrast:
    """What a difference, its standard error and its effective blocks say; `widest` bounds it.

    Where no resample gives another difference the error is 0, and that is no certainty. Models
    that differ alike in each of n blocks would do so by chance in 2^(1 - n) of cases (the sign
    test), and the error becomes one that says so. Models that do not differ in n blocks may in 3 of
    n others (the rule of three: Hanley and Lippman-Hand 1983, JAMA 249), by `widest` at most.

    Examples
    --------
    >>> one = contrast(0.02, 0.008, 30.0, confidence=0.95)
    >>> round(one.low, 4), round(one.high, 4), round(one.p_value, 4)
    (0.0036, 0.0364, 0.0183)
    """
    freedom, tail = min(blocks, weight) - 1, (1 - confidence) / 2
    if error == 0 and value == 0:
        unseen = 1 - float(tail ** (1 / blocks))
        reach = widest * unseen if np.isfinite(widest) else 0.0
        return Contrast(0.0, 0.0 - reach, reach, 0.0, 1.0, blocks, weight)
    error = error or abs(value) / student(freedom, 1 - 2.0 ** -min(blocks, LEAST_CHANCE))
    p_value = float(2 * stdtr(freedom, -abs(value) / error))
    reach = student(freedom, 1 - tail) * error
    low, high = max(-widest, value - reach), min(widest, value + reach)
    return Contrast(value, low, high, error, p_value, blocks, weight)


def carrying(moved: FloatArray) -> float:
    """How many blocks carry a difference: 3 (sum u²)² / sum u⁴ of what it moves by without each.

    Blocks that move it by normal amounts make their own number, and so cost no power.
    """
    return 1.5 * participation(moved)


def crossed(ways: Sequence[Contrast], *, confidence: float, widest: float = np.inf) -> Contrast:
    """One contrast from those by each of `Blocks.ways`."""
    error = combined(tuple(way.standard_error for way in ways))
    blocks, weight = min(way.blocks for way in ways), min(way.weight for way in ways)
    return contrast(
        ways[0].value, error, blocks, confidence=confidence, widest=widest, weight=weight
    )


def student(freedom: float, probability: float) -> float:
    """A quantile of Student's t."""
    # To 12 digits: a CPU's own exp or log may differ in the sixteenth.
    return float(f"{stdtrit(freedom, probability):.12g}")


@dataclass(frozen=True, slots=True)
class Differences:
    """The metrics of two models on the same rows."""

    contrasts: dict[str, Contrast]
    """head - base, by metric."""
    nearer: dict[str, Contrast]
    """How much nearer to 0 the head lies, |base| - |head|: for metrics that are best at 0."""
    lacking: dict[str, str]
    """Why a metric has none."""


def _compared(metric: Definition[Any], scorer: Scorer) -> float:
    sample = scorer.over(np.zeros(scorer.rows, dtype=np.int64), [metric.name], compared=True)
    return float(sample(np.ones((1, 1), dtype=np.int64))[metric.name][0])


@dataclass(frozen=True, slots=True)
class Pair:
    """One metric of two models, as it is, on the same resamples, and without each block."""

    metric: Definition[Any]
    head: Scorer
    base: Scorer
    drawn_head: FloatArray
    drawn_base: FloatArray
    left_head: FloatArray
    left_base: FloatArray

    def lack(self, codes: IntArray) -> str:
        """Why a difference cannot be estimated; empty if it can."""
        for name, scorer, drawn in (
            ("head", self.head, self.drawn_head), ("base", self.base, self.drawn_base)
        ):  # fmt: skip
            share = float(np.isnan(drawn).mean())
            if share > MAX_UNDEFINED_SHARE:
                needs = self.metric.needs(scorer)
                return f"{share:.0%} of the resamples give the {name} no value: {needs}"
        blocks = self.blocks(codes)
        if blocks < LEAST_BLOCKS:
            return f"the rows that count for it make {blocks:.1f} effective blocks"
        return ""

    def blocks(self, codes: IntArray) -> float:
        """The effective blocks of the rows that count for the one model or the other."""
        return min(
            effective_blocks(codes, self.metric.counting(scorer))
            for scorer in (self.head, self.base)
        )

    def contrast(self, codes: IntArray, confidence: float) -> Contrast:
        """How much higher the head scores."""
        head, base = self._values()
        drawn, left = self.drawn_head - self.drawn_base, self.left_head - self.left_base
        if self.metric.compared is None:
            return self._weighed(head - base, drawn, left, codes, confidence)
        one, other = (_compared(self.metric, scorer) for scorer in (self.head, self.base))
        compared = self._weighed(one - other, drawn, left, codes, confidence)
        return compared.scaled(head - base)

    def nearer(self, codes: IntArray, confidence: float) -> Contrast:
        """|base| - |head|."""
        head, base = self._values()
        drawn = np.abs(self.drawn_base) - np.abs(self.drawn_head)
        left = np.abs(self.left_base) - np.abs(self.left_head)
        return self._weighed(abs(base) - abs(head), drawn, left, codes, confidence)

    def _hidden(self) -> float:
        """The variance that no resample shows; none where both are judged on the same rows."""
        if np.array_equal(self.metric.counting(self.head), self.metric.counting(self.base)):
            return 0.0
        return self.metric.hidden(self.head) + self.metric.hidden(self.base)

    def _values(self) -> tuple[float, float]:
        name = self.metric.name
        head, base = (evaluate(one, only=[name])[name] for one in (self.head, self.base))
        return head, base

    def _weighed(
        self, value: float, drawn: FloatArray, left: FloatArray, codes: IntArray, confidence: float
    ) -> Contrast:
        blocks = self.blocks(codes)
        few_blocks = np.sqrt(blocks / (blocks - 1))
        error = float(np.hypot(np.nanstd(drawn, ddof=1) * few_blocks, np.sqrt(self._hidden())))
        least = TIE * max(map(abs, self._values()))
        return contrast(
            value if abs(value) > least else 0.0,
            error if error > least else 0.0,
            blocks,
            confidence=confidence,
            widest=self.metric.high - self.metric.low,
            weight=np.inf if np.isnan(left).any() else carrying(left - left.mean()),
        )


def merged(
    ways: Sequence[Differences], metrics: Sequence[Metric], confidence: float
) -> Differences:
    """The differences from those by each of `Blocks.ways`."""
    if len(ways) == 1:
        return ways[0]
    widest = {metric.name: metric.high - metric.low for metric in metrics}
    lacking = {name: why for way in reversed(ways) for name, why in way.lacking.items()}
    contrasts, nearer = (
        {
            name: crossed(
                [getattr(way, part)[name] for way in ways],
                confidence=confidence,
                widest=widest[name],
            )
            for name in getattr(ways[0], part)
            if name not in lacking
        }
        for part in ("contrasts", "nearer")
    )
    return Differences(contrasts, nearer, lacking)
