"""Weighted sums that come out the same on every machine.

A product of matrices goes through BLAS, which rounds by the CPU it runs on. These functions use
only elementwise operations, `bincount`, running sums of whole numbers (exact) and numpy's own
sums, whose order is fixed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.columns import FloatArray, IntArray


def block_sums(blocks: IntArray, values: npt.ArrayLike) -> FloatArray:
    """The sum (blocks,) of a column (rows,) over the rows of each block."""
    return np.asarray(np.bincount(blocks, weights=np.asarray(values, dtype=np.float64)))


def cumulative(weights: IntArray) -> IntArray:
    """Running sums along the rows: (resamples, rows) to (resamples, rows + 1), from 0 on."""
    sums = np.zeros((weights.shape[0], weights.shape[1] + 1), dtype=np.int64)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def ratio(numerator: FloatArray | IntArray, denominator: FloatArray | IntArray) -> FloatArray:
    """Divide, with NaN where the denominator is 0 and no warning."""
    undefined = denominator == 0
    quotient = numerator / np.where(undefined, 1, denominator)
    return np.where(undefined, np.nan, quotient)


def equal_mass_starts(ordered: npt.NDArray[Any], bins: int) -> IntArray:
    """The first row of each bin, where a sorted column is cut into bins of about equal size.

    Ties stay in one bin: a cut inside a run of ties moves to the run's first row, so fewer bins
    than wanted may come out.

    Examples
    --------
    >>> equal_mass_starts(np.array([0.9, 0.8, 0.8, 0.8, 0.1, 0.0]), 3)
    array([0, 1, 4])
    """
    runs = run_starts(ordered)
    wanted = np.arange(bins) * len(ordered) // bins
    return np.unique(runs[np.searchsorted(runs, wanted, side="right") - 1])


def run_starts(ordered: npt.NDArray[Any]) -> IntArray:
    """The first row of each run of equal values in a sorted column."""
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
