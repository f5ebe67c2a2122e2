"""`perennial land`: bring new periods into `data/landing/`, and change none that is there.

What changes under one's feet (a database, a URL) is never read by a stage. It lands here first, one
file a period, and from then on the file is what counts. A past period that has changed at the
source is reported, never rewritten: who wants the new rows removes the file and lands again.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.data.row_changes import RowChange, count_changes, difference
from perennial.landing import database, remote
from perennial.params.build import read_params
from perennial.params.collect import Collect, Period
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError
from perennial.runtime.publishing import publishing
from perennial.sources import files, periods
from perennial.sources.reading.order import canonical

DESCRIPTION = f"""\
Bring the periods that {files.FOLDER}/ lacks from files, a URL or a database. A period
that is there is never rewritten: if the source has other rows for it now, that is
reported. The period of today is left out until it is over.
"""

EXAMPLES = """\
examples:
  perennial land exports/2024-*.csv.gz             (quote the glob)
  perennial land https://example.org/rows.parquet
  perennial land s3://bucket/rows/*.parquet        (pip install s3fs)
  DATABASE_URL=postgresql://… \\
    perennial land --sql "SELECT * FROM sales" --url-env DATABASE_URL
  perennial land new.csv --name 2024-q3            (collect.period: all)

exit codes:
  0  all new periods have landed, or there were none
  1  a past period has changed at the source; it was left as it is
  2  something could not be read
"""


@dataclass(frozen=True)
class Plan:
    """What to do about each period of the source."""

    new: dict[str, pa.Table] = field(default_factory=dict)
    """Rows to land, by the name of their file."""
    same: list[str] = field(default_factory=list)
    """Periods whose rows are those that were landed."""
    changed: dict[str, RowChange] = field(default_factory=dict)
    """Periods whose rows are others now."""
    open: list[str] = field(default_factory=list)
    """Periods left out because they may still gain rows."""


def plan(
    incoming: dict[str, pa.Table],
    landed: dict[str, pa.Table],
    contract: Contract,
    *,
    now: datetime.datetime | None,
) -> Plan:
    """Compare what came with what is there, period by period.

    Parameters
    ----------
    incoming, landed : dict
        Rows by period.
    contract : Contract
        Names the column of role `id`.
    now : datetime or None
        The moment that decides which periods are open; None takes them all.

    Returns
    -------
    Plan
        What to do.
    """
    found = Plan()
    for period, rows in incoming.items():
        if now is not None and periods.is_open(period, now):
            found.open.append(period)
        elif period not in landed:
            found.new[period] = rows
        elif (change := count_changes(landed[period], rows, contract.only("id"))) == RowChange(
            0, 0, 0
        ):
            found.same.append(period)
        else:
            found.changed[period] = change
    return found


def plan_named(name: str, incoming: pa.Table, landed: pa.Table, contract: Contract) -> Plan:
    """Find the rows that are not there yet, for a table without periods.

    Rows are known by their id, or as a whole where there is none. A known row with other values is
    reported; one that the source lacks is not, for it may bring its new rows alone.

    Parameters
    ----------
    name : str
        Name of the file that the new rows get.
    incoming, landed : pyarrow.Table
        Rows.
    contract : Contract
        Names the column of role `id`.

    Returns
    -------
    Plan
        What to do.
    """
    _, gained = difference(landed, incoming)
    key = contract.only("id")
    known = pc.is_in(gained[key], value_set=landed[key].combine_chunks()) if key else None
    new = gained if known is None else gained.filter(pc.invert(known))
    others = len(gained) - len(new)
    return Plan(
        new={name: canonical(new, contract)} if len(new) else {},
        same=[] if len(gained) else ["all"],
        changed={"all": RowChange(0, 0, others)} if others else {},
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The command's parser.
    """
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "source", nargs="?", help="path, glob or fsspec URL of CSV, Parquet or JSON Lines files"
    )
    where.add_argument("--sql", metavar="QUERY", help="SQL that returns the contract's columns")
    parser.add_argument(
        "--url-env", metavar="NAME", help="environment variable that holds the database's URL"
    )
    parser.add_argument("--since", type=_period, metavar="PERIOD", help="first period to land")
    parser.add_argument("--until", type=_period, metavar="PERIOD", help="last period to land")
    parser.add_argument(
        "--include-open", action="store_true", help="land the period of today as well"
    )
    parser.add_argument(
        "--name", help="with collect.period: all, land the rows not yet here as NAME.parquet"
    )
    parser.add_argument("--no-dvc", action="store_true", help="do not `dvc add` what has landed")
    parser.add_argument("--dry-run", action="store_true", help="tell, and write nothing")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Land, and report.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `add_arguments` declares.

    Returns
    -------
    int
        0 if all is landed, 1 if a past period has changed.
    """
    contract, params = read_contract(), read_params().collect
    _check(arguments, contract, params)
    found = _found(arguments, contract, params)
    if not arguments.dry_run:
        _write(found.new)
        if not arguments.no_dvc:
            _track([*found.same, *found.new])
    if params.source != "files":
        _say(f"note: params.yaml says collect.source: {params.source}; rows here count with files")
    report = _report(found, arguments)
    print(jsonfile.dumps(report) if arguments.json else _text(found, arguments), end="")
    return 1 if found.changed else 0


def _check(arguments: argparse.Namespace, contract: Contract, params: Collect) -> None:
    periods.time_column(contract, params.period)
    if (arguments.sql is None) != (arguments.url_env is None):
        raise PerennialError(
            "--sql and --url-env go together", hint='--sql "SELECT …" --url-env DATABASE_URL'
        )
    if arguments.url_env is not None:
        database.check_variable(arguments.url_env)
    if params.period == "all" and (arguments.since or arguments.until):
        raise PerennialError("--since and --until need periods, and collect.period is all")
    if arguments.name is not None and params.period != "all":
        raise PerennialError(
            f"--name is for collect.period: all; here files are named by {params.period}"
        )
    if arguments.name is not None and Path(arguments.name).name != arguments.name:
        raise PerennialError(f"--name {arguments.name!r} is no plain file name")


def _found(arguments: argparse.Namespace, contract: Contract, params: Collect) -> Plan:
    _say(f"reading {_shown(arguments)}")
    rows = _incoming(arguments, contract, params)
    _say(f"{len(rows):,} rows; comparing them with {files.FOLDER}")
    here = files.read(contract, params.csv) if files.present() else rows.slice(0, 0)
    if arguments.name is not None:
        return plan_named(arguments.name, rows, here, contract)
    now = None if arguments.include_open else datetime.datetime.now(datetime.UTC)
    incoming = {
        period: chunk
        for period, chunk in _split(rows, contract, params).items()
        if periods.within(period, arguments.since, arguments.until)
    }
    return plan(incoming, _split(here, contract, params), contract, now=now)


def _incoming(arguments: argparse.Namespace, contract: Contract, params: Collect) -> pa.Table:
    if arguments.sql is not None:
        return database.read(arguments.sql, arguments.url_env, contract)
    return remote.read(arguments.source, contract, params.csv)


def _split(rows: pa.Table, contract: Contract, params: Collect) -> dict[str, pa.Table]:
    if not len(rows):
        return {}
    time = periods.time_column(contract, params.period)
    return periods.split(canonical(rows, contract), time, params.period)


def _write(new: dict[str, pa.Table]) -> None:
    taken = [str(_file(name)) for name in new if _file(name).exists()]
    if taken:
        raise PerennialError(
            "the file holds other rows than its name says",
            where=", ".join(taken),
            hint="rename it, or choose another --name",
        )
    for name, rows in new.items():
        with publishing(_file(name)) as partial:
            parquet.write(partial, rows)
        _say(f"wrote {_file(name)}")


def _track(names: Sequence[str]) -> None:
    # Also what an interrupted run wrote and did not come to add.
    paths = [str(_file(name)) for name in names if _is_untracked(_file(name))]
    if not paths:
        return
    _say(f"dvc add {' '.join(paths)}")
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            repo.add(paths)
    except DvcException as error:
        raise PerennialError(
            f"landed, but `dvc add` failed: {error}",
            where=str(files.FOLDER),
            hint="correct that and run the same command again, or add --no-dvc",
        ) from None


def _is_untracked(path: Path) -> bool:
    return path.exists() and not path.with_name(f"{path.name}.dvc").exists()


def _file(name: str) -> Path:
    return files.FOLDER / f"{name}.parquet"


def _report(found: Plan, arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "source": _shown(arguments),
        "dry_run": arguments.dry_run,
        "landed": [
            {"period": name, "rows": len(rows), "file": _file(name).as_posix()}
            for name, rows in found.new.items()
        ],
        "same": found.same,
        "changed": [{"period": name, **vars(change)} for name, change in found.changed.items()],
        "open": found.open,
    }


def _text(found: Plan, arguments: argparse.Namespace) -> str:
    verb = "would land" if arguments.dry_run else "landed"
    lines = [f"{verb} {_file(name)}: {len(rows):,} rows" for name, rows in found.new.items()]
    lines += [
        f"changed {period}: {change.added:,} rows added, {change.removed:,} removed, "
        f"{change.changed:,} changed at the source; {files.FOLDER} keeps those it has"
        for period, change in found.changed.items()
    ]
    lines += [f"open {period}: left out (--include-open lands it)" for period in found.open]
    if found.same:
        lines.append(f"same: {', '.join(found.same)}")
    if found.changed:
        lines.append(_hint(found.changed))
    if found.new and not arguments.dry_run:
        lines.append(f"next: git add {files.FOLDER}, commit, dvc push")
    return "\n".join(lines or ["nothing in these periods"]) + "\n"


def _hint(changed: dict[str, RowChange]) -> str:
    if "all" in changed:
        return (
            "  hint: to land new rows beside the old, give their file another name (--name); to "
            f"take the source as it is, remove the files in {files.FOLDER} and land again"
        )
    return (
        "  hint: to take the source's rows, remove the period's file and its .dvc from "
        f"{files.FOLDER} and land again"
    )


def _shown(arguments: argparse.Namespace) -> str:
    if arguments.sql is not None:
        return f"the database of ${arguments.url_env}"
    return remote.shown(arguments.source)


def _period(text: str) -> str:
    try:
        return TypeAdapter(Period).validate_python(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no period; write 2013-09-30, 2013-09 or 2013"
        ) from None


def _say(line: str) -> None:
    print(line, file=sys.stderr)
