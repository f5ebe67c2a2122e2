"""PL005: training rows later than the earliest held-out row."""

from __future__ import annotations

import pyarrow.compute as pc

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample


def find_future(sample: Sample, _: Checks) -> list[Detail] | NotApplicable:
    """PL005: train holds rows later than the earliest held-out row."""
    name = sample.contract.only("time")
    if name is None:
        return NotApplicable("no column has role time")
    found = []
    for side, table in sample.held_out.items():
        earliest = pc.min(table[name])
        later = pc.sum(pc.greater(sample.train[name], earliest)).as_py()
        if later:
            share = later / sample.train.num_rows
            text = (
                f"{later:,} training rows ({share:.2%}) are later than its earliest, "
                f"{earliest.as_py().isoformat()}"
            )
            found.append(Detail(side, share, text))
    return found
