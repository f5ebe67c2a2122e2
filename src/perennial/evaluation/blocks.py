"""How much evidence blocks of rows carry."""

from __future__ import annotations

import numpy as np

from perennial.evaluation.metrics.columns import FloatArray, IntArray


def effective_blocks(codes: IntArray, weights: FloatArray | None = None) -> float:
    """The number of equal blocks that carry as much evidence: (sum n)^2 / sum n^2.

    The design effect of unequal clusters (Kish 1965, *Survey Sampling*). `codes` (rows,) numbers
    the block of each row from 0 up; `weights` (rows,) says how much a row counts, such as 1 for
    rows of the rarer class and 0 for the others. 0 where no row counts.

    Examples
    --------
    >>> effective_blocks(np.array([0, 0, 1, 1, 2, 2]))
    3.0
    >>> effective_blocks(np.array([0, 0, 0, 0, 1, 2]))
    2.0
    """
    sizes = np.bincount(codes, weights)
    squares = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / squares if squares else 0.0
