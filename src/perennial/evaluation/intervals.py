"""From a metric's value and its error to an interval that holds the truth as often as it says.

A t interval on the scale on which the metric's distribution is nearly symmetric: the logit of an
area, the logarithm of a loss and of what R² leaves unexplained, a bias as it is. Its degrees of
freedom are the *effective* blocks less one, the fewer of two counts:

- by size: (sum n)² / sum n² over the blocks' rows that count for the metric, such as those of the
  rarer class for a ranking (`perennial.evaluation.blocks`);
- by weight: 2 (sum u²)² / sum u⁴, where u is what the metric moves by when one block is left out.
  Blocks that move it by normal amounts make that 2/3 of their number; where a few carry all of its
  error, as in a squared loss of rare and large errors, only these count. (The degrees of freedom of
  a variance follow from the fourth moment so: Satterthwaite 1946, Biometrics Bulletin 2.)

A share is Clopper and Pearson's (1934, Biometrika 26), which at its edge has width and no error:
30 right of 30 is 0.884 to 1. Where rows come in blocks it is taken of the effective sample, rows
over the design effect (Korn and Graubard 1998, Survey Methodology 24), between the effective
blocks and the rows.

Below a floor of either the interval bears a warning: simulation says that it may hold the
truth less often than it claims (`benchmarks/intervals.py`).

Why so: docs/decisions.md#d27
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from perennial.evaluation.metrics.columns import FloatArray
from perennial.evaluation.metrics.definition import Metric, Scale

#: An interval is not to be trusted with fewer effective rows or blocks by size, or fewer by weight:
#: the latter is low, for where few weigh much by chance, the interval is wide enough.
FLOOR, FLOOR_BY_WEIGHT = 12.0, 3.0

#: An error below this share of the value is a rounding error, and no block differs.
TIE = 1e-10

#: How far an interval goes on a logarithm at most, so that no end overflows.
MOST_REACH = 100.0

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value, and how far to trust it."""

    value: float | None
    """On the sample itself; None where the sample gives it none."""
    low: float | None = None
    high: float | None = None
    """The confidence interval, within the metric's range; None where nothing tells how wide."""
    standard_error: float | None = None
    why_not: str = ""
    """Why there is no value, or no interval."""
    warning: str = ""
    """Why the interval is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Support:
    """What an interval rests on."""

    error: float | None
    """The standard error; None where resamples give none."""
    rows: float
    """Rows that count."""
    blocks: float
    """Effective blocks by size."""
    weight: float
    """Effective blocks by what moves the metric; infinite where unknown."""
    is_by_row: bool
    """Whether each row is its own block."""

    @property
    def effective(self) -> float:
        """Effective blocks."""
        return min(self.blocks, self.weight)

    def reach(self, confidence: float) -> float:
        """The quantile of Student's t; of one degree of freedom at least."""
        return student_quantile(max(self.effective - 1, 1.0), confidence)


def interval(
    metric: Metric, scale: Scale, value: float, support: Support, confidence: float
) -> Interval | None:
    """The interval of a metric on its scale; None where nothing tells how wide it is."""
    if scale in {"share", "index"}:
        rows = effective_rows(scale, value, support, confidence)
        return share_interval(value, rows, confidence)
    if support.error is None or support.error <= TIE * abs(value):
        return None
    on = _scale_at(scale, value)
    reach = support.reach(confidence) * support.error * on.slope(value)
    reach = reach if on is _PLAIN else min(reach, MOST_REACH)
    low, high = (float(on.back(on.to(value) + side * reach)) for side in (-1, 1))
    return max(metric.low, low), min(metric.high, high)


def share_interval(share: float, rows: float, confidence: float) -> Interval:
    """Clopper and Pearson's interval of a share of so many rows, whole or not.

    Examples
    --------
    >>> [round(end, 3) for end in share_interval(1.0, 30, 0.95)]
    [0.884, 1.0]
    """
    hits, misses = share * rows, (1 - share) * rows
    tail = (1 - confidence) / 2
    low = betaincinv(hits, misses + 1, tail) if hits > 0 else 0.0
    high = betaincinv(hits + 1, misses, 1 - tail) if misses > 0 else 1.0
    return min(_rounded(low), share), max(_rounded(high), share)


def effective_rows(scale: Scale, share: float, support: Support, confidence: float) -> float:
    """Independent rows that would tell as much of a share."""
    if support.is_by_row and scale == "share":
        return support.rows
    least = 1.0 if support.is_by_row else min(support.blocks, support.rows)
    spread = share * (1 - share)
    if support.error is None or not spread:
        return support.rows if support.is_by_row else least
    from_error = spread / support.error**2 if support.error else inf
    few = (float(ndtri((1 + confidence) / 2)) / support.reach(confidence)) ** 2
    return float(np.clip(min(from_error, support.rows) * few, least, support.rows))


def participation(moved: FloatArray) -> float:
    """How many blocks carry a metric's error: 2 (sum u²)² / sum u⁴, infinite if none moves it.

    Examples
    --------
    >>> participation(np.array([1.0, -1.0, 1.0, -1.0]))
    8.0
    """
    squares = (moved / max(float(np.abs(moved).max()), 1e-300)) ** 2
    fourth = float((squares**2).sum())
    return 2 * float(squares.sum()) ** 2 / fourth if fourth else inf


def moves(scale: Scale, value: float, left_out: FloatArray) -> FloatArray:
    """What a metric moves by on its scale without each block, in its own unit about its value.

    The mean is taken out. Where a value has no place on the scale, its own unit is the scale.
    """
    on = _scale_at(scale, value)
    with np.errstate(all="ignore"):
        placed = on.to(left_out) / on.slope(value)
    placed = placed if np.isfinite(placed).all() else left_out
    return np.asarray(placed - placed.mean())


def jackknife_error(moved: FloatArray) -> float:
    """The standard error from what the metric moves by without each block.

    Quenouille 1956, Tukey 1958. It allows for blocks that pull the metric towards themselves, which
    the bootstrap does not (MacKinnon, Nielsen and Webb 2023, Journal of Applied Econometrics 38).
    """
    return sqrt((len(moved) - 1) / len(moved) * float((moved**2).sum()))


def warning(support: Support, scale: Scale) -> str:
    """Why an interval is not to be trusted; empty where it is."""
    is_share = scale in {"share", "index"}
    # Of single rows these are exact or wider; of blocks, however few of them carry the error.
    is_safe = is_share and (support.is_by_row or support.blocks >= FLOOR)
    if is_safe or (support.blocks >= FLOOR and support.weight >= FLOOR_BY_WEIGHT):
        return ""
    what = "rows" if support.is_by_row else "blocks"
    rests = f"it rests on {support.effective:.1f} effective {what}"
    return f"{rests}: the interval is not to be trusted"


def student_quantile(freedom: float, confidence: float) -> float:
    """The two-sided quantile of Student's t."""
    return _rounded(stdtrit(freedom, (1 + confidence) / 2))


class _Scale(NamedTuple):
    """Where an interval is symmetric: the way there, how steep it is at a value, and back."""

    to: Callable[[Any], Any]
    slope: Callable[[float], float]
    back: Callable[[Any], Any]


_PLAIN = _Scale(np.asarray, lambda _: 1.0, float)
_SCALES: dict[Scale, _Scale] = {
    "area": _Scale(
        lambda area: np.log(area) - np.log1p(-area),
        lambda area: 1 / (area * (1 - area)),
        lambda odds: 1 / (1 + np.exp(-odds)),
    ),
    "loss": _Scale(np.log, lambda loss: 1 / loss, np.exp),
    "unexplained": _Scale(
        lambda r2: -np.log1p(-r2), lambda r2: 1 / (1 - r2), lambda depth: -np.expm1(-depth)
    ),
}


def _scale_at(scale: Scale, value: float) -> _Scale:
    """The scale, or the plain one where the value has no place on it: a loss of 0, say."""
    is_outside = (scale == "loss" and value <= 0) or (scale != "loss" and value >= 1)
    return _PLAIN if is_outside or (scale == "area" and value <= 0) else _SCALES.get(scale, _PLAIN)


def _rounded(quantile: float) -> float:
    # To 12 digits: a CPU's own exp or log may differ in the sixteenth.
    return float(f"{quantile:.12g}")
