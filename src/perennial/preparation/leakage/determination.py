"""PL002: one feature that by itself predicts the target nearly without error."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.data.contract import Contract
from perennial.model.types import TYPES
from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample
from perennial.preparation.leakage.encoding import (
    FloatArray,
    IntArray,
    as_floats,
    numbered,
    target_values,
)

#: Bins that PL002 cuts numbers into, at least and at most; and the training rows that ask for one.
MIN_BINS, MAX_BINS, ROWS_A_BIN = 8, 1024, 20


def find_determining(sample: Sample, limits: Checks) -> list[Detail] | NotApplicable:
    """PL002: one feature by itself predicts the target nearly without error."""
    contract, train = sample.contract, sample.train
    bins = min(MAX_BINS, len(train) // ROWS_A_BIN)
    if bins < MIN_BINS:
        rows = MIN_BINS * ROWS_A_BIN
        return NotApplicable(f"train has {len(train):,} rows, it takes {rows}")
    target = target_values(train, contract)
    is_regression = contract.task == "regression"
    if _rarest(target[1::2], is_regression) < MIN_BINS:
        return NotApplicable("the target hardly varies in train")
    details = []
    for name in contract.features:
        codes = _bins(train, name, contract, bins, None if is_regression else target)
        figure = _r_squared(codes, target) if is_regression else _lambda(codes, target)
        if figure >= limits.determined:
            measure = "R² of bin means" if is_regression else "Goodman and Kruskal's lambda"
            text = f"{measure} {figure:.4f}, limit {limits.determined:g}"
            details.append(Detail(name, figure, text))
    return details


def _rarest(target: npt.NDArray[Any], is_regression: bool) -> int:
    """How many rows differ from the commonest class, or from the first value."""
    if is_regression:
        return int((target != target[0]).sum())
    return len(target) - int(np.bincount(target).max())


def _bins(
    train: pd.DataFrame, name: str, contract: Contract, bins: int, classes: IntArray | None
) -> IntArray:
    """Number each row's value: texts and categories by value, quantities by where they lie."""
    kind = contract.columns[name].type
    time = contract.only("time")
    if TYPES[kind].is_quantity:
        return _cut(as_floats(train[name]), bins, classes)
    if kind == "datetime" and time is not None:
        # How far from the row's own time. By the moment itself, next to its neighbours, a target
        # that changes slowly would always seem determined.
        return _cut(as_floats(train[name]) - as_floats(train[time]), bins, classes)
    if kind == "datetime":
        return train[name].notna().to_numpy(dtype=np.int64)
    return numbered(train[name])[0]


def _cut(values: FloatArray, bins: int, classes: IntArray | None) -> IntArray:
    """Cut values at edges taken from the even rows; missing values are a bin of their own."""
    edges = _quantiles(values[::2], bins)
    if classes is not None and bins < MAX_BINS:
        # With few bins, the one that a threshold falls into would hide that it parts the classes.
        edges = np.union1d(edges, _thresholds(values[::2], classes[::2], bins))
    codes = np.searchsorted(edges, values, side="right")
    codes[np.isnan(values)] = len(edges) + 1
    return np.asarray(codes, dtype=np.int64)


def _quantiles(values: FloatArray, bins: int) -> FloatArray:
    present = np.sort(values)
    present = present[: np.searchsorted(present, np.nan)]
    if not len(present):
        return present
    return np.unique(present[(np.arange(1, bins) * len(present)) // bins])


def _thresholds(values: FloatArray, classes: IntArray, most: int) -> FloatArray:
    """Midway where the class changes along the sorted values, if it does so seldom."""
    order = np.argsort(values, kind="stable")
    order = order[~np.isnan(values[order])]
    before = np.flatnonzero(np.diff(classes[order]))
    if len(before) > most:
        return values[:0]
    ordered = values[order]
    return ordered[before] / 2 + ordered[before + 1] / 2


def _lambda(codes: IntArray, classes: IntArray) -> float:
    """Share of errors that knowing the bin takes away: fitted on even rows, counted on odd ones."""
    fit_codes, fit_classes = codes[::2], classes[::2]
    number = int(codes.max()) + 1
    totals = np.bincount(fit_classes)
    best = np.full(number, totals.argmax())
    highest = np.zeros(number, dtype=np.int64)
    for label in np.flatnonzero(totals):
        counts = np.bincount(fit_codes[fit_classes == label], minlength=number)
        best[counts > highest] = label
        np.maximum(highest, counts, out=highest)
    judged = classes[1::2]
    without = int((judged != totals.argmax()).sum())
    errors = int((judged != best[codes[1::2]]).sum())
    return 1 - errors / without if without else 0.0


def _r_squared(codes: IntArray, target: FloatArray) -> float:
    """R² of the bins' means: fitted on even rows, counted on odd ones."""
    fit_codes, fit_target = codes[::2], target[::2]
    number = int(codes.max()) + 1
    mean = fit_target.mean()
    counts = np.bincount(fit_codes, minlength=number)
    sums = np.bincount(fit_codes, weights=fit_target - mean, minlength=number)
    means = mean + sums / np.maximum(counts, 1)
    judged = target[1::2]
    total = float(np.square(judged - mean).sum())
    return 1 - float(np.square(judged - means[codes[1::2]]).sum()) / total if total else 0.0
