"""The first stage: raw rows, one file a period.

A new period adds a file and changes no other, so that DVC stores and sends only what is new. What
is written is a function of what DVC hashes: the landed files or the locked package, the contract
and the parameters.
"""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.params import paths
from perennial.params.build import read_params
from perennial.params.collect import Collect
from perennial.runtime.publishing import publishing
from perennial.runtime.threads import thread_count
from perennial.sources import periods
from perennial.sources.reading.order import canonical


def main() -> None:
    """Read the source, and write each of its periods."""
    params, contract = read_params().collect, read_contract()
    periods.time_column(contract, params.period)
    write(by_period(read_source(params, contract), contract, params))


def read_source(params: Collect, contract: Contract) -> pd.DataFrame:
    """Read all rows of the source, in the contract's types and in any order."""
    source = importlib.import_module(f"perennial.sources.{params.source}")
    rows: pd.DataFrame = source.read(contract, params)
    if params.source == "files":
        from perennial.sources import remarks

        for line in remarks.nulls_kept(rows, contract):
            print(line, file=sys.stderr)
    return rows


def by_period(rows: pd.DataFrame, contract: Contract, params: Collect) -> dict[str, pd.DataFrame]:
    """Choose the periods wanted, and sort their rows: by name, in order of time."""
    time = periods.time_column(contract, params.period)
    wanted = periods.pick(rows, time, params.period, since=params.since, until=params.until)
    return periods.split(canonical(wanted, contract), time, params.period)


def write(rows: dict[str, pd.DataFrame], folder: Path = paths.RAW) -> None:
    """Write the folder of raw rows, a file a period, whole or not at all."""
    with publishing(folder) as partial:
        partial.mkdir()
        paths = [partial / f"{period}.parquet" for period in rows]
        # Compression needs no interpreter: a file a core.
        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(parquet.write, paths, rows.values()))
