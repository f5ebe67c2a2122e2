"""PC001 and PC002: features that have one value in every training row, or none in any."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample

# Rows that show at once that a column is not constant.
_HEAD = 4096


def find_constant(sample: Sample, _: Checks) -> list[Detail] | NotApplicable:
    """PC001: a feature has one value in every training row."""
    return [
        Detail(name, 1.0, "one value in every training row")
        for name in sample.contract.features
        if _distinct(sample.train[name].slice(0, _HEAD)) == 1
        and _distinct(sample.train[name]) == 1
        and sample.train[name].null_count < sample.train.num_rows
    ]


def find_empty(sample: Sample, _: Checks) -> list[Detail] | NotApplicable:
    """PC002: a feature has no value in any training row."""
    return [
        Detail(name, 1.0, "no value in any training row")
        for name in sample.contract.features
        if sample.train[name].null_count == sample.train.num_rows
    ]


def _distinct(values: pa.ChunkedArray) -> int:
    return int(pc.count_distinct(values, mode="all").as_py())
