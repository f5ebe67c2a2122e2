"""Stage `prepare`: raw rows against the contract, then train, validation and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from perennial.data import parquet
from perennial.data.contract import CONTRACT, Contract, read_contract
from perennial.params import paths
from perennial.params.build import read_params
from perennial.params.prepare import ColumnSplit, Prepare
from perennial.preparation.cautions import cautions
from perennial.preparation.leakage.checks import Result, refuse_findings, run_checks
from perennial.preparation.leakage.definition import Sample
from perennial.preparation.profile import label_rates, missing_shares, time_ranges
from perennial.preparation.rules import BoolArray
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

#: The quarantine's extra column.
REASONS = "reasons"


class Raw(NamedTuple):
    """Raw rows of all periods, one period after the other."""

    rows: pd.DataFrame
    """The rows; a column that some file has wrong is left out."""
    periods: pd.Series
    """The period of each row, a category."""
    breaches: list[str]
    """Columns that differ from the contract's, by file."""


def main() -> None:
    """Read raw periods, and write the sides, the quarantine and their figures."""
    contract = read_contract()
    build = read_params()
    params = build.prepare
    raw = read_raw(contract)
    validation = validate(raw.rows, contract)
    refuse_breaches(raw, validation, contract, params.max_reject_share)
    sides = take_sides(raw, validation, contract, params)
    if sides["validation"].empty:
        build.train.refuse_unvalidated(len(contract.classes))
    quarantine = take_quarantine(raw, validation)
    periods = raw.periods.cat.categories.tolist()
    last = periods[raw.periods[validation.accepted].cat.codes.max()]
    del raw  # a third of the memory, and all that is needed of it was taken
    results = run_checks(Sample(contract, **sides, method=params.split.method), params.checks)
    refuse_findings(results)
    warnings = cautions(sides, contract, params.split, last)
    with publishing_all(
        paths.TRAIN, paths.VALIDATION, paths.TEST, paths.QUARANTINE, paths.DATA_METRICS
    ) as (*tables, metrics):
        for path, rows in zip(tables, [*sides.values(), quarantine], strict=True):
            parquet.write(path, rows)
        figures = summary(validation, contract, sides, results)
        figures |= {"warnings": warnings} if warnings else {}
        jsonfile.write(metrics, figures, decimals=jsonfile.DECIMALS)
    # Last, so that a reader who hangs up (`| head`) costs no output.
    for line in report(periods, validation, contract, sides, results):
        print(line)
    for warning in warnings:
        print(f"warning: {warning}")


def read_raw(contract: Contract, folder: Path = paths.RAW) -> Raw:
    """Read every period in the order of their names, columns in the contract's order."""
    paths = sorted(folder.glob("*.parquet"), key=lambda path: path.stem)
    frames = [parquet.read_frame(path) for path in paths]
    counts = [len(rows) for rows in frames]
    if not sum(counts):
        problem = "the periods have no rows" if paths else "no period has been collected"
        raise PerennialError(problem, where=str(folder), hint="dvc repro collect")
    wrong = [schema_breaches(rows, contract) for rows in frames]
    breaches = [
        f"{path}: {breach}"
        for path, by_column in zip(paths, wrong, strict=True)
        for breach in by_column.values()
    ]
    names = [name for name in contract.columns if not any(name in columns for columns in wrong)]
    rows = pd.concat([rows[names] for rows in frames], ignore_index=True)
    codes = np.repeat(np.arange(len(counts)), counts)
    periods = pd.Categorical.from_codes(codes, [path.stem for path in paths])
    return Raw(rows, pd.Series(periods), breaches)


def refuse_breaches(
    raw: Raw, validation: Validation, contract: Contract, max_reject_share: float
) -> None:
    """Stop if the data set as a whole breaks the contract, with every breach at once."""
    breaches = [
        *raw.breaches,
        *limit_breaches(validation, raw.rows, raw.periods, contract, max_reject_share),
    ]
    if REASONS in contract.columns:
        breaches.append(f"a column is named {REASONS}, as the quarantine's own is: rename it")
    if breaches:
        raise PerennialError(
            f"the rows break {CONTRACT}:{listed(breaches)}",
            where=str(paths.RAW),
            hint=f"correct the source and dvc repro; or, where it is right, change {CONTRACT}, or "
            "prepare.max_reject_share in params.yaml",
        )


def take_sides(
    raw: Raw, validation: Validation, contract: Contract, params: Prepare
) -> dict[str, pd.DataFrame]:
    """Split the accepted rows: sides in raw order, without ignored columns and NaN."""
    names = {*contract.of_role("id"), *contract.of_role("group"), contract.target}
    if isinstance(params.split, ColumnSplit):
        names.add(params.split.name)
    sides = split(
        _rows(raw.rows[sorted(names)], validation.accepted),
        raw.periods[validation.accepted],
        contract,
        params.split,
    )
    kept = [name for name, column in contract.columns.items() if column.role != "ignored"]
    accepted = np.flatnonzero(validation.accepted)
    taken: dict[str, pd.DataFrame] = {}
    for name, numbers in sides._asdict().items():
        side = np.zeros(len(raw.rows), dtype=np.bool_)
        side[accepted[numbers]] = True
        taken[name] = without_nan(_rows(raw.rows[kept], side))
    return taken


def take_quarantine(raw: Raw, validation: Validation) -> pd.DataFrame:
    """Take the rejected rows in raw order, as they came, with their reasons."""
    return _rows(raw.rows, validation.rejected).assign(**{REASONS: validation.reasons})


def summary(
    validation: Validation,
    contract: Contract,
    sides: dict[str, pd.DataFrame],
    results: list[Result],
) -> dict[str, Any]:
    """Gather the figures of `metrics/data.json`."""
    return {
        "rows": {
            "raw": len(validation.accepted),
            "rejected": int(validation.rejected.sum()),
            "unlabelled": int(validation.unlabelled.sum()),
            **{name: len(rows) for name, rows in sides.items()},
        },
        "labels": {
            name: label_rates(rows[contract.target], contract)
            for name, rows in sides.items()
            if len(rows)
        },
        "rejects": validation.rejects,
        "missing": missing_shares(sides),
        "time": time_ranges(sides, contract),
        "checks": [result.record() for result in results],
    }


def report(
    periods: list[str],
    validation: Validation,
    contract: Contract,
    sides: dict[str, pd.DataFrame],
    results: list[Result],
) -> Iterator[str]:
    """Describe in a few plain lines what was done."""
    span = f"{periods[0]} to {periods[-1]}" if len(periods) > 1 else f"{periods[0]}"
    rejected, unlabelled = int(validation.rejected.sum()), int(validation.unlabelled.sum())
    yield (
        f"{len(validation.accepted):,} rows of {len(periods)} "
        f"period{'' if len(periods) == 1 else 's'} ({span}): "
        f"{rejected:,} rejected, {unlabelled:,} unlabelled"
    )
    for name, rows in sides.items():
        if rows.empty:
            yield f"{name}: no rows, and nothing may be chosen on them"
            continue
        rates = label_rates(rows[contract.target], contract)
        yield f"{name}: {len(rows):,} rows, {contract.target} {_rates(rates, contract)}"
    yield _counts(results)
    for result in results:
        if result.status == "finding" and not result.stops:
            mark = "accepted" if result.accepted else result.severity
            yield f"{mark}: {result}; {result.check.remedy}"


def _rows(rows: pd.DataFrame, mask: BoolArray) -> pd.DataFrame:
    # A column is filtered chunk by chunk. Of a whole frame rows are taken by number, for which
    # Arrow makes one chunk of each column, and fails on more than 2 GiB of text.
    columns = {name: values[mask].reset_index(drop=True) for name, values in rows.items()}
    return pd.DataFrame(columns, copy=False)


def _rates(rates: dict[str, float], contract: Contract) -> str:
    if contract.task == "regression":
        return f"mean {rates['mean']:.6g}, std {rates['std']:.6g}"
    if contract.task == "binary":
        return f"{contract.classes[-1]} {rates['positive']:.2%}"
    first = [f"{name} {share:.2%}" for name, share in list(rates.items())[:5]]
    return ", ".join([*first, "…"] if len(rates) > 5 else first)


def _counts(results: list[Result]) -> str:
    passed = sum(result.status == "pass" for result in results)
    idle = [result.check.code for result in results if result.status == "not applicable"]
    line = f"checks: {passed} of {len(results)} passed"
    return f"{line}, not applicable: {', '.join(idle)}" if idle else line
