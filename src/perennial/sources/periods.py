"""Periods: the days, months or years that raw rows are filed by."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import CONTRACT, Contract
from perennial.params.collect import Length
from perennial.runtime.errors import PerennialError

_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}

# West of everywhere: what is over here is over in every time zone.
_LAST_ZONE = datetime.timezone(datetime.timedelta(hours=-12))


def time_column(contract: Contract, length: Length) -> str | None:
    """Name the column that periods go by.

    Parameters
    ----------
    contract : Contract
        The columns and their roles.
    length : {"day", "month", "year", "all"}
        How long a period is.

    Returns
    -------
    str or None
        The column with role `time`; None where the contract has none and needs none.

    Raises
    ------
    PerennialError
        If rows are to be filed by periods and have no time.
    """
    time = contract.only("time")
    if time is None and length != "all":
        raise PerennialError(
            f"no column has role time, which collect.period: {length} goes by",
            where=str(CONTRACT),
            hint="give a datetime column that role, or set collect.period: all in params.yaml",
        )
    return time


def named(times: pa.ChunkedArray, length: Length) -> pa.DictionaryArray:
    """Name the period of each time.

    Parameters
    ----------
    times : pyarrow.ChunkedArray
        Naive timestamps, none missing.
    length : {"day", "month", "year", "all"}
        How long a period is.

    Returns
    -------
    pyarrow.DictionaryArray
        A name for each time; each distinct name once, in order of first appearance.

    Examples
    --------
    >>> noon = pa.chunked_array([pa.array([datetime.datetime(2013, 9, 30, 12)])])
    >>> named(noon, "month").to_pylist()
    ['2013-09']
    """
    if length == "all":
        return pa.array(["all"] * len(times)).dictionary_encode()
    starts = pc.floor_temporal(times, unit=length).combine_chunks().dictionary_encode()
    names = pc.strftime(starts.dictionary, format=_FORMATS[length], locale="C")
    return pa.DictionaryArray.from_arrays(starts.indices, names)


def within(period: str, since: str | None, until: str | None) -> bool:
    """Tell whether a period lies between two others.

    They are compared as far as the shorter name goes: ``until="2013-09"`` lets every day of
    September in, and ``since="2013-09-15"`` the whole month.

    Parameters
    ----------
    period : str
        Its name.
    since, until : str or None
        The first and the last period; None leaves that side open.

    Returns
    -------
    bool
        True if it lies between them or on either.

    Examples
    --------
    >>> within("2013-09-30", None, "2013-09"), within("2013-10-01", None, "2013-09")
    (True, False)
    """
    late_enough = since is None or period[: len(since)] >= since[: len(period)]
    return late_enough and (until is None or period[: len(until)] <= until[: len(period)])


def is_open(period: str, now: datetime.datetime) -> bool:
    """Tell whether a period may still gain rows: it holds today, or lies ahead.

    Today is the day it is in the last time zone on Earth (UTC-12), so that a period counts as
    closed only when it is over wherever the rows were written.

    Parameters
    ----------
    period : str
        Its name; `all` is never open, for it has no end.
    now : datetime
        The moment, with a time zone.

    Returns
    -------
    bool
        True if it is still open.
    """
    today = now.astimezone(_LAST_ZONE).date().isoformat()
    return period != "all" and period >= today[: len(period)]


def pick(
    table: pa.Table, time: str | None, length: Length, *, since: str | None, until: str | None
) -> pa.Table:
    """Keep the rows of some periods.

    Parameters
    ----------
    table : pyarrow.Table
        Rows in any order.
    time : str or None
        The column that periods go by.
    length : {"day", "month", "year", "all"}
        How long a period is.
    since, until : str or None
        The first and the last period to keep.

    Returns
    -------
    pyarrow.Table
        The rows kept, in their order.

    Raises
    ------
    PerennialError
        If none is left.
    """
    if time is None or (since is None and until is None):
        return table
    names = named(table[time], length)
    known = names.dictionary.to_pylist()
    wanted = [within(name, since, until) for name in known]
    if not any(wanted):
        raise PerennialError(
            f"no rows {_span(since, until)}: the source has {_extent(known)}",
            where="params.yaml",
            hint="change collect.since and collect.until",
        )
    return table.filter(pa.array(wanted).take(names.indices))


def split(table: pa.Table, time: str | None, length: Length) -> dict[str, pa.Table]:
    """Split sorted rows into their periods.

    Parameters
    ----------
    table : pyarrow.Table
        Rows, sorted by time.
    time : str or None
        The column that periods go by; None only where the length is `all`.
    length : {"day", "month", "year", "all"}
        How long a period is.

    Returns
    -------
    dict
        The rows of each period by its name, in order of time.
    """
    if length == "all" or time is None:
        return {"all": table}
    periods, start = {}, 0
    for count in pc.value_counts(named(table[time], length)).to_pylist():
        periods[count["values"]] = table.slice(start, count["counts"])
        start += count["counts"]
    return periods


def _span(since: str | None, until: str | None) -> str:
    ends = [f"from {since}" if since else "", f"until {until}" if until else ""]
    return " ".join(end for end in ends if end)


def _extent(known: Iterable[str]) -> str:
    names = sorted(known)
    return f"{names[0]} to {names[-1]}" if names else "no rows at all"
