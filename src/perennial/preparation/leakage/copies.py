"""PL001: the target under another name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample
from perennial.preparation.leakage.encoding import (
    FloatArray,
    IntArray,
    as_floats,
    numbered,
    scaled,
    target_values,
)

# A copy may have been rounded to float32 or to six decimals on its way.
_AFFINE = 1e-9
_NUMERIC = {"number", "integer", "boolean"}
# Rows that show at once that a column is no copy of the target.
_HEAD = 4096


def find_copies(sample: Sample, _: Checks) -> list[Detail] | NotApplicable:
    """PL001: a feature is the target under another name."""
    contract, train = sample.contract, sample.train
    is_copy = _is_affine if contract.task == "regression" else _is_relabelled
    target = target_values(train, contract)
    text = (
        "an affine copy of the target"
        if contract.task == "regression"
        else "one-to-one with the target's classes"
    )
    return [
        Detail(name, 1.0, text)
        for name in contract.features
        if is_copy(train[name], contract.columns[name].type, target)
    ]


def _is_relabelled(values: pd.Series, _: str, classes: IntArray) -> bool:
    """Whether values and classes go one-to-one, over all rows or over those that have a value."""
    number = int(classes.max()) + 1
    if values.head(_HEAD).nunique() > number + 1:
        return False
    codes, distinct = numbered(values)
    if distinct > number + 1:
        return False
    together = np.bincount(codes * number + classes, minlength=distinct * number) > 0
    pairs = together.reshape(distinct, number)[:, np.unique(classes)]
    present = pairs[:-1] if _mostly_present(values) and values.hasnans else pairs
    return any((t.sum(0) == 1).all() and (t.sum(1) == 1).all() for t in (pairs, present))


def _is_affine(values: pd.Series, kind: str, target: FloatArray) -> bool:
    if kind not in _NUMERIC or not _mostly_present(values):
        return False
    x = scaled(as_floats(values.dropna()))
    y = scaled(target[values.notna()])
    if not (_varies(x) and _varies(y)):
        return False
    unexplained = 1 - np.square((x * y).sum()) / (np.square(x).sum() * np.square(y).sum())
    return bool(unexplained <= _AFFINE)


def _mostly_present(values: pd.Series) -> bool:
    return values.count() * 2 > len(values)


def _varies(values: npt.NDArray[Any]) -> bool:
    return bool((values != values[0]).any())
