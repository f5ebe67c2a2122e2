"""PL005: training rows later than the earliest held-out row."""

from __future__ import annotations

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample


def find_future(sample: Sample, _: Checks) -> list[Detail] | NotApplicable:
    """PL005: train holds rows later than the earliest held-out row."""
    name = sample.contract.only("time")
    if name is None:
        return NotApplicable("no column has role time")
    details = []
    for side, rows in sample.held_out.items():
        earliest = rows[name].min()
        later = int((sample.train[name] > earliest).sum())
        if later:
            share = later / len(sample.train)
            text = (
                f"{later:,} training rows ({share:.2%}) are later than its earliest, "
                f"{earliest.isoformat()}"
            )
            details.append(Detail(side, share, text))
    return details
