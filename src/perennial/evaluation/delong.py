"""How sure a difference of two ROC areas is, in closed form.

DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44) write an area as a mean over positives and
over negatives of *structural components*: the share of the other side that a row is ranked right
against. Obuchowski 1997 (Biometrics 53) adds the components up within clusters first, so that rows
of one day, whose errors are alike, count as one. A cluster for each row gives DeLong's own
variance.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from perennial.evaluation.blocks import effective_blocks
from perennial.evaluation.difference import LEAST_BLOCKS, Contrast, contrast
from perennial.evaluation.metrics.columns import (
    BoolArray,
    FloatArray,
    IntArray,
    SampleError,
    block_codes,
    boolean_column,
    float_column,
    same_rows,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaDifference(Contrast):
    """Two ROC areas on the same rows, and how sure their difference is."""

    head: float
    base: float


def area_difference(
    target: npt.ArrayLike,
    head: npt.ArrayLike,
    base: npt.ArrayLike,
    blocks: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
) -> AreaDifference:
    """Compare the ROC areas of two models that scored the same rows, on any scale.

    Rows with one number in `blocks` (rows,) make a cluster; None makes each row its own. With
    fewer than two effective clusters of either class it is a `SampleError`.

    Examples
    --------
    >>> target = np.array([True, True, False, False, True, False])
    >>> head = np.array([0.9, 0.8, 0.1, 0.4, 0.6, 0.2])
    >>> base = np.array([0.9, 0.1, 0.3, 0.4, 0.6, 0.2])
    >>> areas = area_difference(target, head, base, np.array([1, 2, 1, 2, 3, 3]))
    >>> round(areas.head, 4), round(areas.base, 4)
    (1.0, 0.6667)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: must be between 0 and 1, got {confidence}")
    truth = boolean_column("target", target)
    codes = block_codes(blocks, len(truth))
    components = [_components(truth, _checked("head", head, truth)),
                  _components(truth, _checked("base", base, truth))]  # fmt: skip
    areas = [float(positive.mean()) for positive, _ in components]
    sides = [_effective(codes, truth, "positives"), _effective(codes, ~truth, "negatives")]
    variance = _variance_of_difference(truth, components, areas, codes, sides)
    rarer = sides[int(2 * np.count_nonzero(truth) > len(truth))]
    gap, error = areas[0] - areas[1], float(np.sqrt(variance))
    result = contrast(gap, error, rarer, confidence=confidence, widest=1.0)
    return AreaDifference(**asdict(result), head=areas[0], base=areas[1])


def _effective(codes: IntArray, is_side: BoolArray, name: str) -> float:
    blocks = effective_blocks(codes, np.where(is_side, 1.0, 0.0))
    if blocks < LEAST_BLOCKS:
        raise SampleError(
            f"{name} stand in {blocks:.1f} effective blocks",
            where="blocks",
            hint="compare on a longer period, or use finer blocks",
        )
    return blocks


def _checked(name: str, values: npt.ArrayLike, truth: BoolArray) -> FloatArray:
    column = float_column(name, values)
    same_rows(name, column, len(truth))
    return column


def _components(truth: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of the other side that each positive, and each negative, is ranked right against.

    A rank among all rows less the rank among one's own side counts the others below, ties a half
    (Sun and Xu 2014, IEEE Signal Processing Letters 21).
    """
    positives, negatives = int(np.count_nonzero(truth)), int(np.count_nonzero(~truth))
    if not positives or not negatives:
        raise SampleError(
            f"an area needs positives and negatives, and {positives} of {len(truth)} rows "
            "are positive",
            where="target",
            hint="compare on more rows",
        )
    ranks = rankdata(scores)
    below = (ranks[truth] - rankdata(scores[truth])) / negatives
    above = 1 - (ranks[~truth] - rankdata(scores[~truth])) / positives
    return below, above


def _variance_of_difference(
    truth: BoolArray,
    components: list[tuple[FloatArray, FloatArray]],
    areas: list[float],
    codes: IntArray,
    blocks_of_side: list[float],
) -> float:
    (head, base), gap = components, areas[0] - areas[1]
    clusters = int(codes.max()) + 1
    # The components of a difference are the differences of the components: one variance, and no
    # cancellation of nearly equal covariances.
    positive, negative = (
        np.bincount(codes[is_side], head[part] - base[part] - gap, clusters)
        / np.count_nonzero(is_side)
        for part, is_side in ((0, truth), (1, ~truth))
    )
    with_positive, with_negative = blocks_of_side
    both = effective_blocks(codes)
    variance = (
        with_positive / (with_positive - 1) * (positive @ positive)
        + with_negative / (with_negative - 1) * (negative @ negative)
        + 2 * both / (both - 1) * (positive @ negative)
    )
    # The mixed term may be negative and, with few clusters, larger than the two squares.
    return max(0.0, float(variance))
