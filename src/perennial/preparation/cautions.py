"""What does not stop `prepare`, and is said before a model is fitted and judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, datetime, timedelta

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.prepare import Split, TimeSplit

#: Share of a period that may be missing at its end without a word.
SLACK = 0.1

#: Mean gaps between rows that a pause at the end has to pass: by chance it comes once in e^10.
GAPS = 10


def partial_period(
    sides: Mapping[str, pd.DataFrame], contract: Contract, split: Split, last: str
) -> Iterator[str]:
    """Tell that the last period is the whole test set, and ends before it is over.

    `last` is its name. How full a period usually is, the one before it shows.
    """
    time = contract.only("time")
    if time is None or not isinstance(split, TimeSplit) or split.test != 1:
        return
    test, before = sides["test"][time], sides["validation"][time]
    end = test.max()
    whole = _covered(before.max(), last)
    covered = _covered(end, last)
    if whole is None or covered is None:
        return
    gap = whole * split.validation / len(before)
    if whole - covered > max(SLACK, GAPS * gap):
        yield (
            f"the last period, {last}, ends on {end.isoformat()}, after {covered:.0%} of it, and "
            f"is the whole test set ({len(test):,} rows): collect it when it is over, or leave it "
            "out with collect.until"
        )


def _covered(moment: datetime, name: str) -> float | None:
    """The share of its period that is over at a moment; `name` shows how long periods are."""
    if len(name) not in _LENGTHS or moment.year == MAXYEAR:
        return None
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = _LENGTHS[len(name)](midnight)
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
