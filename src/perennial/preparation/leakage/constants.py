"""PC001 and PC002: features that have one value in every training row, or none in any."""

from __future__ import annotations

import pandas as pd

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample

# Rows that show at once that a column is not constant.
_HEAD = 4096


def find_constant(sample: Sample, _: Checks) -> list[Detail] | NotApplicable:
    """PC001: a feature has one value in every training row."""
    return [
        Detail(name, 1.0, "one value in every training row")
        for name in sample.contract.features
        if _is_constant(sample.train[name].head(_HEAD)) and _is_constant(sample.train[name])
    ]


def find_empty(sample: Sample, _: Checks) -> list[Detail] | NotApplicable:
    """PC002: a feature has no value in any training row."""
    return [
        Detail(name, 1.0, "no value in any training row")
        for name in sample.contract.features
        if not sample.train[name].count()
    ]


def _is_constant(values: pd.Series) -> bool:
    return values.nunique() == 1 and values.count() == len(values)
