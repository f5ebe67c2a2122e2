"""What does not stop `prepare`, and is said before a model is fitted and judged.

Why so: docs/decisions.md#d88
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, datetime, timedelta

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.prepare import Split, TimeSplit
from perennial.preparation.evidence import weak_points

#: Share of a period that may be missing at its end without a word.
SLACK = 0.1

_USUAL = (datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2100-01-01"))

#: Mean gaps between rows that a pause at the end has to pass: by chance it comes once in e^10.
GAPS = 10


def cautions(
    sides: Mapping[str, pd.DataFrame], contract: Contract, split: Split, last: str
) -> list[str]:
    """List what to know of the sides; `last` is the name of the last period."""
    return [
        *partial_period(sides, contract, split, last),
        *weak_points(sides, contract, split.method),
        *odd_years(sides, contract),
    ]


def partial_period(
    sides: Mapping[str, pd.DataFrame], contract: Contract, split: Split, last: str
) -> Iterator[str]:
    """Tell that the last period is the whole test set, and ends before it is over.

    How full a period usually is, the one before it shows.
    """
    time = contract.only("time")
    if time is None or not isinstance(split, TimeSplit) or split.test != 1:
        return
    test = sides["test"][time]
    before = sides["validation" if len(sides["validation"]) else "train"][time]
    bounds, bounds_before = _bounds(test.max(), last), _bounds(before.max(), last)
    if bounds is None or bounds_before is None:
        return
    covered, whole = _covered(test.max(), *bounds), _covered(before.max(), *bounds_before)
    gap = whole / int((before >= bounds_before[0]).sum())
    if whole - covered > max(SLACK, GAPS * gap):
        yield (
            f"the last period, {last}, ends on {test.max().isoformat()}, after {covered:.0%} of "
            f"it, and is the whole test set ({len(test):,} rows): collect it when it is over, or "
            "leave it out with collect.until"
        )


def odd_years(sides: Mapping[str, pd.DataFrame], contract: Contract) -> Iterator[str]:
    """Tell of moments that few tables have, in columns that the contract sets no bounds."""
    for name, column in contract.columns.items():
        known = (column.min, column.max) != (None, None)
        if column.type != "datetime" or known or name not in sides["train"] or column.sensitive:
            continue
        moments = pd.concat([rows[name] for rows in sides.values()])
        low, high = moments.min(), moments.max()
        if low is pd.NA or (low >= _USUAL[0] and high < _USUAL[1]):
            continue
        count = int(((moments < _USUAL[0]) | (moments >= _USUAL[1])).sum())
        yield (
            f"column {name}: {count:,} moments outside of the years 1900 to 2099, from "
            f"{low.isoformat()} to {high.isoformat()}: if they stand for a missing value, say so "
            "at the source, or set min and max in the contract"
        )


def _bounds(moment: datetime, name: str) -> tuple[datetime, datetime] | None:
    """First moments of a moment's period and of the next; `name` shows how long periods are."""
    if len(name) not in _LENGTHS or moment.year == MAXYEAR:
        return None
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return _LENGTHS[len(name)](midnight)


def _covered(moment: datetime, start: datetime, end: datetime) -> float:
    return (moment - start) / (end - start)


def _year(day: datetime) -> tuple[datetime, datetime]:
    start = day.replace(month=1, day=1)
    return start, start.replace(year=day.year + 1)


def _month(day: datetime) -> tuple[datetime, datetime]:
    start = day.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def _day(day: datetime) -> tuple[datetime, datetime]:
    return day, day + timedelta(days=1)


#: First moments of the period that a day is in and of the next one, by the length of its name.
_LENGTHS = {4: _year, 7: _month, 10: _day}
