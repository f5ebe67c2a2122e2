"""Which thresholds surely reach a precision or a recall, on rows like those of validation.

Sure is what the lower bound of Clopper and Pearson (1934) reaches: the share of the validation rows
themselves is above that of other rows every second time. Rows count as independent.

Why so: docs/decisions.md#d77
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

Array = NDArray[Any]


def lower_bounds(level: float, successes: Array, failures: Array) -> Array:
    """Clopper and Pearson's lower bound of each share, one-sided, of shape (n,) as the counts."""
    bounds = betaincinv(np.maximum(successes, 1), failures + 1, level)
    return np.where(successes > 0, bounds, 0.0)


def is_sure(value: float, level: float, successes: Array, failures: Array) -> Array:
    """Whether the lower bound of each share reaches `value`; (n,) as the counts."""
    chance = betainc(np.maximum(successes, 1), failures + 1, value)
    return np.asarray((successes > 0) & (chance <= level))


def surely_precise(value: float, level: float, positive: Array, scores: Array) -> Array:
    """Whether the first 0, 1, … n rows, from the highest score down, surely have a precision.

    Taken each by itself, some count of the many would pass by luck. Fixed sequences go down from a
    start until they fail, and share the level out among their starts (Angelopoulos et al. 2021,
    "Learn then test"). No start looks at `positive`: the count where the scores themselves promise
    most evidence has half the level, a quarter of the rows, a sixteenth and so on the other half.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    counts = np.append(np.flatnonzero(np.diff(ordered)) + 1, len(ordered))
    hits = np.cumsum(positive[order])[counts - 1]
    evidence = (np.cumsum(ordered)[counts - 1] / counts - value) * np.sqrt(counts)
    sizes = len(ordered) / 4.0 ** np.arange(1, 32)
    least = np.log(level / 2) / np.log(value) if value < 1 else np.inf
    precise = np.zeros(len(ordered) + 1, np.bool_)
    for starts in ([int(evidence.argmax())], np.searchsorted(counts, sizes[sizes >= least])):
        sure = is_sure(value, level / 2 / max(len(starts), 1), hits, counts - hits)
        for first, last in _runs(sure, starts):
            precise[counts[first:last]] = True
    return precise


def _runs(sure: Array, starts: Iterable[int]) -> Iterable[tuple[int, int]]:
    failing = np.append(np.flatnonzero(~sure), len(sure))
    return [(start, int(failing[np.searchsorted(failing, start)])) for start in starts]
