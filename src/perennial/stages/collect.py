"""The first stage: raw rows, one file a period.

A new period adds a file and changes no other, so that DVC stores and sends only what is new. What
is written is a function of what DVC hashes: the landed files or the locked package, the contract
and the parameters.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.params import paths
from perennial.params.build import read_params
from perennial.params.collect import Collect
from perennial.runtime.publishing import publishing
from perennial.runtime.threads import thread_count
from perennial.sources import files, periods
from perennial.sources.reading.order import canonical

#: Periods that are named one by one.
_SHOWN = 12


class Collected(NamedTuple):
    """Rows by period, and how many rows each period has that is not wanted."""

    periods: dict[str, pd.DataFrame]
    left_out: dict[str, int]


def main() -> None:
    """Read the source, write each of its periods, and say what was left out."""
    params, contract = read_params().collect, read_contract()
    periods.time_column(contract, params.period)
    collected = by_period(read_source(params, contract), contract, params)
    write(collected.periods)
    untracked = files.untracked() if params.source == "files" else []
    # Last, so that a reader who hangs up (`| head`) costs no output.
    for line in report(collected, untracked, params):
        print(line)


def read_source(params: Collect, contract: Contract) -> pd.DataFrame:
    """Read all rows of the source, in the contract's types and in any order."""
    source = importlib.import_module(f"perennial.sources.{params.source}")
    rows: pd.DataFrame = source.read(contract, params)
    if params.source == "files":
        from perennial.sources import remarks

        for line in remarks.nulls_kept(rows, contract):
            print(line, file=sys.stderr)
    return rows


def by_period(rows: pd.DataFrame, contract: Contract, params: Collect) -> Collected:
    """Choose the periods wanted, and sort their rows: by name, in order of time."""
    time = periods.time_column(contract, params.period)
    picked = periods.pick(rows, time, params.period, since=params.since, until=params.until)
    wanted = periods.split(canonical(picked.rows, contract), time, params.period)
    return Collected(wanted, picked.left_out)


def write(rows: dict[str, pd.DataFrame], folder: Path = paths.RAW) -> None:
    """Write the folder of raw rows, a file a period, whole or not at all."""
    with publishing(folder) as partial:
        partial.mkdir()
        paths = [partial / f"{period}.parquet" for period in rows]
        # Compression needs no interpreter: a file a core.
        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(parquet.write, paths, rows.values()))


def report(collected: Collected, untracked: Sequence[Path], params: Collect) -> Iterator[str]:
    """Describe in a few plain lines what was collected, and what was not."""
    rows, left_out = collected
    yield f"collected {_counted({period: len(part) for period, part in rows.items()})}"
    if left_out:
        yield f"left out {_counted(left_out)}, by {_limits(params)}:"
        shown = [f"{period} {count:,}" for period, count in left_out.items()]
        yield f"  {', '.join(shown[:_SHOWN])}{', …' if len(shown) > _SHOWN else ''}"
    if untracked:
        names = " ".join(str(path) for path in untracked)
        yield f"no .dvc file keeps {len(untracked)} of the files in {paths.LANDING}:"
        yield f"  unless git keeps them: dvc add {names}"


def _counted(rows: Mapping[str, int]) -> str:
    names = list(rows)
    span = f" ({names[0]} to {names[-1]})" if len(names) > 1 else f" ({names[0]})"
    return f"{sum(rows.values()):,} rows of {len(rows)} period{'s' * (len(rows) != 1)}{span}"


def _limits(params: Collect) -> str:
    given = {"collect.since": params.since, "collect.until": params.until}
    return " and ".join(f"{key}: {value}" for key, value in given.items() if value)
