"""Periods: the days, months or years that raw rows are filed by."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import pandas as pd

from perennial.data.contract import CONTRACT, Contract
from perennial.params.collect import Length
from perennial.runtime.errors import PerennialError

_FREQUENCIES = {"day": "D", "month": "M", "year": "Y"}

# West of everywhere: what is over here is over in every time zone.
_LAST_ZONE = datetime.timezone(datetime.timedelta(hours=-12))


def time_column(contract: Contract, length: Length) -> str | None:
    """Name the column of role `time`; None where the contract has none and periods need none."""
    time = contract.only("time")
    if time is None and length != "all":
        raise PerennialError(
            f"no column has role time, which collect.period: {length} goes by",
            where=str(CONTRACT),
            hint="give a datetime column that role, or set collect.period: all in params.yaml",
        )
    return time


def names(times: pd.Series, length: Length) -> pd.Series:
    """Name the period of each time: categories in order of time.

    Examples
    --------
    >>> names(pd.Series(pd.to_datetime(["2013-09-30 12:00"])), "month").tolist()
    ['2013-09']
    """
    if length == "all":
        return pd.Series("all", index=times.index, dtype="category")
    # Arrow-backed series have no to_period yet, and nanoseconds would end in 2262.
    periods = times.astype("datetime64[us]").dt.to_period(_FREQUENCIES[length])
    return periods.astype("category").cat.rename_categories(str)


def within(period: str, since: str | None, until: str | None) -> bool:
    """Whether a period lies between two others, which may be longer or shorter than it.

    They are compared as far as the shorter name goes, which pandas' periods, all of one length,
    cannot do: ``until="2013-09"`` lets every day of September in, and ``since="2013-09-15"`` the
    whole month.

    Examples
    --------
    >>> within("2013-09-30", None, "2013-09"), within("2013-10-01", None, "2013-09")
    (True, False)
    """
    late_enough = since is None or period[: len(since)] >= since[: len(period)]
    return late_enough and (until is None or period[: len(until)] <= until[: len(period)])


def is_open(period: str, now: datetime.datetime) -> bool:
    """Whether a period may still gain rows: it holds today or comes later; `all` has no end.

    Today is the day it is in the last time zone on Earth (UTC-12), so that a period counts as
    closed only when it is over wherever the rows were written.
    """
    today = now.astimezone(_LAST_ZONE).date().isoformat()
    return period != "all" and within(period, today, None)


class Picked(NamedTuple):
    """Rows of the periods wanted, and how many rows each other period has."""

    rows: pd.DataFrame
    left_out: dict[str, int]


def pick(
    rows: pd.DataFrame, time: str | None, length: Length, *, since: str | None, until: str | None
) -> Picked:
    """Keep the rows between two periods, in their order; refuse if none is left."""
    if time is None or (since is None and until is None):
        return Picked(rows, {})
    filed = names(rows[time], length)
    known = list(filed.cat.categories)
    wanted = [period for period in known if within(period, since, until)]
    if not wanted:
        extent = f"{known[0]} to {known[-1]}" if known else "no rows at all"
        raise PerennialError(
            f"no rows {_span(since, until)}: the source has {extent}",
            where="params.yaml",
            hint="change collect.since and collect.until",
        )
    counts = filed.value_counts()
    left_out = {period: int(counts[period]) for period in known if period not in wanted}
    return Picked(rows[filed.isin(wanted)], left_out)


def split(rows: pd.DataFrame, time: str | None, length: Length) -> dict[str, pd.DataFrame]:
    """Split rows into their periods, by name in order of time; each keeps its rows' order."""
    if length == "all" or time is None:
        return {"all": rows}
    return dict(iter(rows.groupby(names(rows[time], length), observed=True)))


def _span(since: str | None, until: str | None) -> str:
    ends = [f"from {since}" if since else "", f"until {until}" if until else ""]
    return " ".join(end for end in ends if end)
