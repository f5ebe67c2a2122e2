"""How sure a difference of two ROC areas is, in closed form.

DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44) write an area as a mean over positives and
over negatives of *structural components*: the share of the other side that a row is ranked right
against. Obuchowski 1997 (Biometrics 53) adds the components up within clusters first, so that rows
of one day, which stand or fall together, count as one. A cluster for each row gives DeLong's own
variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from perennial.evaluation.metrics.definition import (
    BoolArray,
    FloatArray,
    IntArray,
    SampleError,
    boolean_column,
    finite,
    float_column,
    integer_column,
    same_rows,
)


@dataclass(frozen=True, slots=True)
class AreaDifference:
    """Two ROC areas on the same rows, and how sure their difference is.

    Parameters
    ----------
    head, base
        The areas, between 0 and 1.
    value
        head - base.
    low, high
        The confidence interval of the difference: value ± t(clusters - 1) * standard error.
    standard_error
        Of the difference.
    p_value
        Two-sided, of the hypothesis that there is no difference; 1 where the two models rank every
        pair alike.
    """

    head: float
    base: float
    value: float
    low: float
    high: float
    standard_error: float
    p_value: float


def area_difference(
    target: npt.ArrayLike,
    head: npt.ArrayLike,
    base: npt.ArrayLike,
    blocks: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
) -> AreaDifference:
    """Compare the ROC areas of two models that scored the same rows.

    Parameters
    ----------
    target
        (rows,) boolean: which rows are positive.
    head, base
        (rows,) scores of the two models, higher for likelier positives, on any scale.
    blocks
        (rows,) whole numbers: rows with the same number stand or fall together. None makes each
        row its own block.
    confidence
        Of the interval, between 0 and 1.

    Returns
    -------
    AreaDifference
        Areas, difference, interval and p-value.

    Raises
    ------
    SampleError
        When there is no positive, no negative, or but one block with one of them.
    ValueError
        When columns differ in length, or hold what they must not.

    Examples
    --------
    >>> target = np.array([True, True, False, False, True, False])
    >>> head = np.array([0.9, 0.8, 0.1, 0.4, 0.6, 0.2])
    >>> base = np.array([0.9, 0.1, 0.3, 0.4, 0.6, 0.2])
    >>> found = area_difference(target, head, base, np.array([1, 1, 1, 2, 2, 2]))
    >>> round(found.head, 4), round(found.base, 4)
    (1.0, 0.6667)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: must be between 0 and 1, got {confidence}")
    truth = boolean_column("target", target)
    codes = _codes(len(truth), blocks)
    scores = [_checked(name, column, truth) for name, column in (("head", head), ("base", base))]
    components = [_components(truth, column) for column in scores]
    areas = [_mean(positive) for positive, _ in components]
    variance = _variance_of_difference(truth, components, areas, codes)
    return _judged(areas, variance, int(codes.max()), confidence)


def _checked(name: str, values: npt.ArrayLike, truth: BoolArray) -> FloatArray:
    column = float_column(name, values)
    same_rows(name, column, len(truth))
    finite(name, column)
    return column


def _codes(rows: int, blocks: npt.ArrayLike | None) -> IntArray:
    if blocks is None:
        return np.arange(rows)
    column = integer_column("blocks", blocks)
    same_rows("blocks", column, rows)
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def _components(truth: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of the other side that each positive, and each negative, is ranked right against."""
    positives, negatives = scores[truth], scores[~truth]
    if not len(positives) or not len(negatives):
        raise SampleError(
            f"an area needs positives and negatives, and {len(positives)} of {len(truth)} rows "
            "are positive",
            where="target",
            hint="compare on more rows",
        )
    below = _below(positives, negatives) / len(negatives)
    above = 1 - _below(negatives, positives) / len(positives)
    return below, above


def _below(values: FloatArray, others: FloatArray) -> FloatArray:
    """How many of the others each value exceeds, ties counting a half."""
    order = np.argsort(values, kind="stable")
    # Sorted questions find their places several times as fast: neighbours share the cache.
    asked, ranked = values[order], np.sort(others)
    counts = (np.searchsorted(ranked, asked, "left") + np.searchsorted(ranked, asked, "right")) / 2
    found = np.empty(len(values))
    found[order] = counts
    return found


def _mean(components: FloatArray) -> float:
    return float(components.mean())


def _variance_of_difference(
    truth: BoolArray,
    components: list[tuple[FloatArray, FloatArray]],
    areas: list[float],
    codes: IntArray,
) -> float:
    (head, base), gap = components, areas[0] - areas[1]
    clusters = int(codes.max()) + 1
    # The components of a difference are the differences of the components: one variance, and no
    # cancellation of nearly equal covariances.
    sums = []
    for part, is_side in ((0, truth), (1, ~truth)):
        of_side = codes[is_side]
        centred = head[part] - base[part] - gap
        totals = np.bincount(of_side, centred, clusters) / len(of_side)
        count = len(np.unique(of_side))
        if count < 2:
            raise SampleError(
                f"{('positives', 'negatives')[part]} stand in one block alone",
                where="blocks",
                hint="compare on a longer period, or use finer blocks",
            )
        sums.append((totals, count))
    (positive, with_positive), (negative, with_negative) = sums
    return float(
        with_positive / (with_positive - 1) * (positive @ positive)
        + with_negative / (with_negative - 1) * (negative @ negative)
        + 2 * clusters / (clusters - 1) * (positive @ negative)
    )


def _judged(areas: list[float], variance: float, freedom: int, confidence: float) -> AreaDifference:
    value = areas[0] - areas[1]
    # The mixed term may be negative and, with few clusters, larger than the two squares.
    error = float(np.sqrt(max(variance, 0.0)))
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    if error > 0:
        p_value = float(2 * stdtr(freedom, -abs(value) / error))
    else:
        p_value = 1.0 if value == 0 else 0.0
    return AreaDifference(
        head=areas[0],
        base=areas[1],
        value=value,
        low=max(-1.0, value - reach),
        high=min(1.0, value + reach),
        standard_error=error,
        p_value=p_value,
    )
