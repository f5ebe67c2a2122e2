"""Weighted sums that come out the same on every machine.

A product of matrices goes through BLAS, which rounds by the CPU it runs on. What is here uses only
elementwise operations, `bincount`, running sums of whole numbers (exact) and numpy's own sums,
whose order is fixed. `natural_log` is here because numpy's logarithm differs in the last bit
between CPUs with and without AVX-512.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.evaluation.metrics.definition import FloatArray, IntArray

LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
# The minimax polynomial of (log(1 + s) - log(1 - s) - 2 s) / s in s squared.
LOG_SERIES = (
    1.479819860511658591e-01,
    1.531383769920937332e-01,
    1.818357216161805012e-01,
    2.222219843214978396e-01,
    2.857142874366239149e-01,
    3.999999999940941908e-01,
    6.666666666666735130e-01,
)


def natural_log(values: FloatArray) -> FloatArray:
    """The natural logarithm, to the last bit or the one before, by basic arithmetic alone.

    Parameters
    ----------
    values
        Positive, normal, finite numbers of any shape; not checked.

    Returns
    -------
    ndarray
        Of the same shape.

    Notes
    -----
    The method of `e_log.c` in fdlibm (Sun Microsystems, 1993): with x = 2**k (1 + f) and
    s = f / (2 + f), log(1 + f) is an odd series in s.

    Examples
    --------
    >>> natural_log(np.array([1.0, 0.5]))
    array([ 0.        , -0.69314718])
    """
    mantissa, exponent = np.frexp(values)
    below = mantissa < np.sqrt(0.5)
    f: FloatArray = np.where(below, 2 * mantissa, mantissa) - 1
    k: FloatArray = (exponent - below).astype(np.float64)
    s = f / (2 + f)
    z = s * s
    series = np.zeros_like(f)
    for coefficient in LOG_SERIES:
        series = (series + coefficient) * z
    half_square = 0.5 * f * f
    # The small terms first: so k * LN2_HIGH, which is exact, is rounded once only.
    return k * LN2_HIGH - ((half_square - (s * (half_square + series) + k * LN2_LOW)) - f)


def block_totals(blocks: IntArray, values: npt.ArrayLike) -> Callable[[IntArray], FloatArray]:
    """Sum a column over the rows that were drawn, by way of one sum a block.

    Parameters
    ----------
    blocks
        (rows,): the block of each row.
    values
        (rows,): the column.

    Returns
    -------
    Callable
        Counts (resamples, blocks) to sums (resamples,).
    """
    sums = np.bincount(blocks, weights=np.asarray(values, dtype=np.float64))

    def totals(counts: IntArray) -> FloatArray:
        return np.asarray((counts * sums).sum(axis=1))

    return totals


def cumulative(weights: IntArray) -> IntArray:
    """Running sums along the rows: (resamples, rows) to (resamples, rows + 1), from 0 on."""
    sums = np.zeros((weights.shape[0], weights.shape[1] + 1), dtype=np.int64)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def equal_mass_starts(ordered: npt.NDArray[Any], bins: int) -> IntArray:
    """Cut a sorted column into bins of about equally many rows, ties in one bin.

    Parameters
    ----------
    ordered
        (rows,): sorted, rising or falling.
    bins
        The number of bins wanted, from 1 up; fewer come out when ties or few rows forbid it.

    Returns
    -------
    ndarray
        The first row of each bin, rising from 0: a cut that falls inside a run of ties moves to
        the run's first row.

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
