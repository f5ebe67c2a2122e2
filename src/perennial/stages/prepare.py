"""Stage `prepare`: raw rows against the contract, then train, validation and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from perennial.data import parquet
from perennial.data.contract import CONTRACT, Contract, read_contract
from perennial.params import paths
from perennial.params.build import read_params
from perennial.params.prepare import Prepare
from perennial.preparation.leakage.checks import Result, refuse_findings, run_checks
from perennial.preparation.leakage.definition import Sample
from perennial.preparation.profile import label_rates, missing_shares, time_ranges
from perennial.preparation.split import split
from perennial.preparation.validation import (
    Validation,
    limit_breaches,
    schema_breaches,
    validate,
    without_nan,
)
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError, listed
from perennial.runtime.publishing import publishing_all

RAW = paths.RAW
TRAIN = paths.TRAIN
VALIDATION = paths.VALIDATION
TEST = paths.TEST
QUARANTINE = paths.QUARANTINE
METRICS = paths.DATA_METRICS

#: The quarantine's extra column.
REASONS = "reasons"


class Raw(NamedTuple):
    """Raw rows of all periods, one period after the other."""

    table: pa.Table
    """The rows; a column that some file has wrong is left out."""
    periods: pa.DictionaryArray
    """The period of each row."""
    breaches: list[str]
    """Columns that differ from the contract's, by file."""


def main() -> None:
    """Read raw periods, and write the sides, the quarantine and their figures."""
    contract = read_contract()
    params = read_params().prepare
    raw = read_raw(contract)
    validation = validate(raw.table, contract)
    refuse_breaches(raw, validation, contract, params.max_reject_share)
    sides = take_sides(raw, validation, contract, params)
    quarantine = take_quarantine(raw, validation)
    periods = raw.periods.dictionary.to_pylist()
    del raw  # a third of the memory, and all that is needed of it was taken
    results = run_checks(Sample(contract, **sides, method=params.split.method), params.checks)
    refuse_findings(results)
    with publishing_all(TRAIN, VALIDATION, TEST, QUARANTINE, METRICS) as (*tables, metrics):
        for path, table in zip(tables, [*sides.values(), quarantine], strict=True):
            parquet.write(path, table)
        figures = summary(validation, contract, sides, results)
        jsonfile.write(metrics, figures, decimals=jsonfile.DECIMALS)
    # Last, so that a reader who hangs up (`| head`) costs no output.
    for line in told(periods, validation, contract, sides, results):
        print(line)


def read_raw(contract: Contract, folder: Path = RAW) -> Raw:
    """Read every period.

    Parameters
    ----------
    contract : Contract
        The wanted columns.
    folder : Path
        Holds one Parquet file a period.

    Returns
    -------
    Raw
        The rows in the order of the periods' names, their columns in the contract's order.

    Raises
    ------
    PerennialError
        If there is no file or no row, or a file is broken.
    """
    paths = sorted(folder.glob("*.parquet"), key=lambda path: path.stem)
    tables = [parquet.read(path) for path in paths]
    rows = [table.num_rows for table in tables]
    if not sum(rows):
        what = "the periods have no rows" if paths else "no period has been collected"
        raise PerennialError(what, where=str(folder), hint="dvc repro collect")
    wrong = [schema_breaches(table.schema, contract) for table in tables]
    breaches = [
        f"{path}: {breach}"
        for path, found in zip(paths, wrong, strict=True)
        for breach in found.values()
    ]
    names = [name for name in contract.columns if not any(name in found for found in wrong)]
    # New tables: fields that differ in metadata or nullability alone would not go together.
    table = pa.concat_tables(pa.table({name: t[name] for name in names}) for t in tables)
    codes = pa.array(np.repeat(np.arange(len(rows), dtype=np.int32), rows))
    periods = pa.DictionaryArray.from_arrays(codes, pa.array([path.stem for path in paths]))
    return Raw(table, periods, breaches)


def refuse_breaches(
    raw: Raw, validation: Validation, contract: Contract, max_reject_share: float
) -> None:
    """Stop if the data set as a whole breaks the contract.

    Parameters
    ----------
    raw : Raw
        The rows.
    validation : Validation
        What became of them.
    contract : Contract
        The rules.
    max_reject_share : float
        Share of rows that may be rejected.

    Raises
    ------
    PerennialError
        With every breach: columns, shares that may be missing, share of rejects.
    """
    breaches = [
        *raw.breaches,
        *limit_breaches(validation, raw.table, raw.periods, contract, max_reject_share),
    ]
    if REASONS in contract.columns:
        breaches.append(f"a column is named {REASONS}, as the quarantine's own is: rename it")
    if breaches:
        raise PerennialError(
            f"the rows break {CONTRACT}:{listed(breaches)}",
            where=str(RAW),
            hint=f"correct the source and dvc repro; or, where it is right, change {CONTRACT}, or "
            "prepare.max_reject_share in params.yaml",
        )


def take_sides(
    raw: Raw, validation: Validation, contract: Contract, params: Prepare
) -> dict[str, pa.Table]:
    """Split the accepted rows.

    Parameters
    ----------
    raw : Raw
        The rows.
    validation : Validation
        Which are accepted.
    contract : Contract
        Says which columns are ignored.
    params : Prepare
        How to split.

    Returns
    -------
    dict
        `train`, `validation` and `test`: rows in raw order, without ignored columns and NaN.
    """
    accepted = pa.array(validation.accepted)
    names = {*contract.of_role("id"), *contract.of_role("group"), contract.target}
    sides = split(
        raw.table.select(sorted(names)).filter(accepted),
        raw.periods.filter(accepted),
        contract,
        params.split,
    )
    kept = [name for name, column in contract.columns.items() if column.role != "ignored"]
    table = raw.table.select(kept)
    rows = np.flatnonzero(validation.accepted)
    return {name: without_nan(_rows(table, rows[side])) for name, side in sides._asdict().items()}


def take_quarantine(raw: Raw, validation: Validation) -> pa.Table:
    """Set the rejected rows aside.

    Parameters
    ----------
    raw : Raw
        The rows.
    validation : Validation
        Which are rejected, and why.

    Returns
    -------
    pyarrow.Table
        The rejected rows in raw order, as they came, and their reasons.
    """
    rejected = raw.table.filter(pa.array(validation.rejected))
    return rejected.append_column(REASONS, validation.reasons)


def summary(
    validation: Validation, contract: Contract, sides: dict[str, pa.Table], results: list[Result]
) -> dict[str, Any]:
    """Put the figures together.

    Parameters
    ----------
    validation : Validation
        What became of the raw rows.
    contract : Contract
        What the columns are for.
    sides : dict
        The prepared tables by name.
    results : list of Result
        What the checks said.

    Returns
    -------
    dict
        The value of `metrics/data.json`.
    """
    return {
        "rows": {
            "raw": len(validation.accepted),
            "rejected": int(validation.rejected.sum()),
            "unlabelled": int(validation.unlabelled.sum()),
            **{name: table.num_rows for name, table in sides.items()},
        },
        "labels": {
            name: label_rates(table[contract.target], contract) for name, table in sides.items()
        },
        "rejects": validation.rejects,
        "missing": missing_shares(sides),
        "time": time_ranges(sides, contract),
        "checks": [result.record() for result in results],
    }


def told(
    periods: list[str],
    validation: Validation,
    contract: Contract,
    sides: dict[str, pa.Table],
    results: list[Result],
) -> Iterator[str]:
    """Say in a few plain lines what was done.

    Parameters
    ----------
    periods : list of str
        The names of the raw periods, in order.
    validation : Validation
        What became of the raw rows.
    contract : Contract
        What the columns are for.
    sides : dict
        The prepared tables by name.
    results : list of Result
        What the checks said.

    Yields
    ------
    str
        A line.
    """
    span = f"{periods[0]} to {periods[-1]}" if len(periods) > 1 else f"{periods[0]}"
    rejected, unlabelled = int(validation.rejected.sum()), int(validation.unlabelled.sum())
    yield (
        f"{len(validation.accepted):,} rows of {len(periods)} "
        f"period{'' if len(periods) == 1 else 's'} ({span}): "
        f"{rejected:,} rejected, {unlabelled:,} unlabelled"
    )
    for name, table in sides.items():
        rates = label_rates(table[contract.target], contract)
        yield f"{name}: {table.num_rows:,} rows, {contract.target} {_rates(rates, contract)}"
    yield _counted(results)
    for result in results:
        if result.status == "finding" and not result.stops:
            mark = "accepted" if result.accepted else result.severity
            yield f"{mark}: {result}; {result.check.remedy}"


def _rows(table: pa.Table, rows: Any) -> pa.Table:
    # A filter works chunk by chunk; take would first make one chunk of every column.
    mask = np.zeros(table.num_rows, dtype=np.bool_)
    mask[rows] = True
    return table.filter(pa.array(mask))


def _rates(rates: dict[str, float], contract: Contract) -> str:
    if contract.task == "regression":
        return f"mean {rates['mean']:.6g}, std {rates['std']:.6g}"
    if contract.task == "binary":
        return f"{contract.classes[-1]} {rates['positive']:.2%}"
    first = [f"{name} {share:.2%}" for name, share in list(rates.items())[:5]]
    return ", ".join([*first, "…"] if len(rates) > 5 else first)


def _counted(results: list[Result]) -> str:
    passed = sum(result.status == "pass" for result in results)
    idle = [result.check.code for result in results if result.status == "not applicable"]
    told = f"checks: {passed} of {len(results)} passed"
    return f"{told}, not applicable: {', '.join(idle)}" if idle else told
