"""The first stage: raw rows, one file a period.

A new period adds a file and changes no other, so that DVC stores and sends only what is new. What
is written is a function of what DVC hashes: the landed files or the locked package, the contract
and the parameters.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from perennial.data import parquet
from perennial.data.contract import CONTRACT, Contract, read_contract
from perennial.params import paths
from perennial.params.build import read_params
from perennial.params.collect import Collect
from perennial.runtime.publishing import publishing
from perennial.runtime.threads import thread_count
from perennial.sources import files, flights, periods
from perennial.sources.reading.conform import conform
from perennial.sources.reading.order import canonical
from perennial.sources.reading.origin import Origin

RAW = paths.RAW


def main() -> None:
    """Read the source, and write each of its periods."""
    params, contract = read_params().collect, read_contract()
    periods.time_column(contract, params.period)
    write(by_period(read_source(params, contract), contract, params))


def read_source(params: Collect, contract: Contract) -> pa.Table:
    """Read all rows of the source.

    Parameters
    ----------
    params : Collect
        Names the source.
    contract : Contract
        The columns and their types.

    Returns
    -------
    pyarrow.Table
        Rows in the contract's types, in any order.
    """
    if params.source == "flights":
        hint = f"the source flights goes with the {CONTRACT} that came with it: git restore it"
        return conform(flights.read(), contract, Origin("the source flights", hint=hint))
    return files.read(contract, params.csv)


def by_period(rows: pa.Table, contract: Contract, params: Collect) -> dict[str, pa.Table]:
    """Choose the periods wanted, and sort their rows.

    Parameters
    ----------
    rows : pyarrow.Table
        Rows in the contract's types, in any order.
    contract : Contract
        Names the columns that order the rows.
    params : Collect
        Says how long a period is, and which are wanted.

    Returns
    -------
    dict
        The sorted rows of each period by its name, in order of time.

    Raises
    ------
    PerennialError
        If no rows are left, or the contract has no time to go by.
    """
    time = periods.time_column(contract, params.period)
    wanted = periods.pick(rows, time, params.period, since=params.since, until=params.until)
    return periods.split(canonical(wanted, contract), time, params.period)


def write(found: dict[str, pa.Table], folder: Path = RAW) -> None:
    """Write the folder of raw rows, whole or not at all.

    Parameters
    ----------
    found : dict
        The rows of each period by its name.
    folder : Path
        The folder to write.
    """
    with publishing(folder) as partial:
        partial.mkdir()
        paths = [partial / f"{period}.parquet" for period in found]
        # Compression needs no interpreter: a file a core.
        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(parquet.write, paths, found.values()))
