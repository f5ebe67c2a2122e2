"""PL003: a discrete feature with nearly as many values as rows."""

from __future__ import annotations

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample

#: Rows that PL003 needs before a share of distinct values means anything.
MIN_ROWS = 50


def find_identifiers(sample: Sample, limits: Checks) -> list[Detail] | NotApplicable:
    """PL003: a discrete feature has nearly as many values as rows."""
    contract, train = sample.contract, sample.train
    names = [n for n in contract.features if contract.columns[n].type in {"category", "integer"}]
    if not names:
        return NotApplicable("no feature is a category or an integer")
    if len(train) < MIN_ROWS:
        return NotApplicable(f"train has {len(train)} rows, it takes {MIN_ROWS}")
    details = []
    for name in names:
        present, distinct = int(train[name].count()), train[name].nunique()
        if present >= MIN_ROWS and distinct >= limits.identifying * present:
            text = f"{distinct:,} values in {present:,} rows, limit {limits.identifying:.0%}"
            details.append(Detail(name, distinct / present, text))
    return details
