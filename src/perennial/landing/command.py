"""`perennial land`: bring new periods into `data/landing/`, and change none that is there.

A stage never reads what may change at any time: a database, a URL. Its rows land here first, one
file a period, and from then on the file is what counts. A past period that has changed at the
source is reported, never rewritten: to take the new rows, remove the file and land again.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from perennial.data.agreement import refuse_faults
from perennial.data.contract import Contract, read_contract
from perennial.data.row_changes import RowChange
from perennial.landing import database, remote, storage
from perennial.landing.plan import Plan, plan_named, plan_periods
from perennial.params.build import read_params
from perennial.params.collect import Collect, Period
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError
from perennial.sources import files, periods, remarks
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
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
    parser.add_argument("--dry-run", action="store_true", help="report, and write nothing")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Land, and report: 0 if all is landed, 1 if a past period has changed."""
    contract, params = read_contract(), read_params().collect
    _check(arguments, contract, params)
    plan = _plan(arguments, contract, params)
    if not arguments.dry_run:
        _store(plan, with_dvc=not arguments.no_dvc)
    for note in _notes(plan, params):
        _log(f"note: {note}")
    report = _report(plan, arguments)
    print(jsonfile.dumps(report) if arguments.json else _text(plan, arguments), end="")
    return 1 if plan.changed else 0


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


def _plan(arguments: argparse.Namespace, contract: Contract, params: Collect) -> Plan:
    _log(f"reading {_shown(arguments)}")
    rows = _incoming(arguments, contract, params)
    _log(f"{len(rows):,} rows; comparing them with {files.FOLDER}")
    for line in remarks.nulls_kept(rows, contract):
        _log(f"note: {line}")
    landed = files.read(contract, params) if files.present() else rows.head(0)
    if arguments.name is not None:
        return plan_named(arguments.name, rows, landed, contract)
    now = None if arguments.include_open else datetime.datetime.now(datetime.UTC)
    incoming = {
        period: part
        for period, part in _split(rows, contract, params).items()
        if periods.within(period, arguments.since, arguments.until)
    }
    return plan_periods(incoming, _split(landed, contract, params), contract, now=now)


def _incoming(arguments: argparse.Namespace, contract: Contract, params: Collect) -> pd.DataFrame:
    if arguments.sql is not None:
        return database.read(arguments.sql, arguments.url_env, contract)
    return remote.read(arguments.source, contract, params.csv)


def _split(rows: pd.DataFrame, contract: Contract, params: Collect) -> dict[str, pd.DataFrame]:
    if not len(rows):
        return {}
    time = periods.time_column(contract, params.period)
    return periods.split(canonical(rows, contract), time, params.period)


def _store(plan: Plan, *, with_dvc: bool) -> None:
    storage.check_free(plan.new)
    for name, rows in plan.new.items():
        _log(f"wrote {storage.write(name, rows)}")
    paths = storage.untracked([*plan.same, *plan.new]) if with_dvc else []
    if paths:
        _log(f"dvc add {' '.join(map(str, paths))}")
        storage.track(paths)


def _notes(plan: Plan, params: Collect) -> Iterator[str]:
    """What keeps the rows here from being used as they are."""
    if params.source != "files":
        yield f"params.yaml says collect.source: {params.source}; rows here count with files"
    names = [] if params.period == "all" else [*plan.new, *plan.same]
    beyond = [name for name in names if not periods.within(name, params.since, params.until)]
    if beyond:
        limits = f"since: {params.since}, until: {params.until}".replace("None", "-")
        yield f"params.yaml says collect.{limits}; collect leaves out {', '.join(sorted(beyond))}"
    try:
        refuse_faults()
    except PerennialError as error:
        yield f"no stage runs before this is corrected: {error}"


def _report(plan: Plan, arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "source": _shown(arguments),
        "dry_run": arguments.dry_run,
        "landed": [
            {"period": name, "rows": len(rows), "file": storage.path_of(name).as_posix()}
            for name, rows in plan.new.items()
        ],
        "same": plan.same,
        "changed": [{"period": name, **vars(change)} for name, change in plan.changed.items()],
        "open": plan.open,
    }


def _text(plan: Plan, arguments: argparse.Namespace) -> str:
    verb = "would land" if arguments.dry_run else "landed"
    lines = [
        f"{verb} {storage.path_of(name)}: {len(rows):,} rows" for name, rows in plan.new.items()
    ]
    lines += [
        f"changed {period}: {change.added:,} rows added, {change.removed:,} removed, "
        f"{change.changed:,} changed at the source; {files.FOLDER} keeps those it has"
        for period, change in plan.changed.items()
    ]
    lines += [f"open {period}: left out (--include-open lands it)" for period in plan.open]
    if plan.same:
        lines.append(f"same: {', '.join(plan.same)}")
    if plan.changed:
        lines.append(_hint(plan.changed))
    if plan.new and not arguments.dry_run:
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


def _log(line: str) -> None:
    print(line, file=sys.stderr)
