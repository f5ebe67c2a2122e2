"""Rows are filed by day, month or year; names compare as far as the shorter one goes."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.data.contract import Contract
from perennial.runtime.errors import PerennialError
from perennial.sources import periods

MOMENTS = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))  # noqa: DTZ001
LENGTHS = st.sampled_from(["day", "month", "year"])


def frame(moments: list[datetime.datetime]) -> pd.DataFrame:
    return pd.DataFrame({"at": pd.Series(moments, dtype=pd.ArrowDtype(pa.timestamp("us")))})


def contract(role: str) -> Contract:
    columns = {
        "at": {"type": "datetime", "role": role},
        "x": {"type": "number"},
        "y": {"type": "number", "role": "target"},
    }
    return Contract.model_validate({"version": 1, "name": "t", "columns": columns})


@given(st.lists(MOMENTS, min_size=1), LENGTHS)
def test_a_period_is_the_beginning_of_an_iso_date(moments: list[Any], length: Any) -> None:
    digits = {"day": 10, "month": 7, "year": 4}[length]
    names = periods.names(frame(moments)["at"], length).tolist()
    assert names == [moment.isoformat()[:digits] for moment in moments]


@given(st.lists(MOMENTS, min_size=1), LENGTHS)
def test_split_gives_each_row_to_its_period_in_order_of_time(
    moments: list[Any], length: Any
) -> None:
    rows = frame(sorted(moments))
    parts = periods.split(rows, "at", length)
    assert list(parts) == sorted(parts)
    assert pd.concat(parts.values()).equals(rows)
    for name, part in parts.items():
        assert set(periods.names(part["at"], length)) == {name}


def test_all_is_one_period() -> None:
    rows = frame([datetime.datetime(2013, 1, 1)])  # noqa: DTZ001
    assert list(periods.split(rows, None, "all")) == ["all"]
    assert periods.split(rows, None, "all")["all"] is rows
    assert periods.names(rows["at"], "all").tolist() == ["all"]


@pytest.mark.parametrize(
    ("period", "since", "until", "inside"),
    [
        ("2013-09-30", None, None, True),
        ("2013-09-30", None, "2013-09", True),
        ("2013-10-01", None, "2013-09", False),
        ("2013-09-01", "2013-09", None, True),
        ("2013-08-31", "2013-09", None, False),
        ("2013-09", "2013-09-15", None, True),
        ("2013-09", "2013-10-01", None, False),
        ("2013-09", None, "2013-09-15", True),
        ("2013", "2013-09", "2013-10", True),
        ("2012", "2013-09", None, False),
        ("2014", None, "2013", False),
    ],
)
def test_bounds_count_as_far_as_the_shorter_name_goes(
    period: str, since: str | None, until: str | None, inside: bool
) -> None:
    assert periods.within(period, since, until) is inside


class TestPick:
    ROWS = frame([datetime.datetime(2013, month, 2) for month in (3, 1, 2)])  # noqa: DTZ001

    def test_rows_of_other_periods_are_left_out_and_the_order_is_kept(self) -> None:
        kept, left_out = periods.pick(self.ROWS, "at", "month", since="2013-02", until=None)
        assert kept["at"].dt.month.tolist() == [3, 2]
        assert left_out == {"2013-01": 1}

    def test_no_rows_left_names_what_there_is(self) -> None:
        with pytest.raises(PerennialError) as refused:
            periods.pick(self.ROWS, "at", "month", since="2014-01", until="2014-02")
        assert "no rows from 2014-01 until 2014-02: the source has 2013-01 to 2013-03" in str(
            refused.value
        )
        assert "collect.since" in str(refused.value)


@pytest.mark.parametrize(
    ("period", "is_open"),
    [
        ("2024-02", True),
        ("2024-03", True),
        ("2024-01", False),
        ("2024-02-29", True),
        ("2024-02-28", False),
        ("2024", True),
        ("2023", False),
        ("all", False),
    ],
)
def test_a_period_is_open_until_it_is_over_everywhere(period: str, is_open: bool) -> None:
    # 11:59 UTC on 1 March: on Baker Island (UTC-12) it is still 29 February.
    now = datetime.datetime(2024, 3, 1, 11, 59, tzinfo=datetime.UTC)
    assert periods.is_open(period, now) is is_open
    assert not periods.is_open("2024-02", now + datetime.timedelta(minutes=1))


class TestTimeColumn:
    def test_it_is_the_column_with_role_time(self) -> None:
        assert periods.time_column(contract("time"), "month") == "at"

    def test_all_needs_none(self) -> None:
        assert periods.time_column(contract("feature"), "all") is None

    def test_periods_without_time_are_refused(self) -> None:
        with pytest.raises(PerennialError) as refused:
            periods.time_column(contract("feature"), "month")
        assert "data/contract.yaml: no column has role time" in str(refused.value)
        assert "collect.period: all" in str(refused.value)
