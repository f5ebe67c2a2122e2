"""How far probabilities lie from the rates that come true, without what chance alone adds.

The *root mean square calibration error*, debiased. Rows fall into bins of equal mass by score; in
a bin, c = E[truth - probability], and the error is the root of the mean of c² over rows. A bin's
mean residual, squared, lies above c² by its own variance, so that a calibrated model would seem to
err by chance alone (Bröcker 2012, Climate Dynamics 39; Kumar, Liang and Ma 2019, NeurIPS). The
mean product of the residuals e of two *different* rows of a bin does not:

    c² = ((sum e)² - sum e²) / (m (m - 1)) for a bin of m rows, without bias.

The value is the root of its mean over rows, 0 where that is below 0. Bins of one row tell nothing
and are left out. Differences within a bin cancel: it is the error at the resolution of ten bins.

The interval leaves out products of rows of one *block* besides, whose residuals are alike. With V
the covariance of the bins' sums over blocks and w the bins' shares of rows, the squared error q
has expectation sum D² / w - tr(W V) and variance 4 q v + 2 tr((W V)²), of a quadratic form in
normal sums, where v is V's share in the direction of D. The interval is the set of q that a t test
does not reject, as Wilson's is for a share: at q = 0 it knows the width that chance alone has.

Why so: docs/decisions.md#d73
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from perennial.evaluation.metrics.columns import FloatArray, IntArray
from perennial.evaluation.metrics.sums import equal_mass_starts, ratio

BINS = 10

#: Blocks whose sums by bin are held at once.
_CHUNK = 20_000


def bins_of(order: IntArray, probability: FloatArray) -> IntArray:
    """The bin (rows,) of each row, from the highest scores down, of two rows or more.

    But that ties share a bin may leave one alone.
    """
    bins = np.zeros(len(order), dtype=np.int64)
    starts = equal_mass_starts(probability[order], max(1, min(BINS, len(order) // 2)))
    bins[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    return bins


class Cells:
    """Sums of residuals, of their squares and of rows by bin and block, the bins one by one."""

    def __init__(self, residual: FloatArray, bins: IntArray, blocks: IntArray) -> None:
        groups = int(blocks.max()) + 1
        cells, place = np.unique(bins * groups + blocks, return_inverse=True)
        self.bin_, self.block_ = cells // groups, cells % groups
        self.sum_ = np.bincount(place, weights=residual)
        self.square_ = np.bincount(place, weights=residual**2)
        self.rows_ = np.bincount(place)
        self.starts_ = np.flatnonzero(np.diff(self.bin_, prepend=-1))
        self.groups_ = groups

    def errors(self, counts: IntArray) -> FloatArray:
        """The error (resamples,) under block counts; NaN where no bin has two rows."""
        return np.asarray(np.sqrt(np.maximum(self.squares(counts), 0)))

    def squares(self, counts: IntArray) -> FloatArray:
        """The error's square (resamples,), which chance may put below 0."""
        weights = np.take(counts, self.block_, axis=1)
        total, squares, rows = (
            np.add.reduceat(weights * column, self.starts_, axis=1)
            for column in (self.sum_, self.square_, self.rows_)
        )
        is_estimable = rows > 1
        product = (total**2 - squares) / np.where(is_estimable, rows - 1, 1)
        return ratio((product * is_estimable).sum(axis=1), (rows * is_estimable).sum(axis=1))

    def interval(self, reach: float) -> tuple[float, float]:
        """The interval of the error for a quantile of Student's t."""
        total, shares, spread = self._moments()
        scaled = spread / np.sqrt(np.outer(shares, shares))
        standard = total / np.sqrt(shares)
        square = float((standard**2).sum())
        along = float((np.outer(standard, standard) * scaled).sum()) / square if square else 0.0
        centre = square - float(np.trace(scaled))
        middle = centre + 2 * reach**2 * along
        noise = 2 * reach**2 * float((scaled**2).sum())
        half = sqrt(max(middle**2 - centre**2 + noise, 0.0))
        return sqrt(max(middle - half, 0.0)), min(1.0, sqrt(max(middle + half, 0.0)))

    def _moments(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """By bin: the mean over all rows of its residuals, its share of rows, and their spread."""
        count = int(self.bin_[-1]) + 1
        rows = int(self.rows_.sum())
        total = np.add.reduceat(self.sum_, self.starts_) / rows
        products = np.zeros((count, count))
        for first in range(0, self.groups_, _CHUNK):
            here = (self.block_ >= first) & (self.block_ < first + _CHUNK)
            sums = np.zeros((min(_CHUNK, self.groups_ - first), count))
            sums[self.block_[here] - first, self.bin_[here]] = self.sum_[here] / rows
            # Not BLAS, which rounds by the CPU.
            for one in range(count):
                products[one] += (sums[:, [one]] * sums).sum(axis=0)
        few = self.groups_ / (self.groups_ - 1)
        spread = few * (products - np.outer(total, total) / self.groups_)
        return total, np.add.reduceat(self.rows_, self.starts_) / rows, spread
